//! The small closed world: tasks with questions and right answers, generated from a seed.
//!
//! Every sample has a key: the word, the pair of numbers or the name that it is about. A hash of
//! the key decides whether it is for training or held out, so no held-out key is ever trained on.

mod chat;
mod extraction;
mod following;
mod letters;
mod lexicon;
mod sorting;
mod sums;
mod tools;
mod town;

use hybridge_gemma::testing::Random;

pub(crate) use lexicon::REFUSALS;

/// The task of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Task {
    /// Greetings, thanks, goodbyes.
    Greeting,
    /// Questions such as who are you and what can you do.
    Identity,
    /// Questions about a fact stated in the prompt.
    Fact,
    /// Addition, subtraction and small products, all within 0–99.
    Sum,
    /// Upper and lower case.
    Case,
    /// Reversal of a word.
    Reverse,
    /// Classification as simple or complex.
    Sorting,
    /// Name, date and amount as JSON.
    Extraction,
    /// A call of one of two tools, with its arguments.
    Tools,
    /// Out-of-scope questions, answered by "I don't know".
    Unknown,
    /// A second turn that depends on the first.
    Following,
}

impl Task {
    /// Every task and its share of the training data in percent; harder tasks get more.
    pub(crate) const SHARES: [(Self, u32); 11] = [
        (Self::Greeting, 2),
        (Self::Identity, 1),
        (Self::Fact, 16),
        (Self::Sum, 18),
        (Self::Case, 9),
        (Self::Reverse, 14),
        (Self::Sorting, 2),
        (Self::Extraction, 11),
        (Self::Tools, 9),
        (Self::Unknown, 4),
        (Self::Following, 14),
    ];

    /// The task's name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greetings",
            Self::Identity => "who are you",
            Self::Fact => "facts in the prompt",
            Self::Sum => "arithmetic",
            Self::Case => "upper and lower case",
            Self::Reverse => "reversing",
            Self::Sorting => "simple or complex",
            Self::Extraction => "extraction to JSON",
            Self::Tools => "tool choice",
            Self::Unknown => "I don't know",
            Self::Following => "second turn",
        }
    }
}

/// A conversation with the expected answers.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The task.
    pub(crate) task: Task,
    /// Instructions before the first question, as the engine renders them; often empty.
    pub(crate) system: String,
    /// Questions and answers. The last answer is the one that is evaluated.
    pub(crate) turns: Vec<(String, String)>,
    /// Keys of the answers, the last one at the end.
    keys: Vec<String>,
}

impl Sample {
    fn new(
        task: Task,
        question: impl Into<String>,
        answer: impl Into<String>,
        key: String,
    ) -> Self {
        let turns = vec![(question.into(), answer.into())];
        Self { task, system: String::new(), turns, keys: vec![key] }
    }

    fn then(mut self, question: impl Into<String>, answer: impl Into<String>, key: String) -> Self {
        self.turns.push((question.into(), answer.into()));
        self.keys.push(key);
        self
    }

    /// No held-out key occurs in training, in any turn; the last turn decides whether a sample is
    /// held out.
    fn belongs(&self, split: Split) -> bool {
        match split {
            Split::Training => self.keys.iter().all(|key| split_of(key) == split),
            Split::HeldOut => self.keys.last().is_some_and(|key| split_of(key) == split),
        }
    }

    /// Whether the right answer is a refusal.
    pub(crate) fn is_refusal(&self) -> bool {
        self.turns.last().is_some_and(|(_, answer)| REFUSALS.contains(&answer.as_str()))
    }

    /// Whether an answer to the last question is right. All refusals are equally right.
    pub(crate) fn accepts(&self, answer: &str) -> bool {
        let wanted = self.turns.last().map_or("", |(_, answer)| answer);
        answer == wanted || (self.is_refusal() && REFUSALS.contains(&answer))
    }
}

/// The half of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// For training.
    Training,
    /// For evaluation.
    HeldOut,
}

/// One key in this many is held out.
const HELD_OUT: u64 = 8;

fn split_of(key: &str) -> Split {
    // FNV-1a with one more mixing step: short keys differ in few bits.
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    if Random(hash).bits().is_multiple_of(HELD_OUT) { Split::HeldOut } else { Split::Training }
}

/// Generates a sample of a task.
pub(crate) fn sample(task: Task, split: Split, random: &mut Random) -> Sample {
    loop {
        let sample = match task {
            Task::Greeting => chat::greeting(random),
            Task::Identity => chat::identity(random),
            Task::Fact => town::fact(random),
            Task::Sum => sums::sum(random),
            Task::Case => letters::case(random),
            Task::Reverse => letters::reverse(random),
            Task::Sorting => sorting::sorting(random),
            Task::Extraction => extraction::extraction(random),
            Task::Tools => tools::choice(random),
            Task::Unknown => chat::unknown(random),
            Task::Following => following::following(random),
        };
        if sample.belongs(split) {
            return sample;
        }
    }
}

/// Generates a sample for training, of a task drawn by its share.
pub(crate) fn any(random: &mut Random) -> Sample {
    let mut left = random.below(Task::SHARES.iter().map(|(_, share)| share).sum());
    for (task, share) in Task::SHARES {
        if left < share {
            return sample(task, Split::Training, random);
        }
        left -= share;
    }
    sample(Task::Sum, Split::Training, random)
}

/// Returns a random element of a list.
fn pick<'a, T: ?Sized>(random: &mut Random, list: &[&'a T]) -> &'a T {
    list[random.below(u32::try_from(list.len()).unwrap_or(1)) as usize]
}

/// Returns a random number from `low` to `high`, inclusive.
fn between(random: &mut Random, low: u32, high: u32) -> u32 {
    low + random.below(high + 1 - low)
}

/// Returns true once in `count` times.
fn once_in(random: &mut Random, count: u32) -> bool {
    random.below(count) == 0
}
