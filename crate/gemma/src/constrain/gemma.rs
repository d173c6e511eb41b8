//! A tokenizer's vocabulary, in the form that masks need.

use std::borrow::Cow;

use super::syntax::{CONTROL, control_byte};
use super::vocabulary::{Pieces, Vocabulary};
use crate::tokenizer::{Kind, Tokenizer, byte_of};

struct Gemma<'a> {
    tokenizer: &'a Tokenizer,
    ends: Vec<u32>,
}

impl Vocabulary for Gemma<'_> {
    fn len(&self) -> usize {
        self.tokenizer.vocabulary().len()
    }

    fn bytes(&self, id: u32) -> Option<Cow<'_, [u8]>> {
        bytes_of(self.tokenizer, id)
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }
}

/// Returns the bytes that a piece adds to an answer; `None` for control, unused and unknown pieces.
pub(crate) fn bytes_of(tokenizer: &Tokenizer, id: u32) -> Option<Cow<'_, [u8]>> {
    let vocabulary = tokenizer.vocabulary();
    let (piece, kind) = vocabulary.piece(id).zip(vocabulary.kind(id))?;
    match kind {
        // Of the control tokens, only those of calls may occur in an answer.
        Kind::Control => control_byte(piece).map(|byte| Cow::Owned(vec![byte])),
        // The model was not trained on unused pieces.
        Kind::Unknown | Kind::Unused => None,
        // Bytes from here on occur in no text, and each represents a control token.
        Kind::Byte => {
            byte_of(piece).filter(|byte| *byte < CONTROL).map(|byte| Cow::Owned(vec![byte]))
        }
        Kind::UserDefined => Some(Cow::Borrowed(piece.as_bytes())),
        Kind::Normal if piece.contains('▁') => {
            Some(Cow::Owned(piece.replace('▁', " ").into_bytes()))
        }
        Kind::Normal => Some(Cow::Borrowed(piece.as_bytes())),
    }
}

impl From<&Tokenizer> for Pieces {
    fn from(tokenizer: &Tokenizer) -> Self {
        Self::new(&Gemma { tokenizer, ends: tokenizer.stop_ids() })
    }
}
