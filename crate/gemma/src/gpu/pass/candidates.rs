//! The 512 bytes that are read back for each token.
//!
//! ```text
//! words 0..16    token, its logit, log Σ exp(logit − largest), not a number?, position, count,
//!                largest
//! words 16..80   the largest allowed logits, in any order; −∞ where there are fewer
//! words 80..128  their tokens, three bytes each
//! ```

use hybridge_core::{Error, Result};

use crate::sample::{
    Draw, Sampled, Sampler, among, cut, log_sum_exp, margin, not_finite, nothing_allowed,
};

/// The size of a result in bytes.
pub(crate) const RESULT: usize = 512;
/// The number of words before the logits.
const HEAD: usize = 16;
/// The number of logits in a result.
pub(crate) const KEEP: usize = 64;
/// Below every logit: the kernels' value for no token.
pub(crate) const NOTHING: f32 = -3.4e38;

/// A parsed result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidates {
    /// The likeliest allowed token.
    pub(crate) token: u32,
    /// Its logit.
    logit: f32,
    /// log Σ exp over all logits.
    normaliser: f64,
    /// The largest allowed logits, largest first; empty if they were not requested.
    sorted: Vec<(u32, f32)>,
}

/// Whether the 64 largest logits are enough for this choice, which top-k must limit.
pub(crate) fn suffice(draw: &Draw<'_>, vocabulary: usize) -> bool {
    let Sampler { top_k, .. } = draw.sampler;
    let bounded = draw.sampler.is_greedy() || (top_k > 0 && top_k as usize <= KEEP);
    vocabulary <= KEEP || (bounded && draw.top <= KEEP)
}

/// Whether only the likeliest token is needed.
pub(crate) fn only_best(draw: &Draw<'_>) -> bool {
    draw.sampler.is_greedy() && draw.top == 0
}

impl Candidates {
    /// Parses a result. A non-finite logit is an error.
    pub(crate) fn read(bytes: &[u8], has_many: bool) -> Result<Self> {
        let words: Vec<u32> =
            bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let [token, logit, log_sum, wrong, _, count, largest, ..] = *words.as_slice() else {
            return Err(Error::internal("the GPU returned too few bytes"));
        };
        if wrong != 0 {
            return Err(not_finite());
        }
        let logit = f32::from_bits(logit);
        let normaliser = f64::from(f32::from_bits(largest)) + f64::from(f32::from_bits(log_sum));
        if !normaliser.is_finite() {
            return Err(not_finite());
        }
        if logit <= NOTHING {
            return Err(nothing_allowed());
        }
        let count = if has_many { (count as usize).min(KEEP) } else { 0 };
        let logits = words.iter().skip(HEAD).take(count).map(|word| f32::from_bits(*word));
        let tokens = bytes.get(4 * (HEAD + KEEP)..).unwrap_or_default();
        let tokens =
            tokens.as_chunks::<3>().0.iter().map(|[a, b, c]| u32::from_le_bytes([*a, *b, *c, 0]));
        let mut sorted: Vec<(u32, f32)> =
            tokens.zip(logits).filter(|(_, logit)| *logit > f32::NEG_INFINITY).collect();
        sorted.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(Self { token, logit, normaliser, sorted })
    }

    /// Makes the choice that [`crate::sample::choose`] makes of all logits.
    pub(crate) fn choose(&self, draw: &Draw<'_>) -> Result<Sampled> {
        let (token, logit) = if draw.sampler.is_greedy() {
            (self.token, self.logit)
        } else {
            among(self.permitted(&draw.sampler), draw)?
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "log-probabilities are reported as f32"
        )]
        let logprob = (f64::from(logit) - self.normaliser) as f32;
        let margin = margin(token, logit, self.sorted.iter().copied());
        let top = self.sorted.iter().take(draw.top).copied().collect();
        Ok(Sampled { token, logprob, margin, entropy: None, top })
    }

    fn permitted(&self, sampler: &Sampler) -> Vec<(u32, f32)> {
        let k = if sampler.top_k == 0 { self.sorted.len() } else { sampler.top_k as usize };
        let mut left: Vec<_> = self.sorted.iter().take(k).copied().collect();
        if sampler.top_p < 1.0 || sampler.min_p > 0.0 {
            let normaliser = log_sum_exp(left.iter().map(|(_, logit)| logit / sampler.temperature));
            left.truncate(cut(&left, sampler, normaliser));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidates, HEAD, KEEP, RESULT};
    use crate::sample::{Draw, Sampler, choose};

    /// The kernel's result, computed in Rust.
    fn result_of(logits: &[f32]) -> Vec<u8> {
        let sorted = crate::sample::largest(logits, KEEP);
        let mut bytes = vec![0; RESULT];
        let log_sum = logits.iter().map(|it| (it - sorted[0].1).exp()).sum::<f32>().ln();
        let head = [
            sorted[0].0,
            sorted[0].1.to_bits(),
            log_sum.to_bits(),
            0,
            0,
            u32::try_from(sorted.len()).unwrap(),
            sorted[0].1.to_bits(),
        ];
        for (i, word) in head.into_iter().enumerate() {
            bytes[4 * i..4 * i + 4].copy_from_slice(&word.to_le_bytes());
        }
        // Any order is allowed: from the smallest.
        for (i, (token, logit)) in sorted.iter().rev().enumerate() {
            let (at, to) = (4 * (HEAD + i), 4 * (HEAD + KEEP) + 3 * i);
            bytes[at..at + 4].copy_from_slice(&logit.to_le_bytes());
            bytes[to..to + 3].copy_from_slice(&token.to_le_bytes()[..3]);
        }
        bytes
    }

    #[test]
    fn choices_agree_with_those_of_all_logits() {
        let logits: Vec<f32> = (0..300).map(|i| ((i * 7919 % 1009) as f32) / 97.0).collect();
        let candidates = Candidates::read(&result_of(&logits), true).unwrap();
        let sampler = Sampler { temperature: 1.3, top_k: 64, top_p: 0.9, min_p: 0.01, seed: 5 };
        for sampler in [Sampler::GREEDY, sampler, Sampler { top_k: 3, top_p: 1.0, ..sampler }] {
            for step in 0..50 {
                let draw = Draw { sampler, step, top: 5, allowed: None };
                let (found, expected) =
                    (candidates.choose(&draw).unwrap(), choose(&logits, &draw).unwrap());
                assert_eq!((found.token, &found.top), (expected.token, &expected.top));
                assert!((found.logprob - expected.logprob).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn non_finite_logits_are_an_error() {
        let mut bytes = result_of(&[1.0, 2.0]);
        bytes[12] = 1;
        assert_eq!(Candidates::read(&bytes, true).unwrap_err().code.as_deref(), Some("NUMERIC"));
    }
}
