//! Random schemas, random logits: whatever is finished is valid, and every mask agrees with its slow twin.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::support::{Dice, List, judge, pieces};
use crate::constrain::{Constraint, Pieces, Vocabulary, Wish};

/// Draws tokens by their logits from what is allowed. The answer's bytes, and whether it came to its end.
fn answer(
    constraint: &Constraint,
    list: &List,
    pieces: &Arc<Pieces>,
    dice: &mut Dice,
    most: usize,
) -> (Vec<u8>, bool) {
    let mut state = constraint.start();
    let mut mask = vec![0; pieces.mask_words()];
    let mut bytes = Vec::new();
    for step in 0..most {
        state.mask(&mut mask).unwrap();
        let size = u32::try_from(pieces.size()).unwrap();
        let allowed: Vec<u32> =
            (0..size).filter(|id| mask[*id as usize / 32] >> (id % 32) & 1 == 1).collect();
        assert!(!allowed.is_empty(), "a dead end after {:?}", String::from_utf8_lossy(&bytes));
        // The slow twin asks token by token; every step would take the test's whole time.
        if dice.one_in(4) {
            for id in 0..size {
                assert_eq!(
                    allowed.contains(&id),
                    state.allows(id),
                    "token {id} after {:?}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
        let is_end_allowed = allowed.contains(&list.ends()[0]);
        assert_eq!(is_end_allowed, state.is_complete());
        // Logits that like to come to an end once the answer is long.
        let closing = allowed.iter().copied().filter(|&id| {
            list.bytes(id).is_none_or(|piece| piece.iter().all(|byte| b"\"]}0".contains(byte)))
        });
        let closing: Vec<u32> = closing.collect();
        let token = if step > most / 4 && !closing.is_empty() {
            *dice.pick(&closing)
        } else {
            *dice.pick(&allowed)
        };
        state.accept(token).unwrap();
        if token == list.ends()[0] {
            return (bytes, true);
        }
        bytes.extend_from_slice(&list.bytes(token).unwrap());
    }
    (bytes, false)
}

/// A schema of the keywords that are kept; some of them allow nothing, and some are refused.
fn schema(dice: &mut Dice, depth: usize) -> Value {
    let kind = dice.below(if depth == 0 { 7 } else { 12 });
    match kind {
        0 => {
            json!({"type": *dice.pick(&["string", "integer", "number", "boolean", "null", "array", "object"])})
        }
        1 => {
            let low = i64::try_from(dice.below(2000)).unwrap() - 1000;
            let high = low + i64::try_from(dice.below(300)).unwrap();
            let kind = *dice.pick(&["integer", "number"]);
            if dice.one_in(2) {
                json!({"type": kind, "minimum": low, "maximum": high})
            } else {
                let as_f64 = |value: i64| value.to_string().parse::<f64>().unwrap() / 8.0;
                json!({"type": kind, "exclusiveMinimum": as_f64(low), "exclusiveMaximum": as_f64(high)})
            }
        }
        2 => {
            let least = dice.below(6);
            json!({"type": "string", "minLength": least, "maxLength": least + dice.below(40)})
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
            let mut schema = json!({"type": "string", "pattern": *dice.pick(&patterns)});
            if dice.one_in(2) {
                schema["maxLength"] = json!(dice.below(20));
            }
            schema
        }
        4 => {
            json!({"type": "string", "format": *dice.pick(&["date", "date-time", "email", "uuid", "uri", "time", "ipv4"])})
        }
        5 => {
            json!({"enum": [dice.below(20), dice.below(300), "a", "abc", null, [1, 2], {"k": "v"}]})
        }
        6 => json!({"const": *dice.pick(&["x", "日本", "a\"b\\c\n", ""])}),
        7 | 8 => {
            let mut properties = Map::new();
            for _ in 0..dice.below(5) {
                let name = *dice.pick(&["a", "ab", "name", "é\"", "kind", "value", ""]);
                properties.insert(name.to_owned(), schema(dice, depth - 1));
            }
            let required: Vec<&String> = properties.keys().filter(|_| dice.one_in(2)).collect();
            let mut object = json!({"type": "object", "required": required});
            if dice.one_in(3) {
                object["additionalProperties"] =
                    if dice.one_in(2) { json!(false) } else { schema(dice, depth - 1) };
            }
            if dice.one_in(4) {
                object["minProperties"] = json!(dice.below(3));
                object["maxProperties"] = json!(1 + dice.below(4));
            }
            object["properties"] = Value::Object(properties);
            object
        }
        9 => {
            let mut array = json!({"type": "array", "items": schema(dice, depth - 1)});
            if dice.one_in(2) {
                let least = dice.below(3);
                array["minItems"] = json!(least);
                array["maxItems"] = json!(least + dice.below(4));
            }
            if dice.one_in(3) {
                array["prefixItems"] = json!([schema(dice, depth - 1), schema(dice, depth - 1)]);
            }
            array
        }
        10 => {
            json!({*dice.pick(&["anyOf", "anyOf", "oneOf", "allOf"]): [schema(dice, depth - 1), schema(dice, depth - 1)]})
        }
        _ => json!({"$ref": *dice.pick(&["#/$defs/tree", "#/$defs/text"])}),
    }
}

fn with_definitions(mut schema: Value) -> Value {
    schema["$defs"] = json!({
        "text": {"type": "string", "maxLength": 12},
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "leaf": {"$ref": "#/$defs/text"}}},
    });
    schema
}

#[test]
fn every_finished_answer_is_valid() {
    let list = List::mixed();
    let pieces = pieces(&list);
    let (mut compiled, mut finished) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed + 1);
        let schema = with_definitions(schema(&mut dice, 3));
        let Ok(constraint) = Constraint::compile(&Wish::json(schema.clone()), &pieces) else {
            continue;
        };
        compiled += 1;
        let (bytes, is_finished) = answer(&constraint, &list, &pieces, &mut dice, 160);
        if !is_finished {
            continue;
        }
        finished += 1;
        let text = String::from_utf8(bytes).expect("an answer is UTF-8");
        let value: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text} for {schema}"));
        assert_eq!(judge(&schema, &value), Ok(()), "{text} for {schema}");
    }
    assert!(compiled > 1_500, "only {compiled} schemas compiled");
    assert!(finished > compiled * 3 / 4, "only {finished} of {compiled} answers finished");
}

#[test]
fn prose_or_a_call() {
    let list = List::bytes();
    let pieces = pieces(&list);
    let schema = json!({"properties": {"name": {"const": "f"}}, "required": ["name"]});
    let wish = Wish { may_be_prose: true, ..Wish::json(schema) };
    let call = Constraint::compile(&wish, &pieces).unwrap();
    for (text, is_complete) in
        [("hello {\"", true), ("{\"name\":\"f\"}", true), ("{\"name\":\"f\"", false), ("", false)]
    {
        let mut state = call.start();
        text.bytes().for_each(|byte| state.accept(byte.into()).unwrap());
        assert_eq!(state.is_complete(), is_complete, "{text}");
    }
    let mut state = call.start();
    state.accept(b'{'.into()).unwrap();
    assert!(state.accept(b'x'.into()).is_err());
    assert!(state.accept(256).is_err(), "no end before the call is complete");
}

#[test]
fn after_the_end_there_is_nothing() {
    let list = List::bytes();
    let pieces = pieces(&list);
    let constraint = Constraint::compile(&Wish::json(json!({"const": 1})), &pieces).unwrap();
    let mut state = constraint.start();
    assert!(!state.is_complete());
    state.accept(b'1'.into()).unwrap();
    assert!(state.is_complete() && state.is_finished());
    let mut mask = vec![0; pieces.mask_words()];
    state.mask(&mut mask).unwrap();
    assert_eq!(mask[8], 1, "the end and nothing else");
    assert_eq!(mask[..8], [0; 8]);
    state.accept(256).unwrap();
    state.mask(&mut mask).unwrap();
    assert_eq!(mask, [0; 9]);
    assert!(state.accept(256).is_err() && state.accept(b'1'.into()).is_err());
    assert!(state.mask(&mut [0; 8]).is_err());
}
