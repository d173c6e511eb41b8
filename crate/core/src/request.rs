//! Requests, as strategies judge them and branches run them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Result;
use crate::json::{self, Fields, FromJson};
use crate::message::Message;

/// A request in full form, with its shorthands expanded.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The sampling configuration.
    pub config: Config,
    /// The tools that the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Whether the model must call a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// The required form of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

/// The sampling configuration. Absent values mean the branch's own default.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Temperature; 0 is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Sample from the k most likely tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Sample from the most likely tokens that together reach probability p only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sample tokens of at least this probability only, relative to the most likely one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Seed; the same seed gives the same text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The maximum number of tokens to generate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u32>,
    /// Texts that end the answer. At most five.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
    /// Options for one branch only, by branch key. They are never sent to another.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub branches: Map<String, Value>,
    /// Further options, which a branch may support.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolDefinition {
    /// The tool's name.
    pub name: String,
    /// The description, for the model.
    pub description: String,
    /// JSON Schema of its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// JSON Schema of its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

/// Whether the model calls a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// The model must call a tool.
    Required,
    /// The model must not call a tool.
    None,
}

/// The required form of the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Output {
    /// Text by default; a schema alone means JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The schema of the JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// The two forms of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text.
    Text,
    /// One JSON value.
    Json,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with the name of the invalid field and without its value.
    pub fn from_json(json: Value) -> Result<Self> {
        FromJson::from_json(json)
    }

    /// Reads a request from JSON text.
    ///
    /// # Errors
    ///
    /// As for [`Self::read`].
    pub fn parse(json: &str) -> Result<Self> {
        FromJson::from_json(json::parse(json, "the request")?)
    }

    /// Whether the answer must be JSON.
    #[must_use]
    pub fn wants_json(&self) -> bool {
        self.output.as_ref().is_some_and(|output| {
            output.format == Some(Format::Json)
                || (output.format.is_none() && output.schema.is_some())
        })
    }
}

impl FromJson for Request {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the request", json);
        let request = Self {
            messages: fields.each("messages"),
            config: fields.read("config").unwrap_or_default(),
            tools: fields.each("tools"),
            tool_choice: match fields.text("toolChoice").as_deref() {
                None => None,
                Some("auto") => Some(ToolChoice::Auto),
                Some("required") => Some(ToolChoice::Required),
                Some("none") => Some(ToolChoice::None),
                Some(_) => {
                    fields.wrong("toolChoice", "auto, required or none");
                    None
                }
            },
            output: fields.read("output"),
        };
        fields.done(request)
    }
}

impl FromJson for Config {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("config", json);
        let config = Self {
            stop_sequences: fields.keys("stopSequences"),
            temperature: fields.number("temperature"),
            top_k: fields.small_count("topK"),
            top_p: fields.number("topP"),
            min_p: fields.number("minP"),
            seed: fields.count("seed"),
            max_output_tokens: fields.small_count("maxOutputTokens"),
            branches: fields.map("branches").unwrap_or_default(),
            extra: fields.rest(),
        };
        fields.done(config)
    }
}

impl FromJson for ToolDefinition {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("a tool", json);
        let tool = Self {
            name: fields.required_text("name"),
            description: fields.text("description").unwrap_or_default(),
            input_schema: fields.value("inputSchema"),
            output_schema: fields.value("outputSchema"),
        };
        fields.done(tool)
    }
}

impl FromJson for Output {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("output", json);
        let format = match fields.text("format").as_deref() {
            None => None,
            Some("text") => Some(Format::Text),
            Some("json") => Some(Format::Json),
            Some(_) => {
                fields.wrong("format", "text or json");
                None
            }
        };
        let schema = fields.value("schema");
        fields.done(Self { format, schema })
    }
}

#[cfg(test)]
mod tests {
    use super::Request;
    use crate::message::{Message, Role};

    #[test]
    fn unknown_fields_of_a_request_are_kept_apart() {
        let request = Request::parse(
            r#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"config":{"topK":3,"thinkingConfig":{"x":1}}}"#,
        )
        .unwrap();
        assert_eq!(request.messages, [Message::text(Role::User, "hi")]);
        assert_eq!(request.config.top_k, Some(3));
        assert!(request.config.extra.contains_key("thinkingConfig"));
    }

    #[test]
    fn an_invalid_field_is_named_and_not_quoted() {
        for (json, expected) in [
            ("[]", "the request must be an object"),
            (r#"{"messages":1}"#, "`messages` of the request must be an array"),
            (r#"{"messages":["secret"]}"#, "a message must be an object"),
            (
                r#"{"messages":[{"role":"secret"}]}"#,
                "`role` of a message must be system, user, model or tool",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"media":{"url":7}}]}]}"#,
                "`url` of media must be a string",
            ),
            (r#"{"config":{"topK":1.5}}"#, "`topK` of config must be a whole number of at least 0"),
            (r#"{"config":{"temperature":"hot"}}"#, "`temperature` of config must be a number"),
            (
                r#"{"config":{"stopSequences":[1]}}"#,
                "`stopSequences` of config must be an array of strings",
            ),
            (r#"{"tools":[{}]}"#, "`name` of a tool must be a string"),
            (
                r#"{"toolChoice":"secret"}"#,
                "`toolChoice` of the request must be auto, required or none",
            ),
            (r#"{"output":{"format":"xml"}}"#, "`format` of output must be text or json"),
        ] {
            let error = Request::parse(json).unwrap_err().message;
            assert!(error.starts_with(expected), "{json}: {error}");
        }
        let nulls = r#"{"messages":null,"config":{"topK":null},"output":null,"toolChoice":null}"#;
        assert_eq!(Request::parse(nulls).unwrap(), Request::default());
    }
}
