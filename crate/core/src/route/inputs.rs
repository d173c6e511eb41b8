//! The inputs of a decision, requested one by one, and only when a strategy needs them.

use std::cell::OnceCell;

use serde::Serialize;
use serde_json::Value;

use super::branch::BranchFacts;
use super::health::Health;
use crate::json;
use crate::json::Fields;
use crate::privacy::{self, SensitiveKind};
use crate::{Content, Error, Request, Result};

/// A fact that the driver must supply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// The result of the callback with this number.
    Leaf(usize),
    /// The request, as JSON. Requested only if a strategy reads it, because a prompt can be large.
    Request,
    /// The facts about this device.
    Device,
    /// Facts about the branches: whether they are loaded and can count.
    Branches,
    /// The number of tokens of the request for the branch of this key; null if it cannot count
    /// them.
    Tokens(String),
}

/// Why there is no decision yet.
#[derive(Debug, PartialEq)]
pub enum Pause {
    /// This question must be answered first.
    Ask(Question),
    /// There will be no decision.
    Fail(Error),
}

impl From<Error> for Pause {
    fn from(error: Error) -> Self {
        Self::Fail(error)
    }
}

/// The part of `DeviceFacts` that strategies use.
#[derive(Clone, Debug, Default)]
pub struct DeviceFacts {
    /// Whether the user asked to save data.
    pub save_data: bool,
    /// The GPU.
    pub webgpu: WebGpu,
    /// Memory, if the browser reports it.
    pub memory_gb: Option<f64>,
    /// The battery, if the device has one and the browser reports it.
    pub battery: Option<Battery>,
}

/// The GPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct WebGpu {
    /// Whether WebGPU has an adapter.
    pub available: bool,
    /// Whether it is a software adapter.
    pub software: bool,
}

/// The battery.
#[derive(Clone, Copy, Debug)]
pub struct Battery {
    /// The charge, 0 to 1.
    pub level: f64,
    /// Whether it is being charged.
    pub charging: bool,
}

/// The inputs collected so far for one request.
#[derive(Debug, Default)]
pub struct Collected {
    leaves: Vec<(usize, Value)>,
    request: OnceCell<Request>,
    device: OnceCell<DeviceFacts>,
    branches: OnceCell<Vec<BranchFacts>>,
    tokens: Vec<(String, Option<u64>)>,
    // Measured once, because the tree is evaluated again after every answer.
    characters: OnceCell<u64>,
    estimate: OnceCell<u64>,
    most: OnceCell<Option<u64>>,
    sensitive: OnceCell<Vec<SensitiveKind>>,
}

impl Collected {
    /// Records an answer, as JSON.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for an unreadable answer.
    pub fn take(&mut self, question: &Question, json: &str) -> Result<()> {
        match question {
            Question::Leaf(leaf) => {
                self.leaves.push((*leaf, json::parse(json, "a callback's answer")?));
            }
            Question::Request => {
                let request = Request::from_json(json::parse(json, "the request")?)?;
                drop(self.request.set(request));
            }
            Question::Device => {
                let device = DeviceFacts::read(json::parse(json, "the device's facts")?);
                drop(self.device.set(device));
            }
            Question::Branches => drop(self.branches.set(BranchFacts::list(json)?)),
            Question::Tokens(branch) => {
                // A branch with an invalid answer counts as unable to count.
                let count = json::parse(json, "a count").ok().and_then(|it| it.as_u64());
                self.tokens.push((branch.clone(), count));
            }
        }
        Ok(())
    }
}

impl DeviceFacts {
    fn read(json: Value) -> Self {
        let mut fields = Fields::of("the device's facts", json);
        let mut gpu = Fields::of("webgpu", fields.value("webgpu").unwrap_or_default());
        let battery = fields.value("battery").map(|json| {
            let mut battery = Fields::of("battery", json);
            Battery {
                level: battery.required_number("level"),
                charging: battery.flag("charging").unwrap_or_default(),
            }
        });
        Self {
            save_data: fields.flag("saveData").unwrap_or_default(),
            webgpu: WebGpu {
                available: gpu.flag("available").unwrap_or_default(),
                software: gpu.flag("software").unwrap_or_default(),
            },
            memory_gb: fields.number("memoryGB"),
            battery,
        }
    }
}

/// Returns the inputs of a strategy.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    pub(crate) collected: &'a Collected,
    pub(crate) health: &'a Health,
}

impl<'a> Inputs<'a> {
    /// Returns the result of a callback.
    pub(crate) fn leaf(self, leaf: usize) -> Result<&'a Value, Pause> {
        let found = self.collected.leaves.iter().find(|(it, _)| *it == leaf);
        found.map(|(_, value)| value).ok_or(Pause::Ask(Question::Leaf(leaf)))
    }

    /// Returns the result of a callback that must return a boolean.
    pub(crate) fn yes(self, leaf: usize, what: &str) -> Result<bool, Pause> {
        self.leaf(leaf)?
            .as_bool()
            .ok_or_else(|| Error::invalid(format!("{what} returned neither true nor false")).into())
    }

    /// Returns the request.
    pub(crate) fn request(self) -> Result<&'a Request, Pause> {
        self.collected.request.get().ok_or(Pause::Ask(Question::Request))
    }

    /// Returns the facts about this machine.
    pub(crate) fn device(self) -> Result<&'a DeviceFacts, Pause> {
        self.collected.device.get().ok_or(Pause::Ask(Question::Device))
    }

    /// Returns the facts about the branches.
    pub(crate) fn branches(self) -> Result<&'a [BranchFacts], Pause> {
        let branches = self.collected.branches.get().map(Vec::as_slice);
        branches.ok_or(Pause::Ask(Question::Branches))
    }

    /// Whether this branch redacts all these kinds.
    pub(crate) fn hides(self, branch: &str, kinds: &[SensitiveKind]) -> Result<bool, Pause> {
        let found = self.branches()?.iter().find(|it| it.key == branch);
        match found {
            Some(it) if it.redacts.is_empty() => Err(Error::precondition(
                "the strategy names a branch as redacted whose model is not; make it with redacting()",
            )
            .with_code("NOT_REDACTED")
            .into()),
            // Unknown branches are reported when the order is resolved.
            found => Ok(found.is_none_or(|it| it.hides(kinds))),
        }
    }

    /// Returns the branch's own count of tokens, or `None` if it cannot count them.
    pub(crate) fn tokens(self, branch: &str) -> Result<Option<u64>, Pause> {
        let found = self.collected.tokens.iter().find(|(it, _)| it == branch);
        found
            .map(|(_, count)| *count)
            .ok_or_else(|| Pause::Ask(Question::Tokens(branch.to_owned())))
    }

    /// Counts UTF-16 code units of all text parts of all messages, the length of a string in Dart
    /// and JavaScript.
    pub(crate) fn characters(self) -> Result<u64, Pause> {
        let request = self.request()?;
        Ok(*self.collected.characters.get_or_init(|| {
            let parts = request.messages.iter().flat_map(|message| &message.content);
            parts
                .filter_map(|part| part.as_text())
                .map(|text| text.encode_utf16().count() as u64)
                .sum()
        }))
    }

    /// Estimates the number of tokens of the request.
    pub(crate) fn estimated_tokens(self) -> Result<u64, Pause> {
        let request = self.request()?;
        Ok(*self.collected.estimate.get_or_init(|| estimate(request)))
    }

    /// Returns an upper bound for the tokens of the request; `None` if it contains media, whose
    /// tokens have no bound.
    pub(crate) fn most_tokens(self) -> Result<Option<u64>, Pause> {
        let request = self.request()?;
        Ok(*self.collected.most.get_or_init(|| most_tokens(request)))
    }

    /// Returns the kinds of personal data in the request.
    pub(crate) fn sensitive(self) -> Result<&'a [SensitiveKind], Pause> {
        let request = self.request()?;
        Ok(self.collected.sensitive.get_or_init(|| privacy::kinds_in(request)))
    }
}

/// The tokens of an image or audio part, about what Gemma 3 uses for an image.
const MEDIA: u64 = 256;

/// The tokens of a turn's markers.
const PER_MESSAGE: u64 = 4;

/// Returns one token per byte, and sixteen for the markers of each message.
fn most_tokens(request: &Request) -> Option<u64> {
    let length = |value: serde_json::Result<String>| value.map_or(0, |it| it.len() as u64);
    let mut most = 0;
    for message in &request.messages {
        most += 16;
        for part in &message.content {
            most += match &part.content {
                Content::Text(text) | Content::Reasoning(text) => text.len() as u64,
                Content::Media(_) => return None,
                other => length(serde_json::to_string(other)),
            };
        }
    }
    let tools = request.tools.iter().map(|it| length(serde_json::to_string(it)));
    let schema = request.output.as_ref().and_then(|it| it.schema.as_ref());
    Some(most + tools.sum::<u64>() + schema.map_or(0, |it| length(serde_json::to_string(it))))
}

/// Estimates the number of tokens, intentionally a little high: overestimating only sends a prompt
/// to the larger window.
#[must_use]
fn estimate(request: &Request) -> u64 {
    let messages = request.messages.iter().map(|message| {
        let parts = message.content.iter().map(|part| match &part.content {
            Content::Text(text) | Content::Reasoning(text) => in_text(text),
            Content::Media(_) => MEDIA,
            other => in_text(&serde_json::to_string(other).unwrap_or_default()),
        });
        PER_MESSAGE + parts.sum::<u64>()
    });
    let tools =
        request.tools.iter().map(|it| in_text(&serde_json::to_string(it).unwrap_or_default()));
    messages.sum::<u64>() + tools.sum::<u64>()
}

/// Letters of alphabets take about four per token; scripts without spaces, and rare characters,
/// about one each.
fn in_text(text: &str) -> u64 {
    let (mut narrow, mut wide) = (0_u64, 0_u64);
    for char in text.chars() {
        if char < '\u{2E80}' { narrow += 1 } else { wide += 1 }
    }
    narrow.div_ceil(4) + wide
}

#[cfg(test)]
mod tests {
    use super::estimate;
    use crate::{Content, Media, Message, Part, Request, Role};

    #[test]
    fn estimates_grow_with_the_text() {
        let say = |text: &str| Request {
            messages: vec![Message::text(Role::User, text)],
            ..Request::default()
        };
        for (text, expected) in [("", 4), ("abcd", 5), ("abcde", 6), ("日本語", 7), ("привет!!", 6)]
        {
            assert_eq!(estimate(&say(text)), expected, "{text}");
        }
        assert_eq!(estimate(&Request::default()), 0);
        let media = Media { url: "data:,".into(), content_type: None };
        let mut request = say("abcd");
        request.messages[0].content.push(Part::from(Content::Media(media)));
        assert_eq!(estimate(&request), 5 + 256);
    }
}
