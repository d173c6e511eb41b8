//! What travels: messages, requests, chunks and replies, as the public TypeScript types spell them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the model.
    System,
    /// The person.
    User,
    /// The model.
    Model,
    /// Results of tools.
    Tool,
}

/// One piece of a message: exactly one kind of content, with optional metadata beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What the piece is.
    #[serde(flatten)]
    pub content: Content,
    /// What travels with it untouched, for example a thought's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// The kinds of content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// Words.
    Text(String),
    /// The model's thinking, kept apart from its answer.
    Reasoning(String),
    /// A picture, sound or document, as a `data:` or other URL.
    Media(Media),
    /// The model asks for a tool.
    ToolRequest(ToolRequest),
    /// What the tool answered.
    ToolResponse(ToolResponse),
    /// Structured data.
    Data(Value),
    /// Anything else.
    Custom(Map<String, Value>),
}

/// A picture, sound or document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// A `data:` or other URL.
    pub url: String,
    /// Its type, where the URL does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// The model asks for a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Which call this is, so that the response finds it.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResponse {
    /// The tool's name.
    pub name: String,
    /// Its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Which call this answers.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Part {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text(text.into()).into()
    }

    /// A piece of thinking.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Content::Reasoning(text.into()).into()
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing would be seen of it: empty text, empty thinking.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Text(text) | Content::Reasoning(text) if text.is_empty())
    }
}

impl From<Content> for Part {
    fn from(content: Content) -> Self {
        Self { content, metadata: None }
    }
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Vec<Part>,
    /// What travels with it untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Message {
    /// A turn of one piece of text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: vec![Part::text(text)], metadata: None }
    }

    /// All its text, joined.
    #[must_use]
    pub fn joined_text(&self) -> String {
        self.content.iter().filter_map(Part::as_text).collect()
    }
}

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

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// It was complete, or met a stop sequence.
    #[default]
    Stop,
    /// It reached `maxOutputTokens` or the context's end.
    Length,
    /// The service refused the prompt or the answer.
    Blocked,
    /// It waits for the caller, for example for a tool.
    Interrupted,
    /// It was stopped.
    Aborted,
    /// A known reason with no word here.
    Other,
    /// No reason was given.
    Unknown,
}

/// What an answer cost, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Both, and thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Tokens thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thoughts_tokens: Option<u64>,
    /// Tokens that did not have to be read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_content_tokens: Option<u64>,
}

/// How sure the model was, from the log-probabilities of the tokens it chose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confidence {
    /// Over how many tokens.
    pub tokens: u64,
    /// Their mean.
    pub mean_logprob: f64,
    /// The least sure one.
    pub min_logprob: f64,
    /// The 10 % quantile.
    pub p10_logprob: f64,
}

impl Confidence {
    /// Summarises log-probabilities; `None` for none.
    #[must_use]
    pub fn of(logprobs: &[f64]) -> Option<Self> {
        let mut sorted = logprobs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let &min_logprob = sorted.first()?;
        // Nearest rank: the smallest value with at least a tenth of all at or below it.
        let rank = sorted.len().div_ceil(10).saturating_sub(1);
        let p10_logprob = sorted.get(rank).copied().unwrap_or(min_logprob);
        #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
        let mean_logprob = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Some(Self { tokens: sorted.len() as u64, mean_logprob, min_logprob, p10_logprob })
    }
}

/// One piece of an answer on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Piece {
    /// What arrived.
    pub content: Vec<Part>,
    /// Log-probabilities of its tokens, where the runtime knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f64>>,
}

/// A branch's whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// What the model said.
    pub message: Message,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: FinishReason,
    /// The provider's own word for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_message: Option<String>,
    /// What it cost.
    #[serde(default)]
    pub usage: Usage,
    /// How sure the model was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// What the service said, as it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::{Confidence, Content, Message, Part, Request, Role};

    #[test]
    fn parts_travel_as_the_public_types_spell_them() {
        for json in [
            r#"{"text":"hi"}"#,
            r#"{"reasoning":"hm","metadata":{"signature":"x"}}"#,
            r#"{"media":{"url":"data:,x","contentType":"text/plain"}}"#,
            r#"{"toolRequest":{"name":"f","input":{"a":1},"ref":"1"}}"#,
            r#"{"toolResponse":{"name":"f","output":2,"ref":"1"}}"#,
            r#"{"data":[1,2]}"#,
            r#"{"custom":{"a":1}}"#,
        ] {
            let part: Part = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&part).unwrap(), json);
        }
        assert!(serde_json::from_str::<Part>(r#"{"nonsense":1}"#).is_err());
    }

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

    #[test]
    fn confidence_is_by_nearest_rank() {
        assert_eq!(Confidence::of(&[]), None);
        let twenty: Vec<f64> = (1..=20).map(|it| -f64::from(it)).collect();
        let confidence = Confidence::of(&twenty).unwrap();
        assert_eq!(
            (confidence.tokens, confidence.min_logprob, confidence.p10_logprob),
            (20, -20.0, -19.0)
        );
        assert!((confidence.mean_logprob + 10.5).abs() < 1e-12);
    }

    #[test]
    fn empty_text_shows_nothing() {
        assert!(Part::text("").is_empty());
        assert!(Part::reasoning("").is_empty());
        assert!(!Part::from(Content::Data(serde_json::Value::Null)).is_empty());
    }
}
