//! Gemini's own wire: `generateContent`, `streamGenerateContent`, `countTokens`.

mod request;
mod response;
mod schema;

use serde_json::Value;

use super::{Dialect, Draft, HttpRequest, Task};
use crate::{Piece, Request, Result};

/// Where Google serves it. A `baseUrl` of one's own replaces this.
const BASE_URL: &str = "https://generativelanguage.googleapis.com";

/// A model on Gemini's wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemini {
    /// `gemini-…`, or a longer path such as `projects/…/models/…`.
    pub model: String,
    /// Google's, or one's own proxy.
    pub base_url: Option<String>,
    /// Sent as they are.
    pub safety_settings: Vec<Value>,
}

impl Dialect for Gemini {
    fn request(&self, request: &Request, task: Task) -> Result<HttpRequest> {
        self.http(request, task)
    }

    fn take(&mut self, json: &Value, draft: &mut Draft) -> Option<Piece> {
        response::take(json, draft)
    }
}
