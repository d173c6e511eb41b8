//! Tools: how they are declared to each model, and how its calls are parsed.
//!
//! [`json_call`] is for models without a format of their own: the prompt describes the tools, and a
//! schema constrains the answer to the form of a call. [`function_gemma`] and [`gemma4`] are the
//! exact formats that these models were trained on; both write calls in the same [`notation`].

mod form;
pub mod function_gemma;
pub mod gemma4;
pub mod json_call;
mod listener;
pub mod notation;
mod schema_text;

use std::borrow::Cow;

use hybridge_core::{Content, Part, ToolRequest, ToolResponse};

pub use form::{has_tools, wish_of};
pub use listener::{Heard, Listener};
pub use notation::Notation;

use crate::tokenizer::Tokenizer;

/// A model's notation for tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON, for Gemma 3 and every model without a format of its own: see [`json_call`].
    JsonCall,
    /// See [`function_gemma`].
    FunctionGemma,
    /// See [`gemma4`].
    Gemma4,
}

impl Dialect {
    /// Returns the dialect of a file, determined by the control tokens of its vocabulary.
    #[must_use]
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let has = |piece: &str| tokenizer.control(piece).is_ok();
        if gemma4::PIECES.iter().all(|(_, piece)| has(piece)) {
            Self::Gemma4
        } else if function_gemma::CONTROLS.iter().all(|piece| has(piece)) {
            Self::FunctionGemma
        } else {
            Self::JsonCall
        }
    }

    /// Returns the notation of calls between control tokens, if there is one.
    #[must_use]
    pub fn notation(self) -> Option<&'static Notation> {
        match self {
            Self::JsonCall => None,
            Self::FunctionGemma => Some(&function_gemma::NOTATION),
            Self::Gemma4 => Some(&gemma4::NOTATION),
        }
    }

    /// Renders a model message in a conversation: its text, then its calls.
    #[must_use]
    pub fn said(self, words: &str, content: &[Part]) -> Vec<Segment> {
        let calls = content.iter().filter_map(|part| match &part.content {
            Content::ToolRequest(call) => Some(call),
            _ => None,
        });
        let mut said = Vec::new();
        if !words.is_empty() {
            said.push(Segment::text(words.to_owned()));
        }
        match self.notation() {
            Some(notation) => said.extend(calls.flat_map(|call| notation.call(call))),
            None => {
                let calls: Vec<&ToolRequest> = calls.collect();
                if !calls.is_empty() {
                    let space = if said.is_empty() { "" } else { "\n" };
                    said.push(Segment::text(format!("{space}{}", json_call::calls_text(&calls))));
                }
            }
        }
        said
    }
}

/// Returns the results of a message in the order of the calls that they answer, as models expect;
/// others come last.
pub(crate) fn answered_in_order<'a>(results: &'a [Part], calls: &[Part]) -> Vec<&'a ToolResponse> {
    let mut results: Vec<&ToolResponse> = results
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolResponse(result) => Some(result),
            _ => None,
        })
        .collect();
    let place = |result: &ToolResponse| {
        calls.iter().position(|part| match (&part.content, &result.reference) {
            (Content::ToolRequest(call), Some(_)) => call.reference == result.reference,
            (Content::ToolRequest(call), None) => call.name == result.name,
            _ => false,
        })
    };
    results.sort_by_key(|result| place(result).unwrap_or(calls.len()));
    results
}

/// A part of a prompt or an answer: a control token by its text, or text that is never parsed for
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// One control token.
    Control(&'static str),
    /// Text.
    Text(Cow<'static, str>),
}

impl Segment {
    /// Creates a text segment.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(test)]
mod tests;
