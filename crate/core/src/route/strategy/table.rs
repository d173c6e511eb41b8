//! The test helper for strategies: a tree, the answers to its questions, and the expected decision.

use super::Strategy;
use crate::Usage;
use crate::json::FromJson as _;
use crate::route::health::{Health, Pace};
use crate::route::inputs::{Collected, Inputs, Pause, Question};

/// Evaluates `tree` for the branches `device` and `cloud`. `answers` are given by name when
/// requested, and each must be; `expected` is `order [allow] reason`, or the beginning of the
/// error.
#[track_caller]
pub(super) fn check(tree: &str, answers: &[(&str, &str)], expected: &str) {
    check_with(tree, answers, &Health::new(2), expected);
}

/// The same for an empty request, with first tokens measured.
#[track_caller]
pub(super) fn check_measured(tree: &str, first_token_ms: &[Option<f64>], expected: &str) {
    let mut health = Health::new(2);
    for (branch, &measured) in first_token_ms.iter().enumerate() {
        if measured.is_some() {
            let usage = Usage { input_tokens: Some(10), ..Usage::default() };
            let pace = Pace { first_token_ms: measured, duration_ms: 1.0, usage, tokens_heard: 0 };
            health.answered(branch, None, pace);
        }
    }
    check_with(tree, &[("request", "{}")], &health, expected);
}

#[track_caller]
fn check_with(tree: &str, given: &[(&str, &str)], health: &Health, expected: &str) {
    let strategy = Strategy::from_json(serde_json::from_str(tree).unwrap()).unwrap();
    let keys = ["device".to_owned(), "cloud".to_owned()];
    let mut collected = Collected::default();
    let mut asked = 0;
    let found = loop {
        match strategy.decide(Inputs { collected: &collected, health }, &keys) {
            Ok(decision) => {
                let allow = decision.allow.map(|it| format!("[{}]", it.join(" ")));
                let parts = [Some(decision.order.join(" ")), allow, decision.reason];
                let parts: Vec<String> =
                    parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
                break parts.join(" ");
            }
            Err(Pause::Fail(error)) => break error.to_string(),
            Err(Pause::Ask(question)) => {
                let name = match &question {
                    Question::Leaf(leaf) => format!("leaf {leaf}"),
                    Question::Request => "request".to_owned(),
                    Question::Device => "device".to_owned(),
                    Question::Branches => "branches".to_owned(),
                    Question::Tokens(branch) => format!("tokens {branch}"),
                };
                let answer = given.iter().find(|(it, _)| *it == name);
                let Some((_, answer)) = answer else {
                    panic!("{name} is asked for, and not given")
                };
                asked += 1;
                collected.take(&question, answer).unwrap();
            }
        }
    };
    let is_error = expected.starts_with("INVALID") || expected.starts_with("FAILED");
    let holds = if is_error { found.starts_with(expected) } else { found == expected };
    assert!(holds, "{tree} with {given:?}: expected `{expected}`, found `{found}`");
    assert_eq!(asked, given.len(), "{tree}: asked for less than was given: {given:?}");
}
