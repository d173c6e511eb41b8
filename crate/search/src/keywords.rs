//! Keywords of documents and their BM25 scores.
//!
//! A batch of documents adds one segment: its words in order, and for each word the documents that
//! contain it with the number of occurrences. A segment is used in its stored form, without
//! building an index from it.

use std::collections::BTreeMap;

use crate::bytes::{Reader, put_varint, short};
use crate::error::Damaged;

/// Longer words are truncated: they are addresses and encodings, which their beginnings identify.
const LONGEST: usize = 64;
/// BM25's k1 and b: how quickly further occurrences of a word stop counting, and how much long
/// documents are penalised.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Calls `visit` with each word of a text, in lower case. In scripts without spaces, each character
/// and each pair of adjacent characters counts as a word.
pub(crate) fn words(text: &str, mut visit: impl FnMut(&str)) {
    let mut word = String::new();
    let mut previous = None;
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            visit(word);
            word.clear();
        }
    };
    for character in text.chars() {
        if is_unspaced(character) {
            end(&mut word);
            word.push(character);
            end(&mut word);
            if let Some(before) = previous.replace(character) {
                word.extend([before, character]);
                end(&mut word);
            }
            continue;
        }
        previous = None;
        if character.is_alphanumeric() {
            if word.len() < LONGEST {
                word.extend(character.to_lowercase());
            }
        } else if !matches!(character, '\u{300}'..='\u{36f}') {
            // A combining accent neither ends a word nor belongs to it.
            end(&mut word);
        }
    }
    end(&mut word);
}

/// Han, Hiragana, Katakana, Thai, Lao, Khmer, Burmese: written without spaces between words.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
        && character.is_alphanumeric()
}

/// A segment under construction: from word to documents of the batch, in order, with counts.
#[derive(Debug, Default)]
pub(crate) struct SegmentBuilder {
    postings: BTreeMap<Box<str>, Vec<(u32, u32)>>,
    documents: u32,
}

impl SegmentBuilder {
    /// Adds the next document and returns its number of words.
    pub(crate) fn push(&mut self, text: &str) -> u32 {
        let document = self.documents;
        self.documents += 1;
        let mut count = 0;
        words(text, |word| {
            count += 1;
            if !self.postings.contains_key(word) {
                self.postings.insert(word.into(), Vec::new());
            }
            let Some(list) = self.postings.get_mut(word) else { return };
            match list.last_mut() {
                Some((last, times)) if *last == document => *times += 1,
                _ => list.push((document, 1)),
            }
        });
        count
    }

    /// `words | offsets into names | offsets into lists | names | lists`.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let (mut names, mut lists) = (Vec::new(), Vec::new());
        let mut offsets = Vec::new();
        for (word, postings) in &self.postings {
            names.extend_from_slice(word.as_bytes());
            let mut before = 0;
            for (document, times) in postings {
                put_varint(&mut lists, document - before);
                put_varint(&mut lists, *times);
                before = *document;
            }
            offsets.push((short(names.len()), short(lists.len())));
        }
        let mut bytes = short(offsets.len()).to_le_bytes().to_vec();
        bytes.extend(offsets.iter().flat_map(|(name, _)| name.to_le_bytes()));
        bytes.extend(offsets.iter().flat_map(|(_, list)| list.to_le_bytes()));
        bytes.extend(names);
        bytes.extend(lists);
        bytes
    }
}

/// A stored segment, with the number of its first document.
#[derive(Debug)]
pub(crate) struct Segment {
    first: u32,
    bytes: Vec<u8>,
    words: usize,
}

impl Segment {
    pub(crate) fn new(first: u32, bytes: Vec<u8>) -> Result<Self, Damaged> {
        let words = Reader::new(&bytes).word()? as usize;
        let tables = words.checked_mul(8).and_then(|it| it.checked_add(4)).ok_or(Damaged)?;
        if tables > bytes.len() { Err(Damaged) } else { Ok(Self { first, bytes, words }) }
    }

    fn end_of(&self, table: usize, word: usize) -> Option<usize> {
        let at = 4 + 4 * (table * self.words + word);
        Some(u32::from_le_bytes(*self.bytes.get(at..)?.first_chunk()?) as usize)
    }

    fn span(&self, table: usize, word: usize) -> Option<(usize, usize)> {
        let start = if word == 0 { 0 } else { self.end_of(table, word - 1)? };
        Some((start, self.end_of(table, word)?))
    }

    fn name(&self, word: usize) -> Option<&[u8]> {
        let (start, end) = self.span(0, word)?;
        self.bytes.get(4 + 8 * self.words..)?.get(start..end)
    }

    fn list(&self, word: usize) -> Option<&[u8]> {
        let (start, end) = self.span(1, word)?;
        let names = self.end_of(0, self.words.checked_sub(1)?)?;
        self.bytes.get(4 + 8 * self.words + names..)?.get(start..end)
    }

    /// Calls `visit` with every document that contains the word, and the number of occurrences.
    fn find(&self, word: &str, mut visit: impl FnMut(u32, u32)) {
        let (mut low, mut high) = (0, self.words);
        while low < high {
            let middle = low.midpoint(high);
            match self.name(middle).map(|name| name.cmp(word.as_bytes())) {
                Some(std::cmp::Ordering::Less) => low = middle + 1,
                Some(std::cmp::Ordering::Greater) => high = middle,
                Some(std::cmp::Ordering::Equal) => {
                    let mut reader = Reader::new(self.list(middle).unwrap_or_default());
                    let mut document = self.first;
                    while let (Ok(step), Ok(times)) = (reader.varint(), reader.varint()) {
                        document = document.saturating_add(step);
                        visit(document, times);
                    }
                    return;
                }
                None => return,
            }
        }
    }
}

/// The statistics of all documents that BM25 requires.
pub(crate) struct Corpus<'a> {
    pub(crate) segments: &'a [Segment],
    /// The number of documents that are not deleted, and the sum of their words.
    pub(crate) documents: u32,
    pub(crate) words: u64,
}

impl Corpus<'_> {
    /// Returns the scores of all documents that share a word with the query. `length_of` returns a
    /// document's number of words; documents without one are deleted and don't count.
    #[expect(clippy::cast_precision_loss, reason = "scores rank; counts far below 2^24 stay exact")]
    pub(crate) fn score(
        &self,
        query: &str,
        length_of: impl Fn(u32) -> Option<u32>,
    ) -> BTreeMap<u32, f32> {
        let mut asked: BTreeMap<Box<str>, f32> = BTreeMap::new();
        words(query, |word| *asked.entry(word.into()).or_default() += 1.0);
        let average = self.words as f32 / self.documents.max(1) as f32;
        let mut scores = BTreeMap::new();
        let mut found = Vec::new();
        for (word, weight) in &asked {
            found.clear();
            for segment in self.segments {
                segment.find(word, |document, times| {
                    if let Some(length) = length_of(document) {
                        found.push((document, times as f32, length as f32));
                    }
                });
            }
            let (all, with) = (self.documents as f32, found.len() as f32);
            let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
            for (document, times, length) in &found {
                let norm = K1 * (1.0 - B + B * length / average);
                *scores.entry(*document).or_default() +=
                    weight * rarity * times * (K1 + 1.0) / (times + norm);
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "numbers in tests are small"
    )]
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        words(text, |word| found.push(word.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn words_of_many_scripts() {
        check("", &[]);
        check("  \n ...", &[]);
        check(
            "The Quick-brown fox's 2 tails",
            &["the", "quick", "brown", "fox", "s", "2", "tails"],
        );
        check("ÄRGER Straße İ", &["ärger", "straße", "i\u{307}"]);
        check("e\u{301}te\u{301}", &["ete"]);
        check("東京都 x", &["東", "京", "東京", "都", "京都", "x"]);
        check("ab東cd", &["ab", "東", "cd"]);
        check("привет мир", &["привет", "мир"]);
    }

    /// BM25 computed from its formula, document by document.
    fn slow(texts: &[&str], query: &str) -> Vec<f32> {
        let tokens = |text: &str| {
            let mut all = Vec::new();
            words(text, |word| all.push(word.to_owned()));
            all
        };
        let all: Vec<_> = texts.iter().map(|text| tokens(text)).collect();
        let average = all.iter().map(Vec::len).sum::<usize>() as f32 / all.len() as f32;
        let mut scores = vec![0.0; texts.len()];
        for word in tokens(query) {
            let with = all.iter().filter(|it| it.contains(&word)).count() as f32;
            let rarity = (1.0 + (all.len() as f32 - with + 0.5) / (with + 0.5)).ln();
            for (score, document) in scores.iter_mut().zip(&all) {
                let times = document.iter().filter(|it| **it == word).count() as f32;
                let norm = 1.2 * (0.25 + 0.75 * document.len() as f32 / average);
                *score += rarity * times * 2.2 / (times + norm);
            }
        }
        scores
    }

    #[test]
    fn scores_follow_the_formula() {
        let texts = [
            "the cat sat on the mat",
            "a dog and a cat and another cat",
            "",
            "completely different words here",
            "cat",
        ];
        // Two segments, so that document numbers continue across them.
        let mut segments = Vec::new();
        let mut lengths = Vec::new();
        for (first, part) in [(0, &texts[..2]), (2, &texts[2..])] {
            let mut builder = SegmentBuilder::default();
            lengths.extend(part.iter().map(|text| builder.push(text)));
            segments.push(Segment::new(first, builder.to_bytes()).unwrap());
        }
        let words = lengths.iter().map(|it| u64::from(*it)).sum();
        let corpus = Corpus { segments: &segments, documents: 5, words };
        for query in ["cat", "the cat", "cat cat dog", "nothing", "Words HERE mat"] {
            let found = corpus.score(query, |document| lengths.get(document as usize).copied());
            for (document, expected) in slow(&texts, query).into_iter().enumerate() {
                let score = found.get(&(document as u32)).copied().unwrap_or_default();
                assert!((score - expected).abs() < 1e-5, "{query}, {document}: {score} {expected}");
            }
        }
    }

    #[test]
    fn damaged_segments_dont_panic() {
        let mut builder = SegmentBuilder::default();
        builder.push("one two three two");
        let bytes = builder.to_bytes();
        for cut in 0..bytes.len() {
            if let Ok(segment) = Segment::new(0, bytes[..cut].to_vec()) {
                segment.find("two", |_, _| {});
            }
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut other = bytes.clone();
                other[at] = value;
                if let Ok(segment) = Segment::new(0, other) {
                    for word in ["one", "two", "three", "zebra"] {
                        segment.find(word, |_, _| {});
                    }
                }
            }
        }
    }
}
