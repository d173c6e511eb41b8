//! Tools: how they are declared to each model, and how its calls are read.
//!
//! [`json_call`] is for models without words of their own for it: a line in the prompt, and an answer that a schema
//! holds to the form of a call. [`function_gemma`] is the one exact format FunctionGemma was trained on.

mod form;
pub mod function_gemma;
pub mod gemma4;
pub mod json_call;
mod listener;
mod schema_text;

use std::borrow::Cow;

use hybridge_core::{Content, Part, ToolRequest, ToolResponse};

pub use form::{has_tools, wish_of};
pub use listener::{Heard, Listener};

use crate::tokenizer::Tokenizer;

/// How a model speaks of tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As Gemma 3 and every model without a format of its own: see [`json_call`].
    JsonCall,
    /// See [`function_gemma`].
    FunctionGemma,
    /// See [`gemma4`].
    Gemma4,
}

impl Dialect {
    /// The dialect of a file: its vocabulary has FunctionGemma's control pieces or it has not.
    #[must_use]
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let has = |piece: &&str| tokenizer.control(piece).is_ok();
        if function_gemma::CONTROLS.iter().all(has) { Self::FunctionGemma } else { Self::JsonCall }
    }

    /// What the model said, as it stands in a conversation: its words, then its calls.
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
        match self {
            Self::FunctionGemma => said.extend(calls.flat_map(function_gemma::call)),
            Self::JsonCall | Self::Gemma4 => {
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

/// The results of a message in the order of the calls they answer, which models expect; others after them.
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

/// A part of a prompt or an answer: a control piece by its text, or text that stays text whatever stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// One control piece.
    Control(&'static str),
    /// Words.
    Text(Cow<'static, str>),
}

impl Segment {
    /// Words.
    pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(test)]
mod tests;
