//! Which plan is the quickest here: each is tried on one product, and that decides.
//!
//! What a barrier, a shuffle or a product of bytes costs differs by a factor of ten from adapter to
//! adapter, and no name of one tells. A plan whose numbers are off is not taken, however quick.

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use super::launcher::{Dispatch, Encoder, Launcher as _, Progress};
use super::pace::Clock;
use super::products::{Product, Rows};
use super::self_check::{largest_error, ramp};
use super::upload::{Planes, Uploader};
use super::{Device, Plan};
use crate::quant::Encoding;
use crate::scalar::vector::{dot, quad_of};

/// The product: a layer's of a small model.
const ROWS: usize = 4096;
const COLUMNS: usize = 640;

/// How often each has its turn. The quickest turn counts: others may be at work beside it.
const TURNS: u32 = 3;

/// Rounding costs accuracy: it has to be quicker than this part of the time without.
const WORTH_ROUNDING: f64 = 0.9;

/// How far results may be from the CPU's, of the largest one: sums in another order, and vectors
/// that were rounded.
const TOLERANCE: f32 = 1e-4;
const ROUNDING: f32 = 0.05;

/// A plan, and how it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The quickest one that computes right.
    pub plan: Plan,
    /// How many were tried.
    pub tried: usize,
}

/// Tries what this adapter may run, if there is more than one. `remembered` is what was chosen
/// here before; nothing is tried where it is still known.
///
/// # Errors
/// As compiling and running on the device.
pub async fn choose(
    device: &Device,
    remembered: &str,
    may_round: bool,
    clock: Clock,
) -> Result<Choice> {
    if let Some(plan) = Plan::parse(remembered, device.facts(), may_round) {
        return Ok(Choice { plan, tried: 0 });
    }
    let plans = Plan::candidates(device.facts(), may_round);
    match plans.as_slice() {
        [] => Err(Error::internal("no adapter is without a plan")),
        [plan] => Ok(Choice { plan: *plan, tried: 0 }),
        _ => {
            let mut uploader = Uploader::new(device.clone(), None);
            let times = Bench::make(device, &mut uploader)?.time(&plans, clock).await;
            // A model follows on the same device, and garbage is collected late.
            for buffer in uploader.finish() {
                buffer.destroy();
            }
            Ok(Choice { plan: quickest(&times?)?, tried: plans.len() })
        }
    }
}

/// The quickest one; with rounding only where that is worth it.
fn quickest(times: &[(Plan, f64)]) -> Result<Plan> {
    let weighed = |(plan, time): &(Plan, f64)| {
        (*plan, if plan.is_packed() { time / WORTH_ROUNDING } else { *time })
    };
    let best = times.iter().map(weighed).min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(plan, _)| plan).ok_or_else(|| Error::internal("no plan computes right"))
}

const START: Progress = Progress { position: 0, tokens: 1 };

struct Bench {
    encoder: Encoder,
    planes: Planes,
    exact: wgpu::Buffer,
    packed: wgpu::Buffer,
    output: wgpu::Buffer,
    progress: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Bench {
    fn make(device: &Device, uploader: &mut Uploader) -> Result<Self> {
        let encoder = Encoder::new(device.clone());
        let input = ramp(COLUMNS, 11);
        let exact = uploader.filled("input", &input)?;
        let packed = uploader.values("rounded input", COLUMNS / 2)?;
        let words = input.chunks(4).map(quad_of).flat_map(|(numbers, scale)| {
            [u32::from_le_bytes(numbers.map(i8::cast_unsigned)), scale.to_bits()]
        });
        encoder.write(&packed, 0, &words.flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let progress = uploader.buffer("progress", 16, usage)?;
        encoder.write(&progress, 0, &[0_u32, 1, 0, 0].map(u32::to_le_bytes).concat());
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let output = uploader.values("output", ROWS)?;
        Ok(Self {
            planes: uploader.packed(Encoding::Q4_0, [ROWS, COLUMNS], &matrix())?,
            staging: uploader.buffer("output to read", output.size(), usage)?,
            encoder,
            exact,
            packed,
            output,
            progress,
        })
    }

    /// Milliseconds of each plan that computes right.
    async fn time(&self, plans: &[Plan], clock: Clock) -> Result<Vec<(Plan, f64)>> {
        let device = self.encoder.device();
        let tried: Vec<_> = plans.iter().map(|plan| (*plan, self.dispatch(*plan))).collect();
        let expected = product_on_cpu();
        let largest = expected.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
        let mut right = Vec::new();
        for (plan, dispatch) in tried {
            let list = std::slice::from_ref(&dispatch);
            self.encoder.run(&[list], START, &[(&self.output, &self.staging)]);
            let bytes = self.encoder.read(&self.staging).await?;
            let words = bytes.as_chunks::<4>().0.iter().take(ROWS);
            let found: Vec<f32> = words.map(|word| f32::from_le_bytes(*word)).collect();
            let tolerance = if plan.is_packed() { ROUNDING } else { TOLERANCE };
            if largest_error(&expected, &found) <= tolerance * largest {
                right.push((plan, dispatch, f64::INFINITY));
            }
        }
        // Real GPUs take microseconds for one.
        let repeats = if device.facts().software { 2 } else { 64 };
        for _ in 0..TURNS {
            for (_, dispatch, best) in &mut right {
                let lists: Vec<&[Dispatch]> =
                    (0..repeats).map(|_| std::slice::from_ref(&*dispatch)).collect();
                let start = clock();
                self.encoder.run(&lists, START, &[]);
                device.idle().await?;
                *best = best.min(clock() - start);
            }
        }
        Ok(right.into_iter().map(|(plan, _, best)| (plan, best)).collect())
    }

    fn dispatch(&self, plan: Plan) -> Dispatch {
        let product = Product {
            label: "tried product",
            rows: Rows::Side(vec![self.planes.shape]),
            in_quads: super::kernels::padded(COLUMNS) / 4,
            out_stride: 0,
            out_first: 0,
            soft_cap: None,
        };
        let (source, grid) = product.for_one(plan, false);
        let kernel = self.encoder.kernel(&source);
        let input = if plan.is_packed() { &self.packed } else { &self.exact };
        let mut bound = vec![input, &self.output, &self.progress];
        bound.extend(self.planes.buffers());
        self.encoder.bind(&kernel, &bound, grid)
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

/// Blocks of `Q4_0` whose scales and codes repeat late.
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
    use super::{Plan, quickest};

    #[track_caller]
    fn check(times: &[(Plan, f64)], expected: Plan) {
        assert_eq!(quickest(times).unwrap(), expected, "{times:?}");
    }

    #[test]
    fn rounding_must_be_worth_it() {
        let (exact, packed) = (Plan::ALONE, Plan::ALONE.packed());
        check(&[(exact, 2.0), (packed, 1.0)], packed);
        check(&[(exact, 1.0), (packed, 0.95)], exact);
        check(&[(Plan::TOGETHER, 3.0), (exact, 2.0)], exact);
        assert!(quickest(&[]).is_err());
    }
}
