//! Gemini's API: `generateContent`, `streamGenerateContent`, `countTokens`.

mod request;
mod response;
mod schema;

use serde_json::Value;

use super::{Dialect, Draft, HttpRequest, Task};
use crate::{Piece, Request, Result};

/// Google's address, replaced by `baseUrl`.
const BASE_URL: &str = "https://generativelanguage.googleapis.com";

/// A model served by Gemini's API.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemini {
    /// `gemini-…`, or a longer path such as `projects/…/models/…`.
    pub model: String,
    /// Google's address, or that of a proxy.
    pub base_url: Option<String>,
    /// Sent unchanged.
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
