//! Restores the original values in an answer, also while it streams.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::find::{Finder, Found};
use super::{Entry, Hidden};
use crate::json;

/// Restores one streamed text. It holds back only text that could still become a placeholder, at
/// most a few dozen characters.
#[derive(Debug)]
pub struct Restorer {
    hidden: Rc<Hidden>,
    pub(super) held: String,
    /// The last character before the held text.
    before: Option<char>,
    /// The position in the JSON syntax, if the text is JSON.
    json: Option<JsonPlace>,
}

/// The syntactic position of the next character in a JSON text.
#[derive(Clone, Copy, Debug, Default)]
struct JsonPlace {
    is_in_string: bool,
    is_escaped: bool,
    /// The last character outside strings that isn't white space.
    last: char,
}

impl Restorer {
    /// Creates a restorer for the answer to a request from which `hidden` was replaced. In JSON,
    /// values are escaped as their position requires.
    #[must_use]
    pub fn new(hidden: Rc<Hidden>, is_json: bool) -> Self {
        let json = is_json.then(JsonPlace::default);
        Self { hidden, held: String::new(), before: None, json }
    }

    /// Returns the restored next chunk. With `is_last` nothing is held back.
    pub fn push(&mut self, piece: &str, is_last: bool) -> String {
        if self.hidden.entries.is_empty() {
            return piece.to_owned();
        }
        let mut text = core::mem::take(&mut self.held);
        text.push_str(piece);
        let mut restored = String::with_capacity(text.len());
        let hidden = Rc::clone(&self.hidden);
        let holds = |kind, number| hidden.entry(kind, number).is_some();
        let finder =
            Finder { kinds: &hidden.kinds, live: &hidden.live, holds: &holds, goes_on: !is_last };
        let mut at = 0;
        while let Some(next) = text.get(at..).and_then(|it| it.chars().next()) {
            match finder.at(&text, at, self.before) {
                Found::Unfinished => break,
                Found::Nothing => {
                    restored.push(next);
                    self.pass(next);
                    self.before = Some(next);
                    at += next.len_utf8();
                }
                Found::Placeholder { kind, number, end, tail } => {
                    if let Some(entry) = hidden.entry(kind, number) {
                        self.write(entry, &mut restored);
                    }
                    restored.push_str(text.get(tail.0..tail.1).unwrap_or_default());
                    self.before = text.get(..end).and_then(|it| it.chars().next_back());
                    at = end;
                }
            }
        }
        self.held = text.get(at..).unwrap_or_default().to_owned();
        if is_last {
            self.before = None;
            self.json = self.json.map(|_| JsonPlace::default());
        }
        restored
    }

    /// Handles an ordinary character of the answer.
    fn pass(&mut self, it: char) {
        let Some(place) = &mut self.json else { return };
        if place.is_in_string {
            place.is_in_string = it != '"' || place.is_escaped;
            place.is_escaped = it == '\\' && !place.is_escaped;
        } else {
            place.is_in_string = it == '"';
            if !it.is_whitespace() {
                place.last = it;
            }
        }
    }

    fn write(&self, entry: &Entry, restored: &mut String) {
        let Some(place) = self.json else { return restored.push_str(&entry.text()) };
        // A model may omit the quotes around a value.
        let stands_alone = !place.is_in_string && matches!(place.last, ':' | ',' | '[');
        if stands_alone {
            return restored.push_str(&json::written(&entry.value));
        }
        let quoted = json::written(&json::text(&entry.text()));
        restored.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
    }
}

impl Hidden {
    /// Restores a complete text.
    fn restored(self: &Rc<Self>, text: &str) -> String {
        Restorer::new(Rc::clone(self), false).push(text, true)
    }

    /// Restores all texts and keys of a value. Replaced numbers become numbers again.
    #[must_use]
    pub fn restore(self: &Rc<Self>, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let whole =
                    |it: &&Entry| it.value.is_number() && self.placeholder(it) == text.trim();
                match self.entries.iter().find(whole) {
                    Some(entry) => entry.value.clone(),
                    None => Value::String(self.restored(&text)),
                }
            }
            Value::Array(list) => list.into_iter().map(|it| self.restore(it)).collect(),
            Value::Object(map) => {
                let fields = map.into_iter();
                let fields = fields.map(|(key, value)| (self.restored(&key), self.restore(value)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}
