//! Finds a token by its text. Uses open addressing over IDs, because a quarter of a million owned
//! keys would take more memory than the vocabulary itself.

use crate::gguf::Strings;

const EMPTY: u32 = u32::MAX;

/// Token IDs by text.
#[derive(Clone, Debug)]
pub(super) struct Index {
    slots: Vec<u32>,
}

impl Index {
    /// Indexes the IDs for which `is_member` is true. Of equal texts the later ID wins.
    pub(super) fn new(pieces: &Strings, is_member: impl Fn(u32) -> bool) -> Self {
        let mut index = Self { slots: vec![EMPTY; (pieces.len() * 2).next_power_of_two().max(2)] };
        for (id, text) in (0..).zip(pieces.iter()) {
            if is_member(id) {
                let place = index.place(pieces, text);
                if let Some(slot) = index.slots.get_mut(place) {
                    *slot = id;
                }
            }
        }
        index
    }

    /// Returns the ID of a text.
    pub(super) fn get(&self, pieces: &Strings, text: &str) -> Option<u32> {
        self.slots.get(self.place(pieces, text)).copied().filter(|id| *id != EMPTY)
    }

    /// Returns the slot of a text, or the empty slot for it. Half the slots are empty, so the
    /// search ends.
    fn place(&self, pieces: &Strings, text: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = hash(text) & mask;
        loop {
            match self.slots.get(place) {
                Some(&id) if id != EMPTY && pieces.get(id as usize) != Some(text) => {
                    place = (place + 1) & mask;
                }
                _ => return place,
            }
        }
    }
}

/// Hashes eight bytes at a time; only the distribution matters.
fn hash(text: &str) -> usize {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let mix = |state: u64, word: [u8; 8]| {
        (state.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR)
    };
    let state = words.iter().copied().fold(text.len() as u64, mix);
    let state = mix(state, last);
    // The high bits are mixed best; 32 of them are enough for any table.
    usize::try_from((state ^ (state >> 29)) >> 32).unwrap_or(0)
}
