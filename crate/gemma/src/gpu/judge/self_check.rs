//! The GPU self-test: compares the kernels of a token, on a small layer, with plain Rust.
//!
//! A quantised product, a norm and an attention tile whose ring has wrapped, each applied to the
//! previous result. It runs before a model is downloaded, so it must be fast: four kernels, one
//! submission.

use std::rc::Rc;

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::config::{Architecture, Config, Layer, Rope, Span};
use crate::gpu::device::launcher::{Dispatch, Grid, Kernel, Launcher as _, Progress, Recorder};
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::planes::Format;
use crate::gpu::kernels::products::{Ending, Product, Rows};
use crate::gpu::kernels::shader::{MatrixShape, Source};
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::kernels::{self, Shapes, Sight, View};
use crate::gpu::pass::options::Options;
use crate::gpu::{Device, Plan};
use crate::quant::Encoding;

/// The tolerance for f32 sums of these lengths, whose order and `exp` differ on the GPU.
const TOLERANCE: f32 = 1e-4;

const WIDTH: usize = 256;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD_DIM: usize = 64;
/// Slots of the ring, keys in the window, and a position at which both have wrapped.
const SLOTS: usize = 48;
const WINDOW: usize = 24;
const POSITION: u32 = 70;
const EPSILON: f32 = 1e-6;

/// The result of the self-test.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The adapter's own description.
    pub adapter: String,
    /// The largest difference between GPU and CPU.
    pub max_error: f32,
}

/// Computes the same on the GPU and on the CPU.
///
/// # Errors
///
/// Returns `UNAVAILABLE` with code `GPU_WRONG_RESULTS` if the results differ, and errors of
/// creating kernels.
pub async fn self_check(device: &Device) -> Result<Report> {
    let recorder = Recorder::new(device.clone());
    let options = Options::USUAL;
    let kernels = Kernels::request(&recorder, options.shapes(device), options.plan(device));
    let inputs = Inputs::make();
    let mut uploader = Uploader::new(device.clone(), None);
    let outputs = kernels.run(&recorder, &mut uploader, &inputs)?;
    let expected = inputs.outcome();
    let mut errors = Vec::new();
    for ((what, expected), staging) in NAMES.into_iter().zip(expected).zip(&outputs) {
        let bytes = recorder.read(staging).await?;
        let found: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect();
        errors.push((what, largest_error(&expected, &found)));
    }
    // A model may be loaded on the same device next, and garbage is collected late.
    for buffer in uploader.finish() {
        buffer.destroy();
    }
    verdict(device, &errors)
}

const NAMES: [&str; 3] = ["a quantised product", "a norm", "an attention tile"];

/// Returns the largest of some errors, as a report or as a refusal of the adapter.
pub(crate) fn verdict(device: &Device, errors: &[(&str, f32)]) -> Result<Report> {
    for (what, error) in errors {
        if *error > TOLERANCE {
            return Err(Error::unavailable(format!(
                "the GPU computes wrong results: {what} is off by {error}, more than {TOLERANCE}"
            ))
            .with_code("GPU_WRONG_RESULTS"));
        }
    }
    let max_error = errors.iter().map(|(_, error)| *error).fold(0.0, f32::max);
    Ok(Report { adapter: device.facts().name.clone(), max_error })
}

/// The inputs of the kernels.
struct Inputs {
    matrix: Vec<u8>,
    input: Vec<f32>,
    residual: Vec<f32>,
    post: Vec<f32>,
    next: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Inputs {
    fn make() -> Self {
        let blocks = WIDTH * WIDTH / 32;
        let mut matrix = Vec::with_capacity(blocks * 18);
        let mut code = 0_u8;
        for scale in ramp(blocks, 7) {
            matrix.extend(half::f16::from_f32(scale / 8.0).to_le_bytes());
            matrix.extend((0..16).map(|_| {
                code = code.wrapping_mul(5).wrapping_add(77);
                code
            }));
        }
        let room = SLOTS * KV_HEADS * HEAD_DIM;
        Self {
            matrix,
            input: ramp(WIDTH, 11),
            residual: ramp(WIDTH, 13),
            post: ramp(WIDTH, 17),
            next: ramp(WIDTH, 19),
            keys: ramp(room, 23),
            values: ramp(room, 29),
        }
    }

    /// The expected results: product, norm, attention.
    fn outcome(&self) -> [Vec<f32>; 3] {
        let mut weights = vec![0.0; WIDTH * WIDTH];
        Encoding::Q4_0.decode(&self.matrix, &mut weights);
        let branch: Vec<f64> =
            weights.chunks_exact(WIDTH).map(|row| dot(row, &self.input)).collect();
        let inner = unit(&branch);
        let sum: Vec<f64> = wide(&self.residual)
            .zip(branch.iter().zip(wide(&self.post)))
            .map(|(x, (o, weight))| x + o * inner * weight)
            .collect();
        let outer = unit(&sum);
        let normed: Vec<f64> =
            sum.iter().zip(wide(&self.next)).map(|(x, weight)| x * outer * weight).collect();
        let mixed = self.attention(&normed);
        [branch, normed, mixed].map(|values| values.into_iter().map(narrow).collect())
    }

    fn attention(&self, queries: &[f64]) -> Vec<f64> {
        let position = POSITION as usize;
        let mut mixed = Vec::with_capacity(WIDTH);
        for (head, query) in queries.chunks_exact(HEAD_DIM).enumerate() {
            let at = |slot: usize| (head / (HEADS / KV_HEADS) * SLOTS + slot) * HEAD_DIM;
            let seen: Vec<usize> =
                (position + 1 - WINDOW..=position).map(|place| place % SLOTS).collect();
            let scores: Vec<f64> = seen
                .iter()
                .map(|slot| {
                    query.iter().zip(row_at(&self.keys, at(*slot))).map(|(q, k)| q * k).sum()
                })
                .collect();
            let most = scores.iter().copied().fold(f64::MIN, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
            let total: f64 = weights.iter().sum();
            let mut output = vec![0.0; HEAD_DIM];
            for (weight, slot) in weights.iter().zip(&seen) {
                for (sum, value) in output.iter_mut().zip(row_at(&self.values, at(*slot))) {
                    *sum += weight / total * value;
                }
            }
            mixed.extend(output);
        }
        mixed
    }
}

/// A kernel and how far it is spread.
type Spread = (Rc<Kernel>, Grid);

/// The kernels under test.
struct Kernels {
    product: Spread,
    norm: Spread,
    scores: Spread,
    mix: Spread,
}

impl Kernels {
    /// Starts compiling them, which takes most of the time: the rest is done meanwhile.
    fn request(recorder: &Recorder, shapes: Shapes, plan: Plan) -> Self {
        let width = kernels::to_u32(WIDTH);
        let format = Format::of(Encoding::Q4_0);
        let product = Product {
            label: "checked product",
            rows: Rows::Stacked(vec![MatrixShape { format, rows: width, columns: width }]),
            in_quads: kernels::padded(WIDTH) / 4,
            out_stride: 0,
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let window = kernels::to_u32(WINDOW);
        let view = View { capacity: SLOTS, window, sight: Sight::Causal, score_stride: SLOTS };
        let (config, layer) = (config(), layer());
        let made = |(source, grid): (Source, Grid)| (recorder.kernel(&source), grid);
        Self {
            product: made(product.for_one(plan, None)),
            norm: made(kernels::norm(&config, shapes.token, None)),
            scores: made(view.scores(&layer, shapes.key)),
            mix: made(view.mix(&layer, shapes.value, None)),
        }
    }

    /// Runs them all, and copies the results of the product, the norm and attention to a readable
    /// buffer.
    fn run(
        self,
        recorder: &Recorder,
        uploader: &mut Uploader,
        inputs: &Inputs,
    ) -> Result<Vec<wgpu::Buffer>> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let progress = uploader.buffer("progress", 16, usage)?;
        recorder.write(&progress, 0, &[POSITION, 1, 0, 0].map(u32::to_le_bytes).concat());
        let planes = uploader.packed(Encoding::Q4_0, [WIDTH, WIDTH], &inputs.matrix)?;
        let input = uploader.filled("input", &inputs.input)?;
        let residual = uploader.filled("residual", &inputs.residual)?;
        let post = uploader.filled("post", &inputs.post)?;
        let next = uploader.filled("next", &inputs.next)?;
        let keys = uploader.filled("keys", &inputs.keys)?;
        let values = uploader.filled("values", &inputs.values)?;
        let branch = uploader.values("branch", WIDTH)?;
        let normed = uploader.values("normed", WIDTH)?;
        let scores = uploader.values("scores", HEADS * SLOTS)?;
        let mixed = uploader.values("mixed", WIDTH)?;
        let bind = |(kernel, grid): Spread, bound: &[&wgpu::Buffer]| -> Dispatch {
            recorder.bind(&kernel, bound, grid)
        };
        let mut bound = vec![&input, &branch, &progress];
        bound.extend(planes.buffers());
        let list = [
            bind(self.product, &bound),
            bind(self.norm, &[&branch, &residual, &progress, &post, &next, &normed]),
            bind(self.scores, &[&normed, &scores, &progress, &keys]),
            bind(self.mix, &[&scores, &mixed, &progress, &values]),
        ];
        let outputs = [&branch, &normed, &mixed];
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let readable = outputs
            .iter()
            .map(|output| uploader.buffer("output to read", output.size(), usage))
            .collect::<Result<Vec<_>>>()?;
        let copies: Vec<_> = outputs.into_iter().zip(&readable).collect();
        recorder.run(&[&list], Progress { position: POSITION, tokens: 1 }, &copies);
        Ok(readable)
    }
}

fn layer() -> Layer {
    Layer {
        span: Span::Local,
        window: Some(WINDOW),
        rope: Rope::new(1e4, 1.0),
        heads: HEADS,
        kv_heads: KV_HEADS,
        head_dim: HEAD_DIM,
        hidden: WIDTH,
        source: None,
        sparsity: None,
    }
}

fn config() -> Config {
    Config {
        architecture: Architecture::Gemma3,
        layers: vec![layer()],
        width: WIDTH,
        vocabulary: 0,
        context: SLOTS,
        norm_epsilon: EPSILON,
        embedding_scale: 1.0,
        query_scale: 1.0,
        norms_values: false,
        soft_cap: None,
        per_layer: None,
        streams: 1,
        suppressed: Vec::new(),
    }
}

/// Numbers in [-0.5, 0.5) with a long period; `step` is coprime to it.
pub(crate) fn ramp(count: usize, step: u16) -> Vec<f32> {
    const PERIOD: u16 = 251;
    let mut at = 0_u16;
    (0..count)
        .map(|_| {
            at = (at + step) % PERIOD;
            f32::from(at) / f32::from(PERIOD) - 0.5
        })
        .collect()
}

/// Returns the factor that makes the root mean square one.
fn unit(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let mean = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
    1.0 / (mean + f64::from(EPSILON)).sqrt()
}

fn row_at(plane: &[f32], start: usize) -> impl Iterator<Item = f64> {
    wide(plane).skip(start).take(HEAD_DIM)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn wide(values: &[f32]) -> impl Iterator<Item = f64> {
    values.iter().copied().map(f64::from)
}

#[expect(clippy::cast_possible_truncation, reason = "rounded once, at the end")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Returns the largest difference; infinite if a number is missing or not finite.
pub(crate) fn largest_error(expected: &[f32], found: &[f32]) -> f32 {
    if expected.len() != found.len() {
        return f32::INFINITY;
    }
    let differences = expected.iter().zip(found).map(|(e, f)| (e - f).abs());
    differences.fold(0.0, |most, it| if it.is_finite() { most.max(it) } else { f32::INFINITY })
}

#[cfg(test)]
mod tests {
    use super::{Inputs, largest_error};

    #[test]
    fn a_wrong_number_is_detected() {
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0, 2.5]), 0.5);
        assert_eq!(largest_error(&[1.0], &[f32::NAN]), f32::INFINITY);
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0]), f32::INFINITY);
    }

    #[test]
    fn the_checked_numbers_are_significant() {
        // Numbers of about one, so that an absolute tolerance is meaningful, without adjacent equal
        // ones.
        for values in Inputs::make().outcome() {
            let largest = values.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
            assert!((0.05..50.0).contains(&largest), "{largest}");
            assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
