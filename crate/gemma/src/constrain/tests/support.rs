//! Vocabularies, random numbers and the independent judge.

use std::borrow::Cow;
use std::sync::Arc;

use hybridge_core::schema::{Mismatch, validate};
use serde_json::Value;

use crate::constrain::pattern;
use crate::constrain::{Constraint, Pieces, Vocabulary, Wish};

/// A vocabulary as a list. The last piece is the end.
pub(super) struct List {
    pieces: Vec<Vec<u8>>,
    ends: Vec<u32>,
}

impl List {
    pub(super) fn new(mut pieces: Vec<Vec<u8>>) -> Self {
        pieces.push(Vec::new());
        let ends = vec![u32::try_from(pieces.len() - 1).unwrap()];
        Self { pieces, ends }
    }

    /// The 256 bytes: every text in exactly one way.
    pub(super) fn bytes() -> Self {
        Self::new((0..=255).map(|byte| vec![byte]).collect())
    }

    /// Bytes, and pieces like those of a real vocabulary: words, runs, half characters, ends and beginnings of JSON.
    pub(super) fn mixed() -> Self {
        let mut pieces: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        let words = "name value true false null a b c the item list 12 2024 -1 0. .5 e9 1e Straße 日本 é ñandú 😀 ∑x ok yes no";
        let joints = "{\" \": \":\" \", \",\" \"} \"] [\" ]} }} ], }, \":[ \":{ \": [ \",\n \"\\ \\n \\u00 \\\" {} [] [[ ]] -0 00 T1 Z\" @a. ://";
        for word in words.split(' ').chain(joints.split(' ')) {
            pieces.push(word.as_bytes().to_vec());
            pieces.push(format!(" {word}").into_bytes());
        }
        for run in [
            "\n  ",
            "\n    ",
            ",\n  \"",
            "{\n  \"",
            "  ",
            "    ",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "\t",
            "\u{2028}",
        ] {
            pieces.push(run.as_bytes().to_vec());
        }
        for half in [
            &[0xE6_u8, 0x97][..],
            &[0xA5, b'"'],
            &[0xF0, 0x9F],
            &[0x98, 0x80],
            &[0xED, 0xA0],
            &[0xC0, 0x80],
            &[0xF4, 0x90],
        ] {
            pieces.push(half.to_vec());
        }
        Self::new(pieces)
    }
}

impl Vocabulary for List {
    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        self.pieces
            .get(id as usize)
            .filter(|piece| !piece.is_empty())
            .map(|piece| Cow::Borrowed(piece.as_slice()))
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }
}

pub(super) fn pieces(list: &List) -> Arc<Pieces> {
    Arc::new(Pieces::new(list))
}

pub(super) fn compile(schema: &Value, pieces: &Arc<Pieces>) -> Constraint {
    Constraint::compile(&Wish::json(schema.clone()), pieces)
        .unwrap_or_else(|error| panic!("{error} in {schema}"))
}

/// Whether the grammar can write exactly this text. `pieces` are those of [`List::bytes`].
pub(super) fn writes(constraint: &Constraint, text: &str) -> bool {
    let mut state = constraint.start();
    text.bytes().all(|byte| state.accept(byte.into()).is_ok()) && state.is_complete()
}

/// What the validator says, which shares nothing with the grammar but the automata of patterns.
pub(super) fn judge(schema: &Value, value: &Value) -> Result<(), Mismatch> {
    validate(schema, value, &|pattern, text| Some(pattern::compile(pattern).unwrap().matches(text)))
}

/// Xorshift: the same numbers on every machine.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end.max(1) as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
