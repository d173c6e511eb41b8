//! OpenAI's chat completions, which NIM, vLLM, llama.cpp, Ollama and many others implement too.

mod request;
mod response;

use serde_json::Value;

use super::{Dialect, Draft, HttpRequest, Task};
use crate::{Piece, Request, Result};
use response::ToolCalls;

/// A model served by chat completions.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAi {
    /// The model's name.
    pub model: String,
    /// The base address, to which `/chat/completions` is appended, for example
    /// `http://localhost:8000/v1`.
    pub base_url: String,
}

/// One call of the model.
#[derive(Debug)]
pub(super) struct OpenAiCall {
    service: OpenAi,
    calls: ToolCalls,
}

impl OpenAiCall {
    pub(super) fn new(service: OpenAi) -> Self {
        Self { service, calls: ToolCalls::default() }
    }
}

impl Dialect for OpenAiCall {
    fn request(&self, request: &Request, task: Task) -> Result<HttpRequest> {
        self.service.http(request, task)
    }

    fn is_end(&self, data: &str) -> bool {
        data == "[DONE]"
    }

    fn take(&mut self, json: &Value, draft: &mut Draft) -> Option<Piece> {
        response::take(json, &mut self.calls, draft)
    }

    fn finish(&mut self, draft: &mut Draft, pieces: &mut Vec<Piece>) {
        response::finish(&mut self.calls, draft, pieces);
    }
}
