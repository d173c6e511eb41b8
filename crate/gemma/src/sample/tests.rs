//! Tests of sampling.

use proptest::prelude::*;

use super::{Draw, Request, Sampler, choose, hash, largest, log_sum_exp, noise};

const WARM: Sampler = Sampler { temperature: 1.0, ..Sampler::GREEDY };

fn draw(sampler: Sampler, step: u32) -> Draw<'static> {
    Draw { sampler, step, top: 0, allowed: None }
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
fn logprobs_ignore_temperature_cuts_and_mask() {
    let logits = [1.0, 0.0, -1.0];
    let normaliser = log_sum_exp(logits.iter().copied());
    let sampler = Sampler { temperature: 0.1, top_k: 1, ..WARM };
    for (allowed, expected) in [(None, 1.0), (Some(&[0b110][..]), 0.0)] {
        let choice = choose(&logits, &Draw { allowed, ..draw(sampler, 0) }).unwrap();
        assert!((f64::from(choice.logprob) - (expected - normaliser)).abs() < 1e-6);
    }
}

/// A mask is applied before all other cuts, as if the other tokens did not exist.
#[test]
fn only_allowed_tokens_are_chosen() {
    let logits: Vec<f32> = (0..70).map(|it| ((it * 37) % 70) as f32 / 9.0).collect();
    // One token in word 0, two in word 1, and a mask that ends before the rest.
    let words = [1 << 5, 1 << 31 | 1];
    let rest: Vec<f32> = [5, 32, 63].map(|token: usize| logits[token]).to_vec();
    for sampler in [Sampler::GREEDY, WARM, Sampler { top_p: 0.6, top_k: 2, ..WARM }] {
        for step in 0..50 {
            let draw = Draw { top: 9, allowed: Some(&words), ..draw(sampler, step) };
            let choice = choose(&logits, &draw).unwrap();
            assert!([5, 32, 63].contains(&choice.token), "{choice:?}");
            let sorted: Vec<f32> = choice.top.iter().map(|(_, logit)| *logit).collect();
            assert_eq!(sorted, largest(&rest, 9).iter().map(|it| it.1).collect::<Vec<_>>());
            if sampler.top_k == 2 {
                assert_ne!(choice.token, 63, "the least likely of the three");
            }
        }
    }
    let none = Draw { allowed: Some(&[0, 0, 0]), ..draw(WARM, 0) };
    let code = choose(&logits, &none).unwrap_err().code;
    assert_eq!(code.as_deref(), Some("NOTHING_ALLOWED"));
    // A non-finite logit is an error even if its token could not be chosen.
    let broken = [f32::NAN, 1.0];
    assert!(choose(&broken, &Draw { allowed: Some(&[0b10]), ..draw(WARM, 0) }).is_err());
}

#[test]
fn non_finite_logits_are_an_error_with_a_code() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for logits in [&[0.0, bad, 1.0][..], &[bad]] {
            let error = choose(logits, &draw(WARM, 0)).unwrap_err();
            assert_eq!(error.code.as_deref(), Some("NUMERIC"));
        }
    }
    assert!(choose(&[], &draw(WARM, 0)).is_err());
}

/// Returns the tokens drawn over many seeds. Probabilities: 0.5, 0.25, 0.15, 0.07, 0.03.
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
fn cuts_keep_the_right_tokens() {
    check(WARM, &[0, 1, 2, 3, 4]);
    check(Sampler { top_k: 2, ..WARM }, &[0, 1]);
    check(Sampler { top_k: 99, ..WARM }, &[0, 1, 2, 3, 4]);
    check(Sampler { top_p: 0.7, ..WARM }, &[0, 1]);
    check(Sampler { top_p: 0.76, ..WARM }, &[0, 1, 3]);
    check(Sampler { top_p: 0.0, ..WARM }, &[1]);
    check(Sampler { min_p: 0.29, ..WARM }, &[0, 1, 3]);
    check(Sampler { min_p: 1.0, ..WARM }, &[1]);
    // Of the two tokens left by top-k, one has probability two thirds.
    check(Sampler { top_k: 2, top_p: 0.66, ..WARM }, &[1]);
    // Half the temperature squares probabilities: 0.25 of 0.341 is 0.73.
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
    // The chi-squared statistic with 7 degrees of freedom exceeds 24.3 once in a thousand.
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

/// Other backends compute the same hash: these values were computed from its definition in another
/// language.
#[test]
fn random_numbers_are_the_same_everywhere() {
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
    fn the_largest_agree_with_sorting(
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
