//! The state of an answer in progress, and the masks for its next token.

use std::collections::HashMap;
use std::sync::Arc;

use hybridge_core::{Error, Result};

use super::grammar::Grammar;
use super::machine::{DEAD, Key, Machine};
use super::trie::set;
use super::vocabulary::Pieces;

/// The state of an answer.
#[derive(Debug)]
pub struct State {
    machine: Machine,
    pieces: Arc<Pieces>,
    configuration: u32,
    is_ended: bool,
    /// The latest masks by configuration, which recur in long texts.
    masks: Vec<(u32, Box<[u32]>)>,
    runs: HashMap<u32, Run>,
    /// Masks of the short plain tokens, by machine key.
    shorts: HashMap<Key, Box<[u32]>>,
}

/// How plain characters change a configuration.
#[derive(Clone, Debug)]
enum Run {
    /// Each leads to one of these configurations.
    On(Box<[u32]>),
    /// None has a continuation.
    Off,
    /// The effect depends on the character.
    Mixed,
}

const MOST_MASKS: usize = 16;
/// The number of cached masks: 32 KiB each for 262,144 tokens.
const MOST_SHORTS: usize = 48;
/// If plain characters lead to more configurations than this, walking the trie is faster.
const MOST_PLACES: usize = 8;

impl State {
    pub(super) fn new(grammar: Arc<Grammar>, pieces: Arc<Pieces>) -> Self {
        let (machine, configuration) = Machine::new(grammar);
        Self {
            machine,
            pieces,
            configuration,
            is_ended: false,
            masks: Vec::new(),
            runs: HashMap::new(),
            shorts: HashMap::new(),
        }
    }

    /// Writes the mask of the next token: one bit per token, the lowest first, in
    /// [`Pieces::mask_words`] words. End tokens are included if the answer is complete; after an
    /// end the mask is empty.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if the slice has another length.
    pub fn mask(&mut self, bits: &mut [u32]) -> Result<()> {
        if bits.len() != self.pieces.mask_words() {
            let (expected, found) = (self.pieces.mask_words(), bits.len());
            return Err(Error::invalid(format!(
                "a mask has {expected} words for this vocabulary, not {found}"
            )));
        }
        if self.is_ended {
            bits.fill(0);
            return Ok(());
        }
        if let Some(at) = self.masks.iter().position(|(known, _)| *known == self.configuration) {
            let known = self.masks.remove(at);
            bits.copy_from_slice(&known.1);
            self.masks.push(known);
            return Ok(());
        }
        self.write_mask(bits);
        if self.masks.len() >= MOST_MASKS {
            self.masks.remove(0);
        }
        self.masks.push((self.configuration, bits.into()));
        Ok(())
    }

    fn write_mask(&mut self, bits: &mut [u32]) {
        let pieces = Arc::clone(&self.pieces);
        match self.plain_chars() {
            Some(chars) => pieces.fill_plain(chars, bits),
            None => self.walk_plain(bits),
        }
        let (machine, start) = (&mut self.machine, self.configuration);
        pieces.other().walk(start, bits, |from, byte| machine.step(from, byte));
        if machine.is_complete(start) {
            pieces.ends().iter().for_each(|&end| set(bits, end));
        }
    }

    /// Computes the mask token by token, unless a mask with the same key is cached.
    fn walk_plain(&mut self, bits: &mut [u32]) {
        let pieces = Arc::clone(&self.pieces);
        let (machine, start) = (&mut self.machine, self.configuration);
        let key = machine.key(start);
        if let Some(known) = self.shorts.get(&key) {
            bits.copy_from_slice(known);
        } else {
            bits.fill(0);
            pieces.short().walk(start, bits, |from, byte| machine.step(from, byte));
            if self.shorts.len() >= MOST_SHORTS {
                self.shorts.clear();
            }
            self.shorts.insert(key, (&*bits).into());
        }
        pieces.long().walk(start, bits, |from, byte| machine.step(from, byte));
    }

    /// Returns how many plain characters may follow, if only their number matters.
    fn plain_chars(&mut self) -> Option<usize> {
        let longest = self.pieces.longest();
        let mut places = vec![self.configuration];
        for chars in 0..longest {
            let mut next = Vec::new();
            let mut is_off = false;
            for &place in &places {
                match self.run(place) {
                    Run::On(to) => next.extend_from_slice(&to),
                    Run::Off => is_off = true,
                    Run::Mixed => return None,
                }
            }
            if is_off {
                return next.is_empty().then_some(chars);
            }
            next.sort_unstable();
            next.dedup();
            if next == places {
                return Some(longest);
            }
            if next.len() > MOST_PLACES {
                return None;
            }
            places = next;
        }
        Some(longest)
    }

    fn run(&mut self, from: u32) -> Run {
        if let Some(known) = self.runs.get(&from) {
            return known.clone();
        }
        let run = self.find_run(from);
        self.runs.insert(from, run.clone());
        run
    }

    fn find_run(&mut self, from: u32) -> Run {
        let mut places = Vec::new();
        let mut is_dead = false;
        let mut note = |to: u32| {
            if to == DEAD {
                is_dead = true;
            } else if !places.contains(&to) {
                places.push(to);
            }
            // Further characters add nothing.
            is_dead && !places.is_empty() || places.len() > MOST_PLACES
        };
        for byte in (0x20..=0x7F).filter(|byte| !b"\"\\".contains(byte)) {
            if note(self.machine.step(from, byte)) {
                return Run::Mixed;
            }
        }
        // Characters of two, three and four bytes: the first byte determines which bytes may
        // follow.
        let mut open: Vec<(u32, u8, u8, u8)> = Vec::new();
        for byte in 0xC2..=0xF4 {
            let (low, high) = match byte {
                0xE0 => (0xA0, 0xBF),
                0xED => (0x80, 0x9F),
                0xF0 => (0x90, 0xBF),
                0xF4 => (0x80, 0x8F),
                _ => (0x80, 0xBF),
            };
            let left = if byte < 0xE0 {
                1
            } else if byte < 0xF0 {
                2
            } else {
                3
            };
            let way = (self.machine.step(from, byte), left, low, high);
            if !open.contains(&way) {
                open.push(way);
            }
        }
        let mut at = 0;
        while let Some(&(place, left, low, high)) = open.get(at) {
            at += 1;
            for byte in low..=high {
                let to = if place == DEAD { DEAD } else { self.machine.step(place, byte) };
                if left == 1 || to == DEAD {
                    if note(to) {
                        return Run::Mixed;
                    }
                } else if !open.contains(&(to, left - 1, 0x80, 0xBF)) {
                    open.push((to, left - 1, 0x80, 0xBF));
                }
            }
            // The pattern distinguishes single characters.
            if open.len() > 64 {
                return Run::Mixed;
            }
        }
        match (is_dead, places.is_empty()) {
            (false, false) => Run::On(places.into()),
            (true, true) => Run::Off,
            _ => Run::Mixed,
        }
    }

    /// Appends one token.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if the token is not allowed here; the state is unchanged.
    pub fn accept(&mut self, token: u32) -> Result<()> {
        let pieces = Arc::clone(&self.pieces);
        if pieces.ends().contains(&token) {
            if self.is_ended || !self.is_complete() {
                return Err(Error::invalid("the answer cannot end here"));
            }
            self.is_ended = true;
            return Ok(());
        }
        let to = self.after(token);
        if to == DEAD {
            return Err(Error::invalid("the token is not allowed here"));
        }
        self.configuration = to;
        if let Some(moved) = self.machine.tidied(to) {
            self.configuration = moved;
            self.masks.clear();
            self.runs.clear();
            self.shorts.clear();
        }
        Ok(())
    }

    /// Returns the configuration after a token that isn't an end.
    fn after(&mut self, token: u32) -> u32 {
        let pieces = Arc::clone(&self.pieces);
        let bytes = pieces.piece(token);
        if bytes.is_empty() || self.is_ended {
            return DEAD;
        }
        bytes.iter().fold(self.configuration, |from, &byte| self.machine.step(from, byte))
    }

    /// Computes one bit of the mask, the slow way.
    #[cfg(test)]
    pub(super) fn allows(&mut self, token: u32) -> bool {
        if self.pieces.ends().contains(&token) {
            return self.is_complete() && !self.is_ended;
        }
        self.after(token) != DEAD
    }

    /// Whether the answer satisfies the schema as it is.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_ended || self.machine.is_complete(self.configuration)
    }

    /// Whether the answer is complete and only its end may follow, so that the next step can be
    /// skipped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_ended
            || self.machine.is_complete(self.configuration)
                && !self.machine.goes_on(self.configuration)
    }

    /// Returns how many configurations exist, which determines the machine's memory.
    #[must_use]
    pub fn configurations(&self) -> usize {
        self.machine.len()
    }
}
