//! The one pass: finds where something could begin, and asks who knows.

use super::kind::{Kinds, SensitiveKind};
use super::{account, address, birth, email, number, secret};

/// Bytes with a position: what all detectors read. A position outside reads as a line's end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
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

    /// Whether these letters stand at a position, in either case. `word` is in lower case.
    pub(super) fn says(self, from: usize, word: &[u8]) -> bool {
        self.slice(from, from + word.len()).eq_ignore_ascii_case(word)
    }
}

/// Two letters that something begins with, in either case: they rule out nearly every word, in one look.
#[derive(Debug)]
pub(super) struct Beginnings([u32; 26]);

impl Beginnings {
    pub(super) const fn of(pairs: &[[u8; 2]]) -> Self {
        let mut seconds = [0; 26];
        let mut at = 0;
        while at < pairs.len() {
            #[expect(clippy::indexing_slicing, reason = "checked by the compiler, which runs this")]
            let [first, second] = pairs[at];
            #[expect(clippy::indexing_slicing, reason = "checked by the compiler, which runs this")]
            {
                seconds[(first - b'a') as usize] |= Self::bit(second);
            }
            at += 1;
        }
        Self(seconds)
    }

    /// One bit for each letter, one for everything else.
    const fn bit(byte: u8) -> u32 {
        let byte = byte.to_ascii_lowercase();
        if byte.is_ascii_lowercase() { 1 << (byte - b'a') } else { 1 << 26 }
    }

    pub(super) fn has(&self, first: u8, second: u8) -> bool {
        let row = first.to_ascii_lowercase().wrapping_sub(b'a');
        self.0.get(usize::from(row)).is_some_and(|seconds| seconds & Self::bit(second) != 0)
    }
}

/// Adds the kinds of personal data in a text.
pub(super) fn scan(text: &str, found: &mut Kinds) {
    let text = Text::new(text);
    let mut at = 0;
    let mut is_in_word = false;
    while at < text.0.len() && !found.is_full() {
        let byte = text.at(at);
        let begins = !is_in_word;
        is_in_word = byte.is_ascii_alphanumeric() || byte >= 0x80;
        match byte {
            b'@' if !found.has(SensitiveKind::Email) && email::is_around(text, at) => {
                found.add(SensitiveKind::Email);
            }
            b'0'..=b'9' => {
                // Numbers are read as a whole, with everything that belongs to them.
                if begins && address::is_six(text, at) {
                    found.add(SensitiveKind::IpAddress);
                }
                let end = number::read(text, at, begins, found);
                is_in_word = true;
                at = end;
                continue;
            }
            b':' if begins && address::is_six(text, at) => found.add(SensitiveKind::IpAddress),
            b'-' if begins && secret::is_private_key(text, at) => found.add(SensitiveKind::ApiKey),
            b'a'..=b'z' | b'A'..=b'Z' if begins => {
                word(text, at, byte, found);
                // Its digits are an account's, and nobody's telephone.
                let account = text.at(at + 2).is_ascii_digit().then(|| account::end(text, at));
                if let Some(end) = account.flatten() {
                    found.add(SensitiveKind::Iban);
                    at = end;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// What begins with a letter, at the beginning of a word.
fn word(text: Text<'_>, at: usize, first: u8, found: &mut Kinds) {
    if first.is_ascii_hexdigit() && address::is_six(text, at) {
        found.add(SensitiveKind::IpAddress);
    }
    if !found.has(SensitiveKind::ApiKey) && secret::begins(text, at, first) {
        found.add(SensitiveKind::ApiKey);
    }
    if !found.has(SensitiveKind::DateOfBirth) && birth::is_told(text, at, first) {
        found.add(SensitiveKind::DateOfBirth);
    }
}
