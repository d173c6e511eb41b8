//! The word inside which an answer to continue was cut. Its tokens in the prompt are not those of
//! the complete word, so they are omitted from the prompt, and the generated text must begin with
//! their text.

use std::rc::Rc;

use hybridge_core::Request;

use super::generation::set;
use crate::constrain::bytes_of;
use crate::tokenizer::Tokenizer;

/// If a word has more tokens, only the last one is omitted.
const MOST_PIECES: usize = 8;

/// The part omitted at the end of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutWord {
    /// Its text, with the space before it.
    pub(super) bytes: Vec<u8>,
    /// The number of its tokens.
    pub(super) pieces: usize,
}

impl CutWord {
    /// Removes the last word from the IDs of a request whose last message is to be continued, if it
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

/// Generates a word that was omitted.
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

    /// Returns a mask of the tokens that spell a part of the rest, or all of it and more.
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
