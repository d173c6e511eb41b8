//! The cost of a token and of a prompt on a real GPU, counted on models of real sizes without
//! weights.
//!
//! The expected lines are the current state, so that every change of a kernel shows here.
//! `ENGINE.md` lists the figures that do not meet their goals yet.
#![cfg(feature = "gpu")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::rc::Rc;

use hybridge_gemma::Model;
use hybridge_gemma::gpu::roofline::{Adapter, Cost, Prompt, Token, empty};
use hybridge_gemma::gpu::{Device, KernelPass, Options};
use hybridge_gemma::testing::{Synthetic, SyntheticShape};
use pollster::block_on;

/// The options for real GPUs, within each one's binding limit.
fn opened(name: &str) -> KernelPass {
    let shape = SyntheticShape::named(name).unwrap();
    let model = block_on(Model::open(vec![Rc::new(Synthetic::new(&shape))])).unwrap();
    let options = Options {
        software: Some(false),
        clock: Some(|| 0.0),
        binding_limit: Some(1 << 27),
        ..Options::USUAL
    };
    let device = block_on(Device::open()).unwrap();
    block_on(empty(&device, &model, 4096, options)).unwrap()
}

fn line(pass: &KernelPass) -> String {
    let token = Token::of(pass, 511, true);
    let products = || token.dispatches.iter().filter(|it| it.is_product);
    let fewest = products().map(|it| it.invocations).min().unwrap();
    let lanes = products().map(|it| 100.0 * it.lanes).fold(100.0, f64::min);
    let samples = |it: &&Cost| it.label == "slices" || it.label.starts_with("pick");
    let steps = token.dispatches.iter().filter(samples).map(|it| it.steps);
    let waits = Adapter::ALL.map(|it| {
        let [first, next] = Prompt::of(pass, 512, &it);
        format!("{}/{}", first.waits, next.waits)
    });
    let waits = waits.join(" ");
    // A first prompt, and a second one.
    format!(
        "{} dispatches of {} layers; {fewest} invocations and {lanes:.0} % of lanes at least; \
         {} steps of sampling; waits {waits}",
        token.dispatches.len(),
        token.layers,
        steps.max().unwrap_or(0),
    )
}

#[track_caller]
fn check(name: &str, expected: &str) {
    assert_eq!(line(&opened(name)), expected, "{name}");
}

#[test]
fn a_token_of_270m_has_this_cost() {
    check(
        "270m",
        "96 dispatches of 18 layers; 16128 invocations and 94 % of lanes at least; \
         304 steps of sampling; waits 20/4 20/2 23/7 20/3 26/11",
    );
}

#[test]
fn a_token_of_1b_has_this_cost() {
    check(
        "1b",
        "138 dispatches of 26 layers; 16128 invocations and 96 % of lanes at least; \
         304 steps of sampling; waits 35/22 20/4 56/44 26/12 82/72",
    );
}

#[test]
fn a_token_of_4b_has_this_cost() {
    check(
        "4b",
        "184 dispatches of 34 layers; 16384 invocations and 100 % of lanes at least; \
         304 steps of sampling; waits 148/136 27/10 250/239 81/68 282/272",
    );
}

#[test]
fn a_token_of_gemma_4_e2b_has_this_cost() {
    check(
        "4-e2b",
        "257 dispatches of 35 layers; 12288 invocations and 90 % of lanes at least; \
         304 steps of sampling; waits 72/58 24/6 125/113 48/33 231/220",
    );
}

#[test]
fn a_token_of_gemma_3n_e2b_has_this_cost() {
    check(
        "3n-e2b",
        "451 dispatches of 30 layers; 4096 invocations and 25 % of lanes at least; \
         304 steps of sampling; waits 73/62 22/6 132/122 44/32 252/244",
    );
}

/// A step reads the model once: all weights, and the visible keys and values.
#[test]
fn bytes_are_weights_and_keys() {
    let pass = opened("270m");
    let (near, far) = (Token::of(&pass, 0, false).bytes(), Token::of(&pass, 4095, false).bytes());
    let weights = pass.weight_bytes();
    assert!(near > weights && near < weights * 103 / 100, "{near} of {weights}");
    // 15 layers see 512 keys, 3 all of them; four heads share one key.
    let keys = 2 * 4 * 256 * (15 * 511 + 3 * 4095);
    assert_eq!(far - near, keys);
}
