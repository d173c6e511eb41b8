//! Derives a threshold with a guarantee from answers of known correctness.

use super::arithmetic::Random;
use super::features::Term;
use super::head::{Example, Head};
use super::isotonic::Isotonic;
use super::signal::{COMBINED, Signal, Signals};
use super::statistics::{Interval, auroc, wilson};
use crate::{Error, Result};

/// One answer of the device, and whether it and the cloud's were right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// The signals of its log-probabilities.
    pub signals: Signals,
    /// Whether it was right.
    pub is_right: bool,
    /// Whether the cloud's answer was, or would have been, right.
    pub is_cloud_right: bool,
}

/// An answer of known correctness with one chosen signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The signal.
    pub signal: f64,
    /// Whether the answer was right.
    pub is_right: bool,
    /// Whether the cloud's answer was, or would have been, right.
    pub is_cloud_right: bool,
}

/// The goal of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// This share of the cloud's quality, with as few cloud calls as possible.
    Quality(f64),
    /// At most this share of cloud calls, with the best possible quality.
    CloudShare(f64),
}

/// A threshold and its expected results.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The score that is compared with the threshold.
    pub signal: Signal,
    /// Answers with a signal below it go to the cloud. The largest number if none may be kept.
    pub threshold: f64,
    /// The share of right answers at this threshold; on average 1 / samples too high.
    pub quality: Interval,
    /// The share of cloud calls.
    pub cloud_share: Interval,
    /// How well the signal separates right from wrong answers.
    pub auroc: Option<f64>,
    /// Maps the signal to the probability of being right.
    pub map: Isotonic,
    /// The number of samples of the calibration.
    pub samples: usize,
}

/// A mean and its interval, for the figures of a calibration.
pub type Estimate = Interval;

const FOLDS: usize = 5;
/// How much better than the best single signal a combination must separate right from wrong, to be
/// worth its opacity.
const WORTH: f64 = 0.005;
/// The minimum number of right and of wrong answers for choosing a signal: with fewer, the best of
/// many is best by chance.
const EACH: usize = 25;
const SEED: u32 = 0x0ca1_1b8a;

/// Chooses the signal that best separates right from wrong answers, and a threshold for it.
///
/// # Errors Returns `INVALID_ARGUMENT` for no samples, or a target outside of 0 to 1.
pub fn calibrate(samples: &[Observed], target: Target) -> Result<Calibration> {
    let single = [
        Signal::P10,
        Signal::Mean,
        Signal::Min,
        Signal::P25,
        Signal::P50,
        Signal::First,
        Signal::Margin,
        Signal::Entropy,
    ];
    let right = samples.iter().filter(|it| it.is_right).count();
    if right < EACH || samples.len() - right < EACH {
        let usual = Signal::default();
        return calibrate_signal(usual, &pairs_of(samples, usual).unwrap_or_default(), target);
    }
    let mut best = Signal::P10;
    let mut most = None;
    for signal in single {
        let pairs = pairs_of(samples, signal);
        let area = pairs.and_then(|it| auroc(&truths(&it)));
        if area > most {
            (best, most) = (signal, area);
        }
    }
    let unseen = combined_unseen(samples);
    if let Some((pairs, combined)) = unseen.zip(combine(samples)) {
        let area = auroc(&truths(&pairs));
        if area.zip(most).is_some_and(|(area, most)| area > most + WORTH) {
            return calibrate_signal(combined, &pairs, target);
        }
    }
    calibrate_signal(best, &pairs_of(samples, best).unwrap_or_default(), target)
}

/// Chooses a threshold for a given signal. No sample may have influenced the signal that is used to
/// judge it.
///
/// # Errors As for [`calibrate`].
pub fn calibrate_signal(signal: Signal, pairs: &[Judged], target: Target) -> Result<Calibration> {
    let (Target::Quality(wanted) | Target::CloudShare(wanted)) = target;
    if !(0.0..=1.0).contains(&wanted) {
        return Err(Error::invalid("a target must be a number from 0 to 1"));
    }
    if pairs.is_empty() {
        return Err(Error::invalid("calibration needs at least one sample with the signal"));
    }
    if pairs.iter().any(|it| it.signal.is_nan()) {
        return Err(Error::invalid("a signal must be a number"));
    }
    let threshold = threshold_for(pairs, target);
    let (right, cloud) = outcome(pairs, threshold);
    Ok(Calibration {
        signal,
        threshold,
        quality: wilson(right, pairs.len()),
        cloud_share: wilson(cloud, pairs.len()),
        auroc: auroc(&truths(pairs)),
        map: Isotonic::fit(&truths(pairs)),
        samples: pairs.len(),
    })
}

/// Returns the lowest threshold that meets the target.
///
/// For quality this is conformal risk control: the loss of a kept answer is 1 if only the cloud's
/// was right, and one more loss than observed must be allowed, so that the target holds on average
/// for unseen answers. For 98 % this takes 49 samples.
fn threshold_for(pairs: &[Judged], target: Target) -> f64 {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.signal.total_cmp(&b.signal));
    let count = sorted.len() as f64;
    let cloud = sorted.iter().filter(|it| it.is_cloud_right).count() as f64;
    let mut threshold = f64::MAX;
    let mut losses = 0.0;
    let mut kept = 0.0;
    for ties in sorted.chunk_by(|a, b| a.signal == b.signal).rev() {
        for it in ties {
            losses += f64::from(u8::from(it.is_cloud_right)) - f64::from(u8::from(it.is_right));
            kept += 1.0;
        }
        let Some(first) = ties.first().map(|it| it.signal.clamp(f64::MIN, f64::MAX)) else {
            continue;
        };
        match target {
            Target::Quality(quality) => {
                // If the device is right and the cloud is wrong, losses decrease again: a threshold
                // beyond the first violation would be chosen by chance.
                if (losses + 1.0) / (count + 1.0) > (1.0 - quality) * (cloud / count) {
                    break;
                }
                threshold = first;
            }
            Target::CloudShare(share) => {
                threshold = first;
                if (count - kept) / count <= share {
                    break;
                }
            }
        }
    }
    match target {
        Target::CloudShare(share) if share >= 1.0 => f64::MAX,
        _ => threshold,
    }
}

/// Returns how many answers are right with this threshold, and how many come from the cloud.
fn outcome(pairs: &[Judged], threshold: f64) -> (usize, usize) {
    let cloud = |it: &&Judged| it.signal < threshold;
    let right = |it: &&Judged| if cloud(it) { it.is_cloud_right } else { it.is_right };
    (pairs.iter().filter(right).count(), pairs.iter().filter(cloud).count())
}

/// Returns each fifth, with the other four.
fn folds<T: Copy>(all: &[T]) -> Vec<(Vec<T>, Vec<T>)> {
    let mut order: Vec<T> = all.to_vec();
    Random(SEED).shuffle(&mut order);
    let part = |fold: usize| {
        let numbered = order.iter().copied().enumerate();
        let (inside, outside): (Vec<_>, Vec<_>) = numbered.partition(|(at, _)| at % FOLDS == fold);
        let values = |it: Vec<(usize, T)>| it.into_iter().map(|(_, value)| value).collect();
        (values(inside), values(outside))
    };
    (0..FOLDS).map(part).collect()
}

fn pairs_of(samples: &[Observed], signal: Signal) -> Option<Vec<Judged>> {
    let judged = |it: &Observed| {
        let signal = signal.of(&it.signals).filter(|it| !it.is_nan())?;
        Some(Judged { signal, is_right: it.is_right, is_cloud_right: it.is_cloud_right })
    };
    samples.iter().map(judged).collect()
}

fn truths(pairs: &[Judged]) -> Vec<(f64, bool)> {
    pairs.iter().map(|it| (it.signal, it.is_right)).collect()
}

/// Returns signals of a combination that was fitted without the sample it judges.
fn combined_unseen(samples: &[Observed]) -> Option<Vec<Judged>> {
    let mut all = Vec::with_capacity(samples.len());
    for (fold, others) in folds(samples) {
        all.extend(pairs_of(&fold, combine(&others)?)?);
    }
    Some(all)
}

/// Fits weights for the features by logistic regression; `None` if a feature is unknown or all
/// answers have the same correctness.
fn combine(samples: &[Observed]) -> Option<Signal> {
    const WIDTH: usize = COMBINED - 1;
    let features: Vec<[f64; WIDTH]> =
        samples.iter().map(|it| it.signals.features()).collect::<Option<_>>()?;
    let right = samples.iter().filter(|it| it.is_right).count();
    if right == 0 || right == samples.len() {
        return None;
    }
    let count = samples.len() as f64;
    let column = |at: usize| features.iter().map(move |it| it.get(at).copied().unwrap_or_default());
    let mut centres = [0.0; WIDTH];
    let mut spreads = [0.0; WIDTH];
    for (at, (centre, spread)) in centres.iter_mut().zip(&mut spreads).enumerate() {
        *centre = column(at).fold(0.0, |sum, it| sum + it) / count;
        let squares = column(at).fold(0.0, |sum, it| sum + (it - *centre) * (it - *centre));
        *spread = (squares / count).sqrt().max(1e-6);
    }
    let scaled = |it: &[f64; WIDTH]| {
        let parts = it.iter().zip(centres.iter().zip(&spreads)).enumerate();
        let term = |(bucket, (value, (centre, spread)))| {
            let value: f64 = (value - centre) / spread;
            Term { bucket, value }
        };
        parts.map(term).collect::<Vec<Term>>()
    };
    let classes = samples.iter().map(|it| usize::from(it.is_right));
    let examples: Vec<Example> = features.iter().map(scaled).zip(classes).collect();
    let head = Head::train(&examples, 2, WIDTH, SEED);
    let mut combined = [0.0; COMBINED];
    let [bias, slots @ ..] = &mut combined;
    *bias = head.biases.first().copied().unwrap_or_default();
    let weights = head.weights.first()?;
    for (slot, (weight, (centre, spread))) in
        slots.iter_mut().zip(weights.iter().zip(centres.iter().zip(&spreads)))
    {
        *slot = weight / spread;
        *bias -= weight * centre / spread;
    }
    combined.iter().all(|it| it.is_finite()).then_some(Signal::Combined(combined))
}
