//! [`crate::sample::choose`] without sorting the vocabulary: the same choice, some milliseconds
//! faster.

use hybridge_core::Result;

use super::lanes::run;
use super::vector::Survey;
use crate::sample::{
    Draw, Sampled, among, cut, finite, log_sum_exp, margin, not_finite, nothing_allowed,
};

/// The number of logits examined together: most ranges contain none that matters.
const STRETCH: usize = 64;

/// Picks a token by its logits.
pub(super) fn choose(logits: &[f32], draw: &Draw<'_>) -> Result<Sampled> {
    let sampler = &draw.sampler;
    let cuts = sampler.top_p < 1.0 || sampler.min_p > 0.0;
    let k = if sampler.is_greedy() { 1 } else { sampler.top_k as usize };
    if k == 0 || logits.is_empty() {
        return crate::sample::choose(logits, draw);
    }
    let (_, normaliser, entropy) = run(Survey { logits }).ok_or_else(not_finite)?;
    let mut sorted = largest(logits, draw, k.max(draw.top).max(2));
    if sorted.is_empty() {
        return Err(nothing_allowed());
    }
    let top = sorted.get(..draw.top).unwrap_or(&sorted).to_vec();
    let best = [sorted.first().copied(), sorted.get(1).copied()];
    sorted.truncate(k);
    let (token, logit) = if sampler.is_greedy() {
        *sorted.first().ok_or_else(not_finite)?
    } else {
        if cuts {
            let scaled = sorted.iter().map(|(_, logit)| logit / sampler.temperature);
            let normaliser = log_sum_exp(scaled);
            sorted.truncate(cut(&sorted, sampler, normaliser));
        }
        among(sorted, draw)?
    };
    #[expect(clippy::cast_possible_truncation, reason = "log-probabilities are reported as f32")]
    let logprob = (f64::from(logit) - normaliser) as f32;
    let margin = margin(token, logit, best.into_iter().flatten());
    Ok(Sampled { token, logprob, margin, entropy: finite(entropy), top })
}

/// Returns the `count` largest allowed logits, largest first; of equal ones the lower ID comes
/// first.
fn largest(logits: &[f32], draw: &Draw<'_>, count: usize) -> Vec<(u32, f32)> {
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(4 * count);
    // Any logit that doesn't exceed this has `count` better ones before it.
    let mut bar = f32::NEG_INFINITY;
    // The mask words of each range; tokens beyond the end of the mask are not allowed.
    let mut masks = draw.allowed.map(|words| words.chunks(STRETCH / 32));
    for (start, stretch) in (0..).step_by(STRETCH).zip(logits.chunks(STRETCH)) {
        if let Some(masks) = &mut masks
            && masks.next().is_none_or(|words| words.iter().all(|word| *word == 0))
        {
            continue;
        }
        if stretch.iter().fold(f32::NEG_INFINITY, |most, logit| most.max(*logit)) <= bar {
            continue;
        }
        let numbered = (start..).zip(stretch.iter().copied());
        kept.extend(numbered.filter(|(token, logit)| *logit > bar && draw.allows(*token)));
        if kept.len() >= 3 * count {
            bar = shorten(&mut kept, count);
        }
    }
    shorten(&mut kept, count);
    kept
}

/// Keeps the largest, sorted, and returns the last of them.
fn shorten(kept: &mut Vec<(u32, f32)>, count: usize) -> f32 {
    kept.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    kept.truncate(count);
    if kept.len() < count {
        return f32::NEG_INFINITY;
    }
    kept.last().map_or(f32::NEG_INFINITY, |(_, logit)| *logit)
}

#[cfg(test)]
mod tests {
    use crate::sample::{Draw, Sampler};

    /// Every sampler chooses like the definition.
    #[test]
    fn choices_agree_with_the_definition() {
        let logits: Vec<f32> =
            (0..5000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32 / 300.0).collect();
        let few: Vec<u32> = (0..150_u32).map(|i| i.wrapping_mul(0x9e37_79b9) & 0x1111).collect();
        let one = [0, 0, 0, 1 << 7];
        let chance = Sampler { temperature: 1.0, top_k: 64, top_p: 0.95, min_p: 0.0, seed: 7 };
        for sampler in [
            Sampler::GREEDY,
            chance,
            Sampler { top_k: 5, top_p: 1.0, ..chance },
            Sampler { top_k: 1, ..chance },
            Sampler { top_k: 0, ..chance },
            Sampler { min_p: 0.2, temperature: 2.0, ..chance },
        ] {
            for (step, top, allowed) in (0..20).flat_map(|step| {
                let masks = [None, Some(&few[..]), Some(&one[..])];
                masks.into_iter().flat_map(move |allowed| [(step, 0, allowed), (step, 3, allowed)])
            }) {
                {
                    let draw = Draw { sampler, step, top, allowed };
                    let got = super::choose(&logits, &draw).unwrap();
                    let right = crate::sample::choose(&logits, &draw).unwrap();
                    assert_eq!((got.token, &got.top), (right.token, &right.top), "{draw:?}");
                    assert!((got.logprob - right.logprob).abs() < 1e-5, "{draw:?}");
                    assert_eq!(got.margin, right.margin, "{draw:?}");
                    let [got, right] = [got, right].map(|it| it.entropy.unwrap());
                    assert!((got - right).abs() < 1e-4, "{draw:?}: {got} {right}");
                }
            }
        }
    }

    #[test]
    fn non_finite_logits_are_rejected() {
        let draw = Draw { sampler: Sampler::GREEDY, step: 0, top: 0, allowed: None };
        for logits in [vec![], vec![f32::NAN], vec![1.0, f32::INFINITY]] {
            assert!(super::choose(&logits, &draw).is_err());
        }
        let error = super::choose(&[1.0; 99], &Draw { allowed: Some(&[0; 9]), ..draw });
        assert_eq!(error.unwrap_err().code.as_deref(), Some("NOTHING_ALLOWED"));
    }
}
