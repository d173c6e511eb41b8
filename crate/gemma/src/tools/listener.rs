//! Separates calls from text while an answer is being written.
//!
//! ```text
//! JsonCall        first character { [ or `  ─► all of it is held, and read at the end
//! FunctionGemma   <start_function_call>     ─► held up to <end_function_call>, read there
//! ```
//! What is held and turns out to be no call is shown where it can be meant for the reader.

use std::rc::Rc;

use hybridge_core::{Content, Request, ToolDefinition, ToolRequest};

use super::function_gemma::{CALL, CONTROLS, parse};
use super::{Dialect, Segment, has_tools, json_call};
use crate::tokenizer::Tokenizer;

/// Listens to one answer.
#[derive(Clone, Debug)]
pub struct Listener {
    dialect: Dialect,
    tools: Rc<[ToolDefinition]>,
    /// FunctionGemma's control pieces.
    controls: Vec<(u32, &'static str)>,
    /// Calls before the next one, in the whole conversation.
    calls: usize,
    wants_json: bool,
    hearing: Hearing,
}

#[derive(Clone, Debug)]
enum Hearing {
    /// Nothing yet.
    Silence,
    /// Words: they pass.
    Words,
    /// What may be a call in JSON.
    Json(String),
    /// A call between control pieces.
    Call(Vec<Segment>),
}

/// What is certain so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Words.
    pub text: String,
    /// Calls, after the words.
    pub calls: Vec<ToolRequest>,
}

impl Listener {
    /// A listener for the answer to a request; none where no tool can be called.
    #[must_use]
    pub fn of(request: &Request, tokenizer: &Tokenizer) -> Option<Self> {
        if !has_tools(request) {
            return None;
        }
        let dialect = Dialect::of(tokenizer);
        let is_call = |it: &&hybridge_core::Part| matches!(it.content, Content::ToolRequest(_));
        let said = request.messages.iter().flat_map(|message| &message.content);
        let control = |piece: &&'static str| tokenizer.control(piece).ok().map(|id| (id, *piece));
        Some(Self {
            dialect,
            tools: request.tools.clone().into(),
            controls: match dialect {
                Dialect::JsonCall | Dialect::Gemma4 => Vec::new(),
                Dialect::FunctionGemma => CONTROLS.iter().filter_map(control).collect(),
            },
            calls: said.filter(is_call).count(),
            wants_json: request.wants_json(),
            hearing: Hearing::Silence,
        })
    }

    /// Takes a token with the text it completes.
    pub fn push(&mut self, token: u32, text: String) -> Heard {
        let control = self.controls.iter().find(|(id, _)| *id == token).map(|(_, piece)| *piece);
        match self.dialect {
            Dialect::JsonCall | Dialect::Gemma4 => {
                Heard { text: self.hear_json(text), calls: Vec::new() }
            }
            Dialect::FunctionGemma => self.hear_segment(control, text),
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

    fn hear_segment(&mut self, control: Option<&'static str>, text: String) -> Heard {
        if control == Some(CALL[0]) {
            self.hearing = Hearing::Call(vec![Segment::Control(CALL[0])]);
            return Heard { text, calls: Vec::new() };
        }
        let Hearing::Call(segments) = &mut self.hearing else {
            return Heard { text, calls: Vec::new() };
        };
        if !text.is_empty() {
            match segments.last_mut() {
                Some(Segment::Text(last)) => last.to_mut().push_str(&text),
                _ => segments.push(Segment::text(text)),
            }
        }
        segments.extend(control.map(Segment::Control));
        if control != Some(CALL[1]) {
            return Heard::default();
        }
        let parts = parse(segments, self.calls);
        self.hearing = Hearing::Words;
        let calls = parts.into_iter().filter_map(|part| match part.content {
            Content::ToolRequest(call) => Some(call),
            _ => None,
        });
        let calls: Vec<ToolRequest> =
            calls.filter(|call| self.tools.iter().any(|tool| tool.name == call.name)).collect();
        self.calls += calls.len();
        Heard { text: String::new(), calls }
    }

    /// Nothing more comes. A call that was cut off is left out: what it would have asked for is not known.
    pub fn finish(&mut self) -> Heard {
        let Hearing::Json(held) = std::mem::replace(&mut self.hearing, Hearing::Words) else {
            return Heard::default();
        };
        match json_call::parse(&held, &self.tools, self.calls) {
            Some(calls) => Heard { text: String::new(), calls },
            None if self.wants_json || held.trim_start().starts_with('`') => {
                Heard { text: held, calls: Vec::new() }
            }
            None => Heard::default(),
        }
    }
}
