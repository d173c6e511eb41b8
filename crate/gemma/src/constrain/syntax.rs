//! Notations of values: JSON, and FunctionGemma's format of arguments.
//!
//! ```text
//! {"city":"Tokyo","days":[1,2]}            JSON
//! {city:<escape>Tokyo<escape>,days:[1,2]}  FunctionGemma: bare names, no white space,
//!                                          no escapes
//! {city:<|"|>Tokyo<|"|>,days:[1,2]}        Gemma 4: the same with its own pieces,
//!                                          members by name
//! ```
//! Control tokens are not text. For the machine each is one byte that does not occur in UTF-8.

use hybridge_core::{Error, Result};
use serde_json::Value;

use crate::tools::{function_gemma, gemma4};

/// A notation of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// Standard JSON.
    #[default]
    Json,
    /// Calls between FunctionGemma's control tokens.
    FunctionGemma,
    /// Calls between Gemma 4's control tokens.
    Gemma4,
}

/// Bytes from here on represent control tokens.
pub(super) const CONTROL: u8 = 0xF8;
const ESCAPED: u8 = CONTROL;
pub(super) const CALL_STARTS: u8 = CONTROL + 1;
pub(super) const CALL_ENDS: u8 = CONTROL + 2;

/// Returns the byte of a control token; `None` for those that occur in no answer.
pub(crate) fn control_byte(piece: &str) -> Option<u8> {
    // No vocabulary has the control tokens of both.
    let mut bytes = [&function_gemma::NOTATION, &gemma4::NOTATION]
        .into_iter()
        .flat_map(|it| [(it.quote, ESCAPED), (it.call[0], CALL_STARTS), (it.call[1], CALL_ENDS)]);
    bytes.find(|(name, _)| *name == piece).map(|(_, byte)| byte)
}

impl Syntax {
    /// Returns the quotes of a text.
    pub(super) fn quote(self) -> u8 {
        match self {
            Self::Json => b'"',
            Self::FunctionGemma | Self::Gemma4 => ESCAPED,
        }
    }

    /// Formats a fixed value.
    pub(super) fn literal(self, value: &Value) -> Vec<u8> {
        if self == Self::Json {
            return value.to_string().into_bytes();
        }
        let between = |open: u8, parts: Vec<Vec<u8>>, close: u8| {
            [&[open][..], &parts.join(&b','), &[close]].concat()
        };
        match value {
            Value::String(text) => between(ESCAPED, vec![text.clone().into_bytes()], ESCAPED),
            Value::Array(items) => {
                between(b'[', items.iter().map(|item| self.literal(item)).collect(), b']')
            }
            Value::Object(members) => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                self.order(&mut members, |(name, _)| name);
                let member = |(name, value): (&String, &Value)| {
                    [name.as_bytes(), b":", &self.literal(value)].concat()
                };
                between(b'{', members.into_iter().map(member).collect(), b'}')
            }
            other => other.to_string().into_bytes(),
        }
    }

    /// Sorts an object's members in the order in which they are written.
    pub(super) fn order<T>(self, members: &mut [T], name: impl Fn(&T) -> &str) {
        if self == Self::Gemma4 {
            members.sort_by_key(|member| name(member).to_lowercase());
        }
    }

    /// Returns a member's name with its end: the quote in JSON, otherwise the colon.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for a name that could not be parsed again.
    pub(super) fn name(self, name: &str) -> Result<Vec<u8>> {
        match self {
            Self::Json => Ok(Value::from(name).to_string().into_bytes()),
            Self::FunctionGemma | Self::Gemma4 => Ok([bare(name)?.as_bytes(), b":"].concat()),
        }
    }
}

/// Whether a name needs no quotes.
pub(super) fn bare(name: &str) -> Result<&str> {
    let is_bare = !name.is_empty()
        && name.trim() == name
        && !name.contains(['{', '}', '[', ']', ':', ',', '\n']);
    if is_bare {
        return Ok(name);
    }
    Err(Error::invalid(
        "a tool's names must be words for this model, without brackets, colons, commas or space around them",
    ))
}
