//! Facts about a made-up town, stated in the prompt.

use hybridge_gemma::testing::Random;

use super::lexicon::{self, COLOURS, DAYS, EVENTS, PLACES, REFUSALS, ROLES, THINGS};
use super::{Sample, Task, between, once_in, pick};

/// A statement, a question about it, and the answer.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// The subject; it is unique among the facts of a text.
    about: &'static str,
    statement: String,
    pub(super) question: String,
    pub(super) answer: String,
    pub(super) key: String,
}

impl Fact {
    fn any(random: &mut Random, town: &str) -> Self {
        let (about, statement, question, answer, key);
        match random.below(7) {
            0 | 1 => {
                about = pick(random, &ROLES);
                let name = lexicon::name(random);
                statement = match random.below(3) {
                    0 => format!("The {about} is {name}."),
                    1 => format!("{name} is the {about}."),
                    _ => format!("The {about} is called {name}."),
                };
                question = match random.below(3) {
                    0 => format!("Who is the {about}?"),
                    1 => format!("What is the name of the {about}?"),
                    _ => format!("What is the {about} called?"),
                };
                answer = format!("The {about} is {name}.");
                key = name;
            }
            2 => {
                about = pick(random, &PLACES);
                let colour = pick(random, &COLOURS);
                statement = format!("The {about} is {colour}.");
                question = format!("What colour is the {about}?");
                answer = statement.clone();
                key = format!("{about} {colour} {town}");
            }
            3 => {
                about = pick(random, &PLACES);
                let (number, unit) =
                    (between(random, 2, 199), pick(random, &["years old", "metres high"]));
                statement = format!("The {about} is {number} {unit}.");
                let how = if unit == "years old" { "old" } else { "high" };
                question = format!("How {how} is the {about}?");
                answer = statement.clone();
                key = format!("{about} {number}");
            }
            4 => {
                about = pick(random, &EVENTS);
                let day = pick(random, &DAYS);
                statement = format!("The {about} is on {day}.");
                question = match random.below(2) {
                    0 => format!("When is the {about}?"),
                    _ => format!("On which day is the {about}?"),
                };
                answer = statement.clone();
                key = format!("{about} {day} {town}");
            }
            5 => {
                about = pick(random, &THINGS);
                let number = between(random, 2, 199);
                statement = match random.below(2) {
                    0 => format!("There are {number} {about}."),
                    _ => format!("{town} has {number} {about}."),
                };
                question = format!("How many {about} are there?");
                answer = format!("There are {number} {about}.");
                key = format!("{about} {number}");
            }
            _ => {
                about = pick(random, &PLACES);
                let other = loop {
                    let other = pick(random, &PLACES);
                    if other != about {
                        break other;
                    }
                };
                let how = pick(random, &["near", "behind", "beside"]);
                statement = format!("The {about} is {how} the {other}.");
                question = format!("Where is the {about}?");
                answer = statement.clone();
                key = format!("{about} {other} {town}");
            }
        }
        Self { about, statement, question, answer, key }
    }
}

/// Returns a text with `count` facts, and the facts in order.
pub(super) fn text(random: &mut Random, count: usize) -> (String, Vec<Fact>) {
    let town = lexicon::name(random);
    let mut facts: Vec<Fact> = Vec::new();
    while facts.len() < count {
        let fact = Fact::any(random, &town);
        if facts.iter().all(|known| known.about != fact.about) {
            facts.push(fact);
        }
    }
    let opening = match random.below(4) {
        0 => format!("{town} is a town."),
        1 => format!("This is {town}."),
        2 => format!("In {town}:"),
        _ => String::new(),
    };
    let statements = facts.iter().map(|fact| fact.statement.clone());
    let all: Vec<String> =
        std::iter::once(opening).filter(|text| !text.is_empty()).chain(statements).collect();
    (all.join(" "), facts)
}

/// Returns a text and a question separately.
pub(super) fn asked(random: &mut Random, text: &str, question: &str) -> String {
    match random.below(3) {
        0 => format!("{text}\n{question}"),
        1 => format!("{text} {question}"),
        _ => format!("Text: {text}\nQuestion: {question}"),
    }
}

pub(super) fn fact(random: &mut Random) -> Sample {
    let count = between(random, 1, 4) as usize;
    let (text, mut facts) = text(random, count);
    // The fact to ask for is in the text, except in one of six samples.
    let at = random.below(u32::try_from(count).unwrap_or(1)) as usize;
    let fact = facts.swap_remove(at);
    if once_in(random, 6) {
        let (_, others) = self::text(random, 1);
        if let [other] = others.as_slice()
            && other.about != fact.about
            && facts.iter().all(|known| known.about != other.about)
        {
            let question = asked(random, &text, &other.question);
            return Sample::new(Task::Fact, question, pick(random, &REFUSALS), other.key.clone());
        }
    }
    Sample::new(Task::Fact, asked(random, &text, &fact.question), fact.answer, fact.key)
}
