//! Two thousand random schemas with random logits: every completed answer parses and is valid.

use std::sync::Arc;

use hybridge_gemma::constrain::{Constraint, Pieces, Vocabulary, Wish};
use hybridge_gemma::testing::{PieceList, Random, random_schema};
use serde_json::Value;

use crate::independent::Independent;

const SCHEMAS: usize = 2_000;
/// Longer answers are cut off, as by `maxOutputTokens`.
const MOST_TOKENS: u16 = 200;

/// Repeatedly chooses the allowed token with the largest random logit; `None` if the answer does
/// not end.
fn answer(
    constraint: &Constraint,
    list: &PieceList,
    pieces: &Pieces,
    random: &mut Random,
) -> Option<Vec<u8>> {
    let mut state = constraint.start();
    let mut mask = vec![0_u32; constraint.mask_words()];
    let mut bytes = Vec::new();
    for step in 0..MOST_TOKENS {
        state.mask(&mut mask).unwrap();
        // Closing tokens become more likely as the answer grows.
        let wish_to_close = f32::from(step) / 100.0;
        let mut logit = |id: u32| {
            let is_closing =
                list.bytes(id).is_none_or(|piece| piece.iter().all(|byte| b"\"]}0".contains(byte)));
            random.symmetric() + if is_closing { wish_to_close } else { 0.0 }
        };
        let is_allowed = |id: &u32| mask.get(*id as usize / 32).unwrap() >> (id % 32) & 1 == 1;
        let allowed = (0..u32::try_from(pieces.size()).unwrap()).filter(is_allowed);
        let best = allowed.map(|id| (id, logit(id))).max_by(|a, b| a.1.total_cmp(&b.1));
        let (token, _) = best.unwrap_or_else(|| panic!("a dead end after {bytes:?}"));
        state.accept(token).unwrap();
        if pieces.ends().contains(&token) {
            return Some(bytes);
        }
        bytes.extend_from_slice(&list.bytes(token).unwrap());
    }
    None
}

#[test]
fn finished_answers_are_valid_for_an_independent_validator() {
    let list = PieceList::mixed();
    let pieces = Arc::new(Pieces::new(&list));
    let (mut compiled, mut finished) = (0, 0);
    for seed in 0.. {
        if compiled == SCHEMAS {
            break;
        }
        let mut random = Random(seed);
        let schema = random_schema(&mut random);
        // Some schemas allow no value, and some have alternatives that cannot be distinguished.
        let Ok(constraint) = Constraint::compile(&Wish::json(schema.clone()), &pieces) else {
            continue;
        };
        compiled += 1;
        let independent = Independent::new(&schema).unwrap_or_else(|| panic!("refuses {schema}"));
        let Some(bytes) = answer(&constraint, &list, &pieces, &mut random) else { continue };
        finished += 1;
        let text = String::from_utf8(bytes).unwrap();
        let value: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text} for {schema}"));
        assert!(independent.accepts(&value), "{text} for {schema}");
    }
    assert!(finished > SCHEMAS * 19 / 20, "only {finished} of {compiled} answers finished");
}
