//! The merges that a vocabulary lists: which two tokens form a third, and in which order.

use hybridge_core::Result;

use super::index::Index;
use super::vocabulary::wrong;
use crate::gguf::Strings;

/// Ranks are compared as `f32`, which represents integers exactly up to here.
const MOST: usize = 1 << 24;
const EMPTY: u32 = u32::MAX;

/// Ranks by the IDs of both tokens. Uses open addressing, because half a million pairs of owned
/// strings would take more memory than the vocabulary itself.
#[derive(Clone, Debug)]
pub(super) struct Merges {
    /// Left and right token, by rank.
    pairs: Vec<[u32; 2]>,
    slots: Vec<u32>,
}

impl Merges {
    /// Reads lines of the form `left right`. Pairs of unknown tokens can never apply and are left
    /// out.
    pub(super) fn read(lines: &Strings, pieces: &Strings, texts: &Index) -> Result<Self> {
        if lines.len() > MOST {
            return Err(wrong("merges", "are too many"));
        }
        let slots = vec![EMPTY; (lines.len() * 2).next_power_of_two().max(2)];
        let mut merges = Self { pairs: Vec::with_capacity(lines.len()), slots };
        for line in lines.iter() {
            let Some((left, right)) = halves(line) else {
                return Err(wrong("merges", "have an entry that is not two pieces"));
            };
            let ids = texts.get(pieces, left).zip(texts.get(pieces, right));
            if let Some((left, right)) = ids {
                merges.insert([left, right]);
            }
        }
        Ok(merges)
    }

    /// Of duplicate pairs the first counts.
    fn insert(&mut self, pair: [u32; 2]) {
        let place = self.place(pair);
        if let Some(slot) = self.slots.get_mut(place).filter(|slot| **slot == EMPTY) {
            *slot = u32::try_from(self.pairs.len()).unwrap_or(EMPTY);
            self.pairs.push(pair);
        }
    }

    /// Returns the rank of a pair: 0 is merged first.
    pub(super) fn rank(&self, left: u32, right: u32) -> Option<u32> {
        self.slots.get(self.place([left, right])).copied().filter(|rank| *rank != EMPTY)
    }

    /// Returns the slot of a pair, or the empty slot for it. Half the slots are empty, so the
    /// search ends.
    fn place(&self, pair: [u32; 2]) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = hash(pair) & mask;
        loop {
            match self.slots.get(place) {
                Some(&rank) if rank != EMPTY && self.pairs.get(rank as usize) != Some(&pair) => {
                    place = (place + 1) & mask;
                }
                _ => return place,
            }
        }
    }
}

/// Tokens contain ▁ instead of spaces, so the first space after a character separates the two.
fn halves(line: &str) -> Option<(&str, &str)> {
    let first = line.chars().next()?.len_utf8();
    let space = first + line.get(first..)?.find(' ')?;
    Some((line.get(..space)?, line.get(space + 1..)?)).filter(|(_, right)| !right.is_empty())
}

fn hash([left, right]: [u32; 2]) -> usize {
    let both = u64::from(left) << 32 | u64::from(right);
    let mixed = both.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The high bits are mixed best; 32 of them are enough for any table.
    usize::try_from((mixed ^ mixed >> 29) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::halves;

    #[test]
    fn a_line_contains_two_tokens() {
        for (line, expected) in [
            ("a b", Some(("a", "b"))),
            ("▁ ▁", Some(("▁", "▁"))),
            ("\n \n\n", Some(("\n", "\n\n"))),
            ("語 é", Some(("語", "é"))),
            ("  b", Some((" ", "b"))),
            ("ab", None),
            ("a ", None),
            ("", None),
        ] {
            assert_eq!(halves(line), expected, "{line:?}");
        }
    }
}
