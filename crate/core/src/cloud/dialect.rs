//! The interface of a service's wire format.

use serde_json::Value;

use super::Draft;
use crate::{Piece, Request, Result};

/// The purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The whole answer at once.
    Generate,
    /// The answer in pieces.
    Stream,
    /// The number of the request's tokens: a reply with nothing but `usage.input_tokens`.
    Count,
}

impl Task {
    /// Reads `generate`, `stream` or `count`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "generate" => Some(Self::Generate),
            "stream" => Some(Self::Stream),
            "count" => Some(Self::Count),
            _ => None,
        }
    }
}

/// A request to send by POST. It does not contain the key: the sender adds it in the header named
/// here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The full address. It never contains a key.
    pub url: String,
    /// The header that carries the key.
    pub key_header: &'static str,
    /// The prefix of the key in that header.
    pub key_prefix: &'static str,
    /// JSON, sent as `application/json`: the one header a dialect needs besides the key.
    pub body: String,
}

/// One call in a service's wire format. It may keep state between events, and serves one call only.
pub trait Dialect {
    /// Writes the request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a request that the service cannot take, `UNIMPLEMENTED` for a task it
    /// does not offer.
    fn request(&self, request: &Request, task: Task) -> Result<HttpRequest>;

    /// Whether this event's data ends the stream.
    fn is_end(&self, _data: &str) -> bool {
        false
    }

    /// Adds one JSON value of the response to the draft and returns what of it can be shown.
    fn take(&mut self, json: &Value, draft: &mut Draft) -> Option<Piece>;

    /// Completes the draft after the last value.
    fn finish(&mut self, _draft: &mut Draft, _pieces: &mut Vec<Piece>) {}
}

// Not a bound of the trait: the table of each dialect would bring the printing of all its fields
// into every page.
impl std::fmt::Debug for dyn Dialect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Dialect")
    }
}
