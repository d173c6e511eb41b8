//! The features of a text: its character n-grams, its words and its shape, hashed into a fixed
//! number of buckets.

/// A bucket with its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// The bucket's index.
    pub bucket: usize,
    /// The value. The squares of a text's values sum to 1.
    pub value: f64,
}

/// The feature extraction of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// The number of buckets: a power of two.
    pub buckets: usize,
}

/// The number of characters read from each end of a text, so that a long document takes no longer
/// than a page.
const READ: usize = 1024;
const LONGEST_GRAM: usize = 4;
const BASIS: u32 = 0x811c_9dc5;
const WORDS: u32 = 0x9e37_79b9;
const PAIRS: u32 = 0x517c_c1b7;
const SHAPE: u32 = 0x2545_f491;

impl Features {
    /// Returns a text's terms, in the order in which they are found. The empty text has terms for
    /// its shape.
    #[must_use]
    pub fn of(self, text: &str) -> Vec<Term> {
        let characters = normalised(text);
        let mut filled = Filled { weights: vec![0; self.buckets], order: Vec::new() };
        for start in 0..characters.len() {
            let mut hash = BASIS;
            for character in characters.iter().skip(start).take(LONGEST_GRAM) {
                hash = mix(hash, *character);
                filled.fill(hash, 1);
            }
        }
        filled.fill_words(&characters);
        filled.fill_shape(text, &characters);
        let weight = |bucket: &usize| filled.weights.get(*bucket).copied().unwrap_or_default();
        let squares: u32 = filled.order.iter().map(|it| u32::from(weight(it)).pow(2)).sum();
        let length = f64::from(squares.max(1)).sqrt();
        let term =
            |bucket: &usize| Term { bucket: *bucket, value: f64::from(weight(bucket)) / length };
        filled.order.iter().map(term).collect()
    }
}

/// The buckets of a text during extraction.
struct Filled {
    /// `[bucket]`
    weights: Vec<u8>,
    order: Vec<usize>,
}

impl Filled {
    /// Adds each word, and each with the previous word. They count double: one word is worth
    /// several of its n-grams.
    fn fill_words(&mut self, characters: &[u32]) {
        let (mut word, mut before) = (BASIS ^ WORDS, BASIS ^ PAIRS);
        let mut is_inside = false;
        for &character in characters {
            if character != SPACE {
                word = mix(word, character);
                is_inside = true;
            } else if is_inside {
                self.fill(word, 2);
                self.fill(mix(before, word), 2);
                (before, word, is_inside) = (word ^ PAIRS, BASIS ^ WORDS, false);
            }
        }
    }

    /// Adds the length of a text and the shares of its character classes, in powers of two.
    fn fill_shape(&mut self, text: &str, characters: &[u32]) {
        let count = |is: fn(char) -> bool| text.chars().filter(|it| is(*it)).count();
        let spaces = characters.iter().filter(|it| **it == SPACE).count();
        let shape = [
            text.chars().count(),
            spaces,
            count(|it| it == '\n'),
            count(|it| it == '?'),
            count(|it| it.is_ascii_digit()),
            count(|it| matches!(it, '{' | '}' | '(' | ')' | ';' | '=' | '<' | '>')),
        ];
        for (kind, count) in (0_u32..).zip(shape) {
            let size = usize::BITS - count.leading_zeros();
            self.fill(mix(mix(BASIS ^ SHAPE, kind), size), 4);
        }
    }

    fn fill(&mut self, hash: u32, weight: u8) {
        let mut hash = hash ^ (hash >> 15);
        hash = hash.wrapping_mul(0x2c1b_3c6d);
        hash ^= hash >> 12;
        let bucket = hash as usize & self.weights.len().saturating_sub(1);
        if let Some(known) = self.weights.get_mut(bucket) {
            if *known == 0 {
                self.order.push(bucket);
            }
            *known = weight.max(*known);
        }
    }
}

const SPACE: u32 = 0x20;

/// Normalises a text: lower case, every digit as 0, white space as single spaces, with a space at
/// both ends.
fn normalised(text: &str) -> Vec<u32> {
    let mut characters = vec![SPACE];
    let count = text.chars().count();
    for (at, character) in text.chars().enumerate() {
        if (READ..count.saturating_sub(READ)).contains(&at) {
            continue;
        }
        let mut small = character.to_lowercase();
        let character = match (small.next(), small.next()) {
            (Some(one), None) => one,
            _ => character,
        };
        let character = match u32::from(character) {
            0x30..=0x39 => 0x30,
            0x09..=0x0d | 0xa0 => SPACE,
            other => other,
        };
        if character != SPACE || characters.last() != Some(&SPACE) {
            characters.push(character);
        }
    }
    if characters.last() != Some(&SPACE) {
        characters.push(SPACE);
    }
    characters
}

/// One step of FNV-1a, over integers instead of bytes.
fn mix(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::{Features, normalised};

    #[test]
    fn texts_are_normalised() {
        for (text, expected) in [
            ("", " "),
            ("What is 12 + 30?", " what is 00 + 00? "),
            ("  a \n\t B  ", " a b "),
            ("ÄÖ Straße İ", " äö straße İ "),
        ] {
            let found: String =
                normalised(text).into_iter().map(|it| char::from_u32(it).unwrap()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn terms_have_unit_length_and_a_limited_number() {
        let features = Features { buckets: 16_384 };
        for text in ["", "a", "What is 12 + 30?", &"many words of one kind ".repeat(10_000)] {
            let terms = features.of(text);
            let length: f64 = terms.iter().map(|it| it.value * it.value).sum();
            assert!((length - 1.0).abs() < 1e-12, "{text:.20}");
            assert!(terms.iter().all(|it| it.bucket < features.buckets));
            assert!(terms.len() < 12_000);
        }
    }

    #[test]
    fn the_middle_of_a_long_text_is_skipped() {
        let features = Features { buckets: 16_384 };
        let text = |middle: &str| format!("{}{middle}{}", "a".repeat(1100), "b".repeat(1100));
        assert_eq!(features.of(&text("cccc")), features.of(&text("dddd")));
        assert_ne!(features.of(&text("cccc")), features.of("cccc"));
    }
}
