//! The word in which an answer to go on from was cut. Its pieces in the prompt are not those that
//! the model knows the whole word by, so they are left out of it, and what is generated must begin
//! with what they spell.

use std::rc::Rc;

use hybridge_core::Request;

use super::generation::set;
use crate::constrain::bytes_of;
use crate::tokenizer::Tokenizer;

/// Of a word of more pieces only the last one is left out.
const MOST_PIECES: usize = 8;

/// What was left out at the end of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutWord {
    /// What it spells, with the space before it.
    pub(super) bytes: Vec<u8>,
    /// How many pieces it was.
    pub(super) pieces: usize,
}

impl CutWord {
    /// Takes the last word off the ids of a request whose last message is to be continued, if it
    /// may be part of a longer one.
    pub(super) fn take(tokenizer: &Tokenizer, request: &Request, ids: &mut Vec<u32>) -> Self {
        let begun = request.messages.last().filter(|it| it.is_prefix());
        let ends_in_word = |text: &str| text.ends_with(char::is_alphanumeric);
        if tokenizer.is_raw() || !begun.is_some_and(|it| ends_in_word(&it.joined_text())) {
            return Self::default();
        }
        let (mut word, mut left_out) = (Self::default(), None);
        for &id in ids.iter().rev().take(MOST_PIECES) {
            let Some(piece) = bytes_of(tokenizer, id) else { break };
            word.bytes.splice(0..0, piece.iter().copied());
            word.pieces += 1;
            let is_within = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
            if !piece.first().is_some_and(is_within) {
                left_out = Some(word);
                break;
            }
            left_out.get_or_insert_with(|| word.clone());
        }
        let cut = left_out.filter(|it| str::from_utf8(&it.bytes).is_ok()).unwrap_or_default();
        ids.truncate(ids.len() - cut.pieces);
        cut
    }
}

/// Spells a word that was left out.
#[derive(Debug)]
pub(super) struct Spelling {
    tokenizer: Rc<Tokenizer>,
    rest: Vec<u8>,
    mask: Vec<u32>,
}

impl Spelling {
    pub(super) fn new(tokenizer: Rc<Tokenizer>, cut: &CutWord) -> Self {
        Self { tokenizer, rest: cut.bytes.clone(), mask: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tokens that spell a part of the rest, and those that go on behind it.
    pub(super) fn allowed(&mut self, vocabulary: usize) -> &[u32] {
        self.mask.clear();
        self.mask.resize(vocabulary.div_ceil(32), 0);
        for id in (0..vocabulary).filter_map(|id| u32::try_from(id).ok()) {
            let fits = bytes_of(&self.tokenizer, id).is_some_and(|piece| {
                !piece.is_empty()
                    && (piece.starts_with(&self.rest) || self.rest.starts_with(&piece))
            });
            if fits {
                set(&mut self.mask, id, true);
            }
        }
        &self.mask
    }

    pub(super) fn accept(&mut self, token: u32) {
        let length = bytes_of(&self.tokenizer, token).map_or(0, |piece| piece.len());
        self.rest.drain(..length.min(self.rest.len()));
    }
}
