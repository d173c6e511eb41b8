//! Renders a schema for a prompt: the same text wherever it was parsed, with members in their
//! declared order.

use serde_json::{Map, Value};

/// Keywords that come first, as people write them; the others follow by name. A map may have lost
/// their original order.
const FIRST: [&str; 8] =
    ["type", "description", "enum", "const", "format", "properties", "required", "items"];

/// Keywords for programs, not for a model.
pub(super) const UNSAID: [&str; 4] = ["$schema", "$id", "$comment", "propertyOrdering"];

/// Renders the schema as JSON on one line.
pub(super) fn schema_text(schema: &Value) -> String {
    match schema {
        Value::Object(schema) => {
            let mut said: Vec<(&String, &Value)> =
                schema.iter().filter(|(name, _)| !UNSAID.contains(&name.as_str())).collect();
            said.sort_by_key(|(name, _)| (place(&FIRST, name), *name));
            let ordering = ordering_of(schema);
            object(said.into_iter().map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("properties", Value::Object(properties)) => {
                        object(ordered(properties, &ordering).map(|(n, it)| (n, schema_text(it))))
                    }
                    ("$defs" | "definitions", Value::Object(parts)) => {
                        object(parts.iter().map(|(name, part)| (name, schema_text(part))))
                    }
                    ("items" | "additionalProperties" | "not", schema) => schema_text(schema),
                    ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                        let schemas: Vec<String> = schemas.iter().map(schema_text).collect();
                        format!("[{}]", schemas.join(","))
                    }
                    (_, value) => value.to_string(),
                };
                (name, value)
            }))
        }
        other => other.to_string(),
    }
}

/// Returns the names of `propertyOrdering`.
pub(super) fn ordering_of(schema: &Map<String, Value>) -> Vec<&str> {
    let listed = schema.get("propertyOrdering").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Returns members in a declared order; undeclared ones come last, in the map's order.
pub(super) fn ordered<'a>(
    members: &'a Map<String, Value>,
    ordering: &[&str],
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let mut list: Vec<(&String, &Value)> = members.iter().collect();
    list.sort_by_key(|(name, _)| place(ordering, name));
    list.into_iter()
}

/// Compares members by name, ignoring letter case.
pub(super) fn by_name((name, _): &(&String, &Value)) -> String {
    name.to_lowercase()
}

fn place(ordering: &[&str], name: &str) -> usize {
    ordering.iter().position(|known| *known == name).unwrap_or(ordering.len())
}

fn object<'a>(members: impl Iterator<Item = (&'a String, String)>) -> String {
    let members: Vec<String> =
        members.map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::schema_text;

    #[test]
    fn members_keep_their_declared_order() {
        let schema = json!({
            "$schema": "x",
            "required": ["b"],
            "propertyOrdering": ["b", "a"],
            "properties": {
                "a": {"minimum": 1, "description": "how many", "type": "integer"},
                "b": {"enum": ["x", "y"]},
            },
            "type": "object",
        });
        assert_eq!(
            schema_text(&schema),
            r#"{"type":"object","properties":{"b":{"enum":["x","y"]},"a":{"type":"integer","description":"how many","minimum":1}},"required":["b"]}"#
        );
        let lists = json!({"items": {"anyOf": [{"type": "null"}, true]}, "maxItems": 2});
        assert_eq!(
            schema_text(&lists),
            r#"{"items":{"anyOf":[{"type":"null"},true]},"maxItems":2}"#
        );
    }
}
