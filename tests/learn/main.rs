//! Records results of learned routing in core for `tests/learn/twin.test.mjs`, which compares the
//! TypeScript with them.
//!
//! `HYBRIDGE_BLESS=1 cargo test --test learn` writes `golden.json` again.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fmt::Write as _;
use std::fs;

use hybridge_core::Usage;
use hybridge_core::learn::{
    Calibration, Classifier, Input, Interval, Judged, Observed, Sample, Signal, Signals, Target,
    auroc, calibrate, calibrate_signal, paired_difference, wilson,
};
use hybridge_core::ledger::Price;
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/learn/golden.json");

/// Small integers in sequence.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn classifier(labels: &[&str], seed: u64) -> Value {
    let mut numbers = Numbers(seed);
    let words =
        ["Summe", "proof", "Übersetze", "λ", "42", "tea\n", "  ", "🚀", "Why?", "f(x) = {1};"];
    let mut samples: Vec<(String, &str)> = Vec::new();
    for at in 0..60 {
        let label = labels.get(at % labels.len()).copied().unwrap();
        let mut text = format!("{label}{at}");
        for _ in 0..numbers.below(9) {
            let word = words.get(usize::try_from(numbers.below(10)).unwrap()).unwrap();
            write!(text, " {word}").unwrap();
        }
        samples.push((text, label));
    }
    samples.push(("long ".repeat(900), labels.first().copied().unwrap()));
    let given = samples.iter().map(|(text, label)| Sample { input: Input::Text(text), label });
    let trained = Classifier::train(&given.collect::<Vec<_>>(), 7).unwrap();
    let shares: Vec<Value> = ["", "Summe 42", "ΣΑΣ İstanbul", &"proof of the λ ".repeat(300)]
        .into_iter()
        .map(|text| json!([text, trained.classify(Input::Text(text)).unwrap()]))
        .collect();
    json!({ "samples": samples, "seed": 7, "shares": shares, "json": trained.to_json() })
}

fn vectors() -> Value {
    let mut numbers = Numbers(3);
    let mut samples: Vec<(Vec<f32>, &str)> = Vec::new();
    for at in 0_usize..40 {
        let quarter = |it: u64| f32::from(u8::try_from(it).unwrap()) / 4.0;
        let mut vector: Vec<f32> = (0..5).map(|_| quarter(numbers.below(9)) - 1.0).collect();
        if let Some(it) = vector.get_mut(at % 2) {
            *it += 2.0;
        }
        samples.push((vector, if at % 2 == 0 { "a" } else { "b" }));
    }
    let given = samples.iter().map(|(it, label)| Sample { input: Input::Vector(it), label });
    let trained = Classifier::train(&given.collect::<Vec<_>>(), 0).unwrap();
    let probe = [0.5, 1.5, -0.25, 0.0, 1.0];
    let shares = json!([[probe, trained.classify(Input::Vector(&probe)).unwrap()]]);
    json!({ "samples": samples, "seed": 0, "shares": shares, "json": trained.to_json() })
}

fn interval(it: Interval) -> Value {
    json!({ "mean": it.mean, "low": it.low, "high": it.high })
}

fn described(it: &Calibration) -> Value {
    let score = match it.signal {
        Signal::Mean => json!("mean"),
        Signal::Min => json!("min"),
        Signal::P10 => json!("p10"),
        Signal::P25 => json!("p25"),
        Signal::P50 => json!("p50"),
        Signal::First => json!("first"),
        Signal::Margin => json!("margin"),
        Signal::Entropy => json!("entropy"),
        Signal::Combined(weights) => json!(weights),
    };
    let block = |it: &hybridge_core::learn::Block| json!({ "from": it.from, "right": it.right, "count": it.count });
    json!({
        "score": score,
        "threshold": it.threshold,
        "quality": interval(it.quality),
        "cloudShare": interval(it.cloud_share),
        "auroc": it.auroc,
        "map": it.map.blocks.iter().map(block).collect::<Vec<_>>(),
        "samples": it.samples,
    })
}

/// Log-probabilities are multiples of 1/64, which every JSON parser reads exactly. Wrong answers
/// have an unsure token somewhere.
fn calibrations() -> Vec<Value> {
    let mut cases = Vec::new();
    for (count, seed, is_mixed) in [(20, 1, false), (120, 2, false), (300, 3, true)] {
        let mut numbers = Numbers(seed);
        let mut samples = Vec::new();
        let mut observed = Vec::new();
        for _ in 0..count {
            let mut is_right = numbers.below(10) < 7;
            let is_cloud_right = numbers.below(20) < 19;
            let easy = numbers.below(40);
            let mut logprobs: Vec<f64> = (0..numbers.below(12) + 4)
                .map(|_| -(numbers.below(20 + easy) as f64) / 64.0)
                .collect();
            if let Some(it) = logprobs.get_mut(2) {
                *it = -(numbers.below(if is_right { 60 } else { 200 }) as f64) / 64.0;
            }
            // An unsure token of one answer is an ordinary one of another, so neither signal alone
            // is enough.
            if is_mixed {
                let rest = numbers.below(64);
                let low = 64 + numbers.below(256);
                logprobs = vec![-(rest as f64) / 64.0; 10];
                if let Some(it) = logprobs.get_mut(4) {
                    *it = -(low as f64) / 64.0;
                }
                is_right = low < 64 + 4 * rest;
            }
            observed.push(Observed {
                signals: Signals::of(&logprobs).unwrap(),
                is_right,
                is_cloud_right,
            });
            samples.push(
                json!({ "logprobs": logprobs, "right": is_right, "cloudRight": is_cloud_right }),
            );
        }
        let mut results = Vec::new();
        for (target, told) in [
            (Target::Quality(0.9), json!({ "quality": 0.9 })),
            (Target::CloudShare(0.25), json!({ "cloudShare": 0.25 })),
        ] {
            let judged: Vec<Judged> = observed
                .iter()
                .map(|it| Judged {
                    signal: it.signals.confidence.mean_logprob,
                    is_right: it.is_right,
                    is_cloud_right: it.is_cloud_right,
                })
                .collect();
            results.push(json!({
                "target": told,
                "chosen": described(&calibrate(&observed, target).unwrap()),
                "mean": described(&calibrate_signal(Signal::Mean, &judged, target).unwrap()),
            }));
        }
        cases.push(json!({ "samples": samples, "results": results }));
    }
    cases
}

fn statistics() -> Value {
    let shares: Vec<Value> = [(0, 0), (0, 9), (9, 9), (7, 31), (980, 1000)]
        .into_iter()
        .map(|(hits, count)| json!([hits, count, interval(wilson(hits, count))]))
        .collect();
    let mut numbers = Numbers(11);
    let pairs: Vec<(f64, bool)> =
        (0..80).map(|_| (numbers.below(20) as f64, numbers.below(2) == 1)).collect();
    let differences: Vec<f64> = (0..70).map(|_| numbers.below(5) as f64 / 4.0 - 0.5).collect();
    json!({
        "wilson": shares,
        "auroc": { "pairs": pairs, "area": auroc(&pairs) },
        "paired": { "differences": differences, "interval": interval(paired_difference(&differences)) },
    })
}

/// Token counts and their cost, at prices that binary fractions cannot represent.
fn costs() -> Vec<Value> {
    let mut numbers = Numbers(17);
    let mut maybe = |bound| (numbers.below(4) > 0).then(|| numbers.below(bound));
    let mut cases = Vec::new();
    for _ in 0..60 {
        let usage = Usage {
            input_tokens: maybe(100_000),
            output_tokens: maybe(9000),
            total_tokens: maybe(200_000),
            thoughts_tokens: maybe(5000),
            cached_content_tokens: maybe(90_000),
        };
        let price = Price {
            input_per_million: 0.1,
            output_per_million: 0.7,
            cached_input_per_million: maybe(2).map(|it| it as f64 * 0.025),
            per_request: 0.0003,
        };
        let told = json!({
            "inputPerMillion": 0.1,
            "outputPerMillion": 0.7,
            "cachedInputPerMillion": price.cached_input_per_million,
            "perRequest": 0.0003,
        });
        cases.push(json!({ "usage": usage, "price": told, "cost": price.of(&usage) }));
    }
    cases
}

#[test]
fn core_agrees_with_the_recorded_results() {
    let golden = json!({
        "classifiers": [classifier(&["local", "cloud"], 5), classifier(&["ask", "do", "λ", "zzz"], 6), vectors()],
        "calibrations": calibrations(),
        "costs": costs(),
        "statistics": statistics(),
    });
    let text = format!("{golden}\n");
    if std::env::var_os("HYBRIDGE_BLESS").is_some() {
        fs::write(GOLDEN, &text).unwrap();
    }
    let recorded = fs::read_to_string(GOLDEN).unwrap();
    assert!(
        recorded == text,
        "core computes something else than golden.json; look at why, then write it anew"
    );
}
