//! Samples a token from logits: greedily, or at random from a seed.
//!
//! Each token ID gets one random number from a hash of (seed, step, ID), distributed so that adding
//! it to logit / temperature and taking the maximum is a draw from the softmax (the Gumbel trick).
//! A backend can do that on any device and in any order, and all backends choose the same token.

use hybridge_core::{Config as Request, Error, Result, Status};

/// The sampling method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// 0 is greedy. Logits are divided by it before anything else.
    pub temperature: f32,
    /// Sample from the k most likely tokens; 0 disables the limit.
    pub top_k: u32,
    /// Sample from the most likely tokens that together reach p, at least one; 1 disables the
    /// limit.
    pub top_p: f32,
    /// Sample tokens of at least this probability relative to the most likely one; 0 disables the
    /// limit.
    pub min_p: f32,
    /// The same seed gives the same text.
    pub seed: u64,
}

/// Temperature comes first, then top-k, top-p and min-p, each applied to the result of the previous
/// one. llama.cpp applies temperature last, so its top-p and min-p cut at other places.
impl Sampler {
    /// Returns a sampler that always picks the most likely token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 };

    /// Returns the sampler for a request, with Gemma's own defaults for missing options. `seed` is
    /// used if the request has none, because this module has no source of randomness.
    #[must_use]
    pub fn of(config: &Request, seed: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "probabilities and temperatures")]
        let number = |value: Option<f64>, default: f32| {
            value.map_or(default, |value| if value.is_nan() { default } else { value as f32 })
        };
        Self {
            temperature: number(config.temperature, 1.0).max(0.0),
            top_k: config.top_k.unwrap_or(64),
            top_p: number(config.top_p, 0.95).clamp(0.0, 1.0),
            min_p: number(config.min_p, 0.0).clamp(0.0, 1.0),
            seed: config.seed.unwrap_or(seed),
        }
    }

    /// Whether sampling is deterministic without a seed.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }
}

/// One token to choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw<'a> {
    /// The sampler.
    pub sampler: Sampler,
    /// The token's index in the answer, from 0.
    pub step: u32,
    /// The number of largest logits to return beside the choice.
    pub top: usize,
    /// The mask of allowed tokens, one bit each, the lowest first; `None` allows all.
    pub allowed: Option<&'a [u32]>,
}

impl Draw<'_> {
    /// Whether a token may be chosen. Tokens beyond the end of the mask may not.
    #[must_use]
    pub fn allows(&self, token: u32) -> bool {
        self.allowed.is_none_or(|words| {
            words.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
        })
    }
}

/// A chosen token.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The token.
    pub token: u32,
    /// Its log-probability in the softmax over all tokens, without temperature, cuts or mask: that
    /// of the model's own distribution.
    pub logprob: f32,
    /// The margin of its logit over the best other allowed token, in nats; below 0 if sampling
    /// chose another. `None` if it was the only one, or if no other is known.
    pub margin: Option<f32>,
    /// The entropy of the softmax over all tokens, in nats. `None` if a backend returns only the
    /// largest logits, from which it cannot be computed.
    pub entropy: Option<f32>,
    /// The largest logits among the allowed tokens, largest first.
    pub top: Vec<(u32, f32)>,
}

/// The error of non-finite logits.
#[must_use]
pub fn not_finite() -> Error {
    Error::new(Status::Internal, "the model computed a logit that is not a finite number")
        .with_code("NUMERIC")
}

/// The error of a mask that allows no token.
#[must_use]
pub fn nothing_allowed() -> Error {
    Error::internal("no token may be chosen").with_code("NOTHING_ALLOWED")
}

/// Picks a token by its logits. Every backend's own implementation must agree with this definition.
pub fn choose(logits: &[f32], draw: &Draw<'_>) -> Result<Sampled> {
    if logits.is_empty() || !logits.iter().all(|logit| logit.is_finite()) {
        return Err(not_finite());
    }
    let normaliser = log_sum_exp(logits.iter().copied());
    let allowed: Vec<_> = numbered(logits).filter(|(token, _)| draw.allows(*token)).collect();
    if allowed.is_empty() {
        return Err(nothing_allowed());
    }
    let top = first(allowed.clone(), draw.top);
    let best = first(allowed.clone(), 2);
    let (token, logit) = if draw.sampler.is_greedy() {
        allowed.into_iter().reduce(larger).ok_or_else(not_finite)?
    } else {
        among(candidates(allowed, &draw.sampler), draw)?
    };
    #[expect(clippy::cast_possible_truncation, reason = "log-probabilities are reported as f32")]
    let logprob = (f64::from(logit) - normaliser) as f32;
    let margin = margin(token, logit, best.into_iter());
    Ok(Sampled { token, logprob, margin, entropy: finite(entropy(logits, normaliser)), top })
}

/// Returns the margin of a token over the best other allowed one; the two best logits are enough.
#[must_use]
pub fn margin(token: u32, logit: f32, mut best: impl Iterator<Item = (u32, f32)>) -> Option<f32> {
    best.find(|(other, _)| *other != token).map(|(_, other)| logit - other)
}

/// Returns the entropy of the softmax of logits in nats, where `normaliser` is their log Σ exp.
#[must_use]
pub fn entropy(logits: &[f32], normaliser: f64) -> f64 {
    let surprises = logits.iter().map(|&logit| {
        let logprob = f64::from(logit) - normaliser;
        // The limit of p·ln p at p = 0 is 0.
        if logprob < -700.0 { 0.0 } else { -logprob * logprob.exp() }
    });
    surprises.sum()
}

/// Converts a number for a report.
pub(crate) fn finite(number: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "reported as f32")]
    let small = number as f32;
    small.is_finite().then_some(small)
}

/// Picks among the candidates left by [`cut`], with their logits in any order.
pub fn among(
    candidates: impl IntoIterator<Item = (u32, f32)>,
    draw: &Draw<'_>,
) -> Result<(u32, f32)> {
    let Sampler { temperature, seed, .. } = draw.sampler;
    let score = |(token, logit): (u32, f32)| {
        f64::from(logit) / f64::from(temperature) + noise(seed, draw.step, token)
    };
    candidates
        .into_iter()
        .map(|candidate| (candidate, score(candidate)))
        .reduce(|best, next| match next.1.total_cmp(&best.1) {
            std::cmp::Ordering::Greater => next,
            std::cmp::Ordering::Equal if next.0.0 < best.0.0 => next,
            _ => best,
        })
        .map(|(candidate, _)| candidate)
        .ok_or_else(not_finite)
}

/// Returns the `count` largest logits with their tokens, largest first; of equal ones the lower ID
/// comes first.
#[must_use]
pub fn largest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    first(numbered(logits).collect(), count)
}

fn first(mut all: Vec<(u32, f32)>, count: usize) -> Vec<(u32, f32)> {
    if count == 0 {
        return Vec::new();
    }
    if count < all.len() {
        all.select_nth_unstable_by(count - 1, by_logit);
        all.truncate(count);
    }
    all.sort_unstable_by(by_logit);
    all
}

/// Keeps those candidates, sorted as by [`largest`], that the sampler permits.
///
/// `normaliser` is the log of the sum of exp(logit / temperature) after top-k: over the given
/// candidates with top-k, over the whole vocabulary without it.
#[must_use]
pub fn cut(sorted: &[(u32, f32)], sampler: &Sampler, normaliser: f64) -> usize {
    let temperature = f64::from(sampler.temperature);
    let probability = |logit: f32| (f64::from(logit) / temperature - normaliser).exp();
    let Some((_, first)) = sorted.first() else { return 0 };
    let floor = probability(*first) * f64::from(sampler.min_p);
    let mut sum = 0.0;
    let mut kept = 0;
    for (_, logit) in sorted {
        let share = probability(*logit);
        if kept > 0 && (share < floor || sum >= f64::from(sampler.top_p)) {
            break;
        }
        sum += share;
        kept += 1;
    }
    kept
}

/// Applies top-k, top-p and min-p, in that order, to the softmax with temperature over the allowed
/// tokens.
fn candidates(allowed: Vec<(u32, f32)>, sampler: &Sampler) -> Vec<(u32, f32)> {
    let whole = sampler.top_p >= 1.0 && sampler.min_p <= 0.0;
    if sampler.top_k == 0 && whole {
        return allowed;
    }
    let k = if sampler.top_k == 0 { allowed.len() } else { sampler.top_k as usize };
    let mut sorted = first(allowed, k);
    if !whole {
        let temperature = sampler.temperature;
        let normaliser = log_sum_exp(sorted.iter().map(|(_, logit)| logit / temperature));
        sorted.truncate(cut(&sorted, sampler, normaliser));
    }
    sorted
}

/// Computes log Σ exp(x), in f64 and without overflow.
pub fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f64 {
    let most = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = values.map(|value| (f64::from(value) - f64::from(most)).exp()).sum();
    f64::from(most) + sum.ln()
}

/// Returns the random number of one token at one step: a standard Gumbel number, −ln E with E
/// exponential.
///
/// E = −ln(1 − u), u = (hash + ½) / 2³². In this form large numbers come from small u, where
/// floating point is precise: even a token of probability 10⁻⁹ is drawn as often as it should
/// be.
#[must_use]
pub fn noise(seed: u64, step: u32, token: u32) -> f64 {
    let uniform = (f64::from(hash(seed, step, token)) + 0.5) / 4_294_967_296.0;
    -(-(-uniform).ln_1p()).ln()
}

/// The first word of `pcg4d` (Jarzynski and Olano 2020) over (seed's halves, step, token): a hash
/// of 32-bit products and sums only, so that WGSL can compute it, too.
#[must_use]
pub fn hash(seed: u64, step: u32, token: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the seed")]
    let (low, high) = (seed as u32, (seed >> 32) as u32);
    let mut v = [low, high, step, token]
        .map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    v = mix(v).map(|word| word ^ (word >> 16));
    let [first, ..] = mix(v);
    first
}

fn mix([mut x, mut y, mut z, mut w]: [u32; 4]) -> [u32; 4] {
    x = x.wrapping_add(y.wrapping_mul(w));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    w = w.wrapping_add(y.wrapping_mul(z));
    [x, y, z, w]
}

fn numbered(logits: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    (0..).zip(logits.iter().copied())
}

fn larger(best: (u32, f32), next: (u32, f32)) -> (u32, f32) {
    if next.1 > best.1 { next } else { best }
}

fn by_logit(a: &(u32, f32), b: &(u32, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

#[cfg(test)]
mod tests;
