//! Compiles any JSON as a schema, or refuses it by name; every random text that the grammar accepts
//! can continue or end.
#![no_main]

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use hybridge_gemma::constrain::{Constraint, Pieces, Vocabulary, Wish};
use libfuzzer_sys::fuzz_target;

/// Every byte, and an end token.
struct Bytes;

impl Vocabulary for Bytes {
    fn len(&self) -> usize {
        257
    }

    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        u8::try_from(id).ok().map(|byte| Cow::Owned(vec![byte]))
    }

    fn ends(&self) -> &[u32] {
        &[256]
    }
}

fuzz_target!(|input: (&str, Vec<u8>)| {
    static PIECES: OnceLock<Arc<Pieces>> = OnceLock::new();
    let pieces = PIECES.get_or_init(|| Arc::new(Pieces::new(&Bytes)));
    let (text, choices) = input;
    let Ok(schema) = serde_json::from_str(text) else { return };
    let Ok(constraint) = Constraint::compile(&Wish::json(schema), pieces) else { return };
    let mut state = constraint.start();
    let mut mask = vec![0; pieces.mask_words()];
    for choice in choices {
        state.mask(&mut mask).expect("a mask of the right length");
        let allowed: Vec<u32> =
            (0..257).filter(|id| mask[*id as usize / 32] >> (id % 32) & 1 == 1).collect();
        if state.is_finished() {
            assert!(allowed.iter().all(|id| *id == 256));
            return;
        }
        assert!(!allowed.is_empty(), "a dead end");
        assert_eq!(allowed.contains(&256), state.is_complete());
        state.accept(allowed[usize::from(choice) % allowed.len()]).expect("the token was allowed");
    }
});
