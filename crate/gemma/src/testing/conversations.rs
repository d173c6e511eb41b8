//! Random conversations on one pass: turns, edits, forks and switches, each compared with a cold
//! start.

use hybridge_core::{Error, Result};

use super::random::Random;
use crate::cache::shared;
use crate::engine::Pass;

/// Conversations in progress, and all tokens fed so far.
#[derive(Debug)]
pub struct Conversations {
    random: Random,
    vocabulary: u32,
    capacity: usize,
    /// Tokens, and the ends of turns.
    chats: Vec<(Vec<u32>, Vec<usize>)>,
    current: usize,
    history: Vec<Vec<u32>>,
}

/// The input of one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The whole prompt.
    pub prompt: Vec<u32>,
    /// The number of tokens to generate after it.
    pub answer: Vec<u32>,
    /// The maximum number of its tokens that can be cached.
    pub known: usize,
}

impl Conversations {
    /// Creates conversations with a common beginning, none longer than `capacity`.
    #[must_use]
    pub fn new(seed: u64, vocabulary: usize, capacity: usize) -> Self {
        let vocabulary = u32::try_from(vocabulary).unwrap_or(u32::MAX);
        let mut all = Self {
            random: Random(seed),
            vocabulary,
            capacity,
            chats: Vec::new(),
            current: 0,
            history: Vec::new(),
        };
        let system = all.tokens(capacity / 4);
        all.chats = vec![(system, Vec::new()); 3];
        all
    }

    fn tokens(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.random.below(self.vocabulary)).collect()
    }

    fn count(&mut self, most: usize) -> usize {
        1 + self.random.below(u32::try_from(most).unwrap_or(u32::MAX)) as usize
    }

    /// Returns the next turn: in any of the conversations, at its end or from an earlier position.
    #[must_use]
    pub fn turn(&mut self) -> Turn {
        if self.random.one_in(2) {
            self.current = self.count(self.chats.len()) - 1;
        }
        let (mut tokens, mut ends) = self.chats.get(self.current).cloned().unwrap_or_default();
        match self.random.below(8) {
            // An edit, or the same question again.
            0 | 1 if !ends.is_empty() => {
                let kept = self.count(ends.len()) - 1;
                tokens.truncate(*ends.get(kept).unwrap_or(&0));
                ends.truncate(kept);
            }
            // An arbitrary position.
            2 => tokens.truncate(self.count(tokens.len().max(1))),
            // Another conversation with the same beginning.
            3 if self.chats.len() < 6 => {
                self.current = self.chats.len();
                self.chats.push((tokens.clone(), ends.clone()));
            }
            _ => {}
        }
        if tokens.len() + 50 > self.capacity {
            tokens.truncate(self.capacity / 4);
        }
        ends.retain(|end| *end <= tokens.len());
        let question = self.count(30);
        tokens.extend(self.tokens(question));
        let count = self.count(20) - 1;
        let answer = self.tokens(count);
        let asked = tokens.get(..tokens.len() - 1).unwrap_or_default();
        let known = self.history.iter().map(|held| shared(held, asked)).max().unwrap_or(0);
        let turn = Turn { prompt: tokens.clone(), answer, known };
        tokens.extend(&turn.answer);
        ends.push(tokens.len());
        self.history.push(tokens.clone());
        if let Some(chat) = self.chats.get_mut(self.current) {
            *chat = (tokens, ends);
        }
        turn
    }
}

/// Options of the test.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// The conversations.
    pub seed: u64,
    /// The number of turns.
    pub turns: usize,
    /// The maximum number of tokens fed at once. If that affects the last bits, 1 does not.
    pub chunk: usize,
    /// The allowed difference of logits from a cold start, in standard deviations.
    pub most: f64,
    /// Whether everything is saved, so that nothing is fed twice.
    pub has_room: bool,
}

/// Runs turns on `pass`, and compares the logits after each prompt and answer with those of `cold`,
/// fed from the start.
///
/// # Errors Returns the first turn after which they differ.
pub async fn turns_agree_with_cold_starts(
    pass: &mut dyn Pass,
    cold: &mut dyn Pass,
    trial: Trial,
) -> Result<()> {
    let Trial { seed, turns, chunk, most, has_room } = trial;
    let mut all = Conversations::new(seed, pass.config().vocabulary, pass.capacity());
    for number in 0..turns {
        let Turn { prompt, answer, known } = all.turn();
        let wrong = |what: String| {
            Error::internal(format!(
                "seed {seed}, turn {number} of {} tokens: {what}",
                prompt.len()
            ))
        };
        let kept = pass.resume(prompt.get(..prompt.len() - 1).unwrap_or_default());
        if kept > known || (has_room && kept < known) {
            return Err(wrong(format!("{kept} tokens are resumed where {known} are known")));
        }
        let size = all.count(chunk);
        for chunk in prompt.get(kept..).unwrap_or_default().chunks(size) {
            pass.prefill(chunk).await?;
        }
        let after_prompt = pass.logits().await?;
        for token in &answer {
            pass.prefill(&[*token]).await?;
        }
        let after_answer = pass.logits().await?;
        cold.forget();
        for (tokens, found) in [(&prompt, after_prompt), (&answer, after_answer)] {
            for chunk in tokens.chunks(chunk) {
                cold.prefill(chunk).await?;
            }
            let far = distance(&found, &cold.logits().await?);
            if far > most {
                return Err(wrong(format!("{far:.1e} from a cold start after {kept} resumed")));
            }
        }
    }
    Ok(())
}

/// Returns the largest difference, in standard deviations of the expected values.
fn distance(got: &[f32], right: &[f32]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "vocabularies are small")]
    let count = right.len() as f64;
    let mean = right.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = right.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    let far = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs();
    let worst = got.iter().zip(right).map(far).fold(0.0, f64::max);
    if worst == 0.0 && got.len() == right.len() { 0.0 } else { worst / variance.sqrt() }
}
