//! Measures the speed of this machine: by a probe of a few milliseconds, or a benchmark of some
//! seconds.
//!
//! The caller supplies the clock, in milliseconds, because this crate has none.

use std::hint::black_box;

use hybridge_core::Result;

use super::format::Chunk;
use super::inputs::{Inputs, Precision};
use super::lanes::{Kernel, Lanes, run};
use super::synthetic::matrix;
use super::{Cpu, shape_270m};
use crate::config::Config;
use crate::engine::Pass;
use crate::quant::Encoding;
use crate::sample::{Draw, Sampler};
use crate::weights::{Model, Tensor};

/// Milliseconds since an arbitrary time.
pub type Clock<'a> = &'a dyn Fn() -> f64;

/// The minimum time of a measurement: browsers round their clocks to a tenth of a millisecond or a
/// whole one.
const LEAST: f64 = 8.0;
/// The number of repetitions, the best of which counts: browsers optimise a kernel only after it
/// has run for a while, and other load disturbs.
const TRIES: usize = 6;
/// Larger than the second-level cache of most machines.
const PROBE_BYTES: usize = 8 << 20;

/// Estimates how many tokens per second this machine would decode, by a short measurement with
/// random weights in the model's encodings. Only the model's header is needed.
pub fn estimate(model: &Model, precision: Precision, clock: Clock<'_>) -> Result<f64> {
    let layers = model.tensors.layers.iter().flat_map(|layer| layer.all());
    let matrices = layers.chain([model.tensors.head()]).filter(|tensor| tensor.rows > 1);
    let mut rates: Vec<(Encoding, f64)> = Vec::new();
    let mut milliseconds = 0.0;
    // Adapters change no encoding here: the CPU keeps their factors beside the weights.
    for Tensor { encoding, rows, columns, .. } in matrices.map(Tensor::unchanged) {
        let rate = match rates.iter().find(|(have, _)| *have == encoding) {
            Some((_, rate)) => *rate,
            None => {
                let rate = weights_per_millisecond(encoding, precision, clock)?;
                rates.push((encoding, rate));
                rate
            }
        };
        milliseconds += of(rows * columns) / rate;
    }
    Ok(1000.0 / (milliseconds * BESIDE))
}

/// Measures for about 100 ms how many bytes of weights per second this machine processes, for a
/// model of which only the size is known.
pub fn rate(precision: Precision, clock: Clock<'_>) -> Result<f64> {
    let mut milliseconds_per_byte = 0.0;
    // The usual encodings of layers and head.
    let encodings = [Encoding::Q4_0, Encoding::Q8_0];
    for encoding in encodings {
        let bytes = of(encoding.bytes_of(COLUMNS)) / of(COLUMNS);
        milliseconds_per_byte +=
            1.0 / (weights_per_millisecond(encoding, precision, clock)? * bytes);
    }
    Ok(1000.0 * of(encodings.len()) / (milliseconds_per_byte * BESIDE))
}

/// The share of time for norms, attention and sampling beside the products.
const BESIDE: f64 = 1.1;

const COLUMNS: usize = 1024;

fn weights_per_millisecond(
    encoding: Encoding,
    precision: Precision,
    clock: Clock<'_>,
) -> Result<f64> {
    let rows = PROBE_BYTES / encoding.bytes_of(COLUMNS);
    let matrix = matrix(encoding, rows, COLUMNS, 1)?;
    let mut inputs = Inputs::default();
    let rounded = matrix.wants_rounded(precision);
    inputs.set(&[0.5; COLUMNS], COLUMNS, !rounded, rounded);
    let mut output = vec![0.0; rows];
    let mut best = 0.0_f64;
    for _ in 0..TRIES {
        let (start, mut turns) = (clock(), 0);
        let mut now = start;
        while now - start < LEAST && turns < 1000 {
            matrix.times(black_box(&inputs), precision, &mut output);
            turns += 1;
            now = clock();
        }
        best = best.max(of(turns * rows * COLUMNS) / (now - start).max(1e-3));
    }
    Ok(best)
}

/// Options of the benchmark.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The shape.
    pub config: Config,
    /// Encoding of the layers.
    pub body: Encoding,
    /// Encoding of the embedding, which is also the output matrix.
    pub head: Encoding,
    /// The number of prompt tokens.
    pub prompt: usize,
    /// The number of tokens to decode.
    pub decode: usize,
    /// The number of repetitions; medians are reported.
    pub turns: usize,
}

impl Plan {
    /// The settings with which other packages were measured: 270M, a prompt of 128 tokens, 32
    /// decoded, the median of three.
    #[must_use]
    pub fn peers(body: Encoding, head: Encoding) -> Self {
        Self { config: shape_270m(), body, head, prompt: 128, decode: 32, turns: 3 }
    }
}

/// Speeds with one precision, in tokens per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Prefill.
    pub prefill: f64,
    /// Decode, including sampling.
    pub decode: f64,
}

/// The results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// With activations as f32.
    pub exact: Speed,
    /// With rounded activations.
    pub fast: Speed,
    /// Bytes of weights read per decoded token.
    pub bytes_per_token: usize,
    /// Bytes per second that this thread can read, measured in between.
    pub read: f64,
    /// The difference of `fast` logits from `exact` ones, in standard deviations: the root mean
    /// square, and the maximum.
    pub loss: (f64, f64),
}

impl Report {
    /// The share of the read bandwidth that decoding with `fast` uses.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.fast.decode * of(self.bytes_per_token) / self.read
    }
}

/// Measures both precisions alternately, so that other load affects both.
pub async fn bench(plan: &Plan, clock: Clock<'_>) -> Result<Report> {
    let capacity = plan.prompt + plan.decode + 1;
    let Plan { body, head, .. } = *plan;
    let mut pass = Cpu::synthetic(plan.config.clone(), body, head, capacity, Precision::Exact)?;
    let vocabulary = u32::try_from(plan.config.vocabulary).unwrap_or(u32::MAX);
    let prompt: Vec<u32> =
        (0..).take(plan.prompt).map(|i: u32| i.wrapping_mul(2_654_435_761) % vocabulary).collect();
    // One run to warm up, and to compare logits: only after the prompt, because the continuations
    // differ.
    let mut logits = Vec::new();
    for precision in [Precision::Exact, Precision::Fast] {
        turn(&mut pass, precision, &prompt, 1, clock).await?;
        pass.rewind(0);
        pass.prefill(&prompt).await?;
        logits.push(pass.logits().await?);
    }
    let (mut exact, mut fast, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.turns {
        read.push(read_bandwidth(&pass, clock));
        exact.push(turn(&mut pass, Precision::Exact, &prompt, plan.decode, clock).await?);
        fast.push(turn(&mut pass, Precision::Fast, &prompt, plan.decode, clock).await?);
    }
    let medians = |speeds: &[Speed]| Speed {
        prefill: median(speeds.iter().map(|speed| speed.prefill)),
        decode: median(speeds.iter().map(|speed| speed.decode)),
    };
    Ok(Report {
        exact: medians(&exact),
        fast: medians(&fast),
        bytes_per_token: pass.bytes_per_token(),
        read: median(read.into_iter()),
        loss: loss(&logits),
    })
}

async fn turn(
    pass: &mut Cpu,
    precision: Precision,
    prompt: &[u32],
    decode: usize,
    clock: Clock<'_>,
) -> Result<Speed> {
    pass.rewind(0);
    pass.set_precision(precision);
    let draw = Draw { sampler: Sampler::GREEDY, step: 0, top: 0, allowed: None };
    let start = clock();
    pass.prefill(prompt).await?;
    let first = clock();
    let mut token = pass.choose(&draw).await?.token;
    let second = clock();
    for step in (1..).take(decode) {
        token = pass.step(token, &Draw { step, ..draw }).await?.token;
    }
    let rate = |count: usize, from: f64, to: f64| 1000.0 * of(count) / (to - from).max(1e-3);
    Ok(Speed { prefill: rate(prompt.len(), start, first), decode: rate(decode, second, clock()) })
}

fn loss(logits: &[Vec<f32>]) -> (f64, f64) {
    let [exact, fast] = logits else { return (f64::NAN, f64::NAN) };
    let count = of(exact.len());
    let mean = exact.iter().copied().map(f64::from).sum::<f64>() / count;
    let variance = exact.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    let distances = || exact.iter().zip(fast).map(|(a, b)| f64::from(a - b).abs());
    let square = distances().map(|distance| distance.powi(2)).sum::<f64>() / count;
    ((square / variance).sqrt(), distances().fold(0.0, f64::max) / variance.sqrt())
}

/// Measures bytes per second read from memory, on the largest matrix.
fn read_bandwidth(pass: &Cpu, clock: Clock<'_>) -> f64 {
    let chunks = pass.head_chunks();
    let start = clock();
    black_box(run(Read(chunks)));
    1000.0 * of(size_of_val(chunks)) / (clock() - start).max(1e-3)
}

/// Reads everything and keeps one vector of it.
struct Read<'a>(&'a [Chunk]);

impl Kernel for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> f32 {
        let mut all = [lanes.pair(&[0, 0]); 4];
        let (eights, _) = self.0.as_chunks::<8>();
        for eight in eights {
            let (pairs, _) = eight.as_chunks::<2>();
            for (all, [low, high]) in all.iter_mut().zip(pairs) {
                *all = lanes.or(*all, lanes.words(low, high));
            }
        }
        all.into_iter().map(|words| lanes.total(lanes.first(words))).sum()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn of(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use pollster::block_on;

    use super::{LEAST, PROBE_BYTES, Plan, Precision, bench, rate};
    use crate::config::{Config, Layer};
    use crate::cpu::shape_270m;
    use crate::quant::Encoding;

    /// Every encoding gives a network with finite results, and `fast` is close to `exact`.
    #[test]
    fn random_networks_give_finite_results() {
        for encoding in Encoding::ALL {
            let layers = shape_270m().layers.into_iter().take(2);
            let layers = layers.map(|layer| Layer { hidden: 512, head_dim: 128, ..layer });
            let config =
                Config { layers: layers.collect(), width: 256, vocabulary: 512, ..shape_270m() };
            let plan =
                Plan { config, body: encoding, head: encoding, prompt: 5, decode: 2, turns: 1 };
            let time = Cell::new(0.0);
            let clock = || {
                time.set(time.get() + 1.0);
                time.get()
            };
            let report = block_on(bench(&plan, &clock)).unwrap();
            assert!(report.loss.1 < 0.3, "{encoding:?}: {report:?}");
            assert_eq!(report.loss.1 > 0.0, encoding.block_values() > 1, "{encoding:?}");
            assert!(report.share() > 0.0 && report.exact.prefill > 0.0);
        }
    }

    /// With a clock that advances by one product per reading, the rate is known.
    #[test]
    fn a_rate_is_bytes_over_time() {
        for (milliseconds, turns) in [(LEAST, 1.0), (LEAST / 4.0, 4.0), (3.0 * LEAST, 1.0)] {
            let time = Cell::new(0.0);
            let clock = || {
                time.set(time.get() + milliseconds);
                time.get()
            };
            let found = rate(Precision::Fast, &clock).unwrap();
            let right = PROBE_BYTES as f64 * turns / (milliseconds * turns) * 1000.0 / 1.1;
            assert!((found / right - 1.0).abs() < 0.01, "{found} not {right}");
        }
    }
}
