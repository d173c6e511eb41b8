//! Requests: what a strategy judges and a branch runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::message::Message;

/// A request with its shorthands resolved: what a strategy judges and a branch runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// How to sample.
    pub config: Config,
    /// What the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Whether it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// What the answer must look like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// How to sample. Absent means the branch's own default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// 0 is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Only the k most likely tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Only the most likely tokens that together reach p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only tokens at least this likely, relative to the most likely one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Same seed, same text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Where to stop at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Texts that end the answer. At most five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// Options meant for one branch only, by branch key; never sent to another.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub branches: Map<String, Value>,
    /// Further options a branch may know by name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A tool the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does, for the model to read.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// JSON Schema of its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

/// Whether the model calls a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// It must.
    Required,
    /// It must not.
    None,
}

/// What the answer must look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// Text unless said otherwise; a schema alone means JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What the JSON must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// The two forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Words.
    Text,
    /// One JSON value.
    Json,
}

impl Request {
    /// Whether the answer must be JSON.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.output.as_ref().is_some_and(|output| {
            output.format == Some(Format::Json)
                || (output.format.is_none() && output.schema.is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Request;
    use crate::message::{Message, Role};

    #[test]
    fn a_request_keeps_what_it_does_not_know_apart() {
        let request: Request = serde_json::from_str(
            r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"config":{"topK":3,"thinkingConfig":{"x":1}}}"#,
        )
        .unwrap();
        assert_eq!(request.messages, [Message::text(Role::User, "hi")]);
        assert_eq!(request.config.top_k, Some(3));
        assert!(request.config.extra.contains_key("thinkingConfig"));
    }
}
