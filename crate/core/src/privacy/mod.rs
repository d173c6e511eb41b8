//! Personal data in requests: which kinds there are, never what it is.
//!
//! One pass over the bytes finds the places where something could begin; what looks closer there looks at a bounded window.
//! So ten megabytes take well under a tenth of a second, whatever they hold. A false alarm costs a slower answer, a miss costs
//! somebody's privacy: where in doubt, it is personal.

mod account;
mod address;
mod birth;
mod email;
mod kind;
mod number;
mod scan;
mod secret;
#[cfg(test)]
mod tests;

pub use kind::SensitiveKind;

use kind::Kinds;
use scan::scan;
use serde::Serialize;

use crate::base64::decode;
use crate::percent::percent_decoded;
use crate::{Content, Message, Request};

/// How much of two neighbouring parts is read as one: what is cut in two is still what it is.
const SEAM: usize = 64;

/// The kinds of personal data in a request, over all parts of all messages.
#[must_use]
pub fn kinds_in(request: &Request) -> Vec<SensitiveKind> {
    let mut found = Kinds::default();
    for message in &request.messages {
        in_message(message, &mut found);
    }
    found.list()
}

fn in_message(message: &Message, found: &mut Kinds) {
    let mut before = "";
    for part in &message.content {
        match &part.content {
            Content::Text(text) | Content::Reasoning(text) => {
                scan(text, found);
                if !before.is_empty() {
                    scan(&format!("{}{}", end_of(before), start_of(text)), found);
                }
                before = text;
            }
            Content::Media(media) => in_url(&media.url, found),
            Content::ToolRequest(it) => in_data(it, found),
            Content::ToolResponse(it) => in_data(it, found),
            Content::Data(it) => in_data(it, found),
            Content::Custom(it) => in_data(it, found),
        }
    }
}

/// Names, words and numbers at any depth: JSON holds them all in the open.
fn in_data<T: Serialize>(data: &T, found: &mut Kinds) {
    scan(&serde_json::to_string(data).unwrap_or_default(), found);
}

/// An address of something far away is words; a picture in the URL itself is not, but a text in it is.
fn in_url(url: &str, found: &mut Kinds) {
    let Some(inline) = url.strip_prefix("data:") else { return scan(url, found) };
    let Some((kind, body)) = inline.split_once(',') else { return };
    let is_text = kind.is_empty()
        || ["text/", "application/json", "application/xml"].iter().any(|it| kind.starts_with(it));
    if !is_text {
        return;
    }
    let bytes = match kind.strip_suffix(";base64") {
        Some(_) => decode(body),
        None => percent_decoded(body),
    };
    scan(&String::from_utf8_lossy(&bytes), found);
}

fn end_of(text: &str) -> &str {
    let cut = text.len().saturating_sub(SEAM);
    let cut = (cut..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text.get(cut..).unwrap_or_default()
}

fn start_of(text: &str) -> &str {
    let cut = text.len().min(SEAM);
    let cut = (0..=cut).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..cut).unwrap_or_default()
}
