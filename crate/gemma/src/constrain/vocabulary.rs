//! A vocabulary as the masks need it: its pieces by bytes, with the unremarkable ones apart.

use std::borrow::Cow;

use super::small;
use super::trie::{LONGEST_PIECE, Trie, clear, set};

/// The interface of a tokenizer.
pub trait Vocabulary {
    /// How many ids there are, special ones included.
    fn len(&self) -> usize;
    /// The bytes a piece adds to the answer; nothing for control, unused and unknown pieces.
    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>>;
    /// The ids that end an answer.
    fn ends(&self) -> &[u32];
    /// Whether there are no ids.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A vocabulary made ready for masks. Built once per model and shared by all its constraints.
///
/// Nearly all pieces are *plain*: whole characters, none of which JSON treats specially inside a
/// string. Inside a string they are allowed together, or up to some number of characters, and only
/// the few others are looked at.
#[derive(Debug)]
pub struct Pieces {
    size: usize,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// Where each piece's bytes begin; one more than there are pieces.
    offsets: Vec<u32>,
    /// Plain pieces of at most [`SHORT`] characters.
    short: Trie,
    /// Plain pieces of more.
    long: Trie,
    other: Trie,
    plain_mask: Vec<u32>,
    /// Plain pieces, shortest first.
    plain_by_chars: Vec<u32>,
    /// How many of them have at most this many characters.
    up_to_chars: Vec<usize>,
}

/// Few pieces are longer. What follows so many characters from here decides about all others, and
/// where two places in a pattern are alike that far, so are their masks.
pub(super) const SHORT: u32 = 16;

impl Pieces {
    /// Sorts a vocabulary.
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

    /// How many ids there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many words a mask has: one bit per id, the lowest first.
    #[must_use]
    pub fn mask_words(&self) -> usize {
        self.plain_mask.len()
    }

    /// The ids that end an answer.
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The bytes of a piece; none for those without text.
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

    /// The characters of the longest plain piece.
    pub(super) fn longest(&self) -> usize {
        self.up_to_chars.len().saturating_sub(1)
    }

    /// Sets `bits` to exactly the plain pieces of at most this many characters.
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

/// Whether a JSON string can hold it as it is.
fn is_plain(char: char) -> bool {
    char >= ' ' && char != '"' && char != '\\'
}
