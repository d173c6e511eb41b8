//! The texts of a request, taken out of it and put back: everything that a branch could send.

use serde_json::{Map, Value};

use crate::base64;
use crate::json;
use crate::percent::percent_decoded;

/// Ends a value: no number continues over it, and words before it still explain what follows.
const END: &str = "\n\u{1e}";

/// One text, number or key of a request.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) pieces: Vec<Piece>,
    pub(super) form: Form,
}

/// How a leaf is written in the request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Text,
    Number(Value),
    /// A text inside this `data:` address.
    Address(String),
    /// Bytes that are no text: they cannot be changed.
    Bytes(String),
}

/// A piece of a leaf: what was there, or the entry that stands for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Entry(usize),
}

/// A text as a detector reads it: leaves with what is between them.
#[derive(Debug, Default)]
pub(super) struct Document(pub(super) Vec<Passage>);

#[derive(Debug)]
pub(super) enum Passage {
    Leaf(usize),
    Fixed(String),
}

/// What walks over a request: once to take its leaves out, once to put them back.
pub(super) trait Visitor {
    /// A text, in its place.
    fn text(&mut self, text: &mut String);
    /// A number that may be somebody's; it may become a text.
    fn number(&mut self, number: &mut Value);
    /// A key.
    fn key(&mut self, key: String) -> String;
    /// What is between two leaves.
    fn between(&mut self, _text: &str) {}
    /// The document is complete.
    fn end(&mut self) {}
    /// The leaf before is a text that services join with its neighbours.
    fn joins(&mut self) {}
}

/// Visits every leaf of a request, always in the same order: messages first, so that a longer
/// conversation begins like a shorter one.
pub(super) fn visit(request: &mut Value, visitor: &mut dyn Visitor) {
    let Some(request) = request.as_object_mut() else { return };
    for message in list(request.get_mut("messages")) {
        let Some(message) = message.as_object_mut() else { continue };
        for part in list(message.get_mut("content")) {
            self::part(part, visitor);
        }
        metadata(message.get_mut("metadata"), visitor);
    }
    for tool in list(request.get_mut("tools")) {
        for name in ["name", "description"] {
            document(tool.get_mut(name), visitor);
        }
        for name in ["inputSchema", "outputSchema"] {
            document(tool.get_mut(name), visitor);
        }
    }
    if let Some(output) = request.get_mut("output") {
        document(output.get_mut("schema"), visitor);
    }
    let Some(config) = request.get_mut("config").and_then(Value::as_object_mut) else { return };
    for (name, option) in config.iter_mut() {
        // The numbers among them are settings.
        if !option.is_number() {
            visitor.between(name);
            visitor.between(": ");
            document(Some(option), visitor);
        }
    }
}

fn list(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flatten()
}

fn part(part: &mut Value, visitor: &mut dyn Visitor) {
    let Some(part) = part.as_object_mut() else { return };
    for (kind, content) in part.iter_mut() {
        match kind.as_str() {
            "text" | "reasoning" => {
                document(Some(content), visitor);
                visitor.joins();
            }
            "metadata" => metadata(Some(content), visitor),
            "data" if content.is_string() => {
                document(Some(content), visitor);
                visitor.joins();
            }
            "toolRequest" | "toolResponse" => {
                for name in ["name", "ref"] {
                    document(content.get_mut(name), visitor);
                }
                for name in ["input", "output"] {
                    document(content.get_mut(name), visitor);
                }
            }
            "media" => {
                for name in ["contentType", "url"] {
                    document(content.get_mut(name), visitor);
                }
            }
            _ => document(Some(content), visitor),
        }
    }
}

/// Services take back their own signatures unchanged or not at all. One that is no base64 is
/// somebody's text.
fn metadata(value: Option<&mut Value>, visitor: &mut dyn Visitor) {
    let Some(map) = value.and_then(Value::as_object_mut) else { return };
    let is_base64 =
        |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/-_=".contains(&it));
    let signature = map.remove("thoughtSignature");
    let signature = match signature {
        Some(Value::String(it)) if is_base64(&it) => Some(Value::String(it)),
        Some(mut other) => {
            document(Some(&mut other), visitor);
            Some(other)
        }
        None => None,
    };
    object(map, visitor);
    visitor.end();
    if let Some(signature) = signature {
        map.insert("thoughtSignature".to_owned(), signature);
    }
}

/// Visits a value that is a document of its own.
fn document(value: Option<&mut Value>, visitor: &mut dyn Visitor) {
    if let Some(value) = value {
        self::value(value, visitor);
        visitor.end();
    }
}

/// Values at any depth, read so that a key explains its value: `dateOfBirth: 1985-03-12`.
fn value(value: &mut Value, visitor: &mut dyn Visitor) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => visitor.number(value),
        Value::String(text) => visitor.text(text),
        Value::Array(list) => {
            for value in list {
                self::value(value, visitor);
            }
            return;
        }
        Value::Object(map) => {
            visitor.between(END);
            return object(map, visitor);
        }
    }
    visitor.between(END);
}

fn object(map: &mut Map<String, Value>, visitor: &mut dyn Visitor) {
    let fields = core::mem::take(map);
    for (key, mut field) in fields {
        // A schema's own words.
        let is_type = key == "type" && field.as_str().is_some_and(|it| TYPES.contains(&it));
        let key = if is_type { key } else { visitor.key(key) };
        if !is_type {
            visitor.between(": ");
            value(&mut field, visitor);
        }
        map.insert(key, field);
    }
}

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];

impl Leaf {
    pub(super) fn key(key: String) -> Self {
        Self { pieces: vec![Piece::Text(key)], form: Form::Text }
    }

    pub(super) fn number(number: &Value) -> Self {
        let form = Form::Number(number.clone());
        Self { pieces: vec![Piece::Text(json::written(number))], form }
    }

    /// A text, or what is inside of a `data:` address. Pictures and sound are not looked into.
    pub(super) fn text(text: String) -> Self {
        let is_address = text.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("data:"));
        let Some((head, body)) = text.split_once(',').filter(|_| is_address) else {
            return Self { pieces: vec![Piece::Text(text)], form: Form::Text };
        };
        let lower = head.to_ascii_lowercase();
        let is_seen = ["image/", "audio/", "video/", "font/"].iter().any(|it| {
            lower.get(5..).is_some_and(|kind| kind.trim_start().starts_with(it))
                && !lower.contains("svg")
        });
        if is_seen {
            return Self { pieces: Vec::new(), form: Form::Bytes(text) };
        }
        let bytes = if lower.trim_end().ends_with("base64") {
            base64::decode(&String::from_utf8_lossy(&percent_decoded(body)))
        } else {
            percent_decoded(body)
        };
        let is_wide = lower.contains("utf-16") || lower.contains("utf16") || bytes.contains(&0);
        match String::from_utf8(bytes) {
            Ok(inside) if !is_wide => {
                Self { pieces: vec![Piece::Text(inside)], form: Form::Address(text) }
            }
            // Zeros between the letters are how UTF-16 writes ASCII.
            other => {
                let bytes = other.map_or_else(|it| it.into_bytes(), String::into_bytes);
                let bytes: Vec<u8> = bytes.into_iter().filter(|it| *it != 0).collect();
                let inside = String::from_utf8_lossy(&bytes).into_owned();
                Self { pieces: vec![Piece::Text(inside)], form: Form::Bytes(text) }
            }
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.pieces.iter().any(|it| matches!(it, Piece::Entry(_)))
    }

    /// This `data:` address with another text inside.
    pub(super) fn address(address: &str, inside: &str) -> String {
        let head = address.split_once(',').map_or(address, |(head, _)| head).trim_end();
        let plain = head.get(..head.len().saturating_sub(7)).unwrap_or(head);
        let is_base64 =
            head.get(plain.len()..).is_some_and(|it| it.eq_ignore_ascii_case(";base64"));
        format!(
            "{};base64,{}",
            if is_base64 { plain } else { head },
            base64::encode(inside.as_bytes())
        )
    }
}
