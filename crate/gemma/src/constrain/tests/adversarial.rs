//! Expensive schemas: each is refused, or compiled and followed within limits.

use serde_json::{Value, json};

use super::support::pieces;
use crate::constrain::{Constraint, Pieces, State, Wish};
use crate::testing::{PieceList, Random};
use std::sync::Arc;

/// Compiles the schema if allowed, writes a hundred tokens, and checks the memory used.
#[track_caller]
fn check(schema: &Value, is_kept: bool) {
    let pieces = pieces(&PieceList::mixed());
    let constraint = Constraint::compile(&Wish::json(schema.clone()), &pieces);
    assert_eq!(constraint.is_ok(), is_kept, "{:?}", constraint.err());
    if let Ok(constraint) = constraint {
        let mut state = constraint.start();
        write(&mut state, &pieces, 100);
        assert!(state.configurations() <= 13_000, "{} configurations", state.configurations());
    }
}

fn write(state: &mut State, pieces: &Arc<Pieces>, tokens: usize) {
    let mut random = Random(7);
    let mut mask = vec![0; pieces.mask_words()];
    for _ in 0..tokens {
        state.mask(&mut mask).unwrap();
        let size = u32::try_from(pieces.size()).unwrap();
        let allowed: Vec<u32> =
            (0..size).filter(|id| mask[*id as usize / 32] >> (id % 32) & 1 == 1).collect();
        state.accept(*random.pick(&allowed)).unwrap();
        if state.is_finished() {
            break;
        }
    }
}

fn nested(depth: usize, inner: Value, wrap: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(inner, |inner, _| wrap(inner))
}

#[test]
fn deep_schemas() {
    check(&nested(90, json!({"type": "null"}), |it| json!({"items": it, "minItems": 1})), true);
    check(&nested(110, json!({"type": "null"}), |it| json!({"items": it, "minItems": 1})), false);
    check(&nested(115, json!(true), |it| json!({"allOf": [it]})), false);
    check(&nested(50, json!({"type": "null"}), |it| json!({"properties": {"a": it}})), true);
}

#[test]
fn wide_schemas() {
    let properties: Value = (0..5_000)
        .map(|at| (format!("property{at}"), json!({"type": "integer"})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    check(&json!({"properties": properties}), true);
    let values: Vec<String> = (0..20_000).map(|at| format!("value {at}")).collect();
    check(&json!({"enum": values}), true);
    let values: Vec<String> = (0..30_000).map(|at| format!("value {at}")).collect();
    check(&json!({"enum": values}), false);
    check(&json!({"const": "x".repeat(1 << 20)}), false);
    check(&json!({"items": {"type": "string"}, "minItems": 4_000_000_000_u32}), true);
    check(&json!({"type": "string", "minLength": 4_000_000_000_u32}), true);
    check(&json!({"pattern": "^[a-z]+$", "maxLength": 4_000_000_000_u32}), false);
}

#[test]
fn ambiguous_schemas() {
    let doubled = json!({"$ref": "#/$defs/a", "$defs": {
        "a": {"anyOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/c"}]},
        "b": {"properties": {"k": {"$ref": "#/$defs/a"}}, "required": ["k"], "type": "object"},
        "c": {"properties": {"k": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}, "required": ["k"]},
    }});
    check(&doubled, true);
    let many: Vec<Value> = (0..500).map(|at| json!({"properties": {"a": {"type": "string"}, "b": {"const": at}}, "required": ["a", "b"]})).collect();
    check(&json!({"anyOf": many}), true);
    let factor = |at: usize| json!({"anyOf": [{"properties": {format!("a{at}"): {}}}, {"properties": {format!("b{at}"): {}}}]});
    check(&json!({"allOf": (0..30).map(factor).collect::<Vec<_>>()}), false);
    check(
        &json!({"anyOf": [{"$ref": "#"}, {"items": {"$ref": "#"}}, {"items": {"items": {"$ref": "#"}}}]}),
        true,
    );
    let mutual = json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, {"type": "null"}]}, "b": {"oneOf": [{"$ref": "#/$defs/a"}]}}});
    check(&mutual, true);
    let compared = json!({"oneOf": [{"properties": {"x": {"$ref": "#"}}, "required": ["x"]}, {"properties": {"x": {"$ref": "#"}}, "required": ["x"]}]});
    check(&compared, false);
}

#[test]
fn expensive_patterns() {
    check(&json!({"pattern": "(a|b|ab)*c(a|b|ab)*d(a|b|ab)*e"}), true);
    check(&json!({"pattern": "(a|b)*a(a|b){12}$"}), false);
    check(&json!({"pattern": "(((a*)*)*)*b"}), true);
    check(&json!({"pattern": "(x+x+)+y"}), true);
    check(&json!({"pattern": "^(.|\\n){0,1000}$"}), true);
    let many: Vec<Value> =
        (0..400).map(|at| json!({"pattern": format!("^.{{900}}{at}$")})).collect();
    check(&json!({"anyOf": many}), false);
    check(&json!({"pattern": "(".repeat(5_000)}), false);
}
