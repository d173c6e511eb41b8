//! Converts a request to chat completions.

use serde_json::{Map, Value};

use super::OpenAi;
use crate::cloud::continuation::request_to_continue;
use crate::cloud::data_url::DataUrl;
use crate::cloud::{HttpRequest, Task};
use crate::json::{Build as _, object, text, written};
use crate::{
    Content, Error, Media, Message, Part, Request, Result, Role, ToolChoice, ToolDefinition,
};

impl OpenAi {
    /// Creates the HTTP request.
    pub(super) fn http(&self, request: &Request, task: Task) -> Result<HttpRequest> {
        let mut body = self.body(request)?;
        match task {
            Task::Generate => {}
            Task::Stream => {
                body.put("stream", true.into());
                body.put("stream_options", object([("include_usage", true.into())]));
            }
            Task::Count => {
                let message = "chat completions have no call that counts tokens";
                return Err(Error::new(crate::Status::Unimplemented, message));
            }
        }
        for (name, value) in request.config.extra.iter().filter(|(_, value)| !value.is_null()) {
            body.put(name, value.clone());
        }
        Ok(HttpRequest {
            url: format!("{}/chat/completions", self.base_url.trim_end_matches('/')),
            key_header: "authorization",
            key_prefix: "Bearer ",
            body: written(&Value::Object(body)),
        })
    }

    fn body(&self, request: &Request) -> Result<Map<String, Value>> {
        let mut body = Map::new();
        body.put_text("model", &self.model);
        body.put("messages", ChatMessages::default().all(&request.messages)?.into());
        let config = &request.config;
        body.put_some("temperature", config.temperature.map(Value::from));
        body.put_some("top_p", config.top_p.map(Value::from));
        // Not OpenAI's own options, but those of self-hosted servers.
        body.put_some("top_k", config.top_k.map(Value::from));
        body.put_some("min_p", config.min_p.map(Value::from));
        body.put_some("seed", config.seed.map(Value::from));
        body.put_some("max_tokens", config.max_output_tokens.map(Value::from));
        if !config.stop_sequences.is_empty() {
            body.put("stop", config.stop_sequences.clone().into());
        }
        if !request.tools.is_empty() {
            body.put("tools", request.tools.iter().map(tool).collect());
            let choice = request.tool_choice.map(|choice| match choice {
                ToolChoice::Auto => "auto",
                ToolChoice::Required => "required",
                ToolChoice::None => "none",
            });
            body.put_some("tool_choice", choice.map(text));
        }
        if request.wants_json() {
            let schema = request.output.as_ref().and_then(|output| output.schema.as_ref());
            body.put("response_format", response_format(schema));
        }
        Ok(body)
    }
}

fn tool(tool: &ToolDefinition) -> Value {
    let mut function = Map::new();
    function.put_text("name", &tool.name);
    function.put_text("description", &tool.description);
    function.put_some("parameters", tool.input_schema.clone());
    object([("type", text("function")), ("function", function.into())])
}

fn response_format(schema: Option<&Value>) -> Value {
    let Some(schema) = schema else { return object([("type", text("json_object"))]) };
    let named = object([
        ("name", text("output")),
        ("schema", schema.clone()),
        ("strict", is_strict(schema).into()),
    ]);
    object([("type", text("json_schema")), ("json_schema", named)])
}

/// Whether OpenAI's strict mode supports the schema: every object closed, every property required.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(list) => list.iter().all(is_strict),
        Value::Object(map) => {
            let properties = map.get("properties").and_then(Value::as_object);
            let required = map.get("required").and_then(Value::as_array);
            let is_closed = map.get("additionalProperties").and_then(Value::as_bool) == Some(false);
            let is_object = map.get("type").and_then(Value::as_str) == Some("object");
            let has_all = properties.is_none_or(|properties| {
                properties.keys().all(|name| {
                    required
                        .is_some_and(|required| required.iter().any(|it| it.as_str() == Some(name)))
                })
            });
            (!is_object && properties.is_none() || is_closed && has_all)
                && map.values().all(is_strict)
        }
        _ => true,
    }
}

/// The messages so far in wire format, and the calls without a result.
#[derive(Default)]
struct ChatMessages {
    wire: Vec<Value>,
    made: usize,
    /// Name and ID of every call without a result.
    open: Vec<(String, String)>,
}

impl ChatMessages {
    fn all(mut self, messages: &[Message]) -> Result<Vec<Value>> {
        for message in messages {
            match message.role {
                Role::System | Role::User => self.said(message)?,
                Role::Model => self.answered(message),
                Role::Tool => self.returned(message),
            }
        }
        if let Some(asked) = request_to_continue(messages) {
            self.wire.push(object([("role", text("user")), ("content", asked.into())]));
        }
        if self.wire.is_empty() {
            return Err(Error::invalid("the request has no message with content"));
        }
        Ok(self.wire)
    }

    /// Text only is sent as a string, which every server supports.
    fn said(&mut self, message: &Message) -> Result<()> {
        let role = if message.role == Role::System { "system" } else { "user" };
        let is_text = |part: &Part| matches!(part.content, Content::Text(_) | Content::Data(_));
        let content: Value = if message.content.iter().all(is_text) {
            let said: String = message.content.iter().filter_map(words).collect();
            if said.is_empty() {
                return Ok(());
            }
            said.into()
        } else if message.role == Role::System {
            return Err(Error::invalid("a system message may hold text only"));
        } else {
            let parts = message.content.iter().map(wire_part).collect::<Result<Vec<_>>>()?;
            parts.into_iter().flatten().collect()
        };
        self.wire.push(object([("role", text(role)), ("content", content)]));
        Ok(())
    }

    /// Reasoning is not sent back, because no server expects it.
    fn answered(&mut self, message: &Message) {
        let said: String = message.content.iter().filter_map(words).collect();
        let mut calls = Vec::new();
        for part in &message.content {
            let Content::ToolRequest(call) = &part.content else { continue };
            let id = call.reference.clone().unwrap_or_else(|| {
                self.made += 1;
                format!("call_{}", self.made)
            });
            let arguments = call.input.as_ref().map_or_else(|| "{}".to_owned(), written);
            let function = object([("name", text(&call.name)), ("arguments", arguments.into())]);
            calls.push(object([
                ("id", text(&id)),
                ("type", text("function")),
                ("function", function),
            ]));
            self.open.push((call.name.clone(), id));
        }
        if said.is_empty() && calls.is_empty() {
            return;
        }
        let mut wire = Map::new();
        wire.put_text("role", "assistant");
        wire.put("content", if said.is_empty() { Value::Null } else { said.into() });
        if !calls.is_empty() {
            wire.put("tool_calls", calls.into());
        }
        self.wire.push(wire.into());
    }

    fn returned(&mut self, message: &Message) {
        for part in &message.content {
            let Content::ToolResponse(result) = &part.content else { continue };
            let position = self.open.iter().position(|(name, id)| match &result.reference {
                Some(reference) => id == reference,
                None => *name == result.name,
            });
            let open = position.map(|position| self.open.remove(position));
            let id = result.reference.clone().or(open.map(|(_, id)| id)).unwrap_or_default();
            let content = match &result.output {
                Some(Value::String(text)) => text.clone(),
                Some(output) => written(output),
                None => String::new(),
            };
            self.wire.push(object([
                ("role", text("tool")),
                ("tool_call_id", id.into()),
                ("content", content.into()),
            ]));
        }
    }
}

/// Returns the text of a part, if it has any.
fn words(part: &Part) -> Option<String> {
    match &part.content {
        Content::Text(text) => Some(text.clone()),
        Content::Data(data) => Some(written(data)),
        _ => None,
    }
}

fn wire_part(part: &Part) -> Result<Option<Value>> {
    Ok(match &part.content {
        Content::Text(_) | Content::Data(_) => words(part)
            .filter(|it| !it.is_empty())
            .map(|it| object([("type", text("text")), ("text", it.into())])),
        Content::Media(media) => Some(wire_media(media)?),
        Content::Custom(custom) => Some(Value::Object(custom.clone())),
        Content::Reasoning(_) | Content::ToolRequest(_) | Content::ToolResponse(_) => None,
    })
}

fn wire_media(media: &Media) -> Result<Value> {
    let data = DataUrl::of(media)?;
    let declared = media.content_type.as_deref();
    let content_type = data.as_ref().map(|it| it.content_type).or(declared).unwrap_or("image/*");
    let kind = content_type.split('/').next().unwrap_or_default();
    match (kind, &data) {
        _ if media.url.starts_with("blob:") => {
            Err(Error::invalid("a blob: URL means nothing outside this page; use a data: URL"))
        }
        ("image", _) => {
            let image = object([("url", text(&media.url))]);
            Ok(object([("type", text("image_url")), ("image_url", image)]))
        }
        ("audio", Some(data)) => {
            let format = match content_type {
                "audio/mpeg" => "mp3",
                other => {
                    let name = other.strip_prefix("audio/").unwrap_or(other);
                    name.strip_prefix("x-").unwrap_or(name)
                }
            };
            let audio = object([("data", text(&data.base64)), ("format", text(format))]);
            Ok(object([("type", text("input_audio")), ("input_audio", audio)]))
        }
        (_, Some(data)) => {
            let url = format!("data:{content_type};base64,{}", data.base64);
            let file = object([("filename", text("file")), ("file_data", url.into())]);
            Ok(object([("type", text("file")), ("file", file)]))
        }
        (_, None) => Err(Error::invalid(
            "chat completions take pictures by URL and everything else as a data: URL",
        )),
    }
}

#[cfg(test)]
mod tests;
