//! Tools: how each model is told of them, and how its calls are read.
//!
//! [`json_call`] is for models without words of their own for it: a line in the prompt, and an answer that a schema
//! holds to the form of a call. [`function_gemma`] is the one exact format FunctionGemma was trained on.

pub mod function_gemma;
pub mod json_call;

use std::borrow::Cow;

/// A part of a prompt or an answer: a control piece by its text, or text that stays text whatever stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// One control piece.
    Control(&'static str),
    /// Words.
    Text(Cow<'static, str>),
}

impl Segment {
    fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(test)]
mod tests;
