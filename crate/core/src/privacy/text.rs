//! Bytes with bounds-safe access, the input of all detectors.

/// A normalised text. A position outside reads as a line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn at(self, position: usize) -> u8 {
        count(1);
        self.0.get(position).copied().unwrap_or(b'\n')
    }

    /// Returns the byte before a position.
    pub(super) fn before(self, position: usize) -> u8 {
        position.checked_sub(1).map_or(b'\n', |it| self.at(it))
    }

    pub(super) fn slice(self, from: usize, to: usize) -> &'a [u8] {
        let slice = self.part(from, to);
        count(slice.len());
        slice
    }

    fn part(self, from: usize, to: usize) -> &'a [u8] {
        self.0.get(from..to.min(self.0.len())).unwrap_or_default()
    }

    /// Counts the bytes from a position on that satisfy `is`, at most `most`.
    pub(super) fn run(self, from: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let part = self.part(from, from.saturating_add(most));
        let length = part.iter().take_while(|&&it| is(it)).count();
        count(length + 1);
        length
    }

    /// Counts the bytes before a position that satisfy `is`, at most `most`.
    pub(super) fn run_back(self, to: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let from = to.saturating_sub(most);
        let length = self.part(from, to).iter().rev().take_while(|&&it| is(it)).count();
        count(length + 1);
        length
    }

    /// Whether these letters are at a position, ignoring case. `word` is in lower case.
    pub(super) fn reads(self, from: usize, word: &[u8]) -> bool {
        count(1);
        self.part(from, from + word.len()).eq_ignore_ascii_case(word)
    }

    /// Returns the value of up to nine digits.
    pub(super) fn value(self, from: usize, to: usize) -> u32 {
        let digits = self.slice(from, to.min(from + 9));
        digits.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte.wrapping_sub(b'0') % 10))
    }
}

/// Counts the bytes that detectors read, in tests: the time of a scan must depend only on the
/// text's length.
#[cfg(all(test, debug_assertions))]
pub(super) mod reads {
    use std::cell::Cell;

    thread_local!(static READS: Cell<usize> = const { Cell::new(0) });

    /// Returns the number of bytes read since the last call.
    pub(in crate::privacy) fn take() -> usize {
        READS.take()
    }

    pub(super) fn count(bytes: usize) {
        READS.set(READS.get() + bytes);
    }
}

#[cfg(all(test, debug_assertions))]
use reads::count;

#[cfg(not(all(test, debug_assertions)))]
fn count(_: usize) {}

/// Whether a byte belongs to a word: a letter, or a byte outside ASCII.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Whether a byte belongs to a word or a number.
pub(super) fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}
