//! The service of a call.

use serde_json::Value;

use super::gemini::Gemini;
use super::openai::{OpenAi, OpenAiCall};
use super::{Dialect, Exchange, HttpRequest, Task};
use crate::json::Fields;
use crate::{Request, Result};

/// A service and its wire format.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    /// Google's Gemini API.
    Gemini(Gemini),
    /// Chat completions, from any server that offers them.
    OpenAi(OpenAi),
}

impl Service {
    /// Reads `{ dialect: 'gemini' | 'openai', model, baseUrl, safetySettings }`.
    ///
    /// # Errors Returns `INVALID_ARGUMENT` with the name of the invalid field.
    pub fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the service", json);
        let model = fields.required_text("model");
        let dialect = fields.text("dialect");
        let service = if dialect.as_deref() == Some("openai") {
            Self::OpenAi(OpenAi { model, base_url: fields.required_text("baseUrl") })
        } else {
            if dialect.as_deref() != Some("gemini") {
                fields.wrong("dialect", "gemini or openai");
            }
            Self::Gemini(Gemini {
                model,
                base_url: fields.text("baseUrl"),
                safety_settings: fields.list("safetySettings"),
            })
        };
        fields.done(service)
    }

    /// Creates a call of this service and its request.
    ///
    /// # Errors
    ///
    /// As for [`Dialect::request`].
    pub fn call(&self, request: &Request, task: Task) -> Result<(Exchange, HttpRequest)> {
        let dialect: Box<dyn Dialect> = match self {
            Self::Gemini(gemini) => Box::new(gemini.clone()),
            Self::OpenAi(openai) => Box::new(OpenAiCall::new(openai.clone())),
        };
        Exchange::new(dialect, request, task)
    }
}
