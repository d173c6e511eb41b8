//! An answer in progress: the tokens chosen, the text returned so far, and what may follow.

use std::rc::Rc;

use hybridge_core::{Confidence, Content, FinishReason, Part, Result, Usage};

use super::word::Spelling;
use super::{Options, Piece, Prompt};
use crate::constrain::{Constraint, State};
use crate::stop::StopScanner;
use crate::tokenizer::{Detokenizer, Tokenizer};
use crate::tools::{Heard, Listener};

/// An answer in progress.
#[derive(Debug)]
pub struct Generation {
    /// Its number within the session.
    pub(super) number: u64,
    pub(super) options: Options,
    pub(super) prompt: Prompt,
    pub(super) cached_tokens: usize,
    pub(super) ids: Vec<u32>,
    /// Log-probabilities of the tokens outside thoughts.
    pub(super) spoken: Vec<u32>,
    pub(super) logprobs: Vec<f64>,
    /// The margin of the first of them.
    pub(super) first_margin: Option<f32>,
    /// The entropy of each, if the backend computes it.
    pub(super) entropies: Vec<f32>,
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    pub(super) detokenizer: Detokenizer,
    pub(super) scanner: StopScanner,
    pub(super) guard: Option<Guard>,
    /// The word that the prompt omits.
    pub(super) spelling: Option<Spelling>,
    /// The number of bytes of text to omit: those of that word.
    unsaid: usize,
    /// The mask that allows only one token.
    forced: Vec<u32>,
    pub(super) finish: Option<FinishReason>,
}

/// The constraint of the answer.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) state: State,
    /// The mask of the next token: one bit each.
    mask: Vec<u32>,
}

impl Guard {
    fn new(constraint: &Constraint) -> Self {
        Self { state: constraint.start(), mask: vec![0; constraint.mask_words()] }
    }
}

impl Generation {
    /// Creates an answer, after a prompt of which this many tokens were reused.
    pub(super) fn new(number: u64, options: Options, prompt: Prompt, cached_tokens: usize) -> Self {
        // Stop sequences could cut an answer with a schema in the middle of its JSON.
        let is_cut = options.constraint.as_ref().is_none_or(Constraint::may_be_prose);
        let stops = if is_cut { options.stop_sequences.as_slice() } else { &[] };
        Self {
            number,
            scanner: StopScanner::new(stops),
            guard: options.constraint.as_ref().map(Guard::new),
            spelling: None,
            unsaid: prompt.cut.bytes.len(),
            options,
            prompt,
            cached_tokens,
            ids: Vec::new(),
            spoken: Vec::new(),
            logprobs: Vec::new(),
            first_margin: None,
            entropies: Vec::new(),
            text: String::new(),
            parts: Vec::new(),
            detokenizer: Detokenizer::default(),
            forced: Vec::new(),
            finish: None,
        }
    }

    /// Constrains the first tokens to the word that the prompt omits.
    pub(super) fn spell(&mut self, tokenizer: &Rc<Tokenizer>) {
        let cut = &self.prompt.cut;
        if cut.pieces > 0 {
            self.options.max_output_tokens =
                self.options.max_output_tokens.saturating_add(cut.pieces);
            self.spelling = Some(Spelling::new(Rc::clone(tokenizer), cut));
        }
    }

    /// Returns the mask of the next token; `None` allows all. `ends` are the tokens that end the
    /// answer.
    pub(super) fn allowed(&mut self, vocabulary: usize, ends: &[u32]) -> Result<Option<&[u32]>> {
        let listener = self.options.listener.as_ref();
        if let Some(token) = listener.and_then(Listener::forced) {
            self.forced.clear();
            self.forced.resize(vocabulary.div_ceil(32), 0);
            set(&mut self.forced, token, true);
            return Ok(Some(&self.forced));
        }
        if let Some(spelling) = self.spelling.as_mut().filter(|it| !it.is_done()) {
            return Ok(Some(spelling.allowed(vocabulary)));
        }
        let Some(Guard { state, mask }) = &mut self.guard else { return Ok(None) };
        if listener.is_some_and(Listener::is_thinking) {
            // A thought is unconstrained, but the answer must not end in it.
            for (at, word) in mask.iter_mut().enumerate() {
                let left = vocabulary.saturating_sub(at * 32).min(32);
                *word = if left == 32 { u32::MAX } else { (1 << left) - 1 };
            }
            ends.iter().for_each(|&end| set(mask, end, false));
        } else {
            state.mask(mask)?;
            if let Some(open) = listener.and_then(Listener::may_open) {
                set(mask, open, true);
            }
        }
        Ok(Some(mask))
    }

    /// Whether a token belongs to a thought and so not to the answer.
    pub(super) fn is_aside(&self, token: u32) -> bool {
        self.options.listener.as_ref().is_some_and(|listener| listener.is_aside(token))
    }

    /// Returns why the answer ended; `None` while it is in progress.
    #[must_use]
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.finish
    }

    /// Returns the token IDs chosen so far, excluding the one that ended the turn.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns everything generated so far: text and calls.
    #[must_use]
    pub fn content(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the usage so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let thoughts = self.options.listener.as_ref().map_or(0, Listener::thought_tokens);
        let spelled = self.prompt.cut.pieces;
        let input = (self.prompt.ids.len() + spelled) as u64;
        let output = self.ids.len().saturating_sub(spelled) as u64;
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            total_tokens: Some(input + output),
            thoughts_tokens: (thoughts > 0).then_some(thoughts as u64),
            cached_content_tokens: Some(self.cached_tokens as u64),
        }
    }

    /// Returns the confidence so far.
    #[must_use]
    pub fn confidence(&self) -> Option<Confidence> {
        let confidence = Confidence::of(&self.logprobs)?;
        let is_known = self.entropies.len() == self.logprobs.len();
        let sum: f64 = self.entropies.iter().copied().map(f64::from).sum();
        #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
        let mean_entropy = is_known.then(|| sum / self.entropies.len() as f64);
        let first_margin = self.first_margin.map(f64::from);
        Some(Confidence { first_margin, mean_entropy, ..confidence })
    }

    /// Adds the text that a token completes.
    pub(super) fn hear(&mut self, token: u32, text: &str, piece: &mut Piece) {
        let unsaid = self.unsaid.min(text.len());
        self.unsaid -= unsaid;
        let text = text.get(unsaid..).unwrap_or_default();
        let heard = match &mut self.options.listener {
            Some(listener) => listener.push(token, text.to_owned()),
            None => Heard::words(text.to_owned()),
        };
        self.tell(heard, piece);
    }

    fn tell(&mut self, heard: Heard, piece: &mut Piece) {
        let scanned = self.scanner.push(&heard.text);
        piece.reasoning.push_str(&heard.reasoning);
        piece.text.push_str(&scanned.text);
        piece.calls.extend(heard.calls);
        if scanned.is_stopped {
            self.finish = Some(FinishReason::Stop);
        }
    }

    /// Ends an answer that met no stop sequence: the held text is part of it.
    pub(super) fn end(&mut self, reason: FinishReason, piece: &mut Piece) {
        let rest = self.detokenizer.finish();
        self.hear(u32::MAX, &rest, piece);
        if let Some(heard) = self.options.listener.as_mut().map(Listener::finish) {
            self.tell(heard, piece);
        }
        if self.finish.is_none() {
            piece.text.push_str(&self.scanner.finish());
            self.finish = Some(reason);
        }
    }

    /// Records the content of a piece.
    pub(super) fn keep(&mut self, piece: &Piece) {
        self.text.push_str(&piece.text);
        match self.parts.last_mut().map(|part| &mut part.content) {
            Some(Content::Reasoning(last)) => last.push_str(&piece.reasoning),
            _ if piece.reasoning.is_empty() => {}
            _ => self.parts.push(Part::reasoning(piece.reasoning.clone())),
        }
        match self.parts.last_mut().map(|part| &mut part.content) {
            Some(Content::Text(last)) => last.push_str(&piece.text),
            _ if piece.text.is_empty() => {}
            _ => self.parts.push(Part::text(piece.text.clone())),
        }
        self.parts.extend(piece.calls.iter().cloned().map(|it| Content::ToolRequest(it).into()));
    }
}

/// Sets the bit of a token in a mask.
pub(super) fn set(mask: &mut [u32], token: u32, is_allowed: bool) {
    if let Some(word) = mask.get_mut(token as usize / 32) {
        let bit = 1 << (token % 32);
        *word = if is_allowed { *word | bit } else { *word & !bit };
    }
}
