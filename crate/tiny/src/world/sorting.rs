//! Requests that a small model could answer, and requests that it could not.

use hybridge_gemma::testing::Random;

use super::lexicon::{self, COLOURS, DAYS, GOODS, TOPICS};
use super::{Sample, Task, between, pick};

fn simple(random: &mut Random) -> String {
    let number = between(random, 2, 60);
    match random.below(12) {
        0 => format!("What time is it in {}?", lexicon::name(random)),
        1 => format!("Say hello to {}.", lexicon::name(random)),
        2 => format!("Set a timer for {number} minutes."),
        3 => format!("What is {number} plus {}?", between(random, 0, 30)),
        4 => format!("Spell \"{}\".", lexicon::word(random)),
        5 => format!("Turn on the {} light.", pick(random, &COLOURS)),
        6 => format!("How old is {}?", lexicon::name(random)),
        7 => format!("Write \"{}\" in capitals.", lexicon::word(random)),
        8 => format!("Is today {}?", pick(random, &DAYS)),
        9 => format!("Add {number} {} to my list.", pick(random, &GOODS)),
        10 => format!("Call {}.", lexicon::name(random)),
        _ => format!("What day comes after {}?", pick(random, &DAYS)),
    }
}

fn complex(random: &mut Random) -> String {
    let topic = pick(random, &TOPICS);
    let other = pick(random, &TOPICS);
    let number = between(random, 2, 20);
    match random.below(12) {
        0 => format!("Compare {topic} and {other} and say which matters more."),
        1 => format!("Write an essay about {topic} in {}.", lexicon::name(random)),
        2 => format!("Plan {number} days in {} with a budget.", lexicon::name(random)),
        3 => format!("Explain step by step how {topic} works."),
        4 => format!("Design a course of {number} weeks on {topic}."),
        5 => format!("Sum up the history of {topic} and list {number} sources."),
        6 => format!("Prove that {topic} depends on {other}."),
        7 => format!("Write a program that models {topic}."),
        8 => format!("Discuss {number} reasons why {topic} changed {other}."),
        9 => format!("Write a story of {number} pages about {}.", lexicon::name(random)),
        10 => format!("Analyse how {topic} will change in {number} years."),
        _ => format!(
            "Draft a contract between {} and {}.",
            lexicon::name(random),
            lexicon::name(random)
        ),
    }
}

pub(super) fn sorting(random: &mut Random) -> Sample {
    let (request, answer) = match random.below(2) {
        0 => (simple(random), "Simple."),
        _ => (complex(random), "Complex."),
    };
    let question = match random.below(3) {
        0 => format!("Is this request simple or complex? {request}"),
        1 => format!("Simple or complex? {request}"),
        _ => format!("Classify as simple or complex: {request}"),
    };
    Sample::new(Task::Sorting, question, answer, request)
}
