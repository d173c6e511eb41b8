//! Turns logits into a token: greedily, or by chance that a seed decides.
//!
//! Chance is one number for each token id, drawn from a hash of (seed, step, id) and shaped so
//! that adding it to logit / temperature and taking the largest is a draw from the softmax (the
//! Gumbel trick). A backend can do that wherever its logits are and in any order, and all backends
//! choose the same token.

use hybridge_core::{Config as Request, Error, Result, Status};

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// 0 is greedy. Logits are divided by it before anything else.
    pub temperature: f32,
    /// Only the k most likely tokens; 0 is all.
    pub top_k: u32,
    /// Only the most likely tokens that together reach p, and at least one; 1 is all.
    pub top_p: f32,
    /// Only tokens at least this likely, relative to the most likely one; 0 is all.
    pub min_p: f32,
    /// Same seed, same text.
    pub seed: u64,
}

/// Temperature comes first, then top-k, top-p and min-p, each on what the one before it left.
/// llama.cpp applies temperature last, so that its top-p and min-p cut at other places.
impl Sampler {
    /// Always the most likely token.
    pub const GREEDY: Self = Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 };

    /// What a request asks for, and Gemma's own defaults for the rest. `seed` stands in where the
    /// request names none: this module knows no source of chance.
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

    /// Whether chance plays no part.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }
}

/// One choice to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw<'a> {
    /// How.
    pub sampler: Sampler,
    /// Which token of the answer this is, from 0.
    pub step: u32,
    /// How many of the largest logits are wanted beside the choice.
    pub top: usize,
    /// The tokens to choose among, one bit each, the lowest first; every other token is as
    /// unlikely as can be. Absent means all.
    pub allowed: Option<&'a [u32]>,
}

impl Draw<'_> {
    /// Whether a token may be chosen. What the mask is too short for may not.
    #[must_use]
    pub fn allows(&self, token: u32) -> bool {
        self.allowed.is_none_or(|words| {
            words.get(token as usize / 32).is_some_and(|word| word >> (token % 32) & 1 == 1)
        })
    }
}

/// A choice made.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// The token.
    pub token: u32,
    /// Its log-probability by the plain softmax over all tokens, without temperature, cut or mask:
    /// what the model would have said by itself.
    pub logprob: f32,
    /// By how much its logit is above the best of the other allowed tokens, in nats; below 0 where
    /// chance chose another. Absent where it was the only one, and where no other is known.
    pub margin: Option<f32>,
    /// The entropy of the softmax over all tokens, in nats. Absent where a backend brings back no
    /// more than the best logits: of those alone it would be another number.
    pub entropy: Option<f32>,
    /// The largest logits among the allowed tokens, largest first.
    pub top: Vec<(u32, f32)>,
}

/// The error of logits that are not numbers.
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

/// Picks a token by its logits: the definition that every backend's own way must agree with.
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

/// The margin of a token over the best of the others: of all allowed ones, the two best suffice.
#[must_use]
pub fn margin(token: u32, logit: f32, mut best: impl Iterator<Item = (u32, f32)>) -> Option<f32> {
    best.find(|(other, _)| *other != token).map(|(_, other)| logit - other)
}

/// The entropy of the softmax of logits in nats, where `normaliser` is their log Σ exp.
#[must_use]
pub fn entropy(logits: &[f32], normaliser: f64) -> f64 {
    let surprises = logits.iter().map(|&logit| {
        let logprob = f64::from(logit) - normaliser;
        // p·ln p is 0 where p is.
        if logprob < -700.0 { 0.0 } else { -logprob * logprob.exp() }
    });
    surprises.sum()
}

/// A number for a report.
pub(crate) fn finite(number: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "reported as f32")]
    let small = number as f32;
    small.is_finite().then_some(small)
}

/// Picks among candidates that [`cut`] has left, given with their logits in any order.
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

/// The `count` largest logits with their tokens, largest first, of equal ones the lower id first.
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

/// Leaves of candidates, sorted as [`largest`] sorts them, those that the sampler permits.
///
/// `normaliser` is the log of the sum of exp(logit / temperature) over the candidates that top-k
/// leaves: with top-k that is over those given, without it over the whole vocabulary.
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

/// What top-k, top-p and min-p leave, in that order, on the softmax with temperature over the
/// tokens that are allowed.
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

/// log Σ exp(x), in f64 and without overflow.
pub fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f64 {
    let most = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = values.map(|value| (f64::from(value) - f64::from(most)).exp()).sum();
    f64::from(most) + sum.ln()
}

/// The chance of one token at one step: a standard Gumbel number, −ln E with E exponential.
///
/// E = −ln(1 − u), u = (hash + ½) / 2³². Written so, large numbers come from small u, where
/// floating point is fine: even a token of probability 10⁻⁹ gets its share.
#[must_use]
pub fn noise(seed: u64, step: u32, token: u32) -> f64 {
    let uniform = (f64::from(hash(seed, step, token)) + 0.5) / 4_294_967_296.0;
    -(-(-uniform).ln_1p()).ln()
}

/// The first word of `pcg4d` (Jarzynski and Olano 2020) over (seed's halves, step, token): a hash
/// out of 32-bit products and sums alone, so that WGSL can do it too.
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
