//! Gemma 4's format: declarations, calls, responses and thoughts between their own markers.
//!
//! ```text
//! <|channel>thought
//! …<channel|><|tool_call>call:get_weather{city:<|"|>Tokyo<|"|>}<tool_call|>
//! ```
//! Source: the chat template of the released files.

use hybridge_core::ToolDefinition;
use serde_json::{Map, Value};

use super::Segment;
use super::notation::{Notation, Writer};
use super::schema_text::{UNSAID, by_name};

const TOOL: [&str; 2] = ["<|tool>", "<tool|>"];
pub(crate) const CALL: [&str; 2] = ["<|tool_call>", "<tool_call|>"];
const RESPONSE: [&str; 2] = ["<|tool_response>", "<tool_response|>"];
/// Surrounds a text.
pub(crate) const QUOTE: &str = "<|\"|>";
/// Enables thinking, in the system's turn.
pub const THINK: &str = "<|think|>";
/// Surround the model's reasoning.
pub const CHANNEL: [&str; 2] = ["<|channel>", "<channel|>"];
/// Surround each turn.
pub const TURN: [&str; 2] = ["<|turn>", "<turn|>"];

/// Every token of the format, with its ID in the released vocabulary; they are looked up by text.
pub const PIECES: [(u32, &str); 12] = [
    (46, TOOL[0]),
    (47, TOOL[1]),
    (48, CALL[0]),
    (49, CALL[1]),
    (50, RESPONSE[0]),
    (51, RESPONSE[1]),
    (52, QUOTE),
    (98, THINK),
    (100, CHANNEL[0]),
    (101, CHANNEL[1]),
    (105, TURN[0]),
    (106, TURN[1]),
];

/// The token after which the model waits for results, which also ends an answer.
pub const WAITS: &str = RESPONSE[0];

/// The notation of calls and results.
pub static NOTATION: Notation =
    Notation { call: CALL, response: RESPONSE, quote: QUOTE, null: "None", is_sorted: true };

/// The line before a thought's text.
pub(crate) const THOUGHT: &str = "thought\n";

/// Renders a thought before the calls that followed it.
#[must_use]
pub fn thought(text: &str) -> Vec<Segment> {
    vec![
        Segment::Control(CHANNEL[0]),
        Segment::text(format!("{THOUGHT}{}\n", text.trim_end())),
        Segment::Control(CHANNEL[1]),
    ]
}

/// Returns a model's text without thoughts that another program may have left in it.
#[must_use]
pub fn without_thoughts(text: &str) -> String {
    let parts = text.split(CHANNEL[1]);
    parts.map(|part| part.split(CHANNEL[0]).next().unwrap_or_default()).collect()
}

/// Returns the content of the system's turn after its text.
#[must_use]
pub fn declarations(tools: &[ToolDefinition]) -> Vec<Segment> {
    let mut writer = Writer::new(&NOTATION);
    for tool in tools {
        writer.control(TOOL[0]);
        writer.text("declaration:");
        writer.text(&tool.name);
        writer.text("{description:");
        writer.escaped(&tool.description);
        if let Some(Value::Object(schema)) = tool.input_schema.as_ref().filter(|it| !is_empty(it)) {
            writer.text(",");
            named(&mut writer, "parameters");
            if schema.get("properties").is_some_and(|it| !is_empty(it)) {
                named(&mut writer, "properties");
                properties(&mut writer, schema.get("properties"));
                writer.text("},");
            }
            required(&mut writer, schema, |writer| writer.text(","));
            writer.text("type:");
            writer.escaped(&kind_of(schema).unwrap_or("object").to_uppercase());
            writer.text("}");
        }
        writer.text("}");
        writer.control(TOOL[1]);
    }
    writer.segments
}

fn named(writer: &mut Writer, name: &str) {
    writer.text(name);
    writer.text(":{");
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_none_or(Map::is_empty)
}

/// Names that the template treats as keywords, so the model never saw parameters with these names.
const UNSHOWN: [&str; 5] = ["description", "type", "properties", "required", "nullable"];

/// Renders properties by name, each with its keywords in a fixed order and its type last.
fn properties(writer: &mut Writer, members: Option<&Value>) {
    let members = members.and_then(Value::as_object).into_iter().flatten();
    let mut members: Vec<(&String, &Value)> =
        members.filter(|(name, _)| !UNSHOWN.contains(&name.as_str())).collect();
    members.sort_by_key(by_name);
    writer.list("", "", members.into_iter(), |writer, (name, schema)| {
        named(writer, name);
        if let Some(schema) = schema.as_object() {
            property(writer, schema);
        }
        writer.text("type:");
        let kind = schema.as_object().and_then(kind_of).unwrap_or("string");
        writer.escaped(&kind.to_uppercase());
        writer.text("}");
    });
}

/// Each part ends with a comma, because the type follows.
fn property(writer: &mut Writer, schema: &Map<String, Value>) {
    let kind = kind_of(schema).unwrap_or("string").to_lowercase();
    if let Some(text) =
        schema.get("description").and_then(Value::as_str).filter(|it| !it.is_empty())
    {
        writer.text("description:");
        writer.escaped(text);
        writer.text(",");
    }
    match (kind.as_str(), schema.get("enum"), schema.get("items")) {
        ("string", Some(Value::Array(values)), _) if !values.is_empty() => {
            writer.text("enum:");
            quoted(writer, &Value::Array(values.clone()));
            writer.text(",");
        }
        ("array", _, Some(Value::Object(of))) if !of.is_empty() => {
            named(writer, "items");
            items(writer, of);
            writer.text("},");
        }
        _ => {}
    }
    if is_nullable(schema) {
        writer.text("nullable:true,");
    }
    if kind == "object" {
        named(writer, "properties");
        properties(writer, schema.get("properties"));
        writer.text("},");
        required(writer, schema, |writer| writer.text(","));
    }
}

/// Renders the items of a list: every keyword, by name.
fn items(writer: &mut Writer, schema: &Map<String, Value>) {
    let said =
        |(name, value): &(&String, &Value)| !UNSAID.contains(&name.as_str()) && !value.is_null();
    let mut keywords: Vec<(&String, &Value)> = schema.iter().filter(said).collect();
    keywords.sort_by_key(by_name);
    writer.list("", "", keywords.into_iter(), |writer, (name, value)| {
        match (name.as_str(), value) {
            ("properties", members) => {
                named(writer, "properties");
                properties(writer, Some(members));
                writer.text("}");
            }
            ("required", _) => required(writer, schema, |_| ()),
            (name, value) => {
                writer.text(name);
                writer.text(":");
                let value = if name == "type" { upper(value) } else { value.clone() };
                quoted(writer, &value);
            }
        }
    });
}

fn upper(kind: &Value) -> Value {
    match kind {
        Value::String(kind) => Value::from(kind.to_uppercase()),
        Value::Array(kinds) => kinds.iter().map(upper).collect(),
        other => other.clone(),
    }
}

fn required(writer: &mut Writer, schema: &Map<String, Value>, after: impl Fn(&mut Writer)) {
    let names = schema.get("required").and_then(Value::as_array);
    let names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();
    if !names.is_empty() {
        writer.text("required:");
        writer.list("[", "]", names.into_iter(), Writer::escaped);
        after(writer);
    }
}

/// Renders a value with quoted names, which occur only in declarations.
fn quoted(writer: &mut Writer, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(by_name);
            writer.list("{", "}", members.into_iter(), |writer, (name, value)| {
                writer.escaped(name);
                writer.text(":");
                quoted(writer, value);
            });
        }
        Value::Array(values) => writer.list("[", "]", values.iter(), quoted),
        other => writer.value(other),
    }
}

/// Returns the type, or the first of several. Without one, the type is inferred from the other
/// keywords.
fn kind_of(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
        }
        _ if schema.contains_key("properties") => Some("object"),
        _ if schema.contains_key("items") => Some("array"),
        _ => None,
    }
}

fn is_nullable(schema: &Map<String, Value>) -> bool {
    let kinds = schema.get("type").and_then(Value::as_array);
    let has_null = kinds.into_iter().flatten().any(|kind| kind.as_str() == Some("null"));
    has_null || schema.get("nullable").and_then(Value::as_bool) == Some(true)
}
