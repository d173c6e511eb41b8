//! Extracts the texts of a request, everything that a branch could send, and puts them back.

use serde_json::{Map, Value};

use crate::base64;
use crate::json;
use crate::percent::percent_decoded;

/// Ends a value: no number continues across it, and words before it still announce what follows.
const END: &str = "\n\u{1e}";

/// One text, number or key of a request.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) pieces: Vec<Piece>,
    pub(super) form: Form,
}

/// The form of a leaf in the request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Text,
    Number(Value),
    /// A text inside this `data:` URL.
    Address(String),
    /// Bytes that aren't text and cannot be changed.
    Bytes(String),
}

/// A piece of a leaf: its original text, or the entry that replaces it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Entry(usize),
}

/// A text as scanned by a detector: leaves and the text between them.
#[derive(Debug, Default)]
pub(super) struct Document(pub(super) Vec<Passage>);

#[derive(Debug)]
pub(super) enum Passage {
    Leaf(usize),
    Fixed(String),
}

/// A visitor of a request, used to extract its leaves and to put them back.
pub(super) trait Visitor {
    /// Visits a text in place.
    fn text(&mut self, text: &mut String);
    /// Visits a number that may be personal; it may become a text.
    fn number(&mut self, number: &mut Value);
    /// Visits a key.
    fn key(&mut self, key: String) -> String;
    /// Visits the text between two leaves.
    fn between(&mut self, _text: &str) {}
    /// The document is complete.
    fn end(&mut self) {}
    /// The previous leaf is a text that services join with its neighbours.
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
        // The numbers in the options are settings.
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

/// Services accept their own signatures only unchanged. A signature that isn't base64 is treated as
/// text.
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

/// Visits a value that forms its own document.
fn document(value: Option<&mut Value>, visitor: &mut dyn Visitor) {
    if let Some(value) = value {
        self::value(value, visitor);
        visitor.end();
    }
}

/// Visits values at any depth, so that a key announces its value: `dateOfBirth: 1985-03-12`.
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
        // Keywords of a schema.
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

    /// Visits a text, or the content of a `data:` URL. Pictures and audio are skipped.
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
            // Zeros between the letters mean UTF-16 with ASCII text.
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

    /// Returns this `data:` URL with another text inside.
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
