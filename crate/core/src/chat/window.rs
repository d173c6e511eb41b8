//! Fits a conversation to a context window by leaving out its oldest turns.
//!
//! ```text
//!   system   turn 1         turn 2                turn 3 (newest)
//!   ──────   ────────────   ───────────────────   ───────────────
//!   s        u  m           u  m(call)  t  m      u
//!   kept     dropped first  dropped second        kept, or the request is refused
//! ```
//!
//! A turn starts at a user message and contains everything up to the next one, so a tool call is
//! never separated from its result.

use crate::Role;

/// The properties of a message that decide whether it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The author's role.
    pub role: Role,
    /// Length in tokens, markers included.
    pub tokens: u64,
}

/// The token budget of one branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Context window: prompt and answer together.
    pub window: u64,
    /// Tokens reserved for the answer.
    pub answer: u64,
    /// Tokens of everything else in the request: tools, schemas, a summary of the omitted turns.
    pub overhead: u64,
}

impl Budget {
    /// Returns the number of tokens available for messages.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.window.saturating_sub(self.answer).saturating_sub(self.overhead)
    }
}

/// The messages selected for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// System messages, and the messages from `first` on. Nothing is left out if `dropped` is 0.
    From {
        /// Index of the first message that is kept besides system messages.
        first: usize,
        /// The number of messages left out.
        dropped: usize,
        /// Tokens of all messages that are kept.
        tokens: u64,
    },
    /// The system messages and the newest turn alone exceed the budget.
    TooLong {
        /// Tokens of these messages.
        needed: u64,
        /// Tokens that the budget has for messages.
        available: u64,
    },
}

/// The share of the available space that is in use after a cut, so that the next turns only append
/// and the cache of keys and values stays valid.
const FILL_AFTER_CUT: (u64, u64) = (3, 4);

/// Decides which messages one request carries. `first` is where the previous request of the same
/// conversation began (0 for the first request): the cut stays there while everything fits.
#[must_use]
pub fn fit(entries: &[Entry], budget: Budget, first: usize) -> Fit {
    let available = budget.available();
    let starts = turn_starts(entries);
    let newest = starts.last().copied().unwrap_or(0);
    let needed = tokens_from(entries, newest);
    if needed > available {
        return Fit::TooLong { needed, available };
    }
    // A cut that isn't at the start of a turn comes from another history.
    let first = if first == 0 || starts.contains(&first) { first } else { 0 };
    let kept = tokens_from(entries, first);
    if kept <= available {
        return from(entries, first, kept);
    }
    let goal = available / FILL_AFTER_CUT.1 * FILL_AFTER_CUT.0;
    let later = starts.iter().copied().filter(|&start| start > first);
    let cut = later.map(|start| (start, tokens_from(entries, start)));
    let (first, kept) = cut.clone().find(|&(_, tokens)| tokens <= goal).unwrap_or((newest, needed));
    from(entries, first, kept)
}

fn from(entries: &[Entry], first: usize, tokens: u64) -> Fit {
    let dropped = entries.iter().take(first).filter(|it| it.role != Role::System).count();
    Fit::From { first, dropped, tokens }
}

/// Returns the indices of user messages that follow a message of another role. Consecutive user
/// messages are one turn.
fn turn_starts(entries: &[Entry]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut previous = None;
    for (index, entry) in entries.iter().enumerate() {
        if entry.role == Role::System {
            continue;
        }
        if entry.role == Role::User && previous != Some(Role::User) {
            starts.push(index);
        }
        previous = Some(entry.role);
    }
    starts
}

/// Counts the tokens of a request that begins at `first`. System messages count wherever they are.
fn tokens_from(entries: &[Entry], first: usize) -> u64 {
    let kept = entries.iter().enumerate();
    kept.filter(|(index, entry)| *index >= first || entry.role == Role::System)
        .fold(0, |sum: u64, (_, entry)| sum.saturating_add(entry.tokens))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Budget, Entry, Fit, fit};
    use crate::Role;

    /// Parses `s5 u10 m3` into entries.
    fn entries(text: &str) -> Vec<Entry> {
        text.split_whitespace()
            .map(|word| {
                let (role, tokens) = word.split_at(1);
                let role = match role {
                    "s" => Role::System,
                    "u" => Role::User,
                    "m" => Role::Model,
                    _ => Role::Tool,
                };
                Entry { role, tokens: tokens.parse().unwrap() }
            })
            .collect()
    }

    #[track_caller]
    fn check(history: &str, window: u64, first: usize, expected: &str) {
        let budget = Budget { window, answer: 10, overhead: 0 };
        let found = match fit(&entries(history), budget, first) {
            Fit::From { first, dropped, tokens } => format!("from {first}, -{dropped}, {tokens}"),
            Fit::TooLong { needed, available } => format!("{needed} of {available}"),
        };
        assert_eq!(found, expected, "{history} in {window}");
    }

    #[test]
    fn a_conversation_that_fits_is_sent_whole() {
        check("", 20, 0, "from 0, -0, 0");
        check("u10", 20, 0, "from 0, -0, 10");
        check("s5 u5 m5 u5", 30, 0, "from 0, -0, 20");
    }

    #[test]
    fn oldest_turns_are_left_out_first_and_system_messages_never() {
        check("s10 u40 m40 u10 m10 u10", 110, 0, "from 3, -2, 40");
        check("u40 m40 s10 u10 m10 u10", 110, 0, "from 3, -2, 40");
        check("s10 u40 m40 u10 m10 u10", 50, 0, "from 5, -4, 20");
    }

    #[test]
    fn a_call_stays_with_its_result() {
        check("u10 m30 t50 m10 u10 m10 t5", 90, 0, "from 4, -4, 25");
    }

    #[test]
    fn the_cut_stays_while_everything_fits() {
        check("u40 m40 u10 m10 u10 m10 u10", 110, 0, "from 2, -2, 50");
        check("u40 m40 u10 m10 u10 m10 u10 m10 u10", 110, 2, "from 2, -2, 70");
        check("u40 m40 u10 m10 u10 m10 u10 m10 u10", 110, 1, "from 2, -2, 70");
    }

    #[test]
    fn the_newest_turn_is_never_shortened() {
        check("s10 u5 m5 u40", 50, 0, "50 of 40");
        check("u1 m1 u20 m20 t20", 50, 0, "60 of 40");
        check("u10", 5, 0, "10 of 0");
    }

    proptest! {
        /// Naive version: tries every turn from the oldest on.
        #[test]
        fn agrees_with_the_naive_version(
            roles in proptest::collection::vec((0_u8..4, 0_u64..50), 0..24),
            window in 0_u64..300,
            first in 0_usize..24,
        ) {
            let roles_of = [Role::System, Role::User, Role::Model, Role::Tool];
            let role = |kind| roles_of[usize::from(kind)];
            let entries: Vec<Entry> =
                roles.iter().map(|&(kind, tokens)| Entry { role: role(kind), tokens }).collect();
            let budget = Budget { window, answer: 20, overhead: 5 };
            let cost = |from: usize| -> u64 {
                entries.iter().enumerate()
                    .filter(|(at, it)| *at >= from || it.role == Role::System)
                    .map(|(_, it)| it.tokens).sum()
            };
            match fit(&entries, budget, first) {
                Fit::From { first, dropped, tokens } => {
                    prop_assert_eq!(tokens, cost(first));
                    prop_assert!(tokens <= budget.available());
                    let said = |it: &Entry| it.role != Role::System;
                    prop_assert_eq!(dropped, entries[..first].iter().filter(|it| said(it)).count());
                    if first > 0 {
                        prop_assert_eq!(entries[first].role, Role::User);
                        let before = entries[..first].iter().rfind(|it| said(it));
                        prop_assert!(before.is_none_or(|it| it.role != Role::User));
                    }
                }
                Fit::TooLong { needed, available } => {
                    prop_assert!(needed > available);
                    prop_assert_eq!(available, window.saturating_sub(25));
                    // No suffix that starts a turn would have been short enough.
                    for from in 0..entries.len() {
                        let said = |it: &&Entry| it.role != Role::System;
                        let before = entries[..from].iter().rfind(said);
                        let starts = entries[from].role == Role::User
                            && before.is_none_or(|it| it.role != Role::User);
                        prop_assert!(!starts || cost(from) > available);
                    }
                }
            }
        }
    }
}
