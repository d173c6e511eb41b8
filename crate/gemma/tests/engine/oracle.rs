//! Compares the scalar pass with recorded results of `NumPy` and llama.cpp on the same tiny models.

use std::rc::Rc;

use hybridge_gemma::engine::{Pass, TextEmbedder};
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::sample::{Draw, Sampler};
use hybridge_gemma::scalar::{Scalar, ScalarEmbedder};
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Golden, Tiny, fingerprint, golden, tiny_models};
use hybridge_gemma::weights::Model;
use pollster::block_on;
use serde::Deserialize;

/// In standard deviations of the logits. The scalar pass adds in f64 and rounds activations to f32:
/// the error of seven layers is far below; 62 layers of a random network amplify it.
const TOLERANCE: f64 = 2e-5;

/// The tolerance of every pass, in standard deviations.
const FURTHEST: f64 = 1e-3;

/// llama.cpp rounds activations, so only clear choices agree: the tolerance is the larger of this
/// and twice its difference from the exact logits.
const CLEAR: f64 = 0.05;

fn open(tiny: &Tiny) -> (Model, Golden) {
    let bytes = tiny.bytes();
    let golden = golden(tiny.name).expect("a record");
    assert_eq!(golden.fingerprint, fingerprint(&bytes), "{}: record it again", tiny.name);
    (block_on(Model::open(vec![Rc::new(Memory(bytes))])).unwrap(), golden)
}

/// Returns the largest difference, in standard deviations of the exact values.
pub(crate) fn worst(logits: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(logits.len(), exact.len());
    let differences =
        logits.iter().zip(exact).map(|(ours, exact)| (f64::from(*ours) - exact).abs());
    // A NaN counts as the largest difference; `max` would ignore it.
    let worst = differences.fold(0.0, |most: f64, it| {
        if it > most {
            it
        } else if it.is_nan() {
            f64::INFINITY
        } else {
            most
        }
    });
    worst / deviation(exact)
}

#[track_caller]
fn check(name: &str, logits: &[f32], exact: &[f64]) {
    let worst = worst(logits, exact);
    assert!(worst < TOLERANCE, "{name}: {worst:.2e} standard deviations");
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[derive(Deserialize)]
struct Blocks {
    /// The encoding.
    id: u32,
    /// Random bits, in hexadecimal.
    bytes: String,
    /// Their values as decoded by the `gguf` package.
    values: Vec<f32>,
}

#[test]
fn random_bits_decode_as_in_the_reference() {
    let json = include_str!("../../../../tests/oracle/goldens/blocks.json");
    let all: Vec<Blocks> = serde_json::from_str(json).unwrap();
    assert_eq!(all.len(), Encoding::ALL.len());
    for Blocks { id, bytes, values } in all {
        let encoding = Encoding::from_id(id).unwrap();
        let digits: Vec<char> = bytes.chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        let mut decoded = vec![0.0; values.len()];
        encoding.decode(&bytes, &mut decoded);
        for (index, (ours, theirs)) in decoded.iter().zip(&values).enumerate() {
            // The order of two roundings is unspecified.
            let tolerance = 2.0 * f32::EPSILON * theirs.abs().max(1.0);
            assert!((ours - theirs).abs() <= tolerance, "{} {index}", encoding.name());
        }
    }
}

#[test]
fn logits_are_exact() {
    for tiny in tiny_models().iter().filter(|it| it.architecture.writes()) {
        let (model, golden) = open(tiny);
        let mut pass = block_on(Scalar::load(&model, 64)).unwrap();
        block_on(pass.prefill(&golden.prompt)).unwrap();
        let logits = block_on(pass.logits()).unwrap();
        check(tiny.name, &logits, &golden.logits);
    }
}

#[test]
fn prompts_that_wrap_the_ring_are_exact() {
    let models = tiny_models();
    let long = models
        .iter()
        .map(|tiny| (tiny, open(tiny)))
        .filter(|(_, (_, golden))| !golden.long_prompt.is_empty());
    let mut count = 0;
    for (tiny, (model, golden)) in long {
        let mut pass = block_on(Scalar::load(&model, 200)).unwrap();
        for chunk in golden.long_prompt.chunks(33) {
            block_on(pass.prefill(chunk)).unwrap();
        }
        check(tiny.name, &block_on(pass.logits()).unwrap(), &golden.long_logits);
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn greedy_continuations_agree() {
    for tiny in tiny_models().iter().filter(|it| it.architecture.writes()) {
        let (model, golden) = open(tiny);
        let mut pass = block_on(Scalar::load(&model, 64)).unwrap();
        block_on(pass.prefill(&golden.prompt)).unwrap();
        let draw = |step| Draw { sampler: Sampler::GREEDY, step, top: 0, allowed: None };
        let mut ids = vec![block_on(pass.choose(&draw(0))).unwrap().token];
        for step in (1..).take(golden.greedy.len() - 1) {
            let last = *ids.last().unwrap();
            ids.push(block_on(pass.step(last, &draw(step))).unwrap().token);
        }
        assert_eq!(ids, golden.greedy, "{}", tiny.name);
        if golden.llama.greedy.is_empty() {
            continue;
        }
        // llama.cpp's choices are compared as long as every one was clear.
        let clear = CLEAR.max(2.0 * golden.llama.worst);
        let judged = golden.margins.iter().take_while(|margin| **margin > clear).count();
        assert_eq!(ids[..judged], golden.llama.greedy[..judged], "{}: llama.cpp", tiny.name);
    }
}

#[test]
fn vectors_are_exact() {
    for tiny in tiny_models().iter().filter(|it| !it.architecture.writes()) {
        let (model, golden) = open(tiny);
        let mut encoder = block_on(ScalarEmbedder::load(&model)).unwrap();
        let vector = block_on(encoder.encode(&golden.prompt)).unwrap();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let vector: Vec<f64> = vector.into_iter().map(f64::from).collect();
        let cosine = dot(&vector, &golden.vector) / dot(&vector, &vector).sqrt();
        assert!(cosine > 1.0 - 1e-9, "{}: {cosine}", tiny.name);
        // Rounded activations change llama.cpp's result by some thousandths with quantised weights.
        let least = if tiny.encodings == [Encoding::F32] { 0.999_999 } else { 0.998 };
        assert!(golden.llama.cosine > least, "{}: llama.cpp disagrees", tiny.name);
    }
}

/// Every known mistake in implementations of Gemma 3n and 4 differs from the record by more than
/// the tolerance.
#[test]
fn known_mistakes_are_far_from_the_record() {
    let mut seen = std::collections::BTreeSet::new();
    for tiny in tiny_models().iter().filter(|it| it.newer.is_some()) {
        let (_, golden) = open(tiny);
        assert!(golden.mistakes.len() > 8, "{}", tiny.name);
        for (mistake, distance) in golden.mistakes {
            assert!(distance > 7.0 * FURTHEST, "{}: {mistake} moves {distance}", tiny.name);
            seen.insert(mistake);
        }
    }
    assert!(seen.len() >= 38, "{seen:?}");
}
