//! A table of schemas, values and mismatches. Patterns are substrings here: the real ones have
//! their own tests.

use serde_json::{Value, json};

use super::{format_pattern, generated_format_pattern, is_equal, validate};

/// `expected` is the mismatch as a readable text, or empty.
#[track_caller]
fn check(schema: &Value, value: &Value, expected: &str) {
    let found = validate(schema, value, &|pattern, text| Some(text.contains(pattern)));
    assert_eq!(
        found.map_or_else(|it| it.to_string(), |()| String::new()),
        expected,
        "{value} for {schema}"
    );
}

#[test]
fn types_and_fixed_values() {
    check(&json!(true), &json!(1), "");
    check(&json!(false), &json!(1), "the answer: expected nothing here");
    check(&json!({"type": "integer"}), &json!(2.0), "");
    check(&json!({"type": "integer"}), &json!(2.5), "the answer: expected integer");
    check(&json!({"type": ["string", "null"]}), &json!(1), "the answer: expected string or null");
    check(&json!({"enum": [1, "a"]}), &json!(1.0), "");
    check(
        &json!({"enum": [1, "a"]}),
        &json!("b"),
        "the answer: expected one of the values allowed",
    );
    check(&json!({"const": {"a": [1]}}), &json!({"a": [1.0]}), "");
    check(&json!({"const": [1, 2]}), &json!([1]), "the answer: expected the one value allowed");
}

#[test]
fn numbers_and_texts() {
    check(&json!({"minimum": 1}), &json!(1), "");
    check(&json!({"minimum": 1}), &json!(0.5), "the answer: expected a larger number");
    check(&json!({"exclusiveMaximum": 1}), &json!(1), "the answer: expected a smaller number");
    check(&json!({"multipleOf": 0.1}), &json!(0.3), "");
    check(&json!({"multipleOf": 2}), &json!(3), "the answer: expected a multiple");
    check(&json!({"minimum": 1}), &json!("a"), "");
    check(&json!({"maxLength": 2}), &json!("😀😀"), "");
    check(&json!({"minLength": 3}), &json!("😀😀"), "the answer: expected a longer text");
    check(
        &json!({"pattern": "b"}),
        &json!("ac"),
        "the answer: expected a text that matches the pattern",
    );
    check(
        &json!({"format": "date"}),
        &json!("x"),
        "the answer: expected a text in the format \"date\"",
    );
    check(&json!({"format": "color"}), &json!("x"), "");
    assert_eq!(
        validate(&json!({"pattern": "b"}), &json!("a"), &|_, _| None),
        Ok(()),
        "who cannot tell does not refuse"
    );
}

#[test]
fn arrays() {
    let schema = json!({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}, "minItems": 1, "maxItems": 3});
    check(&schema, &json!(["a", 1]), "");
    check(&schema, &json!(["a", 1, "b"]), "/2: expected integer");
    check(&schema, &json!([]), "the answer: expected more items");
    check(&schema, &json!(["a", 1, 2, 3]), "the answer: expected fewer items");
    check(
        &json!({"uniqueItems": true}),
        &json!([1, [2], [2.0]]),
        "the answer: expected items that all differ",
    );
    check(
        &json!({"contains": {"type": "null"}}),
        &json!([1]),
        "the answer: expected the right number of certain items",
    );
    check(&json!({"contains": {"type": "null"}, "minContains": 0}), &json!([1]), "");
}

#[test]
fn objects() {
    let schema = json!({"properties": {"a/b": {"items": {"type": "null"}}}, "required": ["a/b"], "additionalProperties": {"type": "integer"}});
    check(&schema, &json!({"a/b": [null], "c": 1}), "");
    check(&schema, &json!({"a/b": [null, 1]}), "/a~1b/1: expected null");
    check(&schema, &json!({}), "the answer: expected a member \"a/b\"");
    // Names invented by the model are not quoted.
    check(&schema, &json!({"a/b": [], "secret": "x"}), "/*: expected integer");
    check(
        &json!({"additionalProperties": false}),
        &json!({"secret": 1}),
        "the answer: expected no other members than those declared",
    );
    check(&json!({"minProperties": 1}), &json!({}), "the answer: expected more members");
    check(&json!({"maxProperties": 0}), &json!({"a": 1}), "the answer: expected fewer members");
    check(
        &json!({"patternProperties": {"x": {"type": "null"}}, "additionalProperties": false}),
        &json!({"ax": null}),
        "",
    );
    check(
        &json!({"patternProperties": {"x": {"type": "null"}}}),
        &json!({"ax": 1}),
        "/*: expected null",
    );
    check(
        &json!({"propertyNames": {"maxLength": 1}}),
        &json!({"ab": 1}),
        "the answer: expected other names of members",
    );
    check(
        &json!({"dependentRequired": {"a": ["b"]}}),
        &json!({"a": 1}),
        "the answer: expected a member \"b\" beside \"a\"",
    );
    check(
        &json!({"dependentSchemas": {"a": {"required": ["c"]}}}),
        &json!({"a": 1}),
        "the answer: expected a member \"c\"",
    );
}

#[test]
fn combinations() {
    let either = json!({"anyOf": [{"type": "string"}, {"properties": {"deep": {"type": "null"}}, "required": ["deep"], "type": "object"}]});
    check(&either, &json!("x"), "");
    check(
        &json!({"items": either}),
        &json!([{"deep": 1}]),
        "/0: expected a value of one of the alternatives",
    );
    check(
        &json!({"oneOf": [{"minimum": 1}, {"maximum": 5}]}),
        &json!(3),
        "the answer: expected a value of exactly one of the alternatives",
    );
    check(&json!({"oneOf": [{"minimum": 1}, {"maximum": 5}]}), &json!(9), "");
    check(
        &json!({"not": {"type": "null"}}),
        &json!(null),
        "the answer: expected a value that is not of the excluded kind",
    );
    check(
        &json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}),
        &json!(3),
        "the answer: expected a smaller number",
    );
    let when =
        json!({"if": {"type": "string"}, "then": {"maxLength": 1}, "else": {"type": "null"}});
    check(&when, &json!("ab"), "the answer: expected a shorter text");
    check(&when, &json!(1), "the answer: expected null");
}

#[test]
fn references() {
    let tree = json!({"properties": {"kids": {"items": {"$ref": "#"}}, "v": {"$ref": "#/$defs/a%20b"}}, "$defs": {"a b": {"type": "integer"}}});
    check(&tree, &json!({"kids": [{"v": 1}, {"kids": []}]}), "");
    check(
        &tree,
        &json!({"kids": [{"v": 1}, {"kids": [{"v": null}]}]}),
        "/kids/1/kids/0/v: expected integer",
    );
    check(
        &json!({"$ref": "#"}),
        &json!(1),
        "the answer: expected a schema that does not refer to itself in a circle",
    );
    check(
        &json!({"$ref": "#/none"}),
        &json!(1),
        "the answer: expected a schema whose references lead somewhere",
    );
}

#[test]
fn generated_strings_are_valid_for_their_format() {
    for format in ["date", "time", "date-time", "email", "uuid", "uri", "ipv4"] {
        assert!(
            generated_format_pattern(format).is_some() && format_pattern(format).is_some(),
            "{format}"
        );
    }
    assert_eq!(format_pattern("hostname"), None);
    assert!(is_equal(&json!({"a": 1, "b": 2}), &json!({"b": 2.0, "a": 1})));
    assert!(!is_equal(&json!(true), &json!(1)));
}

#[test]
fn work_is_limited() {
    // Two recursive alternatives, and twenty levels of two, which double at each.
    let mut defs = serde_json::Map::from_iter([("0".to_owned(), json!({"type": "integer"}))]);
    for level in 1..=40 {
        let below = json!({"$ref": format!("#/$defs/{}", level - 1)});
        defs.insert(level.to_string(), json!({"anyOf": [below.clone(), below]}));
    }
    let levels = json!({"$defs": defs, "$ref": "#/$defs/40"});
    let many: Vec<Value> =
        (0..20_000).map(|at| json!({"at": at, "text": "x".repeat(99)})).collect();
    for (schema, value) in [
        (json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}), json!("x")),
        (json!({"not": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}), json!("x")),
        (levels, json!("x")),
        (json!({"uniqueItems": true}), Value::Array(many)),
    ] {
        assert!(
            validate(&schema, &value, &|_, _| None).is_ok(),
            "it asserts nothing: {schema:.60}"
        );
    }
    let twice = json!([{"a": 1}, {"b": 2}, {"a": 1.0}]);
    assert!(validate(&json!({"uniqueItems": true}), &twice, &|_, _| None).is_err());
}

#[test]
fn repeated_items_are_found_in_linear_time() {
    let unique = json!({"uniqueItems": true});
    let objects = |last: Value| -> Value {
        (0..50_000).map(|it| json!({"id": it, "name": "x"})).chain([last]).collect()
    };
    check(&unique, &objects(json!({"id": -1})), "");
    let repeated = "the answer: expected items that all differ";
    check(&unique, &objects(json!({"name": "x", "id": 40_000.0})), repeated);
    for (items, expected) in [
        (json!([1, 1.0]), repeated),
        (json!([0, -0.0]), repeated),
        (json!([[1, 2], [2, 1]]), ""),
        (json!([{"a": 1, "b": 2}, {"b": 2, "a": 1}]), repeated),
        (json!([{"a": {"b": 1}}, {"a": {"b": 2}}]), ""),
        (json!([null, false, 0, "", [], {}]), ""),
    ] {
        check(&unique, &items, expected);
    }
}
