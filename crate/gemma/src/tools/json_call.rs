//! Calls as JSON objects, for Gemma 3 and every model without a format of its own.
//!
//! ```text
//! {"name":"get_weather","parameters":{"city":"Tokyo"}}          one call
//! [{"name":…},{"name":…}]                                       several at once
//! ```

use hybridge_core::{ToolDefinition, ToolRequest, ToolResponse};
use serde_json::{Map, Value, json};

use super::schema_text::schema_text;

/// Returns the schema of a call, or of a list of calls.
#[must_use]
pub(super) fn call_schema(tools: &[ToolDefinition]) -> Value {
    let mut parts = Map::new();
    let mut calls = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let name = format!("tool{at}");
        let parameters = match &tool.input_schema {
            Some(schema) => moved(schema, &format!("#/$defs/{name}")),
            None => json!({"type": "object"}),
        };
        parts.insert(name.clone(), parameters);
        calls.push(json!({
            "type": "object",
            "properties": {"name": {"const": tool.name}, "parameters": {"$ref": format!("#/$defs/{name}")}},
            "propertyOrdering": ["name", "parameters"],
            "required": ["name", "parameters"],
            "additionalProperties": false,
        }));
    }
    parts.insert("call".to_owned(), json!({"anyOf": calls}));
    let call = json!({"$ref": "#/$defs/call"});
    json!({"anyOf": [call, {"type": "array", "items": call, "minItems": 1}], "$defs": parts})
}

/// Moves a schema to `place` inside another one, so that its references still resolve.
pub(super) fn moved(schema: &Value, place: &str) -> Value {
    match schema {
        Value::Object(map) => {
            let moved_entry = |(keyword, value): (&String, &Value)| {
                let value = match (keyword.as_str(), value) {
                    ("$ref", Value::String(target)) => match target.strip_prefix('#') {
                        Some(rest) => Value::String(format!("{place}{rest}")),
                        None => value.clone(),
                    },
                    // Values, not schemas.
                    ("const" | "enum" | "default" | "example" | "examples", _) => value.clone(),
                    // A reference to the root.
                    ("properties" | "$defs" | "definitions", Value::Object(map)) => map
                        .iter()
                        .map(|(name, schema)| (name.clone(), moved(schema, place)))
                        .collect(),
                    _ => moved(value, place),
                };
                (keyword.clone(), value)
            };
            map.iter()
                .filter(|(keyword, _)| !matches!(keyword.as_str(), "$schema" | "$id"))
                .map(moved_entry)
                .collect()
        }
        Value::Array(list) => list.iter().map(|schema| moved(schema, place)).collect(),
        other => other.clone(),
    }
}

/// Returns the prompt's description of the tools, placed before the first question. It is
/// independent of the tool choice, which the constraint enforces, so that the cached prompt stays
/// valid.
#[must_use]
pub fn instructions(tools: &[ToolDefinition]) -> Option<String> {
    if tools.is_empty() {
        return None;
    }
    let declared = |tool: &ToolDefinition| {
        let [name, description] =
            [&tool.name, &tool.description].map(|text| Value::from(text.as_str()));
        let parameters = match &tool.input_schema {
            Some(schema) => schema_text(schema),
            None => json!({"type": "object"}).to_string(),
        };
        format!("{{\"name\":{name},\"description\":{description},\"parameters\":{parameters}}}")
    };
    let list: Vec<String> = tools.iter().map(declared).collect();
    Some(format!(
        "You can call functions. Call one only if it helps. A call is a JSON object {{\"name\": \
         function name, \"parameters\": {{argument name: value}}}} and nothing else; several \
         calls are a JSON array of such objects.\n[{}]",
        list.join(",")
    ))
}

/// Returns the calls of an answer; `None` if it is text. Calls are numbered from `first`, so that
/// results can refer to them.
#[must_use]
pub fn parse(answer: &str, tools: &[ToolDefinition], first: usize) -> Option<Vec<ToolRequest>> {
    let value: Value = serde_json::from_str(unfenced(answer)).ok()?;
    let calls = match value {
        Value::Array(calls) => calls,
        call => vec![call],
    };
    let read = |(at, call): (usize, &Value)| {
        let name = call.get("name")?.as_str()?;
        let input = call.get("parameters").cloned();
        let is_known = tools.iter().any(|tool| tool.name == name);
        is_known.then(|| ToolRequest {
            name: name.to_owned(),
            input,
            reference: Some(format!("call_{}", first + at)),
        })
    };
    let calls: Option<Vec<ToolRequest>> = calls.iter().enumerate().map(read).collect();
    calls.filter(|calls| !calls.is_empty())
}

/// Renders a call as the model wrote it, for the conversation.
#[must_use]
pub fn call_text(call: &ToolRequest) -> String {
    let parameters = call.input.clone().unwrap_or_else(|| json!({}));
    format!("{{\"name\":{},\"parameters\":{parameters}}}", Value::from(call.name.as_str()))
}

/// Parses the model's output: one call, or a list of calls.
#[must_use]
pub fn calls_text(calls: &[&ToolRequest]) -> String {
    let texts: Vec<String> = calls.iter().map(|call| call_text(call)).collect();
    match texts.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(",")),
    }
}

/// Renders a result, for the user's turn.
#[must_use]
pub fn response_text(response: &ToolResponse) -> String {
    let output = response.output.clone().unwrap_or(Value::Null);
    let result = json!({"name": response.name, "result": output});
    format!("```tool_output\n{result}\n```")
}

/// Removes the code fence that models often put around JSON.
fn unfenced(answer: &str) -> &str {
    let answer = answer.trim();
    let Some(inner) = answer.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return answer;
    };
    inner.split_once('\n').map_or(answer, |(_, body)| body.trim())
}
