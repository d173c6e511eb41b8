//! Operations on the letters of a word: case and reversal.

use hybridge_gemma::testing::Random;

use super::{Sample, Task, lexicon, once_in, pick};

/// The operation on a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Upper,
    Lower,
    Reverse,
}

impl Change {
    pub(super) fn of(self, word: &str) -> String {
        match self {
            Self::Upper => word.to_ascii_uppercase(),
            Self::Lower => word.to_ascii_lowercase(),
            Self::Reverse => word.chars().rev().collect(),
        }
    }

    fn question(self, random: &mut Random, word: &str) -> String {
        let patterns: &[&str] = match self {
            Self::Upper => &[
                "Write @ in capitals.",
                "Write @ in capital letters.",
                "Make @ upper case.",
                "Put @ in upper case.",
                "Turn @ into upper case.",
            ],
            Self::Lower => &[
                "Write @ in small letters.",
                "Make @ lower case.",
                "Put @ in lower case.",
                "Turn @ into lower case.",
                "Write @ without capitals.",
            ],
            Self::Reverse => &[
                "Reverse @.",
                "Reverse the word @.",
                "Write @ backwards.",
                "Spell @ backwards.",
                "What is @ backwards?",
            ],
        };
        let pattern = pick(random, patterns);
        let place = if once_in(random, 3) { word.to_owned() } else { format!("\"{word}\"") };
        pattern.replace('@', &place)
    }
}

/// Returns the word before the operation. One to be lower-cased may have capitals anywhere.
fn before(random: &mut Random, change: Change) -> String {
    let word = lexicon::word(random);
    match (change, random.below(4)) {
        (Change::Lower, 0) => lexicon::capitalised(&word),
        (Change::Lower, _) | (Change::Reverse, 0) => word.to_ascii_uppercase(),
        (Change::Upper, 0) => lexicon::capitalised(&word),
        _ => word,
    }
}

pub(super) fn changed(random: &mut Random, task: Task, change: Change) -> Sample {
    let word = before(random, change);
    let key = word.to_ascii_lowercase();
    Sample::new(task, change.question(random, &word), change.of(&word), key)
}

pub(super) fn case(random: &mut Random) -> Sample {
    let change = if once_in(random, 2) { Change::Upper } else { Change::Lower };
    changed(random, Task::Case, change)
}

pub(super) fn reverse(random: &mut Random) -> Sample {
    changed(random, Task::Reverse, Change::Reverse)
}
