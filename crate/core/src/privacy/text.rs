//! Bytes with a position: what all detectors read.

/// A plain text. A position outside reads as a line's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn at(self, position: usize) -> u8 {
        self.0.get(position).copied().unwrap_or(b'\n')
    }

    /// The byte before a position.
    pub(super) fn before(self, position: usize) -> u8 {
        position.checked_sub(1).map_or(b'\n', |it| self.at(it))
    }

    pub(super) fn slice(self, from: usize, to: usize) -> &'a [u8] {
        self.0.get(from..to.min(self.0.len())).unwrap_or_default()
    }

    /// How many bytes from a position on satisfy `is`, `most` at most.
    pub(super) fn run(self, from: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        self.slice(from, from.saturating_add(most)).iter().take_while(|&&it| is(it)).count()
    }

    /// How many bytes before a position satisfy `is`, `most` at most.
    pub(super) fn run_back(self, to: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let from = to.saturating_sub(most);
        self.slice(from, to).iter().rev().take_while(|&&it| is(it)).count()
    }

    /// Whether these letters stand at a position, in either case. `word` is in lower case.
    pub(super) fn reads(self, from: usize, word: &[u8]) -> bool {
        self.slice(from, from + word.len()).eq_ignore_ascii_case(word)
    }

    /// The digits' value, up to nine of them.
    pub(super) fn value(self, from: usize, to: usize) -> u32 {
        let digits = self.slice(from, to.min(from + 9));
        digits.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte.wrapping_sub(b'0') % 10))
    }
}

/// Whether a byte belongs to a word: a letter, or a part of one outside ASCII.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Whether a byte belongs to a word or a number.
pub(super) fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
