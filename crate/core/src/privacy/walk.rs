//! Finds personal data in a request: in everything that a branch could send.

use memchr::memchr;
use serde_json::{Map, Value};

use super::kind::{Finds, SensitiveKind};
use super::look;
use super::picture::{may_be_picture, names_picture};
use crate::base64::decode;
use crate::json::has;
use crate::percent::percent_decoded;
use crate::{Content, Media, Request};

/// The number of bytes at the ends of adjacent texts that are scanned together, to find data split
/// over them.
const SEAM: usize = 256;

/// Ends a value: no number continues across it, and words before it still announce what follows.
const END: &str = "\n\u{1e}";

/// Returns the kinds of personal data in a request: in every part of all messages, tools, schema,
/// configuration and metadata.
#[must_use]
pub fn kinds_in(request: &Request) -> Vec<SensitiveKind> {
    let mut walk = Walk::default();
    walk.request(request);
    walk.finds.kinds.list()
}

/// Whether a request contains a picture: as media, or as a `data:` URL anywhere in it.
#[must_use]
pub fn holds_picture(request: &Request) -> bool {
    let mut walk = Walk { picture: Some(false), ..Walk::default() };
    walk.request(request);
    walk.picture == Some(true)
}

#[derive(Default)]
struct Walk {
    finds: Finds,
    /// Whether there is a picture; `None` if personal data is searched.
    picture: Option<bool>,
    /// Texts of parts, joined as the dialects do; only the ends of long ones.
    joined: String,
    /// The number of texts in it.
    pieces: usize,
    /// The end of the last text.
    last: String,
    /// The number of URLs around the current text.
    depth: u8,
}

impl Walk {
    fn request(&mut self, request: &Request) {
        let walk = self;
        for message in &request.messages {
            walk.metadata(message.metadata.as_ref());
            for part in &message.content {
                walk.metadata(part.metadata.as_ref());
                walk.part(&part.content);
            }
        }
        for tool in &request.tools {
            walk.text(&tool.name);
            walk.text(&tool.description);
            walk.data(tool.input_schema.as_ref());
            walk.data(tool.output_schema.as_ref());
        }
        walk.data(request.output.as_ref().and_then(|it| it.schema.as_ref()));
        walk.metadata(Some(&request.config.branches));
        walk.metadata(Some(&request.config.extra));
        for stop in &request.config.stop_sequences {
            walk.text(stop);
        }
        // Their numbers are checked on their own: a seed may be a telephone number.
        let seed = request.config.seed.map(|it| it.to_string());
        walk.text(seed.as_deref().unwrap_or_default());
        walk.seams();
    }

    fn part(&mut self, content: &Content) {
        match content {
            Content::Text(text) | Content::Reasoning(text) => {
                self.text(text);
                self.join(text);
            }
            Content::Media(media) => self.media(media),
            Content::ToolRequest(it) => {
                self.text(&it.name);
                self.text(it.reference.as_deref().unwrap_or_default());
                self.data(it.input.as_ref());
            }
            Content::ToolResponse(it) => {
                self.text(&it.name);
                self.text(it.reference.as_deref().unwrap_or_default());
                self.data(it.output.as_ref());
            }
            Content::Data(data) => {
                self.data(Some(data));
                if let Value::String(text) = data {
                    self.join(text);
                }
            }
            Content::Custom(custom) => self.metadata(Some(custom)),
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.embedded(text);
    }

    /// Scans the `data:` URLs inside a text.
    fn embedded(&mut self, text: &str) {
        const DEEPEST: u8 = 3;
        if self.picture.is_some() || self.depth >= DEEPEST || self.finds.is_done() {
            return;
        }
        let mut from = 0;
        while let Some(at) = memchr(b':', text.as_bytes().get(from..).unwrap_or_default()) {
            let start = (from + at).saturating_sub(4);
            from += at + 1;
            let Some(rest) = text.get(start..).filter(|it| is_data_url(it)) else { continue };
            let ends = |it: u8| it <= b' ' || b"\"'<>`)".contains(&it);
            let width = rest.bytes().position(ends).unwrap_or(rest.len());
            let url = rest.get(..width).unwrap_or_default();
            if memchr(b',', url.as_bytes()).is_some() {
                self.depth += 1;
                self.address(url, None);
                self.depth -= 1;
                from = start + url.len().max(5);
            }
        }
    }

    fn bytes(&mut self, text: &[u8]) {
        match &mut self.picture {
            Some(found) => *found = *found || names_picture(text),
            None if text.is_empty() || self.finds.is_done() => {}
            None => look(text, &mut self.finds),
        }
    }

    /// Joins a text with its neighbours, because personal data may be split over several.
    fn join(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let head = text.get(..text.floor_char_boundary(SEAM)).unwrap_or_default();
        // A value may be spread over two texts that a third one touches: `4111 1111`, `1111 1111`,
        // `Thanks`.
        let pair = core::mem::take(&mut self.last) + head;
        if self.pieces > 0 {
            self.bytes(pair.as_bytes());
        }
        let tail = text.ceil_char_boundary(text.len().saturating_sub(SEAM));
        self.last.push_str(text.get(tail..).unwrap_or_default());
        self.pieces += 1;
        if text.len() <= 2 * SEAM {
            self.joined.push_str(text);
            return;
        }
        self.joined.push_str(head);
        self.seams();
        self.pieces = 1;
        self.joined.push_str(&self.last);
    }

    fn seams(&mut self) {
        let joined = core::mem::take(&mut self.joined);
        if core::mem::take(&mut self.pieces) > 1 {
            self.text(&joined);
        }
    }

    fn metadata(&mut self, map: Option<&Map<String, Value>>) {
        let Some(map) = map.filter(|it| !it.is_empty()) else { return };
        let mut text = String::new();
        self.fields(map, &mut text);
        self.text(&text);
    }

    /// Converts values at any depth to one plain text, so that a key announces its value:
    /// `dateOfBirth: 1985-03-12`.
    fn data(&mut self, value: Option<&Value>) {
        let Some(value) = value else { return };
        let mut text = String::new();
        self.value(value, &mut text);
        self.text(&text);
    }

    fn fields(&mut self, map: &Map<String, Value>, text: &mut String) {
        for (key, value) in map {
            text.push_str(key);
            text.push_str(": ");
            self.value(value, text);
        }
    }

    fn value(&mut self, value: &Value, text: &mut String) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => text.push_str(&number.to_string()),
            Value::String(string) if is_data_url(string.trim_start()) => self.address(string, None),
            Value::String(string) => text.push_str(string),
            Value::Array(list) => {
                for value in list {
                    self.value(value, text);
                }
                return;
            }
            Value::Object(map) => {
                // Its key is on its own line, because a schema's `password` has no value.
                text.push_str(END);
                return self.fields(map, text);
            }
        }
        text.push_str(END);
    }

    fn media(&mut self, media: &Media) {
        if let Some(found) = &mut self.picture {
            *found = *found || may_be_picture(media);
        }
        self.text(media.content_type.as_deref().unwrap_or_default());
        self.address(&media.url, media.content_type.as_deref());
    }

    /// Scans a remote URL as text, and the content of a `data:` URL unless it is a picture.
    fn address(&mut self, url: &str, content_type: Option<&str>) {
        // Browsers read URLs without leading control characters and line ends inside.
        let start = url.bytes().take_while(|it| *it <= b' ').count();
        let url = url.get(start..).unwrap_or_default();
        let is_ignored = |it: &u8| matches!(*it, b'\t' | b'\n' | b'\r');
        if url.as_bytes().iter().take(16).any(is_ignored) {
            let kept = url.bytes().filter(|it| !is_ignored(it)).collect();
            return self.address(&String::from_utf8(kept).unwrap_or_default(), content_type);
        }
        if !is_data_url(url) {
            self.text(url);
            // In a form's URL a plus is a space.
            let query = url.split_once('?').map_or("", |it| it.1);
            if memchr(b'+', query.as_bytes()).is_some() {
                let spaced = query.bytes().map(|it| if it == b'+' { b' ' } else { it });
                self.bytes(&spaced.collect::<Vec<u8>>());
            }
            return;
        }
        if self.picture.is_some() {
            self.bytes(url.as_bytes());
        }
        let (head, body) = url.get(5..).and_then(|it| it.split_once(',')).unwrap_or((url, ""));
        self.text(head);
        let head = head.to_ascii_lowercase();
        let bytes = if head.trim_end().ends_with("base64") && head.contains(';') {
            // Padding and spaces may be percent-encoded.
            decode(&String::from_utf8_lossy(&percent_decoded(body)))
        } else {
            percent_decoded(body)
        };
        let declared = content_type.map(str::to_ascii_lowercase);
        let is_picture = |kind: &str| {
            let is_drawn = kind.starts_with("image/") && !has(kind, "svg");
            is_drawn
                || kind.starts_with("audio/")
                || kind.starts_with("video/")
                || kind.starts_with("font/")
        };
        // Scanned as text if either name says so, or if neither names another type.
        let is_text = declared.as_deref().is_some_and(is_textual) || is_textual(&head);
        if !is_text && (is_picture(&head) || declared.as_deref().is_some_and(is_picture)) {
            return;
        }
        let is_wide = has(&head, "utf-16")
            || has(&head, "utf16")
            || declared.is_some_and(|it| has(&it, "utf-16"));
        match wide(&bytes, is_wide) {
            Some(text) => self.text(&text),
            None => match core::str::from_utf8(&bytes) {
                Ok(text) => self.text(text),
                Err(_) => self.bytes(&bytes),
            },
        }
    }
}

fn is_data_url(url: &str) -> bool {
    url.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("data:"))
}

fn is_textual(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.is_empty()
        || kind.starts_with("text/")
        || [
            "json",
            "xml",
            "yaml",
            "javascript",
            "csv",
            "svg",
            "x-www-form-urlencoded",
            "rtf",
            "html",
            "sql",
            "toml",
            "calendar",
        ]
        .iter()
        .any(|it| has(kind, it))
}

/// Whether this is UTF-16: named so, with a byte order mark, or with a zero in every second byte.
fn wide(bytes: &[u8], is_named: bool) -> Option<String> {
    let is_big = bytes.starts_with(&[0xFE, 0xFF])
        || (!bytes.starts_with(&[0xFF, 0xFE]) && bytes.first() == Some(&0));
    let is_marked = bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xFF, 0xFE]);
    let zeros = bytes.iter().take(64).skip(usize::from(!is_big)).step_by(2);
    let has_zeros = bytes.len() >= 8 && zeros.clone().all(|byte| *byte == 0);
    if !is_named && !is_marked && !has_zeros {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] if is_big => u16::from_be_bytes([*a, *b]),
        [a, b] => u16::from_le_bytes([*a, *b]),
        _ => 0,
    });
    Some(char::decode_utf16(units).map(|it| it.unwrap_or('\u{FFFD}')).collect())
}
