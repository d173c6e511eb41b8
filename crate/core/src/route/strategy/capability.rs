//! Chooses the branches that support what the request needs.

use serde_json::Value;

use crate::json::{Fields, texts};
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};
use crate::{Content, Request};

/// A capability that a request may need. Video and documents need none, as in Genkit's strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Image input.
    Vision,
    /// Audio input.
    Audio,
    /// Tool calls.
    Tools,
    /// JSON output.
    Json,
}

/// Decides by the declared capabilities of each branch.
#[derive(Clone, Debug)]
pub struct CapabilityStrategy {
    /// The capabilities of each branch, in the order of declaration.
    pub supports: Vec<(String, Vec<Capability>)>,
    /// The branches to consider, in order; by default all of them.
    pub order: Option<Vec<String>>,
}

impl CapabilityStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let mut supports = Vec::new();
        for pair in fields.list("supports") {
            let key = pair.get(0).and_then(Value::as_str).unwrap_or_default();
            let words = texts(pair.get(1).and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
            let able: Vec<_> = words.iter().filter_map(|it| Capability::parse(it)).collect();
            if able.len() != words.len() {
                fields.wrong("supports", "pairs of a key and its capabilities");
            }
            supports.push((key.to_owned(), able));
        }
        Self { supports, order: fields.texts("order") }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        let needs = needs(inputs.request()?);
        let can = |key: &String| {
            let able = self.supports.iter().find(|(it, _)| it == key).map(|(_, able)| able);
            needs.iter().all(|need| able.is_some_and(|able| able.contains(need)))
        };
        let all: Vec<String> = match &self.order {
            Some(order) => order.clone(),
            None => self.supports.iter().map(|(key, _)| key.clone()).collect(),
        };
        let order: Vec<String> = all.into_iter().filter(can).collect();
        if order.is_empty() || needs.is_empty() {
            return Ok(Decision::order(&order));
        }
        let words: Vec<&str> = needs.iter().map(|need| need.word()).collect();
        Ok(Decision::order(&order).because(format!("needs {}", words.join(", "))))
    }
}

impl Capability {
    fn parse(word: &str) -> Option<Self> {
        [Self::Vision, Self::Audio, Self::Tools, Self::Json]
            .into_iter()
            .find(|it| it.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Audio => "audio",
            Self::Tools => "tools",
            Self::Json => "json",
        }
    }
}

fn needs(request: &Request) -> Vec<Capability> {
    let has = |kind: &str| {
        let parts = request.messages.iter().flat_map(|message| &message.content);
        parts.into_iter().any(|part| match &part.content {
            Content::Media(media) => {
                let is_told = media.content_type.as_ref().is_some_and(|it| it.starts_with(kind));
                let inline = media.url.strip_prefix("data:");
                is_told || inline.is_some_and(|it| it.starts_with(kind))
            }
            _ => false,
        })
    };
    [
        (has("image/"), Capability::Vision),
        (has("audio/"), Capability::Audio),
        (!request.tools.is_empty(), Capability::Tools),
        (request.wants_json(), Capability::Json),
    ]
    .into_iter()
    .filter_map(|(is_needed, capability)| is_needed.then_some(capability))
    .collect()
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[track_caller]
    fn check_request(order: &str, request: &str, expected: &str) {
        let tree = format!(
            r#"{{"capability":{{"supports":[["device",["json"]],["cloud",["vision","audio","tools","json"]]]{order}}}}}"#
        );
        check(&tree, &[("request", request)], expected);
    }

    #[test]
    fn the_needs_of_the_request_decide() {
        for (request, expected) in [
            (r#"{}"#, "device cloud"),
            (r#"{"output":{"format":"json"}}"#, "device cloud needs json"),
            (r#"{"output":{"schema":{}}}"#, "device cloud needs json"),
            (r#"{"output":{"format":"text"}}"#, "device cloud"),
            (r#"{"output":{"format":"text","schema":{}}}"#, "device cloud"),
            (r#"{"tools":[{"name":"f"}]}"#, "cloud needs tools"),
            (
                r#"{"messages":[{"role":"user","content":[{"media":{"url":"https://x/y","contentType":"image/png"}}]}]}"#,
                "cloud needs vision",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"media":{"url":"data:audio/wav;base64,"}}]}],"tools":[{"name":"f"}]}"#,
                "cloud needs audio, tools",
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"media":{"url":"data:video/mp4,"}}]}]}"#,
                "device cloud",
            ),
        ] {
            check_request("", request, expected);
        }
    }

    #[test]
    fn a_custom_order_is_filtered() {
        check_request(r#","order":["cloud","device"]"#, "{}", "cloud device");
        check_request(r#","order":["device"]"#, r#"{"tools":[{"name":"f"}]}"#, "");
        check_request(r#","order":["other"]"#, "{}", "other");
    }
}
