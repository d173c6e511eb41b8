//! Kinds of data to replace, and the format of their placeholders.

use crate::privacy::SensitiveKind;
use crate::{Error, Result};

/// A kind of data to replace: a detector's, or one defined by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name in counts.
    pub name: String,
    /// Its detector; `None` for the caller's own kinds.
    pub detector: Option<SensitiveKind>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    /// The words of the prefix in upper case: `CREDIT`, `CARD`.
    pub(super) words: Vec<String>,
}

/// The maximum number of separators at one position of a placeholder.
pub(super) const SEPARATORS: usize = 3;

/// The maximum length of the text before or after the number.
const LONGEST: usize = 64;

impl Kind {
    /// Creates a kind whose placeholders have the form `prefix`, number, `suffix`.
    ///
    /// # Errors Returns `INVALID_ARGUMENT` if such a placeholder could not be found again in an
    /// answer.
    pub fn new(name: &str, prefix: &str, suffix: &str) -> Result<Self> {
        let is_edge = |it: Option<char>| it.is_some_and(|it| !is_inner(it));
        let words: Vec<String> = prefix
            .split(|it: char| !it.is_ascii_alphabetic())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase)
            .collect();
        let is_plain = prefix.chars().all(|it| !it.is_alphanumeric() || it.is_ascii_alphabetic());
        if words.is_empty()
            || !is_plain
            || prefix.len() > LONGEST
            || suffix.len() > LONGEST
            || !is_edge(prefix.chars().next())
            || !is_edge(suffix.chars().last())
            || suffix.chars().any(char::is_alphanumeric)
        {
            return Err(Error::invalid(
                "a placeholder must be a bracket, the kind in ASCII letters, the number and a bracket, \
                 such as [EMAIL_1]",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            detector: SensitiveKind::parse(name),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            words,
        })
    }

    /// Returns the text before the number.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the text after the number.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Returns the placeholder with this number.
    pub(super) fn placeholder(&self, number: u32) -> String {
        format!("{}{number}{}", self.prefix, self.suffix)
    }

    /// Whether the placeholders of two kinds could be confused.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        self.words.concat() == other.words.concat()
    }
}

/// Whether a character may occur inside the brackets of a placeholder, and so at neither of its
/// ends.
fn is_inner(it: char) -> bool {
    it.is_alphanumeric()
        || it.is_whitespace()
        || is_separator(it)
        || is_padding(it)
        || matches!(it, '"' | '\'' | '\u{2019}')
}

/// Whether models write this character between the words of a placeholder.
pub(super) fn is_separator(it: char) -> bool {
    matches!(
        it,
        '_' | '-' | ' ' | '\t' | '\n' | '\\' | '.' | ':' | '#' | '\u{a0}' | '\u{202f}' | '\u{200b}'
            ..='\u{200d}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff3f}' | '\u{ff0d}'
    )
}

/// Whether models write this character between a bracket and its content.
pub(super) fn is_padding(it: char) -> bool {
    matches!(
        it,
        ' ' | '\t' | '\n' | '\u{a0}' | '\u{202f}' | '\u{200b}'
            ..='\u{200d}' | '\u{2060}' | '*' | '`'
    )
}

/// Returns the closing bracket for an opening one.
pub(super) fn closing(open: char) -> Option<[char; 2]> {
    Some(match open {
        '[' | '\u{ff3b}' => [']', '\u{ff3d}'],
        '{' | '\u{ff5b}' => ['}', '\u{ff5d}'],
        '<' | '\u{ff1c}' => ['>', '\u{ff1e}'],
        '\u{3010}' | '\u{3014}' => ['\u{3011}', '\u{3015}'],
        '\u{27e6}' | '\u{27e8}' => ['\u{27e7}', '\u{27e9}'],
        '\u{3016}' | '\u{3018}' => ['\u{3017}', '\u{3019}'],
        '\u{300a}' | '\u{3008}' => ['\u{300b}', '\u{3009}'],
        '\u{ab}' | '\u{2039}' => ['\u{bb}', '\u{203a}'],
        _ => return None,
    })
}

/// Converts a full-width form to ASCII; other characters are unchanged.
pub(super) fn narrow(it: char) -> char {
    match u32::from(it) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(it),
        _ => it,
    }
}

/// Whether a letter adjacent to a placeholder without brackets makes it part of a longer word. That
/// isn't so in scripts without spaces.
pub(super) fn joins_words(it: char) -> bool {
    it == '_' || (it.is_alphanumeric() && it < '\u{2e80}')
}
