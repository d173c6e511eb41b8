//! Unsupported keywords are refused by name and path.

use hybridge_core::Status;
use serde_json::{Value, json};

use super::support::pieces;
use crate::constrain::{Constraint, Wish};
use crate::testing::PieceList;

#[track_caller]
fn check(schema: &Value, named: &str) {
    let error = Constraint::compile(&Wish::json(schema.clone()), &pieces(&PieceList::bytes()))
        .expect_err(&schema.to_string());
    assert_eq!(error.status, Status::InvalidArgument);
    assert!(error.message.contains(named), "{:?} does not name {named:?}", error.message);
}

#[test]
fn unsupported_keywords() {
    for (keyword, value) in [
        ("not", json!({})),
        ("if", json!({})),
        ("then", json!({})),
        ("else", json!({})),
        ("uniqueItems", json!(true)),
        ("contains", json!({})),
        ("minContains", json!(1)),
        ("multipleOf", json!(2)),
        ("patternProperties", json!({})),
        ("propertyNames", json!({})),
        ("dependentRequired", json!({})),
        ("dependentSchemas", json!({})),
        ("dependencies", json!({})),
        ("unevaluatedProperties", json!(false)),
        ("unevaluatedItems", json!(false)),
        ("additionalItems", json!(false)),
        ("$dynamicRef", json!("#a")),
        ("$anchor", json!("a")),
        ("contentSchema", json!({})),
        ("nullable", json!(true)),
        ("maxLenght", json!(1)),
    ] {
        let schema = json!({"properties": {"deep": {"items": {"type": "string", keyword: value}}}});
        check(&schema, &format!("\"{keyword}\" at #/properties/deep/items"));
    }
}

#[test]
fn malformed_keywords() {
    check(&json!({"type": "text"}), "type");
    check(&json!({"type": 1}), "type");
    check(&json!({"minLength": -1}), "minLength");
    check(&json!({"minLength": 1.5}), "minLength");
    check(&json!({"exclusiveMinimum": true}), "exclusiveMinimum");
    check(&json!({"items": [{}]}), "prefixItems");
    check(&json!({"required": "a"}), "required");
    check(&json!({"format": "hostname"}), "hostname");
    check(&json!({"$ref": "https://example.org/a"}), "$ref");
    check(&json!({"$ref": "#/$defs/missing"}), "$ref");
    check(&json!({"properties": {"a": 1}}), "#/properties/a");
    check(&json!([]), "object, true or false");
    check(&json!({"properties": {"a": {"$id": "x"}}}), "$id");
    check(&json!({"type": "object", "minProperties": 2}), "minProperties");
}

#[test]
fn patterns_that_are_not_regular() {
    for (pattern, reason) in [
        ("(?=a)", "looks ahead"),
        ("(?<!a)", "looks behind"),
        (r"\bword", "looks around"),
        (r"(a)\1", "refers back"),
        (r"\p{L}", "Unicode property"),
        ("(?i)a", "inline flags"),
        ("(a", "no end"),
        ("a)", "closing parenthesis"),
        ("[a", "no end"),
        ("*a", "nothing to repeat"),
        ("a{2000}", "more than 1000"),
        ("(((a{99}){99}){99})", "too large"),
    ] {
        check(&json!({"properties": {"p": {"pattern": pattern}}}), reason);
    }
}

#[test]
fn alternatives_that_overlap() {
    check(&json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}), "oneOf");
    check(&json!({"oneOf": [{"type": "string"}, {"const": "a"}]}), "oneOf");
    check(&json!({"oneOf": [{"pattern": "a"}, {"pattern": "b"}]}), "oneOf");
    check(&json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}), "oneOf");
}

#[test]
fn schemas_without_values() {
    for schema in [
        json!(false),
        json!({"enum": []}),
        json!({"type": "integer", "minimum": 2, "maximum": 1}),
        json!({"type": "integer", "minimum": 0.1, "maximum": 0.9}),
        json!({"minLength": 2, "maxLength": 1}),
        json!({"pattern": "^a$", "minLength": 2}),
        json!({"pattern": "^$", "allOf": [{"pattern": "a"}]}),
        json!({"minItems": 1, "items": false}),
        json!({"properties": {"self": {"$ref": "#"}}, "required": ["self"]}),
        json!({"type": "array", "items": {"$ref": "#"}, "minItems": 1}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"properties": {"a": {}}, "additionalProperties": false, "minProperties": 2}),
        json!({"enum": [1, 2], "minimum": 3}),
        json!({"type": "integer", "minimum": 1e20}),
    ] {
        check(&schema, "allows no value");
    }
}
