//! Converts text to token IDs and back, with the vocabulary in the file.
//!
//! ```text
//! text ─ cut at special pieces ─ spaces to ▁
//!      ─ merge neighbours by score ─ bytes for the rest ─ ids
//! ```
//! Gemma 4's files list their merges, whose order replaces the scores, and runs of newlines are
//! separate. Everything else is the same.
//!
//! Control tokens such as `<start_of_turn>` are recognised only in trusted text; user input is
//! never parsed for them.

mod decode;
mod index;
mod merge;
mod merges;
mod partition;
mod vocabulary;

use hybridge_core::{Error, Result};

pub use decode::Detokenizer;
pub(crate) use vocabulary::byte_of;
pub use vocabulary::{Kind, Vocabulary};

use crate::gguf::Gguf;
use crate::template::{Form, Style};
use merge::Merger;
use partition::{Fragment, Specials};

/// Whether control tokens in a text are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// They are ordinary characters: text from a user, a model or a document.
    AsText,
    /// They are recognised: text from a template.
    Parsed,
}

/// Converts text to token IDs and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    specials: Specials,
    /// Whether ▁ occurs only at the start of tokens, so that words can be merged one by one.
    is_split_at_spaces: bool,
    style: Style,
    form: Form,
}

impl Tokenizer {
    /// Reads the vocabulary of a model.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        let vocabulary = Vocabulary::read(gguf)?;
        let specials = Specials::new(&vocabulary);
        let is_split_at_spaces = merge::splits_at_spaces(&vocabulary);
        Ok(Self {
            vocabulary,
            specials,
            is_split_at_spaces,
            style: Style::read(gguf),
            form: Form::Auto,
        })
    }

    /// Returns the tokenizer for another form of conversations.
    #[must_use]
    pub fn in_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Whether texts are continued as they are, without turns.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        match self.form {
            Form::Auto => self.style.is_base,
            Form::Chat => false,
            Form::None => true,
        }
    }

    /// Returns the properties of the file's chat template.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Returns the vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Returns the token IDs of a text, without any before or after it.
    #[must_use]
    pub fn encode(&self, text: &str, control: Control) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode_into(text, control, &mut ids);
        ids
    }

    /// Appends the token IDs of a text.
    pub fn encode_into(&self, text: &str, control: Control, ids: &mut Vec<u32>) {
        let mut merger = Merger::new(&self.vocabulary);
        for fragment in self.specials.partition(text, control) {
            match fragment {
                Fragment::Special(id) => ids.push(id),
                Fragment::Text(text) => self.merge(&text.replace(' ', "▁"), &mut merger, ids),
            }
        }
    }

    fn merge(&self, text: &str, merger: &mut Merger<'_>, ids: &mut Vec<u32>) {
        if !self.vocabulary.has_merges() {
            return self.merge_words(text, merger, ids);
        }
        for run in merge::newline_runs(text) {
            let is_newlines = run.starts_with('\n');
            match is_newlines.then(|| self.vocabulary.text(run)).flatten() {
                Some(id) => ids.push(id),
                None => self.merge_words(run, merger, ids),
            }
        }
    }

    fn merge_words(&self, text: &str, merger: &mut Merger<'_>, ids: &mut Vec<u32>) {
        for word in merge::words(text, self.is_split_at_spaces) {
            merger.merge(word, ids);
        }
    }

    /// Returns the text of token IDs. Control tokens have none.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut detokenizer = Detokenizer::default();
        let mut text: String =
            ids.iter().map(|id| detokenizer.push(&self.vocabulary, *id)).collect();
        text.push_str(&detokenizer.finish());
        text
    }

    /// Returns the ID that begins every sequence.
    pub fn bos(&self) -> Result<u32> {
        self.vocabulary.bos().ok_or_else(|| missing_piece("<bos>"))
    }

    /// Returns the ID that ends a text.
    pub fn eos(&self) -> Result<u32> {
        self.vocabulary.eos().ok_or_else(|| missing_piece("<eos>"))
    }

    /// Returns the ID of a control token by its text.
    pub fn control(&self, text: &str) -> Result<u32> {
        self.vocabulary.control(text).ok_or_else(|| missing_piece(text))
    }

    /// Returns the IDs that end an answer.
    #[must_use]
    pub fn stop_ids(&self) -> Vec<u32> {
        self.vocabulary.stop_ids()
    }
}

fn missing_piece(piece: &str) -> Error {
    Error::precondition(format!("the vocabulary has no piece {piece}"))
        .with_code("TOKENIZER_PIECE_MISSING")
}
