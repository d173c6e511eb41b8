//! How fast this machine is: a probe of a few milliseconds, and a benchmark of some seconds.
//!
//! The clock comes from the caller, in milliseconds: this crate knows none.

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

/// Milliseconds since whenever.
pub type Clock<'a> = &'a dyn Fn() -> f64;

/// Shortest time that says something: browsers round their clocks to a tenth of a millisecond or a
/// whole one.
const LEAST: f64 = 8.0;
/// The best of so many: browsers compile a kernel well only after it has run for a while, and
/// neighbours disturb.
const TRIES: usize = 6;
/// Larger than the second-level cache of most machines.
const PROBE_BYTES: usize = 8 << 20;

/// How many tokens a second this machine would decode, by a short measurement with noise in the
/// encodings that the model has. Only the model's header has been read.
pub fn estimate(model: &Model, precision: Precision, clock: Clock<'_>) -> Result<f64> {
    let layers = model.tensors.layers.iter().flat_map(|layer| layer.all());
    let matrices = layers.chain([model.tensors.head()]).filter(|tensor| tensor.rows > 1);
    let mut rates: Vec<(Encoding, f64)> = Vec::new();
    let mut milliseconds = 0.0;
    for Tensor { encoding, rows, columns, .. } in matrices {
        let rate = match rates.iter().find(|(have, _)| have == encoding) {
            Some((_, rate)) => *rate,
            None => {
                let rate = weights_per_millisecond(*encoding, precision, clock)?;
                rates.push((*encoding, rate));
                rate
            }
        };
        milliseconds += of(rows * columns) / rate;
    }
    Ok(1000.0 / (milliseconds * BESIDE))
}

/// How many bytes of weights a second this machine works through, by a measurement of about 100 ms:
/// for a model of which nothing is known but its size.
pub fn rate(precision: Precision, clock: Clock<'_>) -> Result<f64> {
    let mut milliseconds_per_byte = 0.0;
    // The usual body, and the usual head.
    let encodings = [Encoding::Q4_0, Encoding::Q8_0];
    for encoding in encodings {
        let bytes = of(encoding.bytes_of(COLUMNS)) / of(COLUMNS);
        milliseconds_per_byte +=
            1.0 / (weights_per_millisecond(encoding, precision, clock)? * bytes);
    }
    Ok(1000.0 * of(encodings.len()) / (milliseconds_per_byte * BESIDE))
}

/// Norms, attention and the choice take some per cent beside the products.
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

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The shape.
    pub config: Config,
    /// Encoding of the layers.
    pub body: Encoding,
    /// Encoding of the embedding, which is the output too.
    pub head: Encoding,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens to decode.
    pub decode: usize,
    /// How many times; medians are reported.
    pub turns: usize,
}

impl Plan {
    /// What the peers were measured with: 270M, 128 tokens read, 32 written, the median of three.
    #[must_use]
    pub fn peers(body: Encoding, head: Encoding) -> Self {
        Self { config: shape_270m(), body, head, prompt: 128, decode: 32, turns: 3 }
    }
}

/// Speeds of one precision, in tokens a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Reading the prompt.
    pub prefill: f64,
    /// Writing, each choice included.
    pub decode: f64,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// With activations as f32.
    pub exact: Speed,
    /// With activations rounded.
    pub fast: Speed,
    /// Bytes of weights that a decoded token reads.
    pub bytes_per_token: usize,
    /// Bytes a second that this thread can read, measured in between.
    pub read: f64,
    /// How far the logits of `fast` are from those of `exact`, in standard deviations: the root
    /// mean square, and the worst.
    pub loss: (f64, f64),
}

impl Report {
    /// The share of the read bandwidth that decoding with `fast` uses.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.fast.decode * of(self.bytes_per_token) / self.read
    }
}

/// Measures both precisions in turn, so that a disturbance meets both.
pub async fn bench(plan: &Plan, clock: Clock<'_>) -> Result<Report> {
    let capacity = plan.prompt + plan.decode + 1;
    let Plan { body, head, .. } = *plan;
    let mut pass = Cpu::synthetic(plan.config.clone(), body, head, capacity, Precision::Exact)?;
    let vocabulary = u32::try_from(plan.config.vocabulary).unwrap_or(u32::MAX);
    let prompt: Vec<u32> =
        (0..).take(plan.prompt).map(|i: u32| i.wrapping_mul(2_654_435_761) % vocabulary).collect();
    // One turn to warm up, and for the loss: after the prompt, as each would go on differently.
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

/// Bytes a second out of memory, on the largest matrix there is.
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

    /// Every encoding makes a network that computes numbers, and `fast` is near `exact`.
    #[test]
    fn networks_of_noise_are_sane() {
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

    /// With a clock that advances by one product at each reading, the rate is known beforehand.
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
