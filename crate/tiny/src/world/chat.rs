//! Small talk, questions about the model, and questions that it cannot answer.

use hybridge_gemma::testing::Random;

use super::lexicon::{self, REFUSALS, TOPICS};
use super::{Sample, Task, between, once_in, pick};

const WHO: &str = "I am hybridge's tiny demonstration model.";
const WHAT: &str = "I answer from a text, do small sums, change case, reverse words, sort requests, \
                    fill in JSON and call tools.";

pub(super) fn greeting(random: &mut Random) -> Sample {
    let name = lexicon::name(random);
    let (question, answer) = match random.below(10) {
        0 | 1 => (
            pick(random, &["Hi, I am @.", "Hello, my name is @.", "I am @."]),
            "Hello, @! How can I help?",
        ),
        2 | 3 => (
            pick(random, &["Hello", "Hi", "Hi there", "Hello there", "Hey"]),
            "Hello! How can I help?",
        ),
        4 => (
            pick(random, &["Good morning", "Good morning to you"]),
            "Good morning! How can I help?",
        ),
        5 => (
            pick(random, &["Good evening", "Good evening to you"]),
            "Good evening! How can I help?",
        ),
        6 => (
            pick(random, &["How are you?", "How are you today?", "Are you well?"]),
            "I am well, thank you.",
        ),
        7 => (
            pick(random, &["Thanks", "Thank you", "Many thanks", "Thank you very much"]),
            "You are welcome.",
        ),
        8 => (pick(random, &["Bye", "Goodbye", "See you", "Good night"]), "Goodbye!"),
        _ => (pick(random, &["Bye, I am @.", "Say hello to @."]), ""),
    };
    let answer = match (answer, question.starts_with("Bye")) {
        ("", true) => "Goodbye, @!",
        ("", false) => "Hello, @!",
        (answer, _) => answer,
    };
    let mut question = question.replace('@', &name);
    if !question.ends_with(['.', '?']) {
        question.push_str(pick(random, &["", "!", "."]));
    }
    let key = format!("{question}{name}");
    Sample::new(Task::Greeting, question, answer.replace('@', &name), key)
}

pub(super) fn identity(random: &mut Random) -> Sample {
    let (question, answer) = if once_in(random, 2) {
        let asked = [
            "Who are you?",
            "What are you?",
            "What is your name?",
            "Are you a model?",
            "Who is this?",
            "Tell me who you are.",
        ];
        (pick(random, &asked), WHO)
    } else {
        let asked = [
            "What can you do?",
            "How can you help?",
            "What are you good at?",
            "What do you do?",
            "Tell me what you can do.",
            "Help",
        ];
        (pick(random, &asked), WHAT)
    };
    let name = lexicon::name(random);
    let before = pick(random, &["", "", "Hello! ", "Please: ", "Hi, I am @. ", "My name is @. "]);
    let question = before.replace('@', &name) + question;
    Sample::new(Task::Identity, question, answer, name)
}

/// A question that requires knowledge beyond the training world.
pub(super) fn unknown(random: &mut Random) -> Sample {
    let (name, word) = (lexicon::name(random), lexicon::made_up(random, 3, 7));
    let topic = pick(random, &TOPICS);
    let year = between(random, 1200, 2090);
    let question = match random.below(17) {
        0 => format!("Who wrote {name}?"),
        1 => format!("What is the capital of {name}?"),
        2 => format!("How far is it to {name}?"),
        3 => format!("Why is the {word} blue?"),
        4 => format!("Who won the game in {year}?"),
        5 => format!("What does \"{word}\" mean?"),
        6 => format!("Tell me about {name}."),
        7 => format!("When was {name} born?"),
        8 => format!("How do I cook {word}?"),
        9 => format!("What happened in {year}?"),
        10 => format!("Where is {name}?"),
        11 => format!("Explain {topic} to {name}."),
        12 => format!("Who is {name}?"),
        13 => format!("Is {name} larger than {}?", lexicon::name(random)),
        14 => format!("How many people live in {name}?"),
        // Sums beyond the range of the training.
        15 => {
            let (a, b) = (between(random, 100, 999), between(random, 2, 999));
            format!("What is {a} {} {b}?", pick(random, &["plus", "+", "times", "minus", "-"]))
        }
        _ => format!("What is the best {word} in {name}?"),
    };
    let key = format!("{name}{word}{year}");
    Sample::new(Task::Unknown, question, pick(random, &REFUSALS), key)
}
