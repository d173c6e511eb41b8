//! The common notation of FunctionGemma and Gemma 4: calls and results between markers, keys
//! without quotes, texts between two markers of their own.
//!
//! ```text
//! ⟨call⟩call:get_weather{city:⟨quote⟩Tokyo⟨quote⟩,days:3}⟨end of call⟩
//! ```

use hybridge_core::{Content, Part, ToolRequest, ToolResponse};
use serde_json::{Map, Number, Value};

use super::Segment;
use super::schema_text::by_name;

/// The tokens and rules of one model.
#[derive(Debug)]
pub struct Notation {
    /// Surround a call.
    pub call: [&'static str; 2],
    /// Surround a result.
    pub response: [&'static str; 2],
    /// Surround a text.
    pub quote: &'static str,
    /// The null value.
    pub null: &'static str,
    /// Whether members are sorted by name.
    pub is_sorted: bool,
}

impl Notation {
    /// Renders a call as the model wrote it.
    #[must_use]
    pub fn call(&'static self, request: &ToolRequest) -> Vec<Segment> {
        let mut writer = Writer::new(self);
        writer.control(self.call[0]);
        writer.text("call:");
        writer.text(&request.name);
        writer.object(request.input.as_ref());
        writer.control(self.call[1]);
        writer.segments
    }

    /// Renders a result. It is in the model's own turn, right after the calls.
    #[must_use]
    pub fn response(&'static self, response: &ToolResponse) -> Vec<Segment> {
        let mut writer = Writer::new(self);
        writer.control(self.response[0]);
        writer.text("response:");
        writer.text(&response.name);
        writer.object(response.output.as_ref());
        writer.control(self.response[1]);
        writer.segments
    }

    /// Returns the parts of an answer: text, and calls numbered from `first`, so that results can
    /// refer to them.
    ///
    /// A call that is cut off or malformed is left out, because its arguments are incomplete.
    #[must_use]
    pub fn parse(&self, segments: &[Segment], first: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut calls = first;
        let mut rest = segments.iter();
        while let Some(segment) = rest.next() {
            match segment {
                Segment::Text(text) if !text.trim().is_empty() => {
                    parts.push(Part::text(text.clone()));
                }
                Segment::Control(piece) if *piece == self.call[0] => {
                    let inside: Vec<&Segment> = rest
                        .by_ref()
                        .take_while(|segment| **segment != Segment::Control(self.call[1]))
                        .collect();
                    if let Some((name, input)) = Reader::new(&inside, self).call() {
                        let reference = Some(format!("call_{calls}"));
                        calls += 1;
                        parts.push(
                            Content::ToolRequest(ToolRequest {
                                name,
                                input: Some(input),
                                reference,
                            })
                            .into(),
                        );
                    }
                }
                _ => {}
            }
        }
        parts
    }
}

/// Writes values.
#[derive(Debug)]
pub(super) struct Writer {
    notation: &'static Notation,
    pub(super) segments: Vec<Segment>,
}

impl Writer {
    pub(super) fn new(notation: &'static Notation) -> Self {
        Self { notation, segments: Vec::new() }
    }

    pub(super) fn control(&mut self, piece: &'static str) {
        self.segments.push(Segment::Control(piece));
    }

    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.segments.last_mut() {
            Some(Segment::Text(last)) => last.to_mut().push_str(text),
            _ => self.segments.push(Segment::text(text.to_owned())),
        }
    }

    pub(super) fn escaped(&mut self, text: &str) {
        self.control(self.notation.quote);
        self.text(text);
        self.control(self.notation.quote);
    }

    /// Renders arguments or a result; a value that isn't an object becomes one with the single
    /// member `value`.
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

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.escaped(text),
            Value::Array(items) => self.list("[", "]", items.iter(), Self::value),
            Value::Object(members) => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                if self.notation.is_sorted {
                    members.sort_by_key(by_name);
                }
                self.list("{", "}", members.into_iter(), |writer, (name, value)| {
                    writer.text(name);
                    writer.text(":");
                    writer.value(value);
                });
            }
            Value::Null => self.text(self.notation.null),
            other => self.text(&other.to_string()),
        }
    }

    pub(super) fn list<T>(
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
}

/// A lexical token of a call. A text between two quotes is one token, whatever its content.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Mark(char),
    Bare(String),
    Text(String),
}

struct Reader<'a> {
    notation: &'a Notation,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

/// The maximum nesting of arguments.
const DEEPEST: u32 = 64;

impl<'a> Reader<'a> {
    fn new(segments: &[&Segment], notation: &'a Notation) -> Self {
        let mut tokens = Vec::new();
        let mut escaped: Option<String> = None;
        for segment in segments {
            match (segment, &mut escaped) {
                (Segment::Control(piece), open) if *piece == notation.quote => match open.take() {
                    Some(text) => tokens.push(Token::Text(text)),
                    None => escaped = Some(String::new()),
                },
                (Segment::Text(text), Some(open)) => open.push_str(text),
                (Segment::Text(text), None) => split(text, &mut tokens),
                // No other control token occurs inside a call.
                (Segment::Control(_), _) => tokens.push(Token::Mark('\0')),
            }
        }
        if escaped.is_some() {
            tokens.push(Token::Mark('\0'));
        }
        Self { notation, tokens: tokens.into_iter().peekable() }
    }

    /// Parses `call:name{…}` with nothing after it.
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
            Token::Bare(text) => Some(bare_value(text.trim(), self.notation.null)),
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

    /// Reads a comma, or stops before the closing marker.
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

fn bare_value(text: &str, null: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        none if none == null => Value::Null,
        number => {
            let whole = number.parse::<i64>().ok().map(Number::from);
            let number = whole.or_else(|| Number::from_f64(number.parse().ok()?));
            number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
        }
    }
}
