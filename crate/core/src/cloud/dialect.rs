//! The interface of a service's wire format.

use serde_json::Value;

use super::Draft;
use crate::{Piece, Request, Result};

/// The task of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Generate a complete answer.
    Generate,
    /// Stream an answer in chunks.
    Stream,
    /// Count the request's tokens: the reply contains only `usage.input_tokens`.
    Count,
}

impl Task {
    /// Parses `generate`, `stream` or `count`.
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

/// A request to send by POST. It does not contain the key, which the sender adds in the header
/// named here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The full URL. It never contains a key.
    pub url: String,
    /// The name of the header for the key.
    pub key_header: &'static str,
    /// The prefix of the key in that header.
    pub key_prefix: &'static str,
    /// JSON, sent as `application/json`, the only header needed besides the key.
    pub body: String,
}

/// One call in a service's wire format. It may have state between events, and serves one call only.
pub trait Dialect {
    /// Creates the request.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for a request that the service does not support, `UNIMPLEMENTED`
    /// for a task that it does not offer.
    fn request(&self, request: &Request, task: Task) -> Result<HttpRequest>;

    /// Whether this event's data ends the stream.
    fn is_end(&self, _data: &str) -> bool {
        false
    }

    /// Adds one JSON value of the response to the draft and returns its new content.
    fn take(&mut self, json: &Value, draft: &mut Draft) -> Option<Piece>;

    /// Completes the draft after the last value.
    fn finish(&mut self, _draft: &mut Draft, _pieces: &mut Vec<Piece>) {}
}

// Not a supertrait, because the tables of each dialect would add the formatting of all their fields
// to every page.
impl std::fmt::Debug for dyn Dialect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Dialect")
    }
}
