//! Text to token ids and back, by the vocabulary in the file.
//!
//! ```text
//! text ─ cut at special pieces ─ spaces to ▁
//!      ─ merge neighbours by score ─ bytes for the rest ─ ids
//! ```
//! Gemma 4's files list their merges, whose order then takes the place of the scores, and runs of
//! newlines stand apart. All else is the same.
//!
//! Control pieces such as `<start_of_turn>` are found only in text that the caller vouches for:
//! what a person types is never parsed for them.

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

/// Whether control pieces in a text are parsed as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// They are letters like any others: text of a person, of a model, of a document.
    AsText,
    /// They are found: text of a template.
    Parsed,
}

/// Turns text into ids and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    specials: Specials,
    /// Whether ▁ is in pieces only at the start, so that words can be merged one by one.
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

    /// The same for conversations of another form.
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

    /// What the file's chat template reveals.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// The pieces.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The ids of a text, with nothing put before or after it.
    #[must_use]
    pub fn encode(&self, text: &str, control: Control) -> Vec<u32> {
        let mut ids = Vec::new();
        self.encode_into(text, control, &mut ids);
        ids
    }

    /// The same, appended.
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

    /// The text of ids. Control pieces have none.
    #[must_use]
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut detokenizer = Detokenizer::default();
        let mut text: String =
            ids.iter().map(|id| detokenizer.push(&self.vocabulary, *id)).collect();
        text.push_str(&detokenizer.finish());
        text
    }

    /// The id that begins every sequence.
    pub fn bos(&self) -> Result<u32> {
        self.vocabulary.bos().ok_or_else(|| missing_piece("<bos>"))
    }

    /// The id that ends a text.
    pub fn eos(&self) -> Result<u32> {
        self.vocabulary.eos().ok_or_else(|| missing_piece("<eos>"))
    }

    /// The id of a control piece by its text.
    pub fn control(&self, text: &str) -> Result<u32> {
        self.vocabulary.control(text).ok_or_else(|| missing_piece(text))
    }

    /// The ids that end an answer.
    #[must_use]
    pub fn stop_ids(&self) -> Vec<u32> {
        self.vocabulary.stop_ids()
    }
}

fn missing_piece(piece: &str) -> Error {
    Error::precondition(format!("the vocabulary has no piece {piece}"))
        .with_code("TOKENIZER_PIECE_MISSING")
}
