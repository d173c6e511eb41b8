//! Converts a request to Gemini's format.

use serde_json::{Map, Value};

use super::schema::accepted;
use super::{BASE_URL, Gemini};
use crate::cloud::continuation::request_to_continue;
use crate::cloud::data_url::DataUrl;
use crate::cloud::{HttpRequest, Task};
use crate::json::{Build as _, object, text, written};
use crate::{
    Config, Content, Error, Media, Message, Part, Request, Result, Role, ToolChoice, ToolDefinition,
};

/// Custom options that belong beside `generationConfig`; all others go into it.
const BESIDE_CONFIG: [&str; 6] =
    ["cachedContent", "labels", "safetySettings", "serviceTier", "store", "toolConfig"];

impl Gemini {
    /// Creates the HTTP request.
    pub(super) fn http(&self, request: &Request, task: Task) -> Result<HttpRequest> {
        let mut body = self.body(request)?;
        let method = match task {
            Task::Generate => "generateContent",
            Task::Stream => "streamGenerateContent?alt=sse",
            Task::Count => "countTokens",
        };
        if task == Task::Count {
            // Counting needs the whole request, or the system instruction and the tools are
            // ignored.
            body.put("model", self.path().into());
            body = Map::from_iter([("generateContentRequest".to_owned(), Value::Object(body))]);
        }
        Ok(HttpRequest {
            url: format!("{}/{}:{method}", self.root(), self.path()),
            key_header: "x-goog-api-key",
            key_prefix: "",
            body: written(&Value::Object(body)),
        })
    }

    /// Returns the address up to the version, which a proxy's may contain already.
    fn root(&self) -> String {
        let base = self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
        let has_version = ["/v1", "/v1beta", "/v1beta1", "/v1alpha"]
            .iter()
            .any(|version| base.ends_with(version));
        if has_version { base.to_owned() } else { format!("{base}/v1beta") }
    }

    fn path(&self) -> String {
        let folder = if self.model.contains('/') { "" } else { "models/" };
        let mut path = folder.to_owned();
        for byte in self.model.bytes() {
            match byte {
                b'A'..=b'Z'
                | b'a'..=b'z'
                | b'0'..=b'9'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'/'
                | b'@' => {
                    path.push(char::from(byte));
                }
                byte => path.push_str(&format!("%{byte:02X}")),
            }
        }
        path
    }

    fn body(&self, request: &Request) -> Result<Map<String, Value>> {
        let mut body = Map::new();
        let mut contents: Vec<Value> = Vec::new();
        let mut system: Vec<Value> = Vec::new();
        let mut last_role = None;
        for message in &request.messages {
            let parts = parts(message)?;
            if parts.is_empty() {
                continue;
            }
            if message.role == Role::System {
                system.extend(parts);
                continue;
            }
            // Answers to parallel calls belong in one turn.
            let is_same_turn = message.role == Role::Tool && last_role == Some(Role::Tool);
            last_role = Some(message.role);
            let previous = contents.last_mut().filter(|_| is_same_turn);
            match previous.and_then(|it| it.get_mut("parts")).and_then(Value::as_array_mut) {
                Some(turn) => turn.extend(parts),
                None => contents
                    .push(object([("role", text(role(message.role))), ("parts", parts.into())])),
            }
        }
        if let Some(asked) = request_to_continue(&request.messages) {
            let parts = vec![object([("text", asked.into())])];
            contents.push(object([("role", text("user")), ("parts", parts.into())]));
        }
        if contents.is_empty() {
            return Err(Error::invalid(
                "the request has no message with content besides the system's",
            ));
        }
        body.put("contents", contents.into());
        if !system.is_empty() {
            body.put("systemInstruction", object([("parts", system.into())]));
        }
        let mut tools: Vec<Value> = Vec::new();
        if !request.tools.is_empty() {
            let declarations: Vec<Value> = request.tools.iter().map(declaration).collect();
            tools.push(object([("functionDeclarations", declarations.into())]));
        }
        if let Some(choice) = request.tool_choice {
            let mode = match choice {
                ToolChoice::Auto => "AUTO",
                ToolChoice::Required => "ANY",
                ToolChoice::None => "NONE",
            };
            let config = object([("mode", text(mode))]);
            body.put("toolConfig", object([("functionCallingConfig", config)]));
        }
        if !self.safety_settings.is_empty() {
            body.put("safetySettings", self.safety_settings.clone().into());
        }
        let mut generation = generation_config(&request.config);
        if request.wants_json() {
            generation.put_text("responseMimeType", "application/json");
            let schema = request.output.as_ref().and_then(|output| output.schema.as_ref());
            generation.put_some("responseJsonSchema", schema.map(accepted));
        }
        for (name, value) in &request.config.extra {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("tools", Value::Array(more)) => tools.extend(more.iter().cloned()),
                ("candidateCount", count) if count.as_u64() != Some(1) => {
                    return Err(Error::invalid("candidateCount: only one candidate is supported"));
                }
                (name, value) if BESIDE_CONFIG.contains(&name) => body.put(name, value.clone()),
                (name, value) => generation.put(name, value.clone()),
            }
        }
        if !tools.is_empty() {
            body.put("tools", tools.into());
        }
        if !generation.is_empty() {
            body.put("generationConfig", generation.into());
        }
        Ok(body)
    }
}

/// `minP` has no counterpart and is left out.
fn generation_config(config: &Config) -> Map<String, Value> {
    let mut generation = Map::new();
    generation.put_some("temperature", config.temperature.map(Value::from));
    generation.put_some("topK", config.top_k.map(Value::from));
    generation.put_some("topP", config.top_p.map(Value::from));
    // Gemini's seed has 31 bits.
    generation.put_some("seed", config.seed.map(|seed| Value::from(seed & 0x7fff_ffff)));
    generation.put_some("maxOutputTokens", config.max_output_tokens.map(Value::from));
    if !config.stop_sequences.is_empty() {
        generation.put("stopSequences", config.stop_sequences.clone().into());
    }
    generation
}

fn declaration(tool: &ToolDefinition) -> Value {
    let mut declaration = Map::new();
    declaration.put_text("name", &tool.name);
    declaration.put_text("description", &tool.description);
    declaration.put_some("parametersJsonSchema", tool.input_schema.as_ref().map(accepted));
    declaration.into()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Model => "model",
        Role::System | Role::User | Role::Tool => "user",
    }
}

fn parts(message: &Message) -> Result<Vec<Value>> {
    let mut parts = Vec::with_capacity(message.content.len());
    for part in &message.content {
        if message.role == Role::System && part.as_text().is_none() {
            return Err(Error::invalid("a system message may hold text only"));
        }
        parts.extend(wire_part(part)?.map(Value::Object));
    }
    Ok(parts)
}

/// Returns `None` for parts that the service rejects or does not understand: an empty text, another
/// model's reasoning.
fn wire_part(part: &Part) -> Result<Option<Map<String, Value>>> {
    let signature = part.metadata.as_ref().and_then(|it| it.get("thoughtSignature"));
    let mut wire = Map::new();
    match &part.content {
        Content::Text(said) if said.is_empty() && signature.is_none() => return Ok(None),
        Content::Text(said) => wire.put_text("text", said),
        Content::Reasoning(_) if signature.is_none() => return Ok(None),
        Content::Reasoning(thought) => {
            wire.put_text("text", thought);
            wire.put("thought", true.into());
        }
        Content::Media(media) => {
            let (name, value) = wire_media(media)?;
            wire.put(name, value.into());
        }
        Content::ToolRequest(call) => {
            let mut wire_call = Map::new();
            wire_call.put_some("id", call.reference.as_deref().map(text));
            wire_call.put_text("name", &call.name);
            wire_call.put("args", call.input.clone().unwrap_or_else(|| object([])));
            wire.put("functionCall", wire_call.into());
        }
        Content::ToolResponse(result) => {
            let output = result.output.clone().unwrap_or_default();
            let response = if output.is_object() { output } else { object([("output", output)]) };
            let mut wire_result = Map::new();
            wire_result.put_some("id", result.reference.as_deref().map(text));
            wire_result.put_text("name", &result.name);
            wire_result.put("response", response);
            wire.put("functionResponse", wire_result.into());
        }
        Content::Data(data) => wire.put("text", written(data).into()),
        // A part of unknown type from this service is sent back unchanged.
        Content::Custom(custom) => wire.extend(custom.clone()),
    }
    wire.put_some("thoughtSignature", signature.cloned());
    Ok(Some(wire))
}

fn wire_media(media: &Media) -> Result<(&'static str, Map<String, Value>)> {
    let mut wire = Map::new();
    if let Some(data) = DataUrl::of(media)? {
        wire.put_text("mimeType", data.content_type);
        wire.put_text("data", &data.base64);
        return Ok(("inlineData", wire));
    }
    if media.url.starts_with("blob:") {
        return Err(Error::invalid("a blob: URL means nothing outside this page; use a data: URL"));
    }
    wire.put_some("mimeType", media.content_type.as_deref().map(text));
    wire.put_text("fileUri", &media.url);
    Ok(("fileData", wire))
}

#[cfg(test)]
mod tests;
