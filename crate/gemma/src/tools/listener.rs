//! Separates calls and thoughts from text while an answer is being written.
//!
//! ```text
//! JsonCall        first character { [ or `  ─► all of it is held, and read at the end
//! FunctionGemma   <start_function_call>     ─► held up to <end_function_call>, read there
//! Gemma4          <|tool_call>              ─► held up to <tool_call|>, read there
//!                 <|channel>                ─► up to <channel|> a thought, without its first line
//! ```
//! What is held and turns out to be no call is shown where it can be meant for the reader.

use std::rc::Rc;

use hybridge_core::{Content, Request, Result, ToolDefinition, ToolRequest};

use super::gemma4::CHANNEL;
use super::{Dialect, Notation, Segment, function_gemma, gemma4, has_tools, json_call};
use crate::template::Thinking;
use crate::tokenizer::Tokenizer;

/// Listens to one answer.
#[derive(Clone, Debug)]
pub struct Listener {
    notation: Option<&'static Notation>,
    tools: Rc<[ToolDefinition]>,
    /// The control pieces that an answer can hold.
    controls: Vec<(u32, &'static str)>,
    /// Calls before the next one, in the whole conversation.
    calls: usize,
    wants_json: bool,
    thinking: Thinking,
    /// Tokens of thoughts, their marks among them.
    thought_tokens: usize,
    hearing: Hearing,
}

#[derive(Clone, Debug)]
enum Hearing {
    /// Nothing yet.
    Silence,
    /// Words: they pass.
    Words,
    /// Text that may be a call in JSON.
    Json(String),
    /// A call between control pieces.
    Call(Vec<Segment>),
    /// A thought.
    Thought {
        /// Tokens since its mark.
        tokens: usize,
        /// Whether its first line, the channel's name, is over.
        is_named: bool,
        /// Line ends that belong to it only if more of it follows.
        held: String,
    },
}

/// The certain part of the text so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The model's thinking, before the words.
    pub reasoning: String,
    /// Words.
    pub text: String,
    /// Calls, after the words.
    pub calls: Vec<ToolRequest>,
}

impl Heard {
    pub(crate) fn words(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Listener {
    /// A listener for the answer to a request; none where the model can call no tool and marks no
    /// thoughts.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for options of thinking that are malformed.
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
            // Where nothing can be called, nothing is held either.
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

    /// How many tokens were thoughts so far.
    #[must_use]
    pub fn thought_tokens(&self) -> usize {
        self.thought_tokens
    }

    /// Whether a thought is being written.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        matches!(self.hearing, Hearing::Thought { .. })
    }

    /// Whether a thought can be cut off before its own end.
    #[must_use]
    pub fn has_budget(&self) -> bool {
        self.thinking.budget.is_some()
    }

    /// The token that must come next, because a thought has used up its budget.
    #[must_use]
    pub fn forced(&self) -> Option<u32> {
        let Hearing::Thought { tokens, .. } = self.hearing else { return None };
        let is_spent = self.thinking.budget.is_some_and(|budget| tokens >= budget);
        is_spent.then(|| self.id_of(CHANNEL[1])).flatten()
    }

    /// The token that begins a thought, where the answer may still begin with one.
    #[must_use]
    pub fn may_open(&self) -> Option<u32> {
        let may = self.thinking.is_on && matches!(self.hearing, Hearing::Silence);
        may.then(|| self.id_of(CHANNEL[0])).flatten()
    }

    /// Whether a token is part of a thought, and so no part of the answer.
    #[must_use]
    pub fn is_aside(&self, token: u32) -> bool {
        self.is_thinking() || self.id_of(CHANNEL[0]) == Some(token)
    }

    fn id_of(&self, piece: &str) -> Option<u32> {
        self.controls.iter().find(|(_, known)| *known == piece).map(|(id, _)| *id)
    }

    /// Takes a token with the text it completes.
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
            // The grammar keeps calls bare, but a model may fence what it means as one.
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

    /// `text` is before the control piece.
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

    /// Ends the answer. A call that was cut off is left out: what it would have asked for is not
    /// known.
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
