//! One table per keyword: texts that the grammar must accept, and texts that it must not.

use serde_json::{Value, json};

use super::support::{compile, judge, pieces, writes};
use crate::testing::PieceList;

/// Accepted texts must be valid for the validator, too; rejected ones need not be invalid, only
/// undesired.
#[track_caller]
fn check(schema: &Value, written: &[&str], refused: &[&str]) {
    let constraint = compile(schema, &pieces(&PieceList::bytes()));
    for text in written {
        let value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{text} is no JSON: {error}"));
        assert_eq!(judge(schema, &value), Ok(()), "the validator about {text}");
        assert!(writes(&constraint, text), "{text} cannot be written");
    }
    for text in refused {
        assert!(!writes(&constraint, text), "{text} can be written");
    }
}

#[test]
fn any_value() {
    let written = [
        "null",
        "true",
        "-1.5",
        "\"a\"",
        "[]",
        "[1,[2]]",
        "{}",
        r#"{"a":{"b":[null]}}"#,
        "1e9",
        "0.25",
    ];
    check(
        &json!(true),
        &written,
        &["", "nul", "01", "-", "1.", ".5", "+1", "[1,]", "{\"a\"}", "\"a", "NaN", "1 2"],
    );
    check(&json!({}), &written, &["tru", "[", "\"\\x\"", "\"\t\"", "\"\u{1}\"", "1e999", "'a'"]);
}

#[test]
fn types() {
    check(&json!({"type": "null"}), &["null"], &["0", "false", "\"\""]);
    check(&json!({"type": "boolean"}), &["true", "false"], &["null", "1", "True"]);
    check(
        &json!({"type": "integer"}),
        &["0", "-7", "123456789012345"],
        &["1.5", "-0", "1e3", "1234567890123456", "00"],
    );
    check(
        &json!({"type": "number"}),
        &["0", "-7", "1.5", "-0.5", "1e3", "2.5E-10"],
        &["1.", "-0", "-0.0", "1e", "1e+", "0x1"],
    );
    check(&json!({"type": ["string", "null"]}), &["null", "\"\""], &["0", "[]"]);
    check(&json!({"type": ["integer", "number"]}), &["1", "1.5"], &["\"1\""]);
}

#[test]
fn bounds_of_numbers() {
    check(
        &json!({"type": "integer", "minimum": 8, "maximum": 120}),
        &["8", "9", "10", "99", "100", "120"],
        &["7", "0", "121", "999", "-8", "08"],
    );
    check(
        &json!({"type": "integer", "minimum": -20, "maximum": 5}),
        &["-20", "-1", "0", "5", "-9"],
        &["-21", "6", "-0", "-100", "10"],
    );
    check(
        &json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}),
        &["1", "2"],
        &["0", "3", "-1"],
    );
    check(&json!({"type": "integer", "minimum": 0.5, "maximum": 2.5}), &["1", "2"], &["0", "3"]);
    check(
        &json!({"minimum": 0.5, "maximum": 2.25}),
        &["0.5", "0.50", "1", "2.25", "2.249", "0.51"],
        &["0.49", "2.26", "2.2501", "3", "0", "1e0", "-1"],
    );
    check(
        &json!({"exclusiveMinimum": 0.5, "exclusiveMaximum": 0.6}),
        &["0.51", "0.5001", "0.599"],
        &["0.5", "0.6", "0.50", "1", "0.49"],
    );
    check(
        &json!({"minimum": -1.5, "exclusiveMaximum": 0}),
        &["-1.5", "-1", "-0.25"],
        &["0", "-0", "-1.51", "-2", "1"],
    );
    check(
        &json!({"type": "number", "minimum": 1, "exclusiveMinimum": 1}),
        &["1.1", "2"],
        &["1", "1.0"],
    );
    check(&json!({"type": "integer", "minimum": 100_000}), &["100000", "1000000"], &["99999", "0"]);
}

#[test]
fn lengths_and_patterns() {
    check(
        &json!({"minLength": 2, "maxLength": 3}),
        &["\"ab\"", "\"äöü\"", "\"😀😀\"", r#""\n\"""#],
        &["\"a\"", "\"abcd\"", "\"\"", "\"😀\""],
    );
    check(
        &json!({"pattern": "^[A-Z]{3}-\\d{2,4}$"}),
        &["\"ABC-12\"", "\"XYZ-1234\""],
        &["\"ABC-1\"", "\"ABC-12345\"", "\"abc-12\"", "\" ABC-12\"", r#""A\u0042C-12""#],
    );
    check(&json!({"pattern": "b+"}), &["\"abc\"", "\"b\"", "\"xxbbyy\""], &["\"\"", "\"ac\""]);
    check(
        &json!({"pattern": "^(foo|ba(r|z))*$"}),
        &["\"\"", "\"foobarbaz\""],
        &["\"fo\"", "\"bax\""],
    );
    check(&json!({"pattern": "^\"\\\\\n$"}), &[r#""\"\\\n""#], &[r#""\"\\n""#, r#""\"\\""#]);
    check(
        &json!({"pattern": "^[^a-z]*$", "maxLength": 4}),
        &["\"ABé😀\"", "\"\""],
        &["\"a\"", "\"ABCDE\""],
    );
    check(
        &json!({"pattern": "^(aaa)*$", "minLength": 4, "maxLength": 7}),
        &["\"aaaaaa\""],
        &["\"aaa\"", "\"aaaa\"", "\"aaaaaaaaa\""],
    );
    check(&json!({"pattern": "^(aaa)*$", "minLength": 4}), &["\"aaaaaa\""], &["\"aaa\"", "\"\""]);
    check(&json!({"pattern": "[ä-ü]$"}), &["\"xö\"", "\"ä\""], &["\"o\"", "\"öx\""]);
    check(
        &json!({"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "b"}]}),
        &["\"ab\"", "\"xbxa\""],
        &["\"a\"", "\"b\""],
    );
}

#[test]
fn formats() {
    check(
        &json!({"format": "date"}),
        &["\"2024-02-29\"", "\"2023-12-31\"", "\"2000-02-29\""],
        &["\"2023-02-29\"", "\"1900-02-29\"", "\"2024-13-01\"", "\"2024-04-31\"", "\"24-01-01\""],
    );
    check(
        &json!({"format": "date-time"}),
        &["\"2024-02-29T23:59:59Z\"", "\"2024-01-01T00:00:00.123+02:00\""],
        &["\"2024-01-01\"", "\"2024-01-01T24:00:00Z\"", "\"2024-01-01T00:00:00\""],
    );
    check(&json!({"format": "time"}), &["\"23:59:59Z\""], &["\"23:59\"", "\"25:00:00Z\""]);
    check(
        &json!({"format": "email"}),
        &["\"ada.lovelace@example.org\"", "\"a+b@sub.example.com\""],
        &["\"ada\"", "\"ada@\"", "\"a b@c.de\"", "\"a@b\"", "\"a@-b.de\""],
    );
    check(
        &json!({"format": "uuid"}),
        &["\"123e4567-e89b-12d3-a456-426614174000\""],
        &["\"123e4567e89b12d3a456426614174000\"", "\"123e4567-e89b-12d3-a456-42661417400g\""],
    );
    check(
        &json!({"format": "uri"}),
        &["\"https://example.org/a?b=c#d\"", "\"mailto:a@b.de\"", "\"urn:isbn:123\""],
        &["\"example.org\"", "\"//a.b\"", "\"http://a b.de\""],
    );
    check(
        &json!({"format": "ipv4"}),
        &["\"127.0.0.1\"", "\"255.255.255.255\""],
        &["\"256.0.0.1\"", "\"1.2.3\"", "\"01.2.3.4\""],
    );
    check(&json!({"format": "date", "pattern": "^2024"}), &["\"2024-01-31\""], &["\"2023-01-31\""]);
}

#[test]
fn fixed_values() {
    check(
        &json!({"enum": ["a", "ab", 1, 12, null, [1, {"x": 2}]]}),
        &["\"a\"", "\"ab\"", "1", "12", "null", r#"[1,{"x":2}]"#],
        &["\"b\"", "2", "123", "[1]", "true"],
    );
    check(&json!({"const": "é\"\n"}), &[r#""é\"\n""#], &["\"é\""]);
    check(&json!({"enum": [1, "a", 2.5], "type": "number"}), &["1", "2.5"], &["\"a\""]);
    check(&json!({"enum": ["short", "longer"], "minLength": 6}), &["\"longer\""], &["\"short\""]);
    check(
        &json!({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"minimum": 3}]}),
        &["3"],
        &["1", "2", "4"],
    );
}

#[test]
fn objects() {
    let person = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}, "zip": {"type": "string"}},
        "required": ["age", "zip"],
        "propertyOrdering": ["name", "age", "zip"],
    });
    check(
        &person,
        &[
            r#"{"name":"x","age":1,"zip":""}"#,
            r#"{"age":1,"zip":""}"#,
            r#"{"age": 1, "zip": "1"}"#,
            "{\n  \"age\": 1,\n  \"zip\": \"\"\n}",
        ],
        &[
            "{}",
            r#"{"age":1}"#,
            r#"{"zip":"","age":1}"#,
            r#"{"age":1,"zip":"","name":"x"}"#,
            r#"{"age":1,"zip":"","more":1}"#,
            r#"{"age":-1,"zip":""}"#,
            r#"{"age":1,"age":1,"zip":""}"#,
            r#"{,"age":1,"zip":""}"#,
        ],
    );
    let open =
        json!({"properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "integer"}});
    check(
        &open,
        &["{}", r#"{"a":null}"#, r#"{"a":null,"b":1,"aa":2}"#, r#"{"b":1}"#],
        &[r#"{"a":1}"#, r#"{"b":null}"#, r#"{"b":1,"a":null}"#, r#"{"\u0061":1}"#],
    );
    check(&json!({"type": "object", "additionalProperties": false}), &["{}"], &[r#"{"a":1}"#]);
    check(
        &json!({"type": "object", "required": ["a"]}),
        &[r#"{"a":1}"#, r#"{"a":[],"b":2}"#],
        &["{}", r#"{"b":2}"#],
    );
    let three = json!({"properties": {"a": {}, "b": {}, "c": {}}, "required": ["b"], "minProperties": 2, "maxProperties": 2});
    check(
        &three,
        &[r#"{"a":1,"b":1}"#, r#"{"b":1,"c":1}"#],
        &["{}", r#"{"b":1}"#, r#"{"a":1,"c":1}"#, r#"{"a":1,"b":1,"c":1}"#],
    );
    check(
        &json!({"properties": {"a": false, "b": {"const": 1}}}),
        &["{}", r#"{"b":1}"#],
        &[r#"{"a":1}"#],
    );
    check(&json!({"type": "object", "minProperties": 1}), &[r#"{"x":1}"#], &["{}"]);
    check(
        &json!({"additionalProperties": {"type": "null"}, "maxProperties": 1}),
        &["{}", r#"{"x":null}"#],
        &[r#"{"x":null,"y":null}"#],
    );
}

#[test]
fn arrays() {
    check(
        &json!({"items": {"type": "integer"}}),
        &["[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]"],
        &["[\"a\"]", "[1,]", "[,1]", "[1", "[1 2]"],
    );
    check(
        &json!({"minItems": 1, "maxItems": 3, "items": {"type": "boolean"}}),
        &["[true]", "[true,false,true]"],
        &["[]", "[true,true,true,true]"],
    );
    check(
        &json!({"prefixItems": [{"type": "string"}, {"type": "null"}], "items": {"type": "integer"}}),
        &["[]", "[\"a\"]", "[\"a\",null]", "[\"a\",null,1,2]"],
        &["[null]", "[\"a\",1]", "[\"a\",null,\"b\"]"],
    );
    check(
        &json!({"prefixItems": [{"const": 1}], "items": false, "minItems": 1}),
        &["[1]"],
        &["[]", "[1,1]", "[2]"],
    );
    check(&json!({"items": false}), &["[]"], &["[1]"]);
    check(&json!({"prefixItems": [{}, false, {}]}), &["[]", "[0]"], &["[0,0]"]);
}

#[test]
fn combinations() {
    check(
        &json!({"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer"}]}),
        &["\"a\"", "5"],
        &["\"ab\"", "1.5", "null"],
    );
    check(
        &json!({"properties": {"t": {"type": "string"}}, "required": ["t"], "anyOf": [{"properties": {"a": {"type": "null"}}, "required": ["a"]}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}]}),
        &[r#"{"t":"","a":null}"#, r#"{"t":"","b":null}"#],
        &[r#"{"t":""}"#, r#"{"a":null}"#, r#"{"t":"","a":1}"#],
    );
    check(
        &json!({"oneOf": [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 6}, {"type": "string"}]}),
        &["5", "6", "\"\""],
        &["5.5", "null"],
    );
    let shapes = json!({"oneOf": [
        {"properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}, "required": ["kind", "r"]},
        {"properties": {"kind": {"const": "square"}, "a": {"type": "number"}}, "required": ["kind", "a"]},
    ], "type": "object"});
    let ordered = [r#"{"kind":"circle","r":1}"#, r#"{"a":1,"kind":"square"}"#];
    check(
        &shapes,
        &ordered,
        &[r#"{"kind":"circle","a":1}"#, r#"{"kind":"square"}"#, r#"{"kind":"other","r":1}"#],
    );
    check(
        &json!({"oneOf": [{"const": 1}, {"const": 2}, {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}]}),
        &["1", "2", "\"a\"", "\"bx\""],
        &["3", "\"c\""],
    );
    check(
        &json!({"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"maximum": 2}, "b": {}}, "required": ["a"]}]}),
        &[r#"{"a":1}"#, r#"{"a":2,"b":0}"#],
        &[r#"{"a":0}"#, r#"{"a":3}"#, r#"{"b":0}"#],
    );
    check(
        &json!({"allOf": [{"type": ["string", "null"]}, {"type": ["null", "integer"]}]}),
        &["null"],
        &["\"\"", "1"],
    );
}

#[test]
fn references() {
    let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["v"], "propertyOrdering": ["v", "kids"]}}});
    check(
        &tree,
        &[r#"{"v":1}"#, r#"{"v":1,"kids":[{"v":2,"kids":[{"v":3}]},{"v":4}]}"#],
        &["{}", r#"{"v":1,"kids":[{}]}"#, r#"{"v":1,"kids":[1]}"#],
    );
    let list = json!({"anyOf": [{"type": "null"}, {"type": "array", "prefixItems": [{"type": "integer"}, {"$ref": "#"}], "minItems": 2, "items": false}]});
    check(&list, &["null", "[1,null]", "[1,[2,null]]"], &["[1]", "[1,2]", "[null,null]"]);
    check(&json!({"anyOf": [{"$ref": "#"}, {"type": "null"}]}), &["null"], &["1"]);
    check(
        &json!({"definitions": {"a b": {"type": "null"}}, "$ref": "#/definitions/a%20b"}),
        &["null"],
        &["1"],
    );
    check(
        &json!({"$ref": "#/$defs/s", "maxLength": 2, "$defs": {"s": {"type": "string", "minLength": 2}}}),
        &["\"ab\""],
        &["\"a\"", "\"abc\""],
    );
}
