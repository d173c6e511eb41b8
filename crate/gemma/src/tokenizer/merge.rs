//! Merges adjacent symbols, the best score or the lowest rank first, until no pair forms a token.
//!
//! A heap holds candidate pairs; symbols form a linked list. A candidate whose symbols have changed
//! is skipped when popped, so n symbols take O(n log n).

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::vocabulary::{Kind, Vocabulary};

const NONE: u32 = u32::MAX;

/// A range of the text; empty once it was merged into the previous one.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    start: u32,
    length: u32,
    before: u32,
    after: u32,
    piece: Option<u32>,
}

/// Two adjacent symbols that form a token.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    score: f32,
    left: u32,
    right: u32,
    /// Their total length when found: a different length now means that one has changed.
    length: u32,
    piece: u32,
}

impl Ord for Candidate {
    /// The higher score; of equal ones the leftmost.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

/// Longer words seldom recur.
const LONGEST_KNOWN: usize = 48;
const MOST_KNOWN: usize = 1 << 16;

/// Merges words, and reuses its memory.
#[derive(Debug)]
pub(super) struct Merger<'a> {
    vocabulary: &'a Vocabulary,
    /// Words of this text that were merged already: most words recur.
    known: HashMap<Box<str>, Box<[u32]>>,
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Candidate>,
}

impl<'a> Merger<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary) -> Self {
        Self { vocabulary, known: HashMap::new(), symbols: Vec::new(), queue: BinaryHeap::new() }
    }

    /// Appends the token IDs of a word in which spaces are replaced by ▁.
    pub(super) fn merge(&mut self, word: &str, ids: &mut Vec<u32>) {
        if word.len() > LONGEST_KNOWN {
            return self.merge_new(word, ids);
        }
        if let Some(known) = self.known.get(word) {
            return ids.extend_from_slice(known);
        }
        let first = ids.len();
        self.merge_new(word, ids);
        if self.known.len() < MOST_KNOWN {
            self.known.insert(word.into(), ids.get(first..).unwrap_or_default().into());
        }
    }

    fn merge_new(&mut self, word: &str, ids: &mut Vec<u32>) {
        self.symbols.clear();
        self.queue.clear();
        self.split(word);
        for left in 0..self.symbols.len().saturating_sub(1) {
            let left = index(left);
            self.propose(word, left, left + 1);
        }
        while let Some(candidate) = self.queue.pop() {
            self.apply(word, candidate);
        }
        // The first symbol is never merged into a previous one.
        let mut at = 0;
        while let Some(symbol) = self.symbols.get(at as usize) {
            emit(self.vocabulary, slice(word, symbol.start, symbol.length), ids);
            at = symbol.after;
        }
    }

    fn split(&mut self, word: &str) {
        let count = word.chars().count();
        for (number, (start, character)) in word.char_indices().enumerate() {
            self.symbols.push(Symbol {
                start: index(start),
                length: index(character.len_utf8()),
                before: number.checked_sub(1).map_or(NONE, index),
                after: if number + 1 < count { index(number + 1) } else { NONE },
                piece: self.vocabulary.text(character.encode_utf8(&mut [0; 4])),
            });
        }
    }

    fn symbol(&self, at: u32) -> Option<Symbol> {
        self.symbols.get(at as usize).copied()
    }

    fn propose(&mut self, word: &str, left: u32, right: u32) {
        let (Some(a), Some(b)) = (self.symbol(left), self.symbol(right)) else { return };
        let length = a.length + b.length;
        let text = slice(word, a.start, length);
        if let Some((piece, score)) = self.vocabulary.merged(a.piece, b.piece, text) {
            self.queue.push(Candidate { score, left, right, length, piece });
        }
    }

    fn apply(&mut self, word: &str, Candidate { left, right, length, piece, .. }: Candidate) {
        let (Some(a), Some(b)) = (self.symbol(left), self.symbol(right)) else { return };
        if a.length == 0 || b.length == 0 || a.length + b.length != length {
            return;
        }
        if let Some(symbol) = self.symbols.get_mut(left as usize) {
            (symbol.length, symbol.after, symbol.piece) = (length, b.after, Some(piece));
        }
        if let Some(symbol) = self.symbols.get_mut(right as usize) {
            symbol.length = 0;
        }
        if let Some(symbol) = self.symbols.get_mut(b.after as usize) {
            symbol.before = left;
        }
        self.propose(word, a.before, left);
        self.propose(word, left, b.after);
    }
}

/// Appends the token of a symbol, or its bytes.
fn emit(vocabulary: &Vocabulary, symbol: &str, ids: &mut Vec<u32>) {
    match vocabulary.text(symbol) {
        Some(id) => ids.push(id),
        None => ids.extend(symbol.bytes().filter_map(|byte| vocabulary.byte(byte))),
    }
}

fn slice(word: &str, start: u32, length: u32) -> &str {
    word.get(start as usize..(start + length) as usize).unwrap_or_default()
}

/// Converts to 32 bits: requests are far smaller than four gigabytes.
fn index(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(NONE)
}

/// Whether no token contains a ▁ after another character. Then no merge crosses the beginning of
/// a word, and merging word by word gives the same IDs, faster.
pub(super) fn splits_at_spaces(vocabulary: &Vocabulary) -> bool {
    vocabulary
        .iter()
        .filter(|(_, _, kind)| matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Unused))
        .all(|(_, piece, _)| !piece.trim_start_matches('▁').contains('▁'))
}

/// Splits a text into runs of newlines and the text between them. Listed merges never cross their
/// borders.
pub(super) fn newline_runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_newline = rest.chars().next()? == '\n';
        let end = rest.find(|c| (c == '\n') != is_newline).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(run)
    })
}

/// Splits a text into words, each with the ▁ before it; returns the whole text if it may not be
/// split.
pub(super) fn words(text: &str, is_split: bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let letters = rest.find(|c| c != '▁').unwrap_or(rest.len());
        let end = match rest.get(letters..).and_then(|rest| rest.find('▁')) {
            Some(length) if is_split => letters + length,
            _ => rest.len(),
        };
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Merger, emit, newline_runs, splits_at_spaces, words};
    use crate::testing::{self, Writer};
    use crate::tokenizer::Vocabulary;

    #[test]
    fn words_keep_the_spaces_before_them() {
        let split = |text| words(text, true).collect::<Vec<_>>();
        assert_eq!(split("a▁b▁▁▁cd▁"), ["a", "▁b", "▁▁▁cd", "▁"]);
        assert_eq!(split("▁▁"), ["▁▁"]);
        assert_eq!(words("a▁b", false).collect::<Vec<_>>(), ["a▁b"]);
    }

    #[test]
    fn newlines_are_separate() {
        let runs = |text| newline_runs(text).collect::<Vec<_>>();
        assert_eq!(runs("a\n\n▁b\nc"), ["a", "\n\n", "▁b", "\n", "c"]);
        assert_eq!(runs("\n"), ["\n"]);
        assert!(runs("").is_empty());
    }

    fn vocabulary(crossing: &[&str]) -> Vocabulary {
        let mut vocabulary = testing::Vocabulary::new(900);
        for (id, piece) in (800..).zip(crossing) {
            vocabulary.pieces[id] = (*piece).to_owned();
        }
        read(&vocabulary)
    }

    fn read(vocabulary: &testing::Vocabulary) -> Vocabulary {
        let mut writer = Writer::default();
        vocabulary.write(&mut writer);
        let source = std::rc::Rc::new(crate::source::Memory(writer.bytes()));
        let gguf = pollster::block_on(crate::gguf::Gguf::open(vec![source])).unwrap();
        Vocabulary::read(&gguf).unwrap()
    }

    /// The slow twin, which examines all pairs again after every merge.
    fn slowly(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut symbols: Vec<String> = text.chars().map(String::from).collect();
        loop {
            let best = symbols
                .windows(2)
                .enumerate()
                .filter_map(|(place, pair)| {
                    let [left, right] = [0, 1].map(|at| vocabulary.text(&pair[at]));
                    let (_, score) = vocabulary.merged(left, right, &pair.concat())?;
                    Some((score, place))
                })
                .reduce(|best, next| if next.0 > best.0 { next } else { best });
            let Some((_, place)) = best else { break };
            let right = symbols.remove(place + 1);
            symbols[place].push_str(&right);
        }
        let mut ids = Vec::new();
        symbols.iter().for_each(|symbol| emit(vocabulary, symbol, &mut ids));
        ids
    }

    fn fast(vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut merger = Merger::new(vocabulary);
        for word in words(text, splits_at_spaces(vocabulary)) {
            merger.merge(word, &mut ids);
        }
        ids
    }

    #[test]
    fn tokens_across_spaces_prevent_splitting() {
        assert!(splits_at_spaces(&vocabulary(&["▁▁a"])));
        assert!(!splits_at_spaces(&vocabulary(&["d▁"])));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn the_queue_equals_its_twin(text in "(the|weather|▁|hello|is|in|[a-z]|é|語){0,30}") {
            for crossing in [&[][..], &["d▁", "▁d▁", "▁▁▁"]] {
                let vocabulary = vocabulary(crossing);
                prop_assert_eq!(fast(&vocabulary, &text), slowly(&vocabulary, &text));
            }
            let listed = read(&testing::Vocabulary::new(900).of_gemma_4());
            prop_assert_eq!(fast(&listed, &text), slowly(&listed, &text));
        }
    }
}
