use crate::learn::arithmetic::Random;
use crate::learn::{Judged, Observed, Signal, Signals, Target, auroc, calibrate, calibrate_signal};

/// Answers with a signal uniform from 0 to 1, right with that probability.
fn honest(count: usize, cloud: f64, seed: u32) -> Vec<Judged> {
    let mut random = Random(seed);
    let mut share = || f64::from(random.next()) / 4_294_967_296.0;
    (0..count)
        .map(|_| {
            let signal = share();
            Judged { signal, is_right: share() < signal.sqrt(), is_cloud_right: share() < cloud }
        })
        .collect()
}

fn reached(pairs: &[Judged], threshold: f64) -> (f64, f64) {
    let is_cloud = |it: &Judged| it.signal < threshold;
    let right =
        pairs.iter().filter(|it| if is_cloud(it) { it.is_cloud_right } else { it.is_right });
    let cloud = pairs.iter().filter(|it| is_cloud(it));
    (right.count() as f64 / pairs.len() as f64, cloud.count() as f64 / pairs.len() as f64)
}

#[test]
fn targets_hold_on_unseen_answers() {
    for (cloud, slack) in [(1.0, 0.003), (0.95, 0.006)] {
        let unseen = honest(20_000, cloud, 99);
        for quality in [0.9, 0.95, 0.98] {
            let mut sum = 0.0;
            for seed in 0..60 {
                let seen = honest(400, cloud, seed);
                let target = Target::Quality(quality);
                let found = calibrate_signal(Signal::P10, &seen, target).unwrap();
                let (right, escalated) = reached(&unseen, found.threshold);
                sum += right / 60.0;
                assert!(escalated < 1.0);
                assert!(found.quality.low <= found.quality.mean);
                assert!(found.quality.mean <= found.quality.high);
                assert!((found.quality.mean - right).abs() < 0.06);
                assert!((found.cloud_share.mean - escalated).abs() < 0.25);
            }
            assert!(sum >= quality * cloud - slack, "{sum} for {quality} of {cloud}");
        }
    }
    let unseen = honest(20_000, 1.0, 99);
    for share in [0.0, 0.3, 0.7, 1.0] {
        let found = calibrate_signal(Signal::P10, &honest(4000, 1.0, 5), Target::CloudShare(share));
        let (_, cloud) = reached(&unseen, found.unwrap().threshold);
        assert!((cloud - share).abs() < 0.05, "{cloud} for {share}");
    }
}

#[test]
fn thresholds_agree_with_their_slow_twin() {
    for seed in 0..50 {
        let pairs = honest(60, 0.95, seed);
        for target in [Target::Quality(0.9), Target::CloudShare(0.4)] {
            let found = calibrate_signal(Signal::P10, &pairs, target).unwrap().threshold;
            // Every signal is tried as a threshold, the highest first.
            let mut signals: Vec<f64> = pairs.iter().map(|it| it.signal).collect();
            signals.sort_by(f64::total_cmp);
            let n = pairs.len() as f64;
            let best = pairs.iter().filter(|it| it.is_cloud_right).count() as f64;
            let fits = |threshold: &&f64| {
                let (right, cloud) = reached(&pairs, **threshold);
                match target {
                    Target::Quality(it) => {
                        (best - (right * n).round() + 1.0) / (n + 1.0) <= (1.0 - it) * (best / n)
                    }
                    Target::CloudShare(it) => cloud <= it,
                }
            };
            let expected = match target {
                Target::Quality(_) => signals.iter().rev().take_while(fits).last(),
                Target::CloudShare(_) => signals.iter().rev().find(fits),
            };
            assert_eq!(found.to_bits(), expected.copied().unwrap_or(f64::MAX).to_bits());
        }
    }
}

#[test]
fn no_answer_is_kept_if_the_target_is_unprovable() {
    let all_right =
        |count| vec![Judged { signal: 0.0, is_right: true, is_cloud_right: true }; count];
    for (count, is_kept) in [(1, false), (48, false), (49, true), (500, true)] {
        let found =
            calibrate_signal(Signal::P10, &all_right(count), Target::Quality(0.98)).unwrap();
        assert_eq!(found.threshold == 0.0, is_kept, "{count}");
    }
    for target in [Target::Quality(1.1), Target::Quality(f64::NAN), Target::CloudShare(-0.1)] {
        assert!(calibrate_signal(Signal::P10, &all_right(9), target).is_err());
    }
    assert!(calibrate_signal(Signal::P10, &[], Target::Quality(0.9)).is_err());
    let nan = Judged { signal: f64::NAN, is_right: true, is_cloud_right: true };
    assert!(calibrate_signal(Signal::P10, &[nan], Target::Quality(0.9)).is_err());
}

/// Answers of several tokens, wrong if a token in the middle has low confidence.
fn answers(count: usize) -> Vec<Observed> {
    let mut random = Random(3);
    let mut share = || f64::from(random.next()) / 4_294_967_296.0;
    (0..count)
        .map(|_| {
            let is_right = share() < 0.7;
            let mut logprobs: Vec<f64> = (0..8).map(|_| -share()).collect();
            logprobs[4] = if is_right { -share() * 0.5 } else { -1.0 - share() };
            let signals = Signals::of(&logprobs).unwrap();
            Observed { signals, is_right, is_cloud_right: true }
        })
        .collect()
}

#[test]
fn the_most_informative_signal_is_chosen() {
    let found = calibrate(&answers(300), Target::Quality(0.98)).unwrap();
    assert!(found.auroc.unwrap() > 0.99);
    let means: Vec<(f64, bool)> =
        answers(300).iter().map(|it| (it.signals.confidence.mean_logprob, it.is_right)).collect();
    assert!(found.auroc > auroc(&means));
    assert!(found.cloud_share.mean < 0.4, "{:?}", found.cloud_share);
}

#[test]
fn a_combination_is_chosen_if_it_is_more_informative() {
    let mut random = Random(8);
    let mut share = || f64::from(random.next()) / 4_294_967_296.0;
    // Right if the mean is high compared with the minimum: neither alone shows it.
    let samples: Vec<Observed> = (0..600)
        .map(|_| {
            let (low, rest) = (-4.0 * share() - 1.0, -share());
            let logprobs = [rest, rest, rest, low, rest, rest, rest, rest, rest, rest];
            let signals = Signals::of(&logprobs).unwrap();
            Observed { signals, is_right: low > 4.0 * rest - 1.0, is_cloud_right: true }
        })
        .collect();
    let found = calibrate(&samples, Target::Quality(0.95)).unwrap();
    assert!(matches!(found.signal, Signal::Combined(_)), "{:?}", found.signal);
    assert!(found.auroc.unwrap() > 0.97, "{:?}", found.auroc);
    // Without individual tokens there is nothing to combine.
    let reported: Vec<Observed> = samples
        .iter()
        .map(|it| Observed { signals: Signals::reported(it.signals.confidence), ..*it })
        .collect();
    let found = calibrate(&reported, Target::Quality(0.95)).unwrap();
    assert!(!matches!(found.signal, Signal::Combined(_)));
}
