//! Replaces personal data in a request by placeholders, and restores it in the answer.
//!
//! ```text
//! request ── leaves ──► detectors, the caller's finds ──► entries ──► placeholders ──► the model
//! answer ◄── restorer ◄── the same entries ◄───────────────────────────────────────────────┘
//! ```
//!
//! An answer is restored only with the entries of its own request: a number that a model makes up
//! cannot reveal data of another conversation. Text of a request that looks like one of its own
//! placeholders becomes an entry too, so that `restore(redact(x)) = x` for every text.

mod find;
mod kind;
mod leaves;
mod restore;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;
mod vault;
mod work;

use std::rc::Rc;

use serde_json::Value;

use crate::privacy;
use crate::{Error, Result, json};
use leaves::{Document, Form, Leaf, Passage, Piece, Visitor, visit};
use vault::Vault;
use work::Work;

pub use kind::Kind;
pub use restore::Restorer;

/// The minimum length of a value that is also replaced inside longer words.
const LONG: usize = 8;

/// A value to replace everywhere, with the index of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The index of its kind.
    pub kind: usize,
    /// The text.
    pub text: String,
    /// Whether only whole words match. Findings of detectors are also replaced inside longer words.
    pub is_word: bool,
}

impl Term {
    /// Whether it is a separate word at this position. A long value is also replaced inside other
    /// words.
    fn stands_in(&self, text: &str, from: usize, to: usize) -> bool {
        let Some(value) = text.get(from..to) else { return false };
        if !self.is_word && value.chars().count() >= LONG {
            return true;
        }
        let is_word = |it: Option<char>| it.is_some_and(kind::joins_words);
        let before = text.get(..from).and_then(|it| it.chars().next_back());
        let behind = text.get(to..).and_then(|it| it.chars().next());
        let continues = is_word(before) && is_word(value.chars().next());
        !(continues || is_word(behind) && is_word(value.chars().next_back()))
    }
}

/// The value behind a placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    kind: usize,
    number: u32,
    /// A text, or originally a number.
    value: Value,
    /// Text of the request that looked like a placeholder, not a finding.
    is_literal: bool,
}

impl Entry {
    fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => json::written(other),
        }
    }
}

/// The values replaced in one request.
#[derive(Debug)]
pub struct Hidden {
    kinds: Rc<[Kind]>,
    entries: Vec<Entry>,
    /// Returns the kinds of the entries.
    live: Vec<usize>,
}

impl Hidden {
    /// Returns the number of different values replaced of each kind, by the kind's name.
    #[must_use]
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let count =
            |kind| self.entries.iter().filter(|it| it.kind == kind && !it.is_literal).count();
        let counts =
            self.kinds.iter().enumerate().map(|(at, kind)| (kind.name.as_str(), count(at)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn entry(&self, kind: usize, number: u32) -> Option<&Entry> {
        self.entries.iter().find(|it| it.kind == kind && it.number == number)
    }

    fn placeholder(&self, entry: &Entry) -> String {
        self.kinds.get(entry.kind).map(|it| it.placeholder(entry.number)).unwrap_or_default()
    }
}

/// Replaces data in the requests of one model.
#[derive(Debug)]
pub struct Redactor {
    kinds: Rc<[Kind]>,
    vault: Vault,
}

impl Redactor {
    /// Creates a redactor for these kinds.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if placeholders of two kinds could be confused.
    pub fn new(kinds: Vec<Kind>) -> Result<Self> {
        for (at, kind) in kinds.iter().enumerate() {
            if kinds.iter().take(at).any(|other| kind.clashes(other)) {
                return Err(Error::invalid("two kinds have placeholders that could be confused"));
            }
        }
        Ok(Self { kinds: kinds.into(), vault: Vault::default() })
    }

    /// Returns the request with placeholders, and their values. `terms` are replaced wherever they
    /// occur as whole words; `finds` returns the findings of the caller's own detectors in one
    /// text.
    ///
    /// # Errors Returns `UNAVAILABLE` if data is in content that cannot be changed, such as a PDF.
    pub fn redact(
        &mut self,
        mut request: Value,
        mut terms: Vec<Term>,
        finds: &dyn Fn(&str) -> Vec<Term>,
    ) -> Result<(Value, Rc<Hidden>)> {
        let mut taken = Taken::default();
        visit(&mut request, &mut taken);
        let mut work = Work::new(self, taken, finds, &mut terms);
        work.replace(terms)?;
        let Work { leaves, entries, .. } = work;
        let live = live(&entries);
        let hidden = Rc::new(Hidden { kinds: Rc::clone(&self.kinds), entries, live });
        let mut giver = Giver { leaves: leaves.into_iter(), hidden: &hidden };
        visit(&mut request, &mut giver);
        self.drop_seed(&mut request);
        Ok((request, hidden))
    }

    /// A seed may be a telephone number, and cannot be a placeholder.
    fn drop_seed(&self, request: &mut Value) {
        let Some(config) = request.get_mut("config").and_then(Value::as_object_mut) else { return };
        let seed = config.get("seed").map(json::written).unwrap_or_default();
        let found = privacy::kinds_of(&seed);
        if self.kinds.iter().any(|kind| kind.detector.is_some_and(|it| found.contains(&it))) {
            config.remove("seed");
        }
    }
}

/// The extracted leaves of a request, and the documents that they form.
#[derive(Debug, Default)]
struct Taken {
    leaves: Vec<Leaf>,
    documents: Vec<Document>,
    open: Document,
    joined: Document,
}

impl Taken {
    fn take(&mut self, leaf: Leaf) {
        self.open.0.push(Passage::Leaf(self.leaves.len()));
        self.leaves.push(leaf);
    }
}

impl Visitor for Taken {
    fn text(&mut self, text: &mut String) {
        self.take(Leaf::text(core::mem::take(text)));
    }

    fn number(&mut self, number: &mut Value) {
        self.take(Leaf::number(number));
    }

    fn key(&mut self, key: String) -> String {
        self.take(Leaf::key(key));
        // Keys must be unique until they are put back, and keep their order in a sorted map.
        json::written(&Value::from(10_000_000 + self.leaves.len()))
    }

    fn between(&mut self, text: &str) {
        self.open.0.push(Passage::Fixed(text.to_owned()));
    }

    fn end(&mut self) {
        let document = core::mem::take(&mut self.open);
        if !document.0.is_empty() {
            self.documents.push(document);
        }
    }

    fn joins(&mut self) {
        self.joined.0.extend(self.leaves.len().checked_sub(1).map(Passage::Leaf));
    }
}

/// Returns the kinds that have entries.
fn live(entries: &[Entry]) -> Vec<usize> {
    let mut live: Vec<usize> = entries.iter().map(|it| it.kind).collect();
    live.sort_unstable();
    live.dedup();
    live
}

/// Puts the leaves back, in the order in which they were extracted.
struct Giver<'a> {
    leaves: std::vec::IntoIter<Leaf>,
    hidden: &'a Hidden,
}

impl Giver<'_> {
    fn next(&mut self) -> Option<(String, Form, bool)> {
        let leaf = self.leaves.next()?;
        Some((
            written(&leaf, &self.hidden.kinds, &self.hidden.entries),
            leaf.form.clone(),
            leaf.is_changed(),
        ))
    }
}

impl Visitor for Giver<'_> {
    fn text(&mut self, place: &mut String) {
        *place = match self.next() {
            Some((_, Form::Address(address) | Form::Bytes(address), false)) => address,
            Some((text, Form::Address(address), true)) => Leaf::address(&address, &text),
            Some((text, ..)) => text,
            None => String::new(),
        };
    }

    fn number(&mut self, place: &mut Value) {
        if let Some((text, _, true)) = self.next() {
            *place = Value::String(text);
        }
    }

    fn key(&mut self, _: String) -> String {
        self.next().map(|(text, ..)| text).unwrap_or_default()
    }
}

/// Returns a leaf with its placeholders.
fn written(leaf: &Leaf, kinds: &[Kind], entries: &[Entry]) -> String {
    let mut text = String::new();
    for piece in &leaf.pieces {
        match piece {
            Piece::Text(own) => text.push_str(own),
            Piece::Entry(entry) => text.push_str(&placeholder(*entry, kinds, entries)),
        }
    }
    text
}

fn placeholder(entry: usize, kinds: &[Kind], entries: &[Entry]) -> String {
    let entry = entries.get(entry);
    let kind = entry.and_then(|entry| Some((kinds.get(entry.kind)?, entry.number)));
    kind.map(|(kind, number)| kind.placeholder(number)).unwrap_or_default()
}
