//! The tiny model's vocabulary: Gemma's control tokens at Gemma's IDs, bytes, characters, and
//! words.
//!
//! Words are user-defined tokens, which are matched whole without merges. Any other word is split
//! into letters, which makes names easy to copy and words easy to reverse.

use std::collections::BTreeMap;

use hybridge_gemma::testing::{Random, Vocabulary};

use crate::world;

/// The size of [`Vocabulary`] up to Gemma's last control token; other entries are unused.
const FIXED: usize = 494;
/// The number of samples in which words are counted, and the minimum count for a word to become a
/// token.
const COUNTED: usize = 30_000;
const OFTEN: usize = 60;

/// Fixed words of prompts and answers.
const PHRASES: [&str; 36] = [
    "You can call functions. ",
    "Call one only if it helps.",
    "Call one of them now.",
    " A call is a JSON object {\"name\": function name, \"parameters\": {argument name: value}} and \
     nothing else; several calls are a JSON array of such objects.\n",
    "{\"description\":\"",
    "{\"name\":\"",
    "\",\"name\":\"",
    "\",\"description\":\"",
    "\",\"parameters\":{\"type\":\"object\",\"properties\":{\"",
    "\",\"parameters\":{\"properties\":{\"",
    "\",\"parameters\":{\"",
    "{\"type\":\"object\",\"properties\":{\"",
    "\":{\"type\":\"string\"}",
    "\":{\"type\":\"integer\"}",
    "\":{\"type\":\"number\"}",
    "},\"type\":\"object\"}}",
    "},\"required\":[\"",
    "\"],\"type\":\"object\"}}",
    "```tool_output\n{\"name\":\"",
    "\",\"result\":",
    "}\n```",
    "},{",
    ",\"",
    "{\"",
    "\":\"",
    "\",\"",
    "\":",
    "get_weather",
    "get_time",
    "set_timer",
    "play_song",
    "call_person",
    "send_message",
    "add_item",
    "book_table",
    "user",
];
/// Keys of JSON objects. They stand in quotes, without a leading space.
const KEYS: [&str; 19] = [
    "model",
    "name",
    "person",
    "customer",
    "date",
    "day",
    "when",
    "amount",
    "price",
    "total",
    "city",
    "minutes",
    "title",
    "to\":",
    "text",
    "item",
    "count",
    "people",
    "I don't know.",
];

/// Returns the tokens, the same for every seed of the training.
pub(crate) fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::new(700);
    vocabulary.pieces.truncate(FIXED);
    vocabulary.scores.truncate(FIXED);
    vocabulary.types.truncate(FIXED);
    let mut push = |piece: String, score: f32, kind: i32| {
        vocabulary.pieces.push(piece);
        vocabulary.scores.push(score);
        vocabulary.types.push(kind);
    };
    push("▁".to_owned(), -1.0, 1);
    for character in ('!'..='~').chain("äöüßéèàçñ€°–’".chars()) {
        push(character.to_string(), -2.0, 1);
    }
    for piece in PHRASES.into_iter().chain(KEYS) {
        push(piece.to_owned(), -1000.0, 4);
    }
    for word in words() {
        push(word, -1000.0, 4);
    }
    vocabulary
}

/// Returns frequent words: with a leading space, or with a capital at the start of a text.
fn words() -> Vec<String> {
    let mut random = Random(0x70c4_b01a);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..COUNTED {
        let sample = world::any(&mut random);
        for text in sample
            .turns
            .iter()
            .flat_map(|(question, answer)| [question, answer])
            .chain([&sample.system])
        {
            for word in candidates(text) {
                *counts.entry(word).or_default() += 1;
            }
        }
    }
    counts.into_iter().filter(|(_, count)| *count >= OFTEN).map(|(word, _)| word).collect()
}

fn candidates(text: &str) -> impl Iterator<Item = String> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '\'';
    let mut words: Vec<String> = Vec::new();
    let mut before = '\n';
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_letter(c) {
            if word.is_empty() && before == ' ' {
                word.push(' ');
            }
            word.push(c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        before = c;
    }
    words.into_iter().filter(|word| {
        let letters = word.trim_start();
        let small = letters.chars().skip(1).all(|c| !c.is_ascii_uppercase());
        let capital = letters.starts_with(|c: char| c.is_ascii_uppercase());
        small
            && match word.starts_with(' ') {
                true => letters.len() >= 2,
                false => capital && letters.len() >= 3,
            }
    })
}
