//! Results do not depend on how tokens got into the cache.

use std::rc::Rc;

use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Tiny, find};
use hybridge_gemma::{Model, Pass, scalar::Scalar};
use pollster::block_on;

/// Models whose caches differ.
const SHAPES: [&str; 6] =
    ["q8_0", "irregular", "no_window", "period_2", "gemma4_q4_0", "gemma3n_q8_0"];

fn load(tiny: &Tiny, capacity: usize) -> Scalar {
    let model = block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap();
    block_on(Scalar::load(&model, capacity)).unwrap()
}

fn feed(pass: &mut Scalar, tokens: &[u32], chunk: usize) -> Vec<f32> {
    for tokens in tokens.chunks(chunk) {
        block_on(pass.prefill(tokens)).unwrap();
    }
    block_on(pass.logits()).unwrap()
}

#[test]
fn chunks_of_any_size_give_the_same_result() {
    for tiny in SHAPES.map(|name| find(name).unwrap()) {
        let prompt = tiny.prompt(50);
        let expected = feed(&mut load(&tiny, 64), &prompt, 50);
        for chunk in [1, 7, 8, 32] {
            assert_eq!(feed(&mut load(&tiny, 64), &prompt, chunk), expected, "{}", tiny.name);
        }
    }
}

#[test]
fn steps_after_a_wrapped_ring_equal_those_of_a_chunk() {
    let tiny = find("irregular").unwrap();
    let prompt = tiny.prompt(180);
    let expected = feed(&mut load(&tiny, 200), &prompt, 180);
    let mut stepped = load(&tiny, 200);
    feed(&mut stepped, &prompt[..150], 13);
    assert_eq!(feed(&mut stepped, &prompt[150..], 1), expected);
}

#[test]
fn a_rewound_cache_continues_without_a_trace() {
    for tiny in SHAPES.map(|name| find(name).unwrap()) {
        let prompt = tiny.prompt(180);
        let other = Tiny { name: "another", ..tiny.clone() }.prompt(180);
        for (held, keep) in [(20, 5), (20, 20), (150, 140), (150, 100), (170, 107), (150, 0)] {
            let mut pass = load(&tiny, 200);
            feed(&mut pass, &prompt[..held], 16);
            let kept = pass.rewind(keep);
            assert_eq!((kept, pass.position()), (keep, keep), "{} of {held}", tiny.name);
            assert!(block_on(pass.logits()).is_err(), "no logits are pending");
            let tokens = [&prompt[..keep], &other[keep..keep + 9]].concat();
            let got = feed(&mut pass, &tokens[kept..], 4);
            let expected = feed(&mut load(&tiny, 200), &tokens, 64);
            assert_eq!(got, expected, "{} {held} {keep}", tiny.name);
        }
    }
}

#[test]
fn without_room_a_rewind_keeps_the_rows_in_the_ring() {
    let tiny = find("q8_0").unwrap();
    let mut pass = load(&tiny, 200).with_budget(0);
    feed(&mut pass, &tiny.prompt(150), 64);
    assert_eq!(pass.rewind(90), 90);
    feed(&mut pass, &tiny.prompt(60), 64);
    assert_eq!(pass.rewind(20), 0);
}

#[test]
fn tokens_that_do_not_fit_are_refused_before_any_is_fed() {
    let tiny = find("q8_0").unwrap();
    let mut pass = load(&tiny, 8);
    feed(&mut pass, &tiny.prompt(6), 6);
    for (tokens, code) in [(&[5, 6, 7][..], "CONTEXT_FULL"), (&[5, 1009], "UNKNOWN_TOKEN")] {
        let error = block_on(pass.prefill(tokens)).unwrap_err();
        assert_eq!(error.code.as_deref(), Some(code));
        assert_eq!(pass.position(), 6);
    }
}
