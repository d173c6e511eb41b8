//! Searches and replaces data in one request.

use std::rc::Rc;

use serde_json::Value;

use super::find::{Finder, Found};
use super::leaves::{Document, Form, Leaf, Passage, Piece};
use super::vault::Vault;
use super::{Entry, Kind, Redactor, Taken, Term, live, placeholder, written};
use crate::privacy::{self, SensitiveKind};
use crate::{Error, Result, Status, json};

/// The length below which a value is replaced only where it was found.
const SHORT: usize = 3;

/// The maximum number of rounds: a replacement can make other data detectable. Two rounds are
/// usual.
const ROUNDS: usize = 64;

/// The text that represents a placeholder for detectors, because its own words would announce the
/// numbers around it.
const NEUTRAL: &str = "[*]";

/// A range of one piece of a leaf, to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    leaf: usize,
    piece: usize,
    from: usize,
    to: usize,
    kind: usize,
}

/// One request in progress.
pub(super) struct Work<'a> {
    kinds: Rc<[Kind]>,
    vault: &'a mut Vault,
    pub(super) leaves: Vec<Leaf>,
    /// The documents; the last consists of all texts that services join.
    documents: Vec<Document>,
    pub(super) entries: Vec<Entry>,
    /// Numbers that the request itself contains in placeholder-like text.
    taken: Vec<(usize, u32)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        redactor: &'a mut Redactor,
        taken: Taken,
        finds: &dyn Fn(&str) -> Vec<Term>,
        terms: &mut Vec<Term>,
    ) -> Self {
        let kinds = Rc::clone(&redactor.kinds);
        let Taken { leaves, mut documents, joined, .. } = taken;
        documents.push(joined);
        let mut numbers = Vec::new();
        let live: Vec<usize> = (0..kinds.len()).collect();
        let finder = Finder { kinds: &kinds, live: &live, holds: &|_, _| true, goes_on: false };
        for leaf in &leaves {
            for piece in &leaf.pieces {
                if let Piece::Text(text) = piece {
                    finder.numbers(text, &mut numbers);
                    terms.extend(finds(text));
                }
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Self {
            kinds,
            vault: &mut redactor.vault,
            leaves,
            documents,
            entries: Vec::new(),
            taken: numbers,
        }
    }

    /// Replaces findings until there are no more, then text that looks like a placeholder.
    pub(super) fn replace(&mut self, mut words: Vec<Term>) -> Result<()> {
        words.retain(|it| it.text.chars().count() > 1 && it.kind < self.kinds.len());
        let documents = core::mem::take(&mut self.documents);
        let Some((joined, single)) = documents.split_last() else { return Ok(()) };
        // Texts are joined only after each has been replaced, because the end of one must not run
        // into the next.
        let (mut changed, mut is_joined): (Vec<usize>, bool) =
            ((0..self.leaves.len()).collect(), false);
        for _ in 0..ROUNDS {
            let mut cuts = Vec::new();
            let is_new = |it: &Passage| match it {
                Passage::Leaf(leaf) => changed.binary_search(leaf).is_ok(),
                Passage::Fixed(_) => false,
            };
            for document in single.iter().filter(|it| it.0.iter().any(is_new)) {
                self.detect(document, &mut cuts, &mut words);
            }
            if changed.is_empty() && !is_joined {
                is_joined = true;
                self.detect(joined, &mut cuts, &mut words);
            }
            words.sort_unstable_by(|a, b| {
                (&a.text, a.is_word, a.kind).cmp(&(&b.text, b.is_word, b.kind))
            });
            words.dedup_by(|a, b| a.text == b.text);
            self.spread(&words, &mut cuts);
            changed = self.cut(cuts)?;
            if changed.is_empty() && is_joined {
                changed = self.escape();
                if changed.is_empty() {
                    return Ok(());
                }
            }
            is_joined &= changed.is_empty();
        }
        Err(unchangeable("personal data in the request could not be replaced, so it was not sent"))
    }

    /// Returns the detectors' findings in a document, and those of the values that are in one
    /// piece.
    fn detect(&self, document: &Document, cuts: &mut Vec<Cut>, words: &mut Vec<Term>) {
        let mut text = String::new();
        let mut places = Vec::new();
        for passage in &document.0 {
            match passage {
                Passage::Fixed(fixed) => text.push_str(fixed),
                Passage::Leaf(leaf) => {
                    let pieces = self.leaves.get(*leaf).map_or(&[][..], |it| it.pieces.as_slice());
                    for (piece, content) in pieces.iter().enumerate() {
                        let from = text.len();
                        match content {
                            Piece::Text(own) => {
                                text.push_str(own);
                                places.push((from, text.len(), *leaf, piece));
                            }
                            Piece::Entry(_) => text.push_str(NEUTRAL),
                        }
                    }
                }
            }
        }
        for mut span in privacy::spans_in(&text) {
            span.from = text.floor_char_boundary(span.from);
            span.to = text.ceil_char_boundary(span.to);
            let Some(kind) = self.kind_of(span.kind) else { continue };
            let first = places.partition_point(|(_, to, ..)| *to <= span.from);
            let within = places.iter().skip(first).take_while(|(from, ..)| *from < span.to);
            let mut pieces = 0;
            for (from, to, leaf, piece) in within {
                let (start, end) = (span.from.max(*from), span.to.min(*to));
                let own = text.get(start..end).unwrap_or_default();
                // Only words and numbers around a placeholder matter.
                let is_whole = (start, end) == (span.from, span.to);
                if is_whole || own.contains(char::is_alphanumeric) {
                    let (from, to) = (start - from, end - from);
                    cuts.push(Cut { leaf: *leaf, piece: *piece, from, to, kind });
                }
                pieces += if is_whole { 1 } else { 2 };
            }
            if pieces == 1
                && let Some(value) = text.get(span.from..span.to)
                && value.chars().count() >= SHORT
            {
                words.push(Term { kind, text: value.to_owned(), is_word: false });
            }
        }
    }

    fn kind_of(&self, detector: SensitiveKind) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.detector == Some(detector))
    }

    /// Marks these words wherever they occur, so that a value found once is not sent elsewhere.
    fn spread(&self, words: &[Term], cuts: &mut Vec<Cut>) {
        let mut begins = [false; 256];
        for first in words.iter().filter_map(|it| it.text.bytes().next()) {
            if let Some(begins) = begins.get_mut(usize::from(first)) {
                *begins = true;
            }
        }
        for (leaf, content) in self.leaves.iter().enumerate() {
            for (piece, content) in content.pieces.iter().enumerate() {
                let Piece::Text(text) = content else { continue };
                for (from, byte) in text.bytes().enumerate() {
                    if begins.get(usize::from(byte)) != Some(&true) {
                        continue;
                    }
                    let rest = text.as_bytes().get(from..).unwrap_or_default();
                    // The words are sorted, so that those with the same beginning are adjacent.
                    let head = rest.get(..rest.len().min(2)).unwrap_or_default();
                    let first = words.partition_point(|it| it.text.as_bytes() < head);
                    let alike = words.iter().skip(first);
                    for word in alike.take_while(|it| it.text.as_bytes().starts_with(head)) {
                        let to = from + word.text.len();
                        if rest.starts_with(word.text.as_bytes()) && word.stands_in(text, from, to)
                        {
                            cuts.push(Cut { leaf, piece, from, to, kind: word.kind });
                        }
                    }
                }
            }
        }
    }

    /// Replaces ranges by entries, and returns the changed leaves. Overlapping ranges are merged.
    fn cut(&mut self, mut cuts: Vec<Cut>) -> Result<Vec<usize>> {
        cuts.retain(|it| it.from < it.to);
        cuts.sort_unstable_by_key(|it| (it.leaf, it.piece, it.from, usize::MAX - it.to, it.kind));
        let mut apart: Vec<Cut> = Vec::with_capacity(cuts.len());
        for cut in cuts {
            match apart.last_mut() {
                Some(last)
                    if last.leaf == cut.leaf && last.piece == cut.piece && cut.from < last.to =>
                {
                    last.to = last.to.max(cut.to);
                }
                _ => apart.push(cut),
            }
        }
        let mut changed: Vec<usize> = apart.iter().map(|it| it.leaf).collect();
        changed.dedup();
        // From the front, so that numbers follow the order of the text; pieces of one leaf are
        // rebuilt.
        for cuts in apart.chunk_by(|a, b| a.leaf == b.leaf) {
            let Some(leaf) = cuts.first().map(|it| it.leaf) else { continue };
            self.cut_leaf(leaf, cuts)?;
        }
        Ok(changed)
    }

    fn cut_leaf(&mut self, leaf: usize, cuts: &[Cut]) -> Result<()> {
        let Some(found) = self.leaves.get_mut(leaf) else { return Ok(()) };
        let form = found.form.clone();
        let pieces = core::mem::take(&mut found.pieces);
        let mut made = Vec::with_capacity(pieces.len() + 2 * cuts.len());
        if let Form::Bytes(_) = form {
            return Err(unchangeable(
                "the request holds personal data in a file that cannot be changed, so it was not sent; remove the file, or \
                 run the request on the device",
            ));
        }
        for (index, piece) in pieces.into_iter().enumerate() {
            let Piece::Text(text) = piece else {
                made.push(piece);
                continue;
            };
            let mut at = 0;
            for cut in cuts.iter().filter(|it| it.piece == index) {
                if let Form::Number(number) = &form {
                    at = text.len();
                    made = vec![Piece::Entry(self.enter(cut.kind, number.clone(), false))];
                    break;
                }
                let own = text.get(at..cut.from).unwrap_or_default();
                if !own.is_empty() {
                    made.push(Piece::Text(own.to_owned()));
                }
                let value = text.get(cut.from..cut.to).unwrap_or_default();
                made.push(Piece::Entry(self.enter(cut.kind, json::text(value), false)));
                at = cut.to;
            }
            let own = text.get(at..).unwrap_or_default();
            if !own.is_empty() {
                made.push(Piece::Text(own.to_owned()));
            }
        }
        if let Some(found) = self.leaves.get_mut(leaf) {
            found.pieces = made;
        }
        Ok(())
    }

    /// Returns the entry of a value.
    fn enter(&mut self, kind: usize, value: Value, is_literal: bool) -> usize {
        let number = self.vault.number(kind, &value, &self.taken);
        let known = self.entries.iter().position(|it| it.kind == kind && it.number == number);
        known.unwrap_or_else(|| {
            self.entries.push(Entry { kind, number, value, is_literal });
            self.entries.len() - 1
        })
    }

    /// Makes entries of text that only looks like a placeholder of this request, and returns the
    /// changed leaves.
    fn escape(&mut self) -> Vec<usize> {
        let mut changed = Vec::new();
        if self.entries.is_empty() {
            return changed;
        }
        let kinds = Rc::clone(&self.kinds);
        for leaf in 0..self.leaves.len() {
            while let Some(cut) = self.literal(leaf, &kinds) {
                self.cut_literal(cut);
                changed.push(leaf);
            }
        }
        changed.dedup();
        changed
    }

    /// Returns the first range of a leaf that would be restored although nothing was replaced
    /// there.
    fn literal(&self, leaf: usize, kinds: &[Kind]) -> Option<Cut> {
        let found = self.leaves.get(leaf)?;
        if let Form::Number(_) | Form::Bytes(_) = found.form {
            return None;
        }
        let text = written(found, kinds, &self.entries);
        let holds =
            |kind, number| self.entries.iter().any(|it| it.kind == kind && it.number == number);
        let live = live(&self.entries);
        let finder = Finder { kinds, live: &live, holds: &holds, goes_on: false };
        let (mut at, mut before) = (0, None);
        let (mut piece, mut from) = (0, 0);
        while let Some(next) = text.get(at..).and_then(|it| it.chars().next()) {
            // The piece at this position.
            let mut length = self.length(found.pieces.get(piece)?, kinds);
            while at >= from + length {
                from += length;
                piece += 1;
                length = self.length(found.pieces.get(piece)?, kinds);
            }
            match finder.at(&text, at, before) {
                Found::Placeholder { kind, end, .. } => {
                    if let Some(Piece::Text(_)) = found.pieces.get(piece) {
                        let to = (end - from).min(length);
                        return Some(Cut { leaf, piece, from: at - from, to, kind });
                    }
                    before = text.get(..end).and_then(|it| it.chars().next_back());
                    at = end;
                }
                _ => {
                    before = Some(next);
                    at += next.len_utf8();
                }
            }
        }
        None
    }

    fn length(&self, piece: &Piece, kinds: &[Kind]) -> usize {
        match piece {
            Piece::Text(text) => text.len(),
            Piece::Entry(entry) => placeholder(*entry, kinds, &self.entries).len(),
        }
    }

    fn cut_literal(&mut self, cut: Cut) {
        let Some(Piece::Text(text)) =
            self.leaves.get(cut.leaf).and_then(|it| it.pieces.get(cut.piece)).cloned()
        else {
            return;
        };
        let own = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        let entry = self.enter(cut.kind, Value::String(own(cut.from, cut.to)), true);
        if let Some(leaf) = self.leaves.get_mut(cut.leaf) {
            let pieces = [
                Piece::Text(own(0, cut.from)),
                Piece::Entry(entry),
                Piece::Text(own(cut.to, text.len())),
            ];
            let kept = pieces.into_iter().filter(|it| *it != Piece::Text(String::new()));
            leaf.pieces.splice(cut.piece..=cut.piece, kept);
        }
    }
}

fn unchangeable(message: &'static str) -> Error {
    Error::new(Status::Unavailable, message).with_code("REDACTION_FAILED")
}
