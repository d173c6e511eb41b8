//! FunctionGemma's format: declarations, calls and responses between control tokens, keys without
//! quotes, texts between two `<escape>` tokens.
//!
//! ```text
//! <start_function_call>call:get_weather{city:<escape>Tokyo<escape>}<end_function_call>
//! ```
//! Source: the model's card and its chat template.

use hybridge_core::ToolDefinition;
use serde_json::{Map, Value};

use super::Segment;
use super::notation::{Notation, Writer};
use super::schema_text::{ordered, ordering_of};

/// The sentence that enables calls, as used in the model's training. It begins a turn of the role
/// `developer`.
pub const PREAMBLE: &str =
    "You are a model that can do function calling with the following functions";

const DECLARATION: [&str; 2] = ["<start_function_declaration>", "<end_function_declaration>"];
pub(crate) const CALL: [&str; 2] = ["<start_function_call>", "<end_function_call>"];
const RESPONSE: [&str; 2] = ["<start_function_response>", "<end_function_response>"];
pub(crate) const ESCAPE: &str = "<escape>";

/// Every control token of the format, to be looked up by text. The model ends its turn with the
/// fifth, `<start_function_response>`, when it waits for results.
pub const CONTROLS: [&str; 7] =
    [DECLARATION[0], DECLARATION[1], CALL[0], CALL[1], RESPONSE[0], RESPONSE[1], ESCAPE];

/// The token after which the model waits for results, which also ends an answer.
pub const WAITS: &str = RESPONSE[0];

/// The notation of calls and results.
pub static NOTATION: Notation =
    Notation { call: CALL, response: RESPONSE, quote: ESCAPE, null: "null", is_sorted: false };

/// Returns the content of the developer's turn.
#[must_use]
pub fn declarations(tools: &[ToolDefinition]) -> Vec<Segment> {
    let mut writer = Writer::new(&NOTATION);
    writer.text(PREAMBLE);
    for tool in tools {
        writer.control(DECLARATION[0]);
        writer.text("declaration:");
        writer.text(&tool.name);
        writer.text("{description:");
        writer.escaped(&tool.description);
        writer.text(",parameters:");
        let empty = Value::Object(Map::new());
        schema(&mut writer, tool.input_schema.as_ref().unwrap_or(&empty), true);
        writer.text("}");
        writer.control(DECLARATION[1]);
    }
    writer.segments
}

/// Renders a schema: its keywords in alphabetical order, types in capitals. Only keywords that
/// occurred in the model's training are included.
fn schema(writer: &mut Writer, schema: &Value, is_root: bool) {
    let keyword = |name: &str| schema.get(name);
    let ordering = schema.as_object().map(ordering_of).unwrap_or_default();
    let mut said: Vec<(&str, &Value)> = Vec::new();
    // At the root, the tool's own description is rendered elsewhere.
    for name in ["description", "enum", "items", "properties", "required"] {
        said.extend(
            keyword(name).filter(|_| !is_root || name != "description").map(|value| (name, value)),
        );
    }
    let written = said.len();
    writer.text("{");
    for (at, (name, value)) in said.into_iter().enumerate() {
        if at > 0 {
            writer.text(",");
        }
        writer.text(name);
        writer.text(":");
        match (name, value) {
            ("items", schema) => self::schema(writer, schema, false),
            ("properties", Value::Object(properties)) => {
                let properties = ordered(properties, &ordering);
                writer.list("{", "}", properties, |writer, (name, schema)| {
                    writer.text(name);
                    writer.text(":");
                    self::schema(writer, schema, false);
                });
            }
            (_, value) => writer.value(value),
        }
    }
    let kind = keyword("type").and_then(Value::as_str).unwrap_or(if is_root {
        "object"
    } else {
        "string"
    });
    writer.text(if written > 0 { ",type:" } else { "type:" });
    writer.escaped(&kind.to_uppercase());
    writer.text("}");
}
