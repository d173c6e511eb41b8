//! An answer in progress: the tokens chosen, the text returned so far, and what may follow.

use hybridge_core::{Confidence, Content, FinishReason, Part, Result, Usage};

use super::{Options, Piece};
use crate::constrain::{Constraint, State};
use crate::stop::StopScanner;
use crate::tokenizer::Detokenizer;
use crate::tools::{Heard, Listener};

/// An answer on its way.
#[derive(Debug)]
pub struct Generation {
    /// Which of its session's.
    pub(super) number: u64,
    pub(super) options: Options,
    pub(super) prompt: Vec<u32>,
    pub(super) cached_tokens: usize,
    pub(super) ids: Vec<u32>,
    pub(super) logprobs: Vec<f64>,
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    pub(super) detokenizer: Detokenizer,
    pub(super) scanner: StopScanner,
    pub(super) guard: Option<Guard>,
    pub(super) finish: Option<FinishReason>,
}

/// Keeps an answer to what it must satisfy.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) state: State,
    /// Which tokens may come next: one bit each.
    mask: Vec<u32>,
}

impl Guard {
    fn new(constraint: &Constraint) -> Self {
        Self { state: constraint.start(), mask: vec![0; constraint.mask_words()] }
    }

    /// The mask for the next token.
    pub(super) fn mask(&mut self) -> Result<&[u32]> {
        self.state.mask(&mut self.mask)?;
        Ok(&self.mask)
    }
}

impl Generation {
    /// Nothing said yet, after a prompt of which so many tokens were resumed.
    pub(super) fn new(
        number: u64,
        options: Options,
        prompt: Vec<u32>,
        cached_tokens: usize,
    ) -> Self {
        // An answer that must satisfy a schema would be cut in the middle of its JSON.
        let is_cut = options.constraint.as_ref().is_none_or(Constraint::may_be_prose);
        let stops = if is_cut { options.stop_sequences.as_slice() } else { &[] };
        Self {
            number,
            scanner: StopScanner::new(stops),
            guard: options.constraint.as_ref().map(Guard::new),
            options,
            prompt,
            cached_tokens,
            ids: Vec::new(),
            logprobs: Vec::new(),
            text: String::new(),
            parts: Vec::new(),
            detokenizer: Detokenizer::default(),
            finish: None,
        }
    }

    /// Why it ended; absent while it has not.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.finish
    }

    /// The ids chosen so far, without the one that ended the turn.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// All text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All that was said so far: words and calls.
    #[must_use]
    pub fn content(&self) -> &[Part] {
        &self.parts
    }

    /// What it cost so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (input, output) = (self.prompt.len() as u64, self.ids.len() as u64);
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            total_tokens: Some(input + output),
            thoughts_tokens: None,
            cached_content_tokens: Some(self.cached_tokens as u64),
        }
    }

    /// How sure the model was so far.
    #[must_use]
    pub fn confidence(&self) -> Option<Confidence> {
        Confidence::of(&self.logprobs)
    }

    /// Takes the text that a token completes.
    pub(super) fn hear(&mut self, token: u32, text: String, piece: &mut Piece) {
        let heard = match &mut self.options.listener {
            Some(listener) => listener.push(token, text),
            None => Heard { text, calls: Vec::new() },
        };
        self.tell(heard, piece);
    }

    fn tell(&mut self, heard: Heard, piece: &mut Piece) {
        let scanned = self.scanner.push(&heard.text);
        piece.text.push_str(&scanned.text);
        piece.calls.extend(heard.calls);
        if scanned.is_stopped {
            self.finish = Some(FinishReason::Stop);
        }
    }

    /// Ends an answer that met no stop sequence: what was held back is part of it.
    pub(super) fn end(&mut self, reason: FinishReason, piece: &mut Piece) {
        let rest = self.detokenizer.finish();
        self.hear(u32::MAX, rest, piece);
        if let Some(heard) = self.options.listener.as_mut().map(Listener::finish) {
            self.tell(heard, piece);
        }
        if self.finish.is_none() {
            piece.text.push_str(&self.scanner.finish());
            self.finish = Some(reason);
        }
    }

    /// Keeps what a piece adds.
    pub(super) fn keep(&mut self, piece: &Piece) {
        self.text.push_str(&piece.text);
        match self.parts.last_mut().map(|part| &mut part.content) {
            Some(Content::Text(last)) => last.push_str(&piece.text),
            _ if piece.text.is_empty() => {}
            _ => self.parts.push(Part::text(piece.text.clone())),
        }
        self.parts.extend(piece.calls.iter().cloned().map(|it| Content::ToolRequest(it).into()));
    }
}
