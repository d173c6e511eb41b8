//! Messages and their parts, as the public TypeScript types spell them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::json::{self, Fields, FromJson};
use crate::{Error, Result};

/// The author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the model.
    System,
    /// The user.
    User,
    /// The model.
    Model,
    /// Results of tools.
    Tool,
}

/// One part of a message: exactly one kind of content, with optional metadata.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// The content.
    #[serde(flatten)]
    pub content: Content,
    /// Metadata, passed on unchanged, for example a thought's signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// The kinds of content.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// Text.
    Text(String),
    /// The model's reasoning, separate from its answer.
    Reasoning(String),
    /// An image, audio file or document, as a `data:` or other URL.
    Media(Media),
    /// A tool call by the model.
    ToolRequest(ToolRequest),
    /// The result of a tool call.
    ToolResponse(ToolResponse),
    /// Structured data.
    Data(Value),
    /// Custom content.
    Custom(Map<String, Value>),
}

/// An image, audio file or document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// A `data:` or other URL.
    pub url: String,
    /// The media type, if the URL does not contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// A tool call by the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolRequest {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The ID of this call, to match it with its response.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The result of a tool call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolResponse {
    /// The tool's name.
    pub name: String,
    /// Its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The ID of the call that this answers.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Part {
    /// Creates a text part.
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text(text.into()).into()
    }

    /// Creates a reasoning part.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Content::Reasoning(text.into()).into()
    }

    /// Returns the text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing of the part would be visible: empty text, empty reasoning.
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

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The author's role.
    pub role: Role,
    /// The parts.
    pub content: Vec<Part>,
    /// Metadata, passed on unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Message {
    /// Creates a message with one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: vec![Part::text(text)], metadata: None }
    }

    /// Reads a list of messages from JSON text.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with the name of the invalid field and without its value.
    pub fn list(json: &str) -> Result<Vec<Self>> {
        match json::parse(json, "the messages")? {
            Value::Array(list) => list.into_iter().map(Self::from_json).collect(),
            _ => Err(Error::invalid("the messages must be an array")),
        }
    }

    /// Whether this is a partial answer that the model is to continue.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        let mark = self.metadata.as_ref().and_then(|it| it.get("prefix"));
        self.role == Role::Model && mark == Some(&Value::Bool(true))
    }

    /// Returns all its text, joined.
    #[must_use]
    pub fn joined_text(&self) -> String {
        self.content.iter().filter_map(Part::as_text).collect()
    }
}

impl FromJson for Part {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("a part", json);
        let metadata = fields.map("metadata");
        let content = if let Some(text) = fields.text("text") {
            Content::Text(text)
        } else if let Some(text) = fields.text("reasoning") {
            Content::Reasoning(text)
        } else if let Some(media) = fields.read("media") {
            Content::Media(media)
        } else if let Some(call) = fields.read("toolRequest") {
            Content::ToolRequest(call)
        } else if let Some(result) = fields.read("toolResponse") {
            Content::ToolResponse(result)
        } else if let Some(data) = fields.any("data") {
            Content::Data(data)
        } else if let Some(custom) = fields.map("custom") {
            Content::Custom(custom)
        } else {
            let nothing = Error::invalid(
                "a part needs text, reasoning, media, toolRequest, toolResponse, data or custom",
            );
            return fields.done(()).and(Err(nothing));
        };
        fields.done(Self { content, metadata })
    }
}

impl FromJson for Media {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("media", json);
        let (url, content_type) = (fields.required_text("url"), fields.text("contentType"));
        fields.done(Self { url, content_type })
    }
}

impl FromJson for ToolRequest {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("toolRequest", json);
        let (name, reference) = (fields.required_text("name"), fields.text("ref"));
        let input = fields.value("input");
        fields.done(Self { name, input, reference })
    }
}

impl FromJson for ToolResponse {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("toolResponse", json);
        let (name, reference) = (fields.required_text("name"), fields.text("ref"));
        let output = fields.value("output");
        fields.done(Self { name, output, reference })
    }
}

impl FromJson for Message {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("a message", json);
        let role = match fields.text("role").as_deref() {
            Some("system") => Role::System,
            Some("user") => Role::User,
            Some("model") => Role::Model,
            Some("tool") => Role::Tool,
            _ => {
                fields.wrong("role", "system, user, model or tool");
                Role::User
            }
        };
        let (content, metadata) = (fields.each("content"), fields.map("metadata"));
        fields.done(Self { role, content, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Part};
    use crate::json::FromJson as _;

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
            let part = Part::from_json(serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!(serde_json::to_string(&part).unwrap(), json);
        }
        assert!(Part::from_json(serde_json::json!({"nonsense": 1})).is_err());
    }

    #[test]
    fn empty_text_is_invisible() {
        assert!(Part::text("").is_empty());
        assert!(Part::reasoning("").is_empty());
        assert!(!Part::from(Content::Data(serde_json::Value::Null)).is_empty());
    }
}
