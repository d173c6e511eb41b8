//! Decodes token IDs to text, one by one.

use super::vocabulary::{Kind, Vocabulary, byte_of};

/// Decodes token IDs one by one, and never returns partial characters.
#[derive(Clone, Debug, Default)]
pub struct Detokenizer {
    /// The first bytes of an incomplete character.
    pending: Vec<u8>,
}

impl Detokenizer {
    /// Returns the text that is complete after this ID.
    pub fn push(&mut self, vocabulary: &Vocabulary, id: u32) -> String {
        let Some((piece, kind)) = vocabulary.piece(id).zip(vocabulary.kind(id)) else {
            return String::new();
        };
        match kind {
            // A character interrupted by a control token is never completed.
            Kind::Control => return self.finish(),
            Kind::Unknown => {}
            Kind::Byte => self.pending.extend(byte_of(piece)),
            Kind::UserDefined => self.pending.extend(piece.as_bytes()),
            Kind::Normal | Kind::Unused => {
                self.pending.extend(piece.replace('▁', " ").as_bytes());
            }
        }
        self.complete()
    }

    /// Returns the text left at the end: a replacement for an incomplete character.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    /// Takes complete characters; invalid bytes are replaced, as by `String::from_utf8_lossy`.
    fn complete(&mut self) -> String {
        let mut text = String::new();
        let mut done = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let invalid = chunk.invalid();
            let is_last = done + invalid.len() == self.pending.len();
            if invalid.is_empty() || (is_last && may_be_completed(invalid)) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            done += invalid.len();
        }
        self.pending.drain(..done);
        text
    }
}

fn may_be_completed(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
