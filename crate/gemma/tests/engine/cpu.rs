//! The CPU pass compared with recorded logits, with the scalar pass, and with itself in other
//! chunks.

use std::rc::Rc;

use futures::FutureExt as _;
use hybridge_gemma::cpu::{Cpu, CpuEmbedder, Precision, memory_of};
use hybridge_gemma::engine::{Pass, TextEmbedder};
use hybridge_gemma::sample::{Draw, Sampler};
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Golden, Tiny, find, golden, tiny_models};
use hybridge_gemma::weights::Model;
use pollster::block_on;

/// In standard deviations of the logits.
const EXACT: f64 = 1e-3;
/// The maximum error of rounding activations to 8 bits, similar to llama.cpp's.
const FAST: f64 = 0.35;
/// Without scaled queries, random networks like Gemma 4 have larger errors: 0.65 and 0.67 in
/// `NumPy` with the same rounding (`gemma4_q4_0`, `gemma4_unused`).
const FAST_4: f64 = 0.8;

fn open(tiny: &Tiny) -> (Model, Golden) {
    let model = block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap();
    (model, golden(tiny.name).expect("a record"))
}

fn load(tiny: &Tiny, capacity: usize, precision: Precision) -> Cpu {
    block_on(Cpu::load(&open(tiny).0, capacity, precision)).unwrap()
}

fn writers() -> impl Iterator<Item = Tiny> {
    tiny_models().into_iter().filter(|tiny| tiny.architecture.writes())
}

fn logits(pass: &mut dyn Pass) -> Vec<f64> {
    block_on(pass.logits()).unwrap().into_iter().map(f64::from).collect()
}

/// Returns the largest difference, in standard deviations of the exact values.
fn distance(got: &[f64], right: &[f64]) -> f64 {
    assert_eq!(got.len(), right.len());
    let count = right.len() as f64;
    let mean = right.iter().sum::<f64>() / count;
    let variance = right.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    got.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / variance.sqrt()
}

#[test]
fn logits_are_within_the_tolerance() {
    for tiny in writers() {
        for (precision, most) in [(Precision::Exact, EXACT), (Precision::Fast, FAST)] {
            // 62 random layers amplify any rounding error.
            let most = if tiny.layers > 20 { most * 10.0 } else { most };
            let is_rounded = precision == Precision::Fast && tiny.newer.is_some();
            let most = if is_rounded { FAST_4 } else { most };
            let (_, golden) = open(&tiny);
            let mut pass = load(&tiny, 64, precision);
            block_on(pass.prefill(&golden.prompt)).unwrap();
            let worst = distance(&logits(&mut pass), &golden.logits);
            println!("{} {precision:?}: {worst:.1e} standard deviations", tiny.name);
            assert!(worst < most, "{} {precision:?}: {worst:.2e}", tiny.name);
        }
    }
}

#[test]
fn greedy_continuations_agree_where_the_choice_is_clear() {
    for tiny in writers() {
        for (precision, clear) in [(Precision::Exact, 2.0 * EXACT), (Precision::Fast, 2.0 * FAST)] {
            let (_, golden) = open(&tiny);
            let mut pass = load(&tiny, 64, precision);
            block_on(pass.prefill(&golden.prompt)).unwrap();
            let draw = |step| Draw { sampler: Sampler::GREEDY, step, top: 0, allowed: None };
            let mut ids = vec![block_on(pass.choose(&draw(0))).unwrap().token];
            for step in (1..).take(golden.greedy.len() - 1) {
                let last = *ids.last().unwrap();
                ids.push(block_on(pass.step(last, &draw(step))).unwrap().token);
            }
            let is_rounded = precision == Precision::Fast && tiny.newer.is_some();
            let clear = if is_rounded { 2.0 * FAST_4 } else { clear };
            let judged = golden.margins.iter().take_while(|margin| **margin > clear).count();
            assert!(judged > 0 || precision == Precision::Fast, "{}", tiny.name);
            assert_eq!(ids[..judged], golden.greedy[..judged], "{} {precision:?}", tiny.name);
        }
    }
}

/// A prompt in chunks of any size gives the same result, with wrapped rings and arbitrary starts.
#[test]
fn chunk_sizes_make_no_difference() {
    for name in [
        "q4_0",
        "q6_k",
        "mixed",
        "no_window",
        "irregular",
        "head_256",
        "f16",
        "gemma4_q4_0",
        "gemma4_dense",
        "gemma3n",
    ] {
        let tiny = find(name).unwrap();
        let prompt = tiny.prompt(100);
        let mut whole = block_on(Scalar::load(&open(&tiny).0, 100)).unwrap();
        block_on(whole.prefill(&prompt)).unwrap();
        let right = logits(&mut whole);
        for size in [1, 7, 32, 33, 100] {
            let mut pass = load(&tiny, 100, Precision::Exact);
            for piece in prompt.chunks(size) {
                block_on(pass.prefill(piece)).unwrap();
            }
            let worst = distance(&logits(&mut pass), &right);
            assert!(worst < EXACT, "{name} by {size}: {worst:.2e}");
        }
    }
}

/// Heads with a width that isn't a multiple of eight, and groups of three.
#[test]
fn unusual_heads_agree_with_the_scalar_pass() {
    for (heads, kv_heads, head_dim) in [(3, 1, 6), (6, 2, 10), (5, 5, 2), (9, 1, 20), (7, 1, 8)] {
        let tiny = Tiny { heads, kv_heads, head_dim, ..find("irregular").unwrap() };
        let (model, prompt) =
            (block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap(), tiny.prompt(23));
        let mut right = block_on(Scalar::load(&model, 32)).unwrap();
        let mut pass = block_on(Cpu::load(&model, 32, Precision::Exact)).unwrap();
        block_on(right.prefill(&prompt)).unwrap();
        block_on(pass.prefill(&prompt)).unwrap();
        let worst = distance(&logits(&mut pass), &logits(&mut right));
        assert!(worst < EXACT, "{heads} {kv_heads} {head_dim}: {worst:.2e}");
    }
}

/// After a rollback the pass behaves as if the dropped tokens had never been fed.
#[test]
fn a_rewind_removes_every_trace() {
    let tiny = find("q8_0").unwrap();
    for (fed, back, kept) in [(20, 12, 12), (100, 90, 90), (100, 20, 20), (30, 0, 0), (9, 50, 9)] {
        let mut pass = load(&tiny, 128, Precision::Exact);
        block_on(pass.prefill(&tiny.prompt(fed))).unwrap();
        assert_eq!(pass.rewind(back), kept, "{fed} back to {back}");
        assert!(block_on(pass.logits()).is_err(), "no logits are pending");
        let other = [300, 301, 302];
        block_on(pass.prefill(&other)).unwrap();
        let mut fresh = load(&tiny, 128, Precision::Exact);
        block_on(fresh.prefill(&tiny.prompt(fed)[..kept])).unwrap();
        block_on(fresh.prefill(&other)).unwrap();
        let worst = distance(&logits(&mut pass), &logits(&mut fresh));
        assert!(worst < EXACT, "{fed} back to {back}: {worst:.2e}");
    }
}

/// After an aborted prefill, the pass continues from its reported position.
#[test]
fn an_aborted_prefill_leaves_a_working_pass() {
    let tiny = find("q4_0").unwrap();
    let prompt = tiny.prompt(100);
    for polls in [1, 4, 9, 16] {
        let mut pass = load(&tiny, 128, Precision::Exact);
        block_on(pass.prefill(&prompt[..20])).unwrap();
        {
            let mut feeding = pass.prefill(&prompt[20..]);
            for _ in 0..polls {
                assert!(feeding.as_mut().now_or_never().is_none(), "done within {polls} polls");
            }
        }
        let reached = pass.position();
        assert!((20..100).contains(&reached));
        block_on(pass.prefill(&prompt[reached..])).unwrap();
        let mut fresh = load(&tiny, 128, Precision::Exact);
        block_on(fresh.prefill(&prompt)).unwrap();
        let worst = distance(&logits(&mut pass), &logits(&mut fresh));
        assert!(worst < EXACT, "{polls} polls: {worst:.2e}");
    }
}

#[test]
fn invalid_input_is_refused_before_any_token_is_fed() {
    let mut pass = load(&find("f32").unwrap(), 8, Precision::Fast);
    for (tokens, code) in [(vec![2; 9], "CONTEXT_FULL"), (vec![2, 1009], "UNKNOWN_TOKEN")] {
        let error = block_on(pass.prefill(&tokens)).unwrap_err();
        assert_eq!(error.code.as_deref(), Some(code));
        assert_eq!(pass.position(), 0);
    }
    assert!(block_on(pass.logits()).is_err());
    block_on(pass.prefill(&[])).unwrap();
    assert!(block_on(pass.logits()).is_err(), "no token was fed");
}

#[test]
fn vectors_are_within_the_tolerance() {
    for tiny in tiny_models() {
        if tiny.architecture.writes() {
            continue;
        }
        for (precision, least) in [(Precision::Exact, 1.0 - 1e-6), (Precision::Fast, 0.998)] {
            let (model, golden) = open(&tiny);
            let mut encoder = block_on(CpuEmbedder::load(&model, precision)).unwrap();
            let vector = block_on(encoder.encode(&golden.prompt)).unwrap();
            let vector: Vec<f64> = vector.into_iter().map(f64::from).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let cosine = dot(&vector, &golden.vector) / dot(&vector, &vector).sqrt();
            assert!(cosine > least, "{} {precision:?}: {cosine}", tiny.name);
        }
    }
}

#[test]
fn a_model_of_the_wrong_kind_is_refused() {
    let (vectors, writer) = (open(&find("embedding").unwrap()).0, open(&find("f32").unwrap()).0);
    assert!(block_on(Cpu::load(&vectors, 8, Precision::Fast)).is_err());
    assert!(block_on(CpuEmbedder::load(&writer, Precision::Fast)).is_err());
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_the_numbers() {
    let (model, _) = open(&find("q8_0").unwrap());
    let needs = memory_of(&model, 1 << 20);
    assert!(needs.weights >= model.tensors.bytes());
    // One of seven layers is global: two heads of 32 keys and values, in f32.
    assert!(needs.cache > 512 << 20);
    needs.check(needs.total()).unwrap();
    let error = needs.check(64 << 20).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("OUT_OF_MEMORY"));
    assert!(error.message.contains("where 64 MiB can be had"), "{}", error.message);
}
