//! Keeps keys and prompts out of error messages.
//!
//! A service's error message is useful to people, but may quote the request. So every run of
//! characters that it shares with a secret or with the conversation is hidden.

use crate::json::written;
use crate::{Content, Error, Request};

/// A shared run of at least this many bytes counts as a quotation; shorter ones occur by chance.
const RUN: usize = 12;
/// A secret shorter than that is hidden if it occurs as a whole, down to this length.
const SHORTEST: usize = 6;
const MARK: &str = "[…]";

/// The secrets and texts to hide.
#[derive(Clone, Default)]
pub(crate) struct Redaction {
    hidden: Vec<String>,
}

// Not derived, because it would print keys.
impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

impl Redaction {
    /// Hides all text of the request.
    pub(crate) fn of(request: &Request) -> Self {
        let mut redaction = Self::default();
        let parts = request.messages.iter().flat_map(|message| &message.content);
        for part in parts {
            match &part.content {
                Content::Text(text) | Content::Reasoning(text) => redaction.hide(text),
                Content::ToolRequest(call) => redaction.hide_value(call.input.as_ref()),
                Content::ToolResponse(result) => redaction.hide_value(result.output.as_ref()),
                Content::Data(data) => redaction.hide(&written(data)),
                Content::Media(_) | Content::Custom(_) => {}
            }
        }
        redaction
    }

    fn hide_value(&mut self, value: Option<&serde_json::Value>) {
        if let Some(value) = value {
            self.hide(&written(value));
        }
    }

    /// Hides another text.
    pub(crate) fn hide(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= SHORTEST {
            self.hidden.push(text.to_owned());
        }
    }

    /// Returns the error without quotations.
    pub(crate) fn clean(&self, mut error: Error) -> Error {
        error.message = self.cleaned(&error.message).into();
        error
    }

    /// Returns the message without quotations, in time linear in the hidden texts.
    fn cleaned(&self, message: &str) -> String {
        let bytes = message.as_bytes();
        let mut quoted = vec![false; bytes.len()];
        for hidden in &self.hidden {
            let run = RUN.min(hidden.len());
            let mut places = Places::of(bytes, run);
            for window in hidden.as_bytes().windows(run) {
                places.take_each(window, |at| {
                    if let Some(range) = quoted.get_mut(at..at + run) {
                        range.fill(true);
                    }
                });
            }
        }
        let mut cleaned = String::with_capacity(message.len());
        for (at, character) in message.char_indices() {
            let is_quoted = quoted.get(at..at + character.len_utf8());
            if is_quoted.is_some_and(|it| it.contains(&true)) {
                if !cleaned.ends_with(MARK) {
                    cleaned.push_str(MARK);
                }
            } else {
                cleaned.push(character);
            }
        }
        cleaned
    }
}

/// The positions of each run in a message, by a hash of the run.
struct Places<'a> {
    slots: Vec<Vec<(&'a [u8], usize)>>,
}

impl<'a> Places<'a> {
    /// A message has about a hundred runs, so each slot has about one.
    const SLOTS: usize = 256;

    fn of(message: &'a [u8], run: usize) -> Self {
        let mut slots = vec![Vec::new(); Self::SLOTS];
        for (at, window) in message.windows(run).enumerate() {
            if let Some(slot) = slots.get_mut(Self::slot(window)) {
                slot.push((window, at));
            }
        }
        Self { slots }
    }

    /// Returns the positions of a run, and removes them: a long text of one letter would return the
    /// same ones for ever.
    fn take_each(&mut self, window: &[u8], mut found: impl FnMut(usize)) {
        if let Some(slot) = self.slots.get_mut(Self::slot(window)) {
            slot.retain(|(other, at)| {
                let is_same = *other == window;
                if is_same {
                    found(*at);
                }
                !is_same
            });
        }
    }

    /// FNV-1a, folded.
    fn slot(window: &[u8]) -> usize {
        let hash = window.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        (hash ^ (hash >> 16)) as usize % Self::SLOTS
    }
}

#[cfg(test)]
mod tests {
    use super::Redaction;
    use crate::{Error, Message, Request, Role};

    #[track_caller]
    fn check(hidden: &[&str], message: &'static str, expected: &str) {
        let mut redaction = Redaction::default();
        hidden.iter().for_each(|text| redaction.hide(text));
        assert_eq!(redaction.clean(Error::invalid(message)).message, expected);
    }

    #[test]
    fn shared_runs_are_hidden() {
        check(
            &["my secret diary entry"],
            "cannot read 'my secret diary entry'",
            "cannot read '[…]'",
        );
        check(&["AIzaSyA-0123456789"], "key AIzaSyA-0123456789 is bad", "key […] is bad");
        check(&["AIzaSyA-0123456789"], "key AIzaSyA-01234 is bad", "key […] is bad");
        check(&["sk-123"], "key sk-123 is bad", "key […] is bad");
        check(&["no"], "no such model", "no such model");
        check(&["an unrelated prompt"], "no such model", "no such model");
        check(&["überraschung für alle"], "text: überraschung", "text: […]");
        check(&["0123456789ab", "789abcdefghijkl"], "0123456789abcdefghijkl", "[…]");
        check(&[], "", "");
    }

    #[test]
    fn a_request_hides_its_conversation() {
        let request = Request {
            messages: vec![Message::text(Role::User, "the patient is called Rosa")],
            ..Request::default()
        };
        let error = Error::invalid("bad text: the patient is called Rosa");
        assert_eq!(Redaction::of(&request).clean(error).message, "bad text: […]");
    }

    #[test]
    fn debug_shows_nothing() {
        let mut redaction = Redaction::default();
        redaction.hide("AIzaSyA-0123456789");
        assert!(!format!("{redaction:?}").contains("AIza"));
    }
}
