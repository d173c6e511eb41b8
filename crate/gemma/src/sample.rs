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
pub struct Draw {
    /// How.
    pub sampler: Sampler,
    /// Which token of the answer this is, from 0.
    pub step: u32,
    /// How many of the largest logits are wanted beside the choice.
    pub top: usize,
}

/// A choice made.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: u32,
    /// Its log-probability by the plain softmax, without temperature or cut.
    pub logprob: f32,
    /// The largest logits with their tokens, largest first.
    pub top: Vec<(u32, f32)>,
}

/// The error of logits that are not numbers.
#[must_use]
pub fn not_finite() -> Error {
    Error::new(Status::Internal, "the model computed a logit that is not a finite number")
        .with_code("NUMERIC")
}

/// Picks a token by its logits: the definition that every backend's own way must agree with.
pub fn choose(logits: &[f32], draw: &Draw) -> Result<Choice> {
    if logits.is_empty() || !logits.iter().all(|logit| logit.is_finite()) {
        return Err(not_finite());
    }
    let normaliser = log_sum_exp(logits.iter().copied());
    let (token, logit) = if draw.sampler.is_greedy() {
        numbered(logits).reduce(larger).ok_or_else(not_finite)?
    } else {
        among(candidates(logits, &draw.sampler), draw)?
    };
    #[expect(clippy::cast_possible_truncation, reason = "log-probabilities are reported as f32")]
    let logprob = (f64::from(logit) - normaliser) as f32;
    Ok(Choice { token, logprob, top: largest(logits, draw.top) })
}

/// Picks among candidates that [`cut`] has left, given with their logits in any order.
pub fn among(candidates: impl IntoIterator<Item = (u32, f32)>, draw: &Draw) -> Result<(u32, f32)> {
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
    let mut all: Vec<(u32, f32)> = numbered(logits).collect();
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

/// What top-k, top-p and min-p leave, in that order, on the softmax with temperature.
fn candidates(logits: &[f32], sampler: &Sampler) -> Vec<(u32, f32)> {
    let whole = sampler.top_p >= 1.0 && sampler.min_p <= 0.0;
    if sampler.top_k == 0 && whole {
        return numbered(logits).collect();
    }
    let k = if sampler.top_k == 0 { logits.len() } else { sampler.top_k as usize };
    let mut sorted = largest(logits, k);
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
mod tests {
    use proptest::prelude::*;

    use super::{Draw, Request, Sampler, choose, hash, largest, log_sum_exp, noise};

    const WARM: Sampler = Sampler { temperature: 1.0, ..Sampler::GREEDY };

    fn draw(sampler: Sampler, step: u32) -> Draw {
        Draw { sampler, step, top: 0 }
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        let logits = [0.5, 2.0, -1.0, 2.0];
        let choice = choose(&logits, &Draw { top: 3, ..draw(Sampler::GREEDY, 0) }).unwrap();
        assert_eq!(choice.token, 1);
        assert_eq!(choice.top, [(1, 2.0), (3, 2.0), (0, 0.5)]);
        let expected = 2.0 - (0.5_f64.exp() + 2.0 * 2.0_f64.exp() + (-1.0_f64).exp()).ln();
        assert!((f64::from(choice.logprob) - expected).abs() < 1e-6);
    }

    #[test]
    fn logprobs_know_neither_temperature_nor_cut() {
        let logits = [1.0, 0.0, -1.0];
        let normaliser = log_sum_exp(logits.iter().copied());
        let sampler = Sampler { temperature: 0.1, top_k: 1, ..WARM };
        let choice = choose(&logits, &draw(sampler, 0)).unwrap();
        assert!((f64::from(choice.logprob) - (1.0 - normaliser)).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_a_number_is_an_error_with_a_code() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for logits in [&[0.0, bad, 1.0][..], &[bad]] {
                let error = choose(logits, &draw(WARM, 0)).unwrap_err();
                assert_eq!(error.code.as_deref(), Some("NUMERIC"));
            }
        }
        assert!(choose(&[], &draw(WARM, 0)).is_err());
    }

    /// Which tokens ever come, over many seeds. Probabilities: 0.5, 0.25, 0.15, 0.07, 0.03.
    #[track_caller]
    fn check(sampler: Sampler, expected: &[u32]) {
        let logits = [0.25_f32, 0.5, 0.03, 0.15, 0.07].map(f32::ln);
        let mut seen: Vec<u32> = (0..2000)
            .map(|seed| choose(&logits, &draw(Sampler { seed, ..sampler }, 0)).unwrap().token)
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, expected, "{sampler:?}");
    }

    #[test]
    fn cuts_leave_what_they_should() {
        check(WARM, &[0, 1, 2, 3, 4]);
        check(Sampler { top_k: 2, ..WARM }, &[0, 1]);
        check(Sampler { top_k: 99, ..WARM }, &[0, 1, 2, 3, 4]);
        check(Sampler { top_p: 0.7, ..WARM }, &[0, 1]);
        check(Sampler { top_p: 0.76, ..WARM }, &[0, 1, 3]);
        check(Sampler { top_p: 0.0, ..WARM }, &[1]);
        check(Sampler { min_p: 0.29, ..WARM }, &[0, 1, 3]);
        check(Sampler { min_p: 1.0, ..WARM }, &[1]);
        // Of the two that top-k leaves, one has two thirds.
        check(Sampler { top_k: 2, top_p: 0.66, ..WARM }, &[1]);
        // At half the temperature probabilities are squared: 0.25 of 0.341 is 0.73.
        check(Sampler { temperature: 0.5, top_p: 0.73, ..WARM }, &[1]);
        check(Sampler { top_k: 0, top_p: 1.0, ..Sampler::GREEDY }, &[1]);
    }

    #[test]
    fn draws_follow_the_softmax() {
        let logits: Vec<f32> = (0..8).map(|i| i as f32 * 0.4).collect();
        let temperature = 0.7;
        let normaliser = log_sum_exp(logits.iter().map(|logit| logit / temperature));
        let draws = 40_000;
        let mut counts = [0_u32; 8];
        for number in 0..draws {
            let sampler = Sampler { temperature, seed: u64::from(number / 200), ..WARM };
            let token = choose(&logits, &draw(sampler, number % 200)).unwrap().token;
            counts[token as usize] += 1;
        }
        // Pearson's sum has 7 degrees of freedom: above 24.3 once in a thousand.
        let sum: f64 = counts
            .iter()
            .zip(&logits)
            .map(|(count, logit)| {
                let share = (f64::from(logit / temperature) - normaliser).exp();
                let expected = share * f64::from(draws);
                (f64::from(*count) - expected).powi(2) / expected
            })
            .sum();
        assert!(sum < 24.3, "{sum}: {counts:?}");
    }

    /// Other backends compute the same hash: these values were worked out by hand from its
    /// definition in another language.
    #[test]
    fn chance_is_the_same_everywhere() {
        for (seed, step, token, expected) in HASHES {
            assert_eq!(hash(seed, step, token), expected, "{seed} {step} {token}");
        }
        let mean: f64 = (0..10_000).map(|token| noise(7, 0, token)).sum::<f64>() / 1e4;
        assert!((mean - 0.577).abs() < 0.05, "the mean of the distribution is Euler's number");
    }

    const HASHES: [(u64, u32, u32, u32); 4] = [
        (0x0, 0, 0, 0x0f02f829),
        (0x1, 2, 3, 0xc40abdc5),
        (0xdeadbeefcafebabe, 7, 262143, 0x51f3619d),
        (0xffffffffffffffff, 4294967295, 4294967295, 0x974ed892),
    ];

    #[test]
    fn requests_are_read_with_gemmas_defaults() {
        let sampler = Sampler::of(&Request::default(), 9);
        assert_eq!(
            (sampler.temperature, sampler.top_k, sampler.top_p, sampler.seed),
            (1.0, 64, 0.95, 9)
        );
        let config = Request {
            temperature: Some(f64::NAN),
            top_p: Some(7.0),
            seed: Some(3),
            ..Request::default()
        };
        let sampler = Sampler::of(&config, 9);
        assert_eq!((sampler.temperature, sampler.top_p, sampler.seed), (1.0, 1.0, 3));
    }

    proptest! {
        #[test]
        fn the_largest_are_those_of_sorting(
            logits in prop::collection::vec(-3_i8..3, 0..40),
            count in 0..50_usize,
        ) {
            let logits: Vec<f32> = logits.into_iter().map(f32::from).collect();
            let mut sorted: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            sorted.truncate(count);
            prop_assert_eq!(largest(&logits, count), sorted);
        }
    }
}
