//! Random schemas and logits: every finished answer is valid, and every mask agrees with its slow
//! twin.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{judge, pieces};
use crate::constrain::{Constraint, Pieces, Prose, Vocabulary, Wish};
use crate::testing::{PieceList, Random, random_schema};

/// Samples tokens by their logits from the allowed ones. Returns the answer's bytes, and whether it
/// ended.
fn answer(
    constraint: &Constraint,
    list: &PieceList,
    pieces: &Arc<Pieces>,
    random: &mut Random,
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
        // The slow twin checks token by token; comparing at every step would take the test's whole
        // time.
        if random.one_in(4) {
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
        // Once the answer is long, the logits favour its end.
        let closing = allowed.iter().copied().filter(|&id| {
            list.bytes(id).is_none_or(|piece| piece.iter().all(|byte| b"\"]}0".contains(byte)))
        });
        let closing: Vec<u32> = closing.collect();
        let token = if step > most / 4 && !closing.is_empty() {
            *random.pick(&closing)
        } else {
            *random.pick(&allowed)
        };
        state.accept(token).unwrap();
        if token == list.ends()[0] {
            return (bytes, true);
        }
        bytes.extend_from_slice(&list.bytes(token).unwrap());
    }
    (bytes, false)
}

#[test]
fn every_finished_answer_is_valid() {
    let list = PieceList::mixed();
    let pieces = pieces(&list);
    let (mut compiled, mut finished) = (0, 0);
    for seed in 0..2_000 {
        let mut random = Random(seed);
        let schema = random_schema(&mut random);
        let Ok(constraint) = Constraint::compile(&Wish::json(schema.clone()), &pieces) else {
            continue;
        };
        compiled += 1;
        let (bytes, is_finished) = answer(&constraint, &list, &pieces, &mut random, 160);
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
    let list = PieceList::bytes();
    let pieces = pieces(&list);
    let schema = json!({"properties": {"name": {"const": "f"}}, "required": ["name"]});
    let wish = Wish { prose: Prose::Allowed, ..Wish::json(schema) };
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
fn prose_without_calls() {
    let list = PieceList::bytes();
    let pieces = pieces(&list);
    let wish = Wish { prose: Prose::Only, ..Wish::json(json!({})) };
    let constraint = Constraint::compile(&wish, &pieces).unwrap();
    for text in ["hello {\"", "1", "\"a\"", "```"] {
        let mut state = constraint.start();
        text.bytes().for_each(|byte| state.accept(byte.into()).unwrap());
        assert!(state.is_complete() && !state.is_finished(), "{text}");
    }
    for first in *b"{[ \n" {
        assert!(constraint.start().accept(first.into()).is_err(), "{first}");
    }
}

#[test]
fn no_token_is_allowed_after_the_end() {
    let list = PieceList::bytes();
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
