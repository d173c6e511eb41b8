//! Chooses the fastest plan on this device by measuring each on one product.
//!
//! The cost of a barrier, a shuffle or a product of bytes differs by a factor of ten between
//! adapters, and no adapter's name predicts it. A plan with wrong results is never chosen.

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::gpu::device::fault;
use crate::gpu::device::launcher::{Dispatch, Launcher as _, Progress, Recorder};
use crate::gpu::judge::self_check::{largest_error, ramp};
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::products::{Ending, Product, Rows};
use crate::gpu::kernels::upload::{Planes, Uploader};
use crate::gpu::pass::pace::Clock;
use crate::gpu::{Device, Plan};
use crate::quant::{Encoding, Rounding};
use crate::scalar::vector::dot;

/// The product: that of a layer of a small model.
const ROWS: usize = 4096;
const COLUMNS: usize = 640;

/// The number of bytes that a round reads on a GPU: more than its caches hold, as with a model's
/// weights.
const DISTINCT: usize = 64 << 20;

/// The number of timing rounds per plan; the best counts, because other processes may interfere.
const TURNS: u32 = 3;

/// The minimum duration of a round in milliseconds: browsers resolve no less than a tenth of one,
/// and waiting takes some too. Real GPUs take microseconds for one product.
const LEAST: f64 = 5.0;
const REPEATS_MAX: usize = 1024;

/// Rounding costs accuracy, so it must be faster than this share of the exact time, and the coarser
/// rounding faster than this share of the finer one's.
const WORTH_ROUNDING: f64 = 0.9;

/// The maximum difference from the CPU's results, relative to the largest: sums are in another
/// order, and vectors may be rounded.
const TOLERANCE: f32 = 1e-4;
const ROUNDING: f32 = 0.05;

/// The chosen plan, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanChoice {
    /// The fastest plan with correct results.
    pub plan: Plan,
    /// The number of plans tried. A plan that is tried again beside its roundings counts twice.
    pub tried: usize,
}

/// Tries the plans for this adapter, if there is more than one: first the distribution of rows,
/// then whether rounding is worth it. `remembered` is an earlier choice; if it is still valid,
/// nothing is tried.
///
/// # Errors As for compiling and running on the device.
pub async fn choose(
    device: &Device,
    remembered: &str,
    may_round: bool,
    clock: Clock,
) -> Result<PlanChoice> {
    let facts = device.facts();
    if let Some(plan) = Plan::parse(remembered, facts, may_round) {
        return Ok(PlanChoice { plan, tried: 0 });
    }
    let mut trial = Trial { device, clock, bench: None, tried: 0 };
    let plan = trial.quickest(Plan::spreads(facts)).await;
    let plan = match plan {
        Ok(plan) => trial.quickest(plan.roundings(facts, may_round)).await,
        failed => failed,
    };
    // A model is loaded on the same device next, and garbage is collected late.
    for buffer in trial.bench.into_iter().flat_map(|it| it.buffers) {
        buffer.destroy();
    }
    Ok(PlanChoice { plan: plan?, tried: trial.tried })
}

/// The data for trying plans, created when needed.
struct Trial<'a> {
    device: &'a Device,
    clock: Clock,
    bench: Option<Bench>,
    tried: usize,
}

impl Trial<'_> {
    async fn quickest(&mut self, plans: Vec<Plan>) -> Result<Plan> {
        if let [plan] = plans.as_slice() {
            return Ok(*plan);
        }
        self.tried += plans.len();
        let bench = match self.bench.take() {
            Some(bench) => bench,
            None => Bench::make(self.device)?,
        };
        let times = self.bench.insert(bench).time(&plans, self.clock).await;
        quickest(&times?)
    }
}

/// Returns the fastest plan; one with rounding only if it is worth it.
fn quickest(times: &[(Plan, f64)]) -> Result<Plan> {
    let weighed = |(plan, time): &(Plan, f64)| {
        let steps = match plan.rounding() {
            None => 0,
            Some(Rounding::Halves) => 1,
            Some(Rounding::Bytes) => 2,
        };
        (*plan, time / WORTH_ROUNDING.powi(steps))
    };
    let best = times.iter().map(weighed).min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(plan, _)| plan).ok_or_else(|| Error::internal("no plan computes correctly"))
}

const START: Progress = Progress { position: 0, tokens: 1 };

struct Bench {
    recorder: Recorder,
    /// The matrix, and the copies that a round also reads.
    planes: Vec<Planes>,
    /// The vector, exact and rounded.
    inputs: Vec<(Option<Rounding>, wgpu::Buffer)>,
    output: wgpu::Buffer,
    progress: wgpu::Buffer,
    staging: wgpu::Buffer,
    /// All buffers, to be freed.
    buffers: Vec<wgpu::Buffer>,
}

impl Bench {
    fn make(device: &Device) -> Result<Self> {
        let mut uploader = Uploader::new(device.clone(), None);
        let recorder = Recorder::new(device.clone());
        let input = ramp(COLUMNS, 11);
        let mut inputs = vec![(None, uploader.filled("input", &input)?)];
        for rounding in Rounding::ALL {
            let words = rounding.words(&input);
            let buffer = uploader.values("rounded input", words.len())?;
            let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
            recorder.write(&buffer, 0, &bytes);
            inputs.push((Some(rounding), buffer));
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let progress = uploader.buffer("progress", 16, usage)?;
        recorder.write(&progress, 0, &[0_u32, 1, 0, 0].map(u32::to_le_bytes).concat());
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let output = uploader.values("output", ROWS)?;
        let first = uploader.packed(Encoding::Q4_0, [ROWS, COLUMNS], &matrix())?;
        let mut planes = Vec::new();
        for _ in 1..copies(device.facts().software) {
            planes.push(uploader.copied(&first)?);
        }
        planes.insert(0, first);
        Ok(Self {
            planes,
            staging: uploader.buffer("output to read", output.size(), usage)?,
            recorder,
            inputs,
            output,
            progress,
            buffers: uploader.finish(),
        })
    }

    /// Returns the milliseconds of each plan with correct results.
    async fn time(&self, plans: &[Plan], clock: Clock) -> Result<Vec<(Plan, f64)>> {
        let tried = self.compiled(plans).await?;
        let expected = product_on_cpu();
        let largest = expected.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
        let mut right = Vec::new();
        for (plan, all) in tried {
            // The other matrices are copies.
            let first = all.get(..1).unwrap_or_default();
            self.recorder.run(&[first], START, &[(&self.output, &self.staging)]);
            let bytes = self.recorder.read(&self.staging).await?;
            let words = bytes.as_chunks::<4>().0.iter().take(ROWS);
            let found: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
            let tolerance = if plan.rounding().is_some() { ROUNDING } else { TOLERANCE };
            if largest_error(&expected, &found) <= tolerance * largest {
                right.push((plan, all, f64::INFINITY));
            }
        }
        let mut repeats = 1;
        if let [(_, first, _), ..] = right.as_slice() {
            while self.turn(first, repeats, clock).await? < LEAST && repeats < REPEATS_MAX {
                repeats *= 2;
            }
        }
        for _ in 0..TURNS {
            for (_, all, best) in &mut right {
                *best = best.min(self.turn(all, repeats, clock).await?);
            }
        }
        Ok(right.into_iter().map(|(plan, _, best)| (plan, best)).collect())
    }

    /// Returns the milliseconds of this many products, each with the next matrix.
    async fn turn(&self, all: &[Dispatch], repeats: usize, clock: Clock) -> Result<f64> {
        let lists: Vec<_> = all.chunks(1).cycle().take(repeats).collect();
        let start = clock();
        self.recorder.run(&lists, START, &[]);
        self.recorder.device().idle().await?;
        Ok(clock() - start)
    }

    /// Returns the plans that compile: a GPU's compiler may reject what the browser promises.
    async fn compiled(&self, plans: &[Plan]) -> Result<Vec<(Plan, Vec<Dispatch>)>> {
        let device = self.recorder.device();
        // All at once, because plans are rarely rejected.
        let tried = plans.iter().map(|plan| (*plan, self.dispatches(*plan))).collect();
        if usable(device.settled().await)? {
            return Ok(tried);
        }
        let mut tried = Vec::new();
        for plan in plans {
            let all = self.dispatches(*plan);
            if usable(device.settled().await)? {
                tried.push((*plan, all));
            }
        }
        Ok(tried)
    }

    fn dispatches(&self, plan: Plan) -> Vec<Dispatch> {
        let product = Product {
            label: "tried product",
            rows: Rows::Stacked(self.planes.iter().take(1).map(|planes| planes.shape).collect()),
            in_quads: crate::gpu::kernels::padded(COLUMNS) / 4,
            out_stride: 0,
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let (source, grid) = product.for_one(plan, None);
        let kernel = self.recorder.kernel(&source);
        let input = self.inputs.iter().filter(|it| it.0 == plan.rounding()).map(|it| &it.1);
        let bound: Vec<_> = input.chain([&self.output, &self.progress]).collect();
        let bind = |planes: &Planes| {
            let bound: Vec<_> = bound.iter().copied().chain(planes.buffers()).collect();
            self.recorder.bind(&kernel, &bound, grid)
        };
        self.planes.iter().map(bind).collect()
    }
}

/// Returns the number of matrices of a round. On CPU adapters, caches do not matter.
fn copies(is_software: bool) -> usize {
    let bytes = Encoding::Q4_0.bytes_of(ROWS * COLUMNS);
    if is_software { 1 } else { DISTINCT.div_ceil(bytes) }
}

/// Whether the new objects are usable; an error if the device is unusable.
fn usable(verdict: Result<()>) -> Result<bool> {
    match verdict {
        Ok(()) => Ok(true),
        Err(error) if error.code.as_deref() == Some(fault::FAILED) => Ok(false),
        Err(error) => Err(error),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounded once, at the end")]
fn product_on_cpu() -> Vec<f32> {
    let (bytes, input) = (matrix(), ramp(COLUMNS, 11));
    let mut row = vec![0.0; COLUMNS];
    let rows = bytes.chunks_exact(Encoding::Q4_0.bytes_of(COLUMNS));
    rows.map(|bytes| {
        Encoding::Q4_0.decode(bytes, &mut row);
        dot(&row, &input) as f32
    })
    .collect()
}

/// Blocks of `Q4_0` with long periods of scales and codes.
fn matrix() -> Vec<u8> {
    let mut code = 0_u8;
    let block = |scale: &f32| {
        let scale = half::f16::from_f32(scale / 8.0).to_le_bytes();
        let codes: [u8; 16] = std::array::from_fn(|_| {
            code = code.wrapping_mul(5).wrapping_add(77);
            code
        });
        scale.into_iter().chain(codes)
    };
    ramp(ROWS * COLUMNS / 32, 7).iter().flat_map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Encoding, Plan, ROWS, Rounding, copies, quickest};

    #[track_caller]
    fn check(times: &[(Plan, f64)], expected: Plan) {
        assert_eq!(quickest(times).unwrap(), expected, "{times:?}");
    }

    #[test]
    fn a_trial_reads_more_than_caches_hold() {
        let bytes = |software| copies(software) * Encoding::Q4_0.bytes_of(ROWS * COLUMNS);
        assert!(bytes(false) >= 64 << 20 && bytes(true) < 2 << 20);
    }

    #[test]
    fn rounding_must_be_worth_it() {
        let exact = Plan::SHUFFLING_8;
        let [halves, bytes] = Rounding::ALL.map(|it| exact.rounded(it));
        check(&[(exact, 2.0), (bytes, 1.0)], bytes);
        check(&[(exact, 1.0), (bytes, 0.85)], exact);
        check(&[(exact, 1.0), (halves, 0.85), (bytes, 0.8)], halves);
        check(&[(exact, 1.0), (halves, 0.85), (bytes, 0.7)], bytes);
        check(&[(exact, 1.0), (halves, 0.95)], exact);
        check(&[(Plan::TOGETHER, 3.0), (exact, 2.0)], exact);
        assert!(quickest(&[]).is_err());
    }
}
