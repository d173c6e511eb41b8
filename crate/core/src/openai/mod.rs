//! OpenAI's chat completions, which NIM, vLLM, llama.cpp, Ollama and many others speak too.

mod request;
mod response;

pub(crate) use response::{ToolCalls, finish, take};

/// A model behind chat completions.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAi {
    /// Its name there.
    pub model: String,
    /// The address up to `/chat/completions`, for example `http://localhost:8000/v1`.
    pub base_url: String,
}
