//! A vocabulary in the form that masks need: tokens by their bytes, with plain ones separate.

use std::borrow::Cow;

use super::small;
use super::trie::{LONGEST_PIECE, Trie, clear, set};

/// The interface of a tokenizer.
pub trait Vocabulary {
    /// Returns the number of token IDs, special ones included.
    fn len(&self) -> usize;
    /// Returns the bytes that a token adds to the answer; `None` for control, unused and unknown
    /// tokens.
    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>>;
    /// Returns the IDs that end an answer.
    fn ends(&self) -> &[u32];
    /// Whether the vocabulary is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A vocabulary prepared for masks, built once per model and shared by all constraints.
///
/// Nearly all tokens are *plain*: whole characters without special meaning inside a JSON string.
/// Inside a string they are allowed together, or up to some number of characters, and only the few
/// others are examined.
#[derive(Debug)]
pub struct Pieces {
    size: usize,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// The offset of each token's bytes, and the end of the last.
    offsets: Vec<u32>,
    /// Plain tokens of at most [`SHORT`] characters.
    short: Trie,
    /// Longer plain tokens.
    long: Trie,
    other: Trie,
    plain_mask: Vec<u32>,
    /// Plain tokens, shortest first.
    plain_by_chars: Vec<u32>,
    /// For each length, how many tokens have at most that many characters.
    up_to_chars: Vec<usize>,
}

/// Few tokens are longer. The next this many characters decide about all others: if two states of a
/// pattern agree on them, so do their masks.
pub(super) const SHORT: u32 = 16;

impl Pieces {
    /// Prepares a vocabulary.
    #[must_use]
    pub fn new(vocabulary: &dyn Vocabulary) -> Self {
        let size = vocabulary.len();
        let mut bytes = Vec::new();
        let mut offsets = vec![0];
        for id in 0..small(size) {
            if let Some(piece) = vocabulary.bytes(id).filter(|piece| piece.len() <= LONGEST_PIECE) {
                bytes.extend_from_slice(&piece);
            }
            offsets.push(small(bytes.len()));
        }
        let ends = vocabulary.ends().to_vec();
        let mut pieces = Self {
            size,
            ends,
            bytes,
            offsets,
            short: Trie::default(),
            long: Trie::default(),
            other: Trie::default(),
            plain_mask: vec![0; size.div_ceil(32)],
            plain_by_chars: Vec::new(),
            up_to_chars: Vec::new(),
        };
        pieces.sort();
        pieces
    }

    fn sort(&mut self) {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let mut other = Vec::new();
        let mut lengths = Vec::new();
        for id in 0..small(self.size) {
            let piece = self.piece(id);
            if piece.is_empty() || self.ends.contains(&id) {
                continue;
            }
            match std::str::from_utf8(piece) {
                Ok(text) if text.chars().all(is_plain) => {
                    let chars = text.chars().count();
                    lengths.push((chars, id));
                    if small(chars) <= SHORT { &mut short } else { &mut long }.push((piece, id));
                }
                _ => other.push((piece, id)),
            }
        }
        lengths.sort_unstable();
        let [short, long, other] = [short, long, other].map(|mut part: Vec<(&[u8], u32)>| {
            part.sort_unstable();
            Trie::build(part.into_iter())
        });
        let longest = lengths.last().map_or(0, |&(chars, _)| chars);
        self.up_to_chars = (0..=longest)
            .map(|most| lengths.partition_point(|&(chars, _)| chars <= most))
            .collect();
        self.plain_by_chars = lengths.into_iter().map(|(_, id)| id).collect();
        for &id in &self.plain_by_chars {
            set(&mut self.plain_mask, id);
        }
        (self.short, self.long, self.other) = (short, long, other);
    }

    /// Returns the number of token IDs.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the number of words in a mask: one bit per ID, the lowest first.
    #[must_use]
    pub fn mask_words(&self) -> usize {
        self.plain_mask.len()
    }

    /// Returns the IDs that end an answer.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Returns the bytes of a token; empty for those without text.
    pub(super) fn piece(&self, id: u32) -> &[u8] {
        let at = id as usize;
        let (Some(&from), Some(&to)) = (self.offsets.get(at), self.offsets.get(at + 1)) else {
            return &[];
        };
        self.bytes.get(from as usize..to as usize).unwrap_or(&[])
    }

    pub(super) fn short(&self) -> &Trie {
        &self.short
    }

    pub(super) fn long(&self) -> &Trie {
        &self.long
    }

    pub(super) fn other(&self) -> &Trie {
        &self.other
    }

    /// Returns the length in characters of the longest plain token.
    pub(super) fn longest(&self) -> usize {
        self.up_to_chars.len().saturating_sub(1)
    }

    /// Sets `bits` to exactly the plain tokens of at most this many characters.
    pub(super) fn fill_plain(&self, chars: usize, bits: &mut [u32]) {
        let count = self.up_to_chars.get(chars).copied().unwrap_or(self.plain_by_chars.len());
        let (short, long) = self.plain_by_chars.split_at(count.min(self.plain_by_chars.len()));
        if short.len() < long.len() {
            bits.fill(0);
            short.iter().for_each(|&id| set(bits, id));
        } else {
            for (word, plain) in bits.iter_mut().zip(&self.plain_mask) {
                *word = *plain;
            }
            long.iter().for_each(|&id| clear(bits, id));
        }
    }
}

/// Whether a JSON string can contain the token unescaped.
fn is_plain(char: char) -> bool {
    char >= ' ' && char != '"' && char != '\\'
}
