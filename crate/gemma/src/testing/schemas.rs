//! Random schemas.
#![expect(clippy::indexing_slicing, reason = "the JSON objects are created here")]

use serde_json::{Map, Value, json};

use super::Random;

/// A random schema and its definitions.
#[must_use]
pub fn random_schema(random: &mut Random) -> Value {
    let mut schema = part(random, 3);
    schema["$defs"] = json!({
        "text": {"type": "string", "maxLength": 12},
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "leaf": {"$ref": "#/$defs/text"}}},
    });
    schema
}

/// Returns a schema of supported keywords; some of them allow no value, and some are refused.
fn part(random: &mut Random, depth: u32) -> Value {
    let kind = random.below(if depth == 0 { 7 } else { 12 });
    match kind {
        0 => {
            json!({"type": *random.pick(&["string", "integer", "number", "boolean", "null", "array", "object"])})
        }
        1 => {
            let low = i64::from(random.below(2000)) - 1000;
            let high = low + i64::from(random.below(300));
            let kind = *random.pick(&["integer", "number"]);
            if random.one_in(2) {
                json!({"type": kind, "minimum": low, "maximum": high})
            } else {
                let as_f64 = |value: i64| f64::from(i32::try_from(value).unwrap_or(0)) / 8.0;
                json!({"type": kind, "exclusiveMinimum": as_f64(low), "exclusiveMaximum": as_f64(high)})
            }
        }
        2 => {
            let least = random.below(6);
            json!({"type": "string", "minLength": least, "maxLength": least + random.below(40)})
        }
        3 => {
            let patterns = [
                "^[a-c]+$",
                "é|日",
                "^\\d{3}-[A-F]{2}$",
                "^\\S*$",
                "x$",
                "^(ab|cd)*$",
                "^.{3,9}$",
                "[^ -~]",
                "^[a-z ]{1,60}$",
                "^[^z]{0,40}$",
                "\"",
            ];
            let mut schema = json!({"type": "string", "pattern": *random.pick(&patterns)});
            if random.one_in(2) {
                schema["maxLength"] = json!(random.below(20));
            }
            schema
        }
        4 => {
            json!({"type": "string", "format": *random.pick(&["date", "date-time", "email", "uuid", "uri", "time", "ipv4"])})
        }
        5 => {
            json!({"enum": [random.below(20), random.below(300), "a", "abc", null, [1, 2], {"k": "v"}]})
        }
        6 => json!({"const": *random.pick(&["x", "日本", "a\"b\\c\n", ""])}),
        7 | 8 => {
            let mut properties = Map::new();
            for _ in 0..random.below(5) {
                let name = *random.pick(&["a", "ab", "name", "é\"", "kind", "value", ""]);
                properties.insert(name.to_owned(), part(random, depth - 1));
            }
            let required: Vec<&String> = properties.keys().filter(|_| random.one_in(2)).collect();
            let mut object = json!({"type": "object", "required": required});
            if random.one_in(3) {
                object["additionalProperties"] =
                    if random.one_in(2) { json!(false) } else { part(random, depth - 1) };
            }
            if random.one_in(4) {
                object["minProperties"] = json!(random.below(3));
                object["maxProperties"] = json!(1 + random.below(4));
            }
            object["properties"] = Value::Object(properties);
            object
        }
        9 => {
            let mut array = json!({"type": "array", "items": part(random, depth - 1)});
            if random.one_in(2) {
                let least = random.below(3);
                array["minItems"] = json!(least);
                array["maxItems"] = json!(least + random.below(4));
            }
            if random.one_in(3) {
                array["prefixItems"] = json!([part(random, depth - 1), part(random, depth - 1)]);
            }
            array
        }
        10 => {
            json!({*random.pick(&["anyOf", "anyOf", "oneOf", "allOf"]): [part(random, depth - 1), part(random, depth - 1)]})
        }
        _ => json!({"$ref": *random.pick(&["#/$defs/tree", "#/$defs/text"])}),
    }
}
