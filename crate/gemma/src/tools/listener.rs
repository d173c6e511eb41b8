//! Separates calls and thoughts from text while an answer is being generated.
//!
//! ```text
//! JsonCall        first character { [ or `  ─► all of it is held, and read at the end
//! FunctionGemma   <start_function_call>     ─► held up to <end_function_call>, read there
//! Gemma4          <|tool_call>              ─► held up to <tool_call|>, read there
//!                 <|channel>                ─► up to <channel|> a thought, without its first line
//! ```
//! Held text that turns out not to be a call is shown if it can be meant for the reader.

use std::rc::Rc;

use hybridge_core::{Content, Request, Result, ToolDefinition, ToolRequest};

use super::gemma4::CHANNEL;
use super::{Dialect, Notation, Segment, function_gemma, gemma4, has_tools, json_call};
use crate::template::Thinking;
use crate::tokenizer::Tokenizer;

/// Parses one answer while it is generated.
#[derive(Clone, Debug)]
pub struct Listener {
    notation: Option<&'static Notation>,
    tools: Rc<[ToolDefinition]>,
    /// The control tokens that may occur in an answer.
    controls: Vec<(u32, &'static str)>,
    /// The number of calls in the conversation so far.
    calls: usize,
    wants_json: bool,
    thinking: Thinking,
    /// The number of thought tokens, including their markers.
    thought_tokens: usize,
    hearing: Hearing,
}

#[derive(Clone, Debug)]
enum Hearing {
    /// Nothing yet.
    Silence,
    /// Text, which is passed on.
    Words,
    /// Text that may be a call in JSON.
    Json(String),
    /// A call between control tokens.
    Call(Vec<Segment>),
    /// A thought.
    Thought {
        /// Tokens since its marker.
        tokens: usize,
        /// Whether its first line, the channel's name, is complete.
        is_named: bool,
        /// Newlines that belong to it only if more of it follows.
        held: String,
    },
}

/// The parts of the answer that are certain so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The model's reasoning, before the text.
    pub reasoning: String,
    /// Text.
    pub text: String,
    /// Calls, after the text.
    pub calls: Vec<ToolRequest>,
}

impl Heard {
    pub(crate) fn words(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Listener {
    /// Creates a listener for the answer to a request; `None` if the model has neither tools nor
    /// thoughts.
    ///
    /// # Errors Returns `INVALID_ARGUMENT` for malformed options of thinking.
    pub fn of(request: &Request, tokenizer: &Tokenizer) -> Result<Option<Self>> {
        let dialect = Dialect::of(tokenizer);
        let thinking = Thinking::of(&request.config)?;
        let has_tools = has_tools(request);
        if tokenizer.is_raw() || !has_tools && dialect != Dialect::Gemma4 {
            return Ok(None);
        }
        let is_call = |it: &&hybridge_core::Part| matches!(it.content, Content::ToolRequest(_));
        let said = request.messages.iter().flat_map(|message| &message.content);
        let control = |piece: &'static str| tokenizer.control(piece).ok().map(|id| (id, piece));
        let pieces: Vec<&'static str> = match dialect {
            Dialect::JsonCall => Vec::new(),
            Dialect::FunctionGemma => function_gemma::CONTROLS.to_vec(),
            Dialect::Gemma4 => gemma4::PIECES.map(|(_, piece)| piece).to_vec(),
        };
        Ok(Some(Self {
            // Without tools, no text is held back.
            notation: dialect.notation(),
            tools: if has_tools { request.tools.clone().into() } else { Rc::from([]) },
            controls: pieces.into_iter().filter_map(control).collect(),
            calls: said.filter(is_call).count(),
            wants_json: request.wants_json(),
            thinking,
            thought_tokens: 0,
            hearing: Hearing::Silence,
        }))
    }

    /// Returns the number of thought tokens so far.
    #[must_use]
    pub fn thought_tokens(&self) -> usize {
        self.thought_tokens
    }

    /// Whether a thought is in progress.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        matches!(self.hearing, Hearing::Thought { .. })
    }

    /// Whether a thought can be cut off before its own end.
    #[must_use]
    pub fn has_budget(&self) -> bool {
        self.thinking.budget.is_some()
    }

    /// Returns the token that must come next, because a thought has used up its budget.
    #[must_use]
    pub fn forced(&self) -> Option<u32> {
        let Hearing::Thought { tokens, .. } = self.hearing else { return None };
        let is_spent = self.thinking.budget.is_some_and(|budget| tokens >= budget);
        is_spent.then(|| self.id_of(CHANNEL[1])).flatten()
    }

    /// Returns the token that begins a thought, if the answer may still begin with one.
    #[must_use]
    pub fn may_open(&self) -> Option<u32> {
        let may = self.thinking.is_on && matches!(self.hearing, Hearing::Silence);
        may.then(|| self.id_of(CHANNEL[0])).flatten()
    }

    /// Whether a token belongs to a thought, and so not to the answer.
    #[must_use]
    pub fn is_aside(&self, token: u32) -> bool {
        self.is_thinking() || self.id_of(CHANNEL[0]) == Some(token)
    }

    fn id_of(&self, piece: &str) -> Option<u32> {
        self.controls.iter().find(|(_, known)| *known == piece).map(|(id, _)| *id)
    }

    /// Adds a token with the text that it completes.
    pub fn push(&mut self, token: u32, text: String) -> Heard {
        let control = self.controls.iter().find(|(id, _)| *id == token).map(|(_, piece)| *piece);
        match self.notation {
            None => Heard::words(self.hear_json(text)),
            Some(notation) => self.hear_segment(notation, control, text),
        }
    }

    fn hear_json(&mut self, text: String) -> String {
        match &mut self.hearing {
            Hearing::Json(held) => held.push_str(&text),
            Hearing::Silence if text.trim_start().is_empty() => return text,
            // The grammar generates calls without a fence, but a model may add one to what it means
            // as a call.
            Hearing::Silence if text.trim_start().starts_with(['{', '[', '`']) => {
                self.hearing = Hearing::Json(text);
            }
            _ => {
                self.hearing = Hearing::Words;
                return text;
            }
        }
        String::new()
    }

    /// Handles a control token; `text` precedes it.
    fn hear_segment(
        &mut self,
        notation: &'static Notation,
        control: Option<&'static str>,
        text: String,
    ) -> Heard {
        match &mut self.hearing {
            Hearing::Thought { .. } => self.hear_thought(control, &text),
            Hearing::Call(segments) => {
                if !text.is_empty() {
                    match segments.last_mut() {
                        Some(Segment::Text(last)) => last.to_mut().push_str(&text),
                        _ => segments.push(Segment::text(text)),
                    }
                }
                segments.extend(control.map(Segment::Control));
                if control == Some(notation.call[1]) {
                    self.read_call(notation)
                } else {
                    Heard::default()
                }
            }
            _ => {
                self.hearing = match control {
                    Some(mark) if mark == notation.call[0] => {
                        Hearing::Call(vec![Segment::Control(mark)])
                    }
                    Some(mark) if mark == CHANNEL[0] => {
                        self.thought_tokens += 1;
                        Hearing::Thought { tokens: 0, is_named: false, held: String::new() }
                    }
                    _ => Hearing::Words,
                };
                Heard::words(text)
            }
        }
    }

    fn read_call(&mut self, notation: &'static Notation) -> Heard {
        let Hearing::Call(segments) = std::mem::replace(&mut self.hearing, Hearing::Words) else {
            return Heard::default();
        };
        let parts = notation.parse(&segments, self.calls);
        let calls = parts.into_iter().filter_map(|part| match part.content {
            Content::ToolRequest(call) => Some(call),
            _ => None,
        });
        let calls: Vec<ToolRequest> =
            calls.filter(|call| self.tools.iter().any(|tool| tool.name == call.name)).collect();
        self.calls += calls.len();
        Heard { calls, ..Heard::default() }
    }

    fn hear_thought(&mut self, control: Option<&'static str>, text: &str) -> Heard {
        self.thought_tokens += 1;
        let Hearing::Thought { tokens, is_named, held } = &mut self.hearing else {
            return Heard::default();
        };
        *tokens += 1;
        let mut said = text;
        if !*is_named {
            match text.split_once('\n') {
                Some((_, after)) => (*is_named, said) = (true, after),
                None => said = "",
            }
        }
        held.push_str(said);
        let kept = held.trim_end_matches(['\n', '\r']).len();
        let rest = held.split_off(kept);
        let reasoning = std::mem::replace(held, rest);
        if control == Some(CHANNEL[1]) {
            self.hearing = Hearing::Words;
        }
        Heard {
            reasoning: if self.thinking.is_shown { reasoning } else { String::new() },
            ..Heard::default()
        }
    }

    /// Ends the answer. A call that was cut off is left out, because its arguments are incomplete.
    pub fn finish(&mut self) -> Heard {
        let Hearing::Json(held) = std::mem::replace(&mut self.hearing, Hearing::Words) else {
            return Heard::default();
        };
        match json_call::parse(&held, &self.tools, self.calls) {
            Some(calls) => Heard { calls, ..Heard::default() },
            None if self.wants_json || held.trim_start().starts_with('`') => Heard::words(held),
            None => Heard::default(),
        }
    }
}
