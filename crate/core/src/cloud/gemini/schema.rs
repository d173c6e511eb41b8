//! Converts a JSON Schema to the subset that Gemini accepts.

use serde_json::{Map, Value};

/// The keywords of `responseJsonSchema` and `parametersJsonSchema`. Source: the reference of
/// `GenerationConfig.responseJsonSchema`. Any other keyword is rejected with 400, so it is dropped
/// here and still validated locally.
const ACCEPTED: [&str; 21] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

/// Returns the schema without unsupported keywords.
pub(super) fn accepted(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut kept = Map::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            // A single allowed value, in supported keywords.
            ("const", value) => {
                kept.insert("enum".to_owned(), Value::Array(vec![value.clone()]));
            }
            // The spelling before draft 2019-09.
            ("definitions", Value::Object(map)) => {
                kept.insert("$defs".to_owned(), each(map));
            }
            ("$ref", Value::String(target)) => {
                let moved = target.split_once('#').and_then(|(document, pointer)| {
                    Some(format!("{document}#/$defs/{}", pointer.strip_prefix("/definitions/")?))
                });
                kept.insert("$ref".to_owned(), moved.unwrap_or_else(|| target.clone()).into());
            }
            ("properties" | "$defs", Value::Object(map)) => {
                kept.insert(keyword.clone(), each(map));
            }
            ("items" | "additionalProperties", value) => {
                kept.insert(keyword.clone(), accepted(value));
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                kept.insert(keyword.clone(), list.iter().map(accepted).collect());
            }
            (keyword, value) if ACCEPTED.contains(&keyword) => {
                kept.insert(keyword.to_owned(), value.clone());
            }
            _ => {}
        }
    }
    // Only other `$` keywords are allowed beside a reference.
    if kept.contains_key("$ref") {
        kept.retain(|keyword, _| keyword.starts_with('$'));
    }
    Value::Object(kept)
}

fn each(map: &Map<String, Value>) -> Value {
    map.iter().map(|(name, schema)| (name.clone(), accepted(schema))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::accepted;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "json! is easier to read without a borrow")]
    fn check(schema: Value, expected: Value) {
        assert_eq!(accepted(&schema), expected);
    }

    #[test]
    fn unsupported_keywords_are_dropped_at_every_depth() {
        check(
            json!({"$schema": "x", "type": "object", "properties": {"pattern": {"type": "string", "pattern": "a", "minLength": 1}}, "required": ["pattern"], "additionalProperties": false}),
            json!({"type": "object", "properties": {"pattern": {"type": "string"}}, "required": ["pattern"], "additionalProperties": false}),
        );
        check(
            json!({"type": "array", "items": {"anyOf": [{"type": "integer", "multipleOf": 2}, {"const": "x"}]}, "uniqueItems": true, "minItems": 1}),
            json!({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"enum": ["x"]}]}, "minItems": 1}),
        );
    }

    #[test]
    fn references_have_no_siblings() {
        check(
            json!({"$ref": "#/definitions/a", "description": "gone", "definitions": {"a": {"type": "null", "default": null}}}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}),
        );
    }

    #[test]
    fn boolean_schemas_are_kept() {
        check(json!(true), json!(true));
        check(
            json!({"items": false, "additionalProperties": {"const": 1}}),
            json!({"items": false, "additionalProperties": {"enum": [1]}}),
        );
    }
}
