//! FunctionGemma's format: declarations, calls and responses between control pieces, keys without quotes, texts
//! between two `<escape>` pieces.
//!
//! ```text
//! <start_function_call>call:get_weather{city:<escape>Tokyo<escape>}<end_function_call>
//! ```
//! Source: the model's card and its chat template.

use hybridge_core::{Content, Part, ToolDefinition, ToolRequest, ToolResponse};
use serde_json::{Map, Number, Value};

use super::Segment;
use super::schema_text::{ordered, ordering_of};

/// The sentence that switches calling on, as the model was trained with. It opens a turn of the role `developer`.
pub const PREAMBLE: &str =
    "You are a model that can do function calling with the following functions";

const DECLARATION: [&str; 2] = ["<start_function_declaration>", "<end_function_declaration>"];
pub(crate) const CALL: [&str; 2] = ["<start_function_call>", "<end_function_call>"];
const RESPONSE: [&str; 2] = ["<start_function_response>", "<end_function_response>"];
pub(crate) const ESCAPE: &str = "<escape>";

/// Every control piece of the format: to look up by text. The model ends its turn with the fifth,
/// `<start_function_response>`, when it waits for results.
pub const CONTROLS: [&str; 7] =
    [DECLARATION[0], DECLARATION[1], CALL[0], CALL[1], RESPONSE[0], RESPONSE[1], ESCAPE];

/// The piece after which the model waits for results: one more end of an answer.
pub const WAITS: &str = RESPONSE[0];

/// What the developer's turn holds.
#[must_use]
pub fn declarations(tools: &[ToolDefinition]) -> Vec<Segment> {
    let mut writer = Writer::default();
    writer.text(PREAMBLE);
    for tool in tools {
        writer.control(DECLARATION[0]);
        writer.text("declaration:");
        writer.text(&tool.name);
        writer.text("{description:");
        writer.escaped(&tool.description);
        writer.text(",parameters:");
        let empty = Value::Object(Map::new());
        writer.schema(tool.input_schema.as_ref().unwrap_or(&empty), true);
        writer.text("}");
        writer.control(DECLARATION[1]);
    }
    writer.segments
}

/// A call, as the model wrote it.
#[must_use]
pub fn call(request: &ToolRequest) -> Vec<Segment> {
    let mut writer = Writer::default();
    writer.control(CALL[0]);
    writer.text("call:");
    writer.text(&request.name);
    writer.object(request.input.as_ref());
    writer.control(CALL[1]);
    writer.segments
}

/// A result. It stands in the model's own turn, right after the calls.
#[must_use]
pub fn response(response: &ToolResponse) -> Vec<Segment> {
    let mut writer = Writer::default();
    writer.control(RESPONSE[0]);
    writer.text("response:");
    writer.text(&response.name);
    writer.object(response.output.as_ref());
    writer.control(RESPONSE[1]);
    writer.segments
}

#[derive(Default)]
struct Writer {
    segments: Vec<Segment>,
}

impl Writer {
    fn control(&mut self, piece: &'static str) {
        self.segments.push(Segment::Control(piece));
    }

    fn text(&mut self, text: &str) {
        match self.segments.last_mut() {
            Some(Segment::Text(last)) => last.to_mut().push_str(text),
            _ => self.segments.push(Segment::text(text.to_owned())),
        }
    }

    fn escaped(&mut self, text: &str) {
        self.control(ESCAPE);
        self.text(text);
        self.control(ESCAPE);
    }

    /// Arguments or a result; what is no object becomes one with a single `value`.
    fn object(&mut self, value: Option<&Value>) {
        match value {
            None => self.text("{}"),
            Some(value @ Value::Object(_)) => self.value(value),
            Some(value) => {
                self.text("{value:");
                self.value(value);
                self.text("}");
            }
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.escaped(text),
            Value::Array(items) => self.list("[", "]", items.iter(), Self::value),
            Value::Object(members) => {
                self.list("{", "}", members.iter(), |writer, (name, value)| {
                    writer.text(name);
                    writer.text(":");
                    writer.value(value);
                });
            }
            other => self.text(&other.to_string()),
        }
    }

    fn list<T>(
        &mut self,
        open: &str,
        close: &str,
        items: impl Iterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) {
        self.text(open);
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.text(",");
            }
            write(self, item);
        }
        self.text(close);
    }

    /// A schema: its keywords in alphabetical order, types in capitals. Only what the model was trained on is said.
    fn schema(&mut self, schema: &Value, is_root: bool) {
        let keyword = |name: &str| schema.get(name);
        let ordering = schema.as_object().map(ordering_of).unwrap_or_default();
        let mut said: Vec<(&str, &Value)> = Vec::new();
        // At the root the tool's own description stands outside.
        for name in ["description", "enum", "items", "properties", "required"] {
            said.extend(
                keyword(name)
                    .filter(|_| !is_root || name != "description")
                    .map(|value| (name, value)),
            );
        }
        let written = said.len();
        self.text("{");
        for (at, (name, value)) in said.into_iter().enumerate() {
            if at > 0 {
                self.text(",");
            }
            self.text(name);
            self.text(":");
            match (name, value) {
                ("items", schema) => self.schema(schema, false),
                ("properties", Value::Object(properties)) => {
                    let properties = ordered(properties, &ordering);
                    self.list("{", "}", properties, |writer, (name, schema)| {
                        writer.text(name);
                        writer.text(":");
                        writer.schema(schema, false);
                    });
                }
                (_, value) => self.value(value),
            }
        }
        let kind = keyword("type").and_then(Value::as_str).unwrap_or(if is_root {
            "object"
        } else {
            "string"
        });
        self.text(if written > 0 { ",type:" } else { "type:" });
        self.escaped(&kind.to_uppercase());
        self.text("}");
    }
}

/// The parts of an answer: words, and calls with numbers from `first`, by which results find them.
///
/// A call that is cut off or not in the format is left out: what it would have asked for is not known.
#[must_use]
pub fn parse(segments: &[Segment], first: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut calls = first;
    let mut rest = segments.iter();
    while let Some(segment) = rest.next() {
        match segment {
            Segment::Text(text) if !text.trim().is_empty() => parts.push(Part::text(text.clone())),
            Segment::Control(piece) if *piece == CALL[0] => {
                let inside: Vec<&Segment> = rest
                    .by_ref()
                    .take_while(|segment| **segment != Segment::Control(CALL[1]))
                    .collect();
                if let Some((name, input)) = Reader::new(&inside).call() {
                    let reference = Some(format!("call_{calls}"));
                    calls += 1;
                    parts.push(
                        Content::ToolRequest(ToolRequest { name, input: Some(input), reference })
                            .into(),
                    );
                }
            }
            _ => {}
        }
    }
    parts
}

/// What a call is made of. A text between two `<escape>` pieces is one token, whatever stands in it.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Mark(char),
    Bare(String),
    Text(String),
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

/// Arguments nest no deeper.
const DEEPEST: u32 = 64;

impl Reader {
    fn new(segments: &[&Segment]) -> Self {
        let mut tokens = Vec::new();
        let mut escaped: Option<String> = None;
        for segment in segments {
            match (segment, &mut escaped) {
                (Segment::Control(piece), open) if *piece == ESCAPE => match open.take() {
                    Some(text) => tokens.push(Token::Text(text)),
                    None => escaped = Some(String::new()),
                },
                (Segment::Text(text), Some(open)) => open.push_str(text),
                (Segment::Text(text), None) => split(text, &mut tokens),
                // No other control piece stands inside a call.
                (Segment::Control(_), _) => tokens.push(Token::Mark('\0')),
            }
        }
        if escaped.is_some() {
            tokens.push(Token::Mark('\0'));
        }
        Self { tokens: tokens.into_iter().peekable() }
    }

    /// `call:name{…}` and nothing after it.
    fn call(mut self) -> Option<(String, Value)> {
        (self.bare()?.trim() == "call").then_some(())?;
        self.mark(':')?;
        let name = self.bare()?.trim().to_owned();
        let input = self.value(0)?;
        let is_over = self.tokens.next().is_none();
        (is_over && input.is_object() && !name.is_empty()).then_some((name, input))
    }

    fn bare(&mut self) -> Option<String> {
        match self.tokens.next()? {
            Token::Bare(text) => Some(text),
            _ => None,
        }
    }

    fn mark(&mut self, mark: char) -> Option<()> {
        self.tokens.next_if_eq(&Token::Mark(mark)).map(|_| ())
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        match self.tokens.next()? {
            Token::Text(text) => Some(Value::String(text)),
            Token::Bare(text) => Some(bare_value(text.trim())),
            Token::Mark('{') => {
                let mut members = Map::new();
                while self.mark('}').is_none() {
                    let name = match self.tokens.next()? {
                        Token::Bare(name) => name.trim().to_owned(),
                        Token::Text(name) => name,
                        Token::Mark(_) => return None,
                    };
                    self.mark(':')?;
                    members.insert(name, self.value(depth + 1)?);
                    self.separator('}')?;
                }
                Some(Value::Object(members))
            }
            Token::Mark('[') => {
                let mut items = Vec::new();
                while self.mark(']').is_none() {
                    items.push(self.value(depth + 1)?);
                    self.separator(']')?;
                }
                Some(Value::Array(items))
            }
            Token::Mark(_) => None,
        }
    }

    /// A comma, or the closing mark still to come.
    fn separator(&mut self, close: char) -> Option<()> {
        if self.tokens.peek() == Some(&Token::Mark(close)) { Some(()) } else { self.mark(',') }
    }
}

fn split(text: &str, tokens: &mut Vec<Token>) {
    for char in text.chars() {
        match (char, tokens.last_mut()) {
            ('{' | '}' | '[' | ']' | ':' | ',', _) => tokens.push(Token::Mark(char)),
            (char, Some(Token::Bare(bare))) => bare.push(char),
            (char, _) if char.is_whitespace() => {}
            (char, _) => tokens.push(Token::Bare(char.to_string())),
        }
    }
}

fn bare_value(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        number => {
            let whole = number.parse::<i64>().ok().map(Number::from);
            let number = whole.or_else(|| Number::from_f64(number.parse().ok()?));
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}
