//! How values are spelled: as JSON, or as FunctionGemma spells arguments.
//!
//! ```text
//! {"city":"Tokyo","days":[1,2]}            JSON
//! {city:<escape>Tokyo<escape>,days:[1,2]}  FunctionGemma: bare names, no white space,
//!                                          no escapes
//! {city:<|"|>Tokyo<|"|>,days:[1,2]}        Gemma 4: the same with its own pieces,
//!                                          members by name
//! ```
//! Control pieces are no text. For the machine each is one byte that no UTF-8 contains.

use hybridge_core::{Error, Result};
use serde_json::Value;

use crate::tools::{function_gemma, gemma4};

/// A way to spell values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// As everywhere.
    #[default]
    Json,
    /// Calls between FunctionGemma's control pieces.
    FunctionGemma,
    /// Calls between Gemma 4's.
    Gemma4,
}

/// Every byte from here on stands for a control piece.
pub(super) const CONTROL: u8 = 0xF8;
const ESCAPED: u8 = CONTROL;
pub(super) const CALL_STARTS: u8 = CONTROL + 1;
pub(super) const CALL_ENDS: u8 = CONTROL + 2;

/// The byte that stands for a control piece; nothing for those that no answer holds.
pub(crate) fn control_byte(piece: &str) -> Option<u8> {
    // No vocabulary has the pieces of both.
    let mut bytes = [&function_gemma::NOTATION, &gemma4::NOTATION]
        .into_iter()
        .flat_map(|it| [(it.quote, ESCAPED), (it.call[0], CALL_STARTS), (it.call[1], CALL_ENDS)]);
    bytes.find(|(name, _)| *name == piece).map(|(_, byte)| byte)
}

impl Syntax {
    /// The quotes of a text.
    pub(super) fn quote(self) -> u8 {
        match self {
            Self::Json => b'"',
            Self::FunctionGemma | Self::Gemma4 => ESCAPED,
        }
    }

    /// A fixed value.
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

    /// Brings an object's members into the order in which they are written.
    pub(super) fn order<T>(self, members: &mut [T], name: impl Fn(&T) -> &str) {
        if self == Self::Gemma4 {
            members.sort_by_key(|member| name(member).to_lowercase());
        }
    }

    /// A member's name, with what ends it. In JSON that is the quote, else the colon.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name that would not be read back.
    pub(super) fn name(self, name: &str) -> Result<Vec<u8>> {
        match self {
            Self::Json => Ok(Value::from(name).to_string().into_bytes()),
            Self::FunctionGemma | Self::Gemma4 => Ok([bare(name)?.as_bytes(), b":"].concat()),
        }
    }
}

/// A name that needs no quotes.
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
