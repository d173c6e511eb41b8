//! Shared helpers of the tests: compiling, writing, and the validator.

use std::sync::Arc;

use hybridge_core::schema::{Mismatch, validate};
use serde_json::Value;

use crate::constrain::pattern;
use crate::constrain::{Constraint, Pieces, Wish};
use crate::testing::PieceList;

pub(super) fn pieces(list: &PieceList) -> Arc<Pieces> {
    Arc::new(Pieces::new(list))
}

pub(super) fn compile(schema: &Value, pieces: &Arc<Pieces>) -> Constraint {
    Constraint::compile(&Wish::json(schema.clone()), pieces)
        .unwrap_or_else(|error| panic!("{error} in {schema}"))
}

/// Whether the grammar accepts exactly this text. `pieces` are those of [`PieceList::bytes`].
pub(super) fn writes(constraint: &Constraint, text: &str) -> bool {
    let mut state = constraint.start();
    text.bytes().all(|byte| state.accept(byte.into()).is_ok()) && state.is_complete()
}

/// Returns the validator's verdict. It shares only the automata of patterns with the grammar.
pub(super) fn judge(schema: &Value, value: &Value) -> Result<(), Mismatch> {
    validate(schema, value, &|pattern, text| Some(pattern::compile(pattern).unwrap().matches(text)))
}
