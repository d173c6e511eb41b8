//! Keys and values of the current sequence, and of earlier conversations.
//!
//! ```text
//!            make_way(n) ─ n positions are written ─ push(tokens)
//!                 │
//!     saves what rings are about to overwrite          resume(tokens): saves the end that goes,
//!                 ▼                                    then takes the longest prefix there is,
//!     archive: a tree of pages of 32 tokens ─────────► in place or copied out of the archive
//! ```
//!
//! A pass writes into its [`Store`]: every position on global layers, a ring of the last ones on
//! local layers. The [`Archive`] contains copies of rows keyed by their tokens, so that a prefix is
//! found whichever conversation it came from. Rows are copied exactly: a resumed sequence computes
//! the same as one without a break.

mod archive;
mod memory;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use archive::PAGE;
use archive::{Archive, Step};
pub(crate) use memory::{InMemory, KeyValues, no_room};

use crate::config::Span;

/// Default limit for the keys and values of other conversations, in bytes.
pub(crate) const BUDGET: u64 = 256 << 20;

/// The storage that a pass writes keys and values into.
pub(crate) trait Store {
    /// Copied rows of all layers of a span.
    type Saved;

    /// Returns the bytes of one position in all layers of a span.
    fn row_bytes(&self, span: Span) -> u64;

    /// Copies rows out; `None` if there is no room.
    fn save(&mut self, span: Span, positions: Range<usize>) -> Option<Self::Saved>;

    /// Copies the first rows of a saved piece back to these positions.
    fn load(&mut self, span: Span, positions: Range<usize>, saved: &Self::Saved);

    /// Whether a saved piece can be loaded.
    fn is_intact(&self, saved: &Self::Saved) -> bool {
        let _ = saved;
        true
    }

    /// Starts the copies requested so far.
    fn flush(&mut self) {}
}

/// Statistics of saved rows and their reuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reuse {
    /// The number of tokens computed by the network.
    pub fed: u64,
    /// The number of tokens whose rows were reused.
    pub reused: u64,
    /// The size of the saved rows in bytes.
    pub saved_bytes: u64,
    /// The number of tokens whose rows are saved.
    pub saved_tokens: u64,
}

/// Returns the slots that a ring needs, so that every chunk sees its window and no page is
/// overwritten before it is complete.
pub(crate) fn ring_slots(window: Option<usize>, chunk: usize, capacity: usize) -> usize {
    window.map_or(capacity, |window| capacity.min(window.saturating_add(chunk + PAGE)))
}

/// The current sequence and the archive.
#[derive(Clone, Debug)]
pub(crate) struct Cache<S: Store> {
    store: S,
    archive: Archive<S::Saved>,
    window: Option<usize>,
    slots: usize,
    capacity: usize,
    tokens: Vec<u32>,
    /// The end of the written rows, which exceeds the tokens after an aborted prefill.
    reached: usize,
    /// The first position whose local rows are still present.
    start: usize,
    /// Positions at which turns began: the rows before them are the likeliest to be needed again.
    turns: Vec<usize>,
    /// The number of tokens whose pages were saved, as far as there was room.
    saved: usize,
    fed: u64,
    reused: u64,
}

impl<S: Store> Cache<S> {
    /// Creates an empty cache for `capacity` tokens; local layers have `slots`.
    pub(crate) fn new(store: S, window: Option<usize>, slots: usize, capacity: usize) -> Self {
        Self {
            store,
            archive: Archive::new(BUDGET),
            window,
            slots,
            capacity,
            tokens: Vec::new(),
            reached: 0,
            start: 0,
            turns: Vec::new(),
            saved: 0,
            fed: 0,
            reused: 0,
        }
    }

    /// Limits the archive's size.
    pub(crate) fn set_budget(&mut self, bytes: u64) {
        self.archive.set_budget(bytes);
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn store(&self) -> &S {
        &self.store
    }

    pub(crate) fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the current sequence.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub(crate) fn position(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn reuse(&self) -> Reuse {
        let (saved_bytes, saved_tokens) = self.archive.size();
        Reuse { fed: self.fed, reused: self.reused, saved_bytes, saved_tokens }
    }

    /// Saves the rows that `count` more positions will overwrite; must be called before they are
    /// written.
    pub(crate) fn make_way(&mut self, count: usize) {
        self.reached = self.reached.max(self.position() + count);
        let lost = self.reached.saturating_sub(self.slots);
        if self.window.is_some() && lost > self.start {
            if lost > self.saved {
                self.save(lost, false);
                self.store.flush();
            }
            self.start = lost;
        }
    }

    /// Appends tokens whose rows have been written.
    pub(crate) fn push(&mut self, tokens: &[u32]) {
        self.tokens.extend(tokens);
        self.fed += tokens.len() as u64;
    }

    /// Removes the last token, to feed it again.
    #[cfg(feature = "gpu")]
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let last = self.tokens.pop();
        self.saved = self.saved.min(self.tokens.len());
        last
    }

    /// Makes this the current sequence, as far as its rows are saved; returns the number of tokens.
    pub(crate) fn resume(&mut self, tokens: &[u32]) -> usize {
        let tokens = tokens.get(..self.capacity).unwrap_or(tokens);
        let common = shared(&self.tokens, tokens);
        // Rows that are needed must not be evicted meanwhile.
        self.archive.begin_turn();
        self.archive.path(tokens);
        if common < self.tokens.len() {
            self.save(self.tokens.len(), true);
        }
        let in_place = if self.sees_window_at(common) { common } else { 0 };
        let path = self.archive.path(tokens);
        let intact: Vec<Step> = self.intact(path);
        let found = self.longest(&intact);
        if found > in_place {
            if common == self.tokens.len() {
                self.save(common, true);
            }
            self.load(&intact, common, found);
            self.tokens.clear();
            self.tokens.extend(tokens.iter().take(found));
            self.turns.retain(|turn| *turn <= common.min(found));
            (self.reached, self.saved) = (found, found / PAGE * PAGE);
        } else {
            self.tokens.truncate(in_place);
            self.turns.retain(|turn| *turn <= in_place);
            self.saved = self.saved.min(in_place / PAGE * PAGE);
            if in_place == 0 {
                (self.reached, self.start) = (0, 0);
            }
        }
        self.store.flush();
        let position = self.position();
        if self.turns.last() != Some(&position) {
            self.turns.push(position);
        }
        let needed = self.first_needed(position);
        self.archive.touch_local(&intact, needed..position);
        self.reused += position as u64;
        position
    }

    /// Drops everything: after a failure no rows can be trusted.
    pub(crate) fn forget(&mut self) {
        self.archive.clear();
        self.tokens.clear();
        self.turns.clear();
        (self.reached, self.start, self.saved) = (0, 0, 0);
    }

    /// Counts positions as written that were not, for measurements.
    #[cfg(all(feature = "gpu", any(test, feature = "testing")))]
    pub(crate) fn skip_to(&mut self, position: usize) {
        self.tokens.resize(position, 0);
        (self.reached, self.saved) = (position, position);
        self.start = position.saturating_sub(self.slots);
    }

    /// Returns the first position that a query at `length` attends to on local layers.
    fn first_needed(&self, length: usize) -> usize {
        self.window.map_or(length, |window| (length + 1).saturating_sub(window))
    }

    fn sees_window_at(&self, length: usize) -> bool {
        self.first_needed(length) >= self.start
    }

    /// Returns the steps up to the first one whose global rows cannot be loaded, marking those
    /// whose local rows cannot.
    fn intact(&self, path: Vec<Step>) -> Vec<Step> {
        let has_local = self.window.is_some();
        let mut intact = Vec::new();
        for mut step in path {
            let Some((global, local)) = self.archive.saved(step.page) else { break };
            if !self.store.is_intact(global) {
                break;
            }
            step.has_local = !has_local || local.is_some_and(|it| self.store.is_intact(it));
            intact.push(step);
        }
        intact
    }

    /// Returns the longest prefix along these steps that ends with complete rows for the window.
    fn longest(&self, steps: &[Step]) -> usize {
        // The first position after which no local rows are missing.
        let (mut whole_from, mut longest) = (0, 0);
        for step in steps {
            if !step.has_local {
                whole_from = step.positions.end;
            } else if whole_from == 0 || self.first_needed(step.positions.end) >= whole_from {
                longest = step.positions.end;
            }
        }
        longest
    }

    /// Copies rows back: global ones beyond `common`, and local ones within the next token's
    /// window.
    fn load(&mut self, steps: &[Step], common: usize, length: usize) {
        // The last page will be extended, so it is loaded whole.
        let needed = self.first_needed(length).min(length.saturating_sub(1));
        self.start = if self.window.is_some() { length } else { 0 };
        for step in steps {
            let (start, end) = (step.positions.start, step.positions.end.min(length));
            let Some((global, local)) = self.archive.saved(step.page) else { break };
            if start >= end {
                break;
            }
            if end > common {
                self.store.load(Span::Global, start..end, global);
            }
            if let Some(local) = local.filter(|_| end > needed) {
                self.store.load(Span::Local, start..end, local);
                self.start = self.start.min(start);
            }
        }
    }

    /// Saves the pages that begin before `until`, including a partial last one.
    fn save(&mut self, until: usize, with_tail: bool) {
        let mut parent = None;
        for (index, piece) in self.tokens.chunks(PAGE).enumerate() {
            let start = index * PAGE;
            let positions = start..start + piece.len();
            if start >= until || (piece.len() < PAGE && !with_tail) {
                break;
            }
            let is_wanted =
                |turn: &usize| positions.end > self.first_needed(*turn) && positions.start < *turn;
            let is_wanted =
                self.turns.iter().any(is_wanted) || (with_tail && is_wanted(&self.tokens.len()));
            let known = self.archive.find(parent, piece);
            let has_local = known.is_some_and(|page| self.archive.has_local(page));
            let mut local = None;
            if !has_local && self.window.is_some() && start >= self.start {
                let bytes = self.store.row_bytes(Span::Local) * piece.len() as u64;
                if self.archive.make_room(bytes) {
                    local = self.store.save(Span::Local, positions.clone()).map(|it| (it, bytes));
                }
            }
            // Making room may have evicted this page's parent.
            let known = known.filter(|page| self.archive.saved(*page).is_some());
            let page = match known {
                Some(page) => page,
                None => {
                    let bytes = self.store.row_bytes(Span::Global) * piece.len() as u64;
                    let room = self.archive.make_room(bytes + local.as_ref().map_or(0, |it| it.1));
                    let global = if room { self.store.save(Span::Global, positions) } else { None };
                    let Some(global) = global else { break };
                    let Some(page) = self.archive.insert(parent, piece, global, bytes) else {
                        break;
                    };
                    page
                }
            };
            self.archive.touch(page);
            if let Some((local, bytes)) = local {
                self.archive.insert_local(page, local, bytes);
            }
            if is_wanted {
                self.archive.want_local(page);
            }
            parent = Some(page);
        }
        let whole = if with_tail { self.position() } else { self.position() / PAGE * PAGE };
        self.saved = self.saved.max(until.next_multiple_of(PAGE).min(whole));
    }
}

/// Returns the length of the common prefix of two sequences.
pub(crate) fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
