//! The allowed forms of an answer, by the request and the model's notation.

use hybridge_core::{Error, Request, Result, Status, ToolChoice};
use serde_json::{Map, Value, json};

use super::Dialect;
use super::json_call::{call_schema, moved};
use crate::constrain::{Prose, Syntax, Wish};

/// Returns the form that a request requires; `None` if the answer is free.
///
/// # Errors Returns `UNIMPLEMENTED` if a dialect does not support the requested choice.
pub fn wish_of(request: &Request, dialect: Dialect) -> Result<Option<Wish>> {
    let output = request.wants_json().then(|| output_schema(request));
    if !has_tools(request) {
        // The prompt contains the tools in any case, and a call would be read as text.
        let is_described = dialect == Dialect::JsonCall && !request.tools.is_empty();
        let words = || Wish { prose: Prose::Only, ..Wish::json(json!({})) };
        return Ok(output.map(Wish::json).or_else(|| is_described.then(words)));
    }
    let prose = match request.tool_choice {
        Some(ToolChoice::Required) => Prose::Never,
        _ => Prose::Allowed,
    };
    let must_call = prose == Prose::Never;
    match (dialect, output) {
        (Dialect::JsonCall, Some(output)) if !must_call => {
            Ok(Some(Wish::json(call_or_output(call_schema(&request.tools), &output))))
        }
        (Dialect::JsonCall, _) => {
            let schema = call_schema(&request.tools);
            Ok(Some(Wish { schema, syntax: Syntax::Json, prose }))
        }
        (_, Some(_)) if !must_call => Err(Error::new(
            Status::Unimplemented,
            "this model calls tools or writes JSON, but cannot choose: leave `tools` or `output` out, or require a call",
        )
        .with_code("TOOLS_OR_JSON")),
        (Dialect::FunctionGemma | Dialect::Gemma4, _) => {
            let tools = request.tools.iter().map(|tool| {
                let schema = tool.input_schema.clone().unwrap_or_else(|| json!({"type": "object"}));
                (tool.name.clone(), schema)
            });
            Ok(Some(Wish {
                schema: parts_of_one(tools),
                syntax: if dialect == Dialect::Gemma4 {
                    Syntax::Gemma4
                } else {
                    Syntax::FunctionGemma
                },
                prose,
            }))
        }
    }
}

/// Whether the model may call a tool.
#[must_use]
pub fn has_tools(request: &Request) -> bool {
    !request.tools.is_empty() && request.tool_choice != Some(ToolChoice::None)
}

/// JSON without a schema must be an array or an object, which is what callers expect.
fn output_schema(request: &Request) -> Value {
    let schema = request.output.as_ref().and_then(|output| output.schema.clone());
    schema.unwrap_or_else(|| json!({"type": ["object", "array"]}))
}

/// Allows a call by the first schema, or a value of the second.
fn call_or_output(mut call: Value, output: &Value) -> Value {
    let place = "#/$defs/output";
    if let Some(parts) = call.get_mut("$defs").and_then(Value::as_object_mut) {
        parts.insert("output".to_owned(), moved(output, place));
    }
    if let Some(alternatives) = call.get_mut("anyOf").and_then(Value::as_array_mut) {
        alternatives.push(json!({"$ref": place}));
    }
    call
}

/// Combines schemas by name, so that the references of each still resolve.
fn parts_of_one(schemas: impl Iterator<Item = (String, Value)>) -> Value {
    let (mut properties, mut parts) = (Map::new(), Map::new());
    for (at, (name, schema)) in schemas.enumerate() {
        let place = format!("#/$defs/tool{at}");
        parts.insert(format!("tool{at}"), moved(&schema, &place));
        properties.insert(name, json!({"$ref": place}));
    }
    json!({"properties": properties, "$defs": parts})
}
