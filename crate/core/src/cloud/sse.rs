//! Decodes server-sent events from bytes with arbitrary cuts.
//!
//! A line ends in LF, CR or CRLF; an empty line ends an event; several `data:` lines make one text.
//! There are two differences from the standard, both for error handling. An event cut off by the
//! end of the stream is delivered, marked as such, because a service may omit the last empty line.
//! And lines that aren't fields are kept, because a service that fails during a stream writes its
//! error there as bare JSON.

use std::borrow::Cow;

use memchr::memchr2;

use crate::{Error, Result, Status};

/// The size limit of one event: an image of 12 MB in base64.
const EVENT_LIMIT: usize = 16 << 20;
/// The limit for kept lines that aren't fields. Error bodies are far smaller.
const STRAY_LIMIT: usize = 16 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty if there is none.
    pub name: &'a str,
    /// Its `data:` lines, joined by line feeds.
    pub data: Cow<'a, str>,
    /// Whether an empty line ended it, instead of the end of the stream.
    pub terminated: bool,
}

/// The decoder. Its time is linear in the bytes, however small the chunks or long the lines.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// The bytes of an incomplete line.
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    name: String,
    stray: Vec<u8>,
    /// Whether the last byte was a CR: a following line feed belongs to it.
    after_carriage_return: bool,
    at_start: bool,
    event_limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_event_limit(EVENT_LIMIT)
    }
}

impl Decoder {
    /// Creates a decoder that rejects events larger than `event_limit` bytes.
    #[must_use]
    pub fn with_event_limit(event_limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: String::new(),
            stray: Vec::new(),
            after_carriage_return: false,
            at_start: true,
            event_limit,
        }
    }

    /// Decodes the next bytes and passes each complete event to `on_event`, whose error stops the
    /// decoder.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_carriage_return) {
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.room_for(bytes.len())?;
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            let (head, rest) = bytes.split_at(end);
            self.room_for(head.len())?;
            self.after_carriage_return = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.take_line(head, &mut on_event)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                let taken = self.take_line(&line, &mut on_event);
                // The buffer is reused, so that a stream of small chunks allocates once.
                line.clear();
                self.line = line;
                taken?;
            }
        }
        Ok(())
    }

    /// Delivers an event cut off by the end of the stream.
    pub fn end(&mut self, mut on_event: impl FnMut(Event<'_>) -> Result<()>) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take_line(&line, &mut on_event)?;
        }
        self.dispatch(false, &mut on_event)
    }

    /// Returns the lines that aren't fields, joined by line feeds: perhaps the service's error.
    #[must_use]
    pub fn stray(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stray)
    }

    fn room_for(&self, more: usize) -> Result<()> {
        if self.line.len() + self.data.len() + more <= self.event_limit {
            return Ok(());
        }
        let limit = self.event_limit;
        Err(Error::new(
            Status::Internal,
            format!("one event of the stream is larger than {limit} bytes"),
        )
        .with_code("EVENT_TOO_LARGE"))
    }

    fn take_line(
        &mut self,
        mut line: &[u8],
        on_event: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(true, on_event);
        }
        if let Some(value) = field(line, b"data") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
            self.has_data = true;
        } else if let Some(value) = field(line, b"event") {
            self.name = String::from_utf8_lossy(value).into_owned();
        } else if line.first() != Some(&b':')
            && field(line, b"id").is_none()
            && field(line, b"retry").is_none()
            && self.stray.len() + line.len() < STRAY_LIMIT
        {
            self.stray.extend_from_slice(line);
            self.stray.push(b'\n');
        }
        Ok(())
    }

    fn dispatch(
        &mut self,
        terminated: bool,
        on_event: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let name = std::mem::take(&mut self.name);
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        let data = String::from_utf8_lossy(&self.data);
        let handed = on_event(Event { name: &name, data, terminated });
        self.data.clear();
        handed
    }
}

/// Returns the value of the line's field, if it has this name: `name`, `name:value` or `name:
/// value`.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests;
