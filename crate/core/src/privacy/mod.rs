//! Detects personal data in requests: its kinds and positions, never its content.
//!
//! A text is scanned twice: with digits, spaces and letters normalised, and again with its escapes
//! decoded, if it has any. Each scan is one pass, in which detectors examine a bounded window or
//! remember how far they have read, so that the time depends only on the text's length. A false
//! positive costs a slower answer, a false negative costs privacy, so ambiguous data counts as
//! personal.

mod account;
mod address;
mod birth;
#[cfg(test)]
mod corpus;
mod email;
#[cfg(test)]
mod figures;
mod kind;
mod national;
mod number;
mod phone;
mod picture;
#[cfg(test)]
mod places;
mod plain;
mod row;
mod scan;
mod secret;
#[cfg(all(test, debug_assertions))]
mod speed;
#[cfg(test)]
mod tests;
mod text;
#[cfg(all(test, debug_assertions))]
mod units;
mod walk;
mod words;

pub use kind::{SensitiveKind, Span};
pub use walk::{holds_picture, kinds_in};

use crate::order;
use kind::Finds;
use plain::Plain;

/// Returns the kinds of personal data in a text.
#[must_use]
pub fn kinds_of(text: &str) -> Vec<SensitiveKind> {
    let mut finds = Finds::default();
    look(text.as_bytes(), &mut finds);
    finds.kinds.list()
}

/// Returns the personal data in a text, in order and without overlaps.
#[must_use]
pub fn spans_in(text: &str) -> Vec<Span> {
    let mut finds = Finds { spans: Some(Vec::new()), ..Finds::default() };
    look(text.as_bytes(), &mut finds);
    let mut spans = finds.spans.unwrap_or_default();
    // At each position the longest comes first; an overlapping one is another interpretation of the
    // same data.
    order::sort_by_key(&mut spans, |it| (it.from, usize::MAX - it.to, it.kind));
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.from < last.to => last.to = last.to.max(span.to),
            _ => apart.push(span),
        }
    }
    apart
}

/// Adds the personal data in a text, from both scans.
fn look(text: &[u8], finds: &mut Finds) {
    let tracks = finds.spans.is_some();
    read(text, None, finds);
    if !finds.is_done()
        && let Some(plain) = Plain::unescaped(text, tracks)
    {
        read(&plain.bytes, Some((&plain, text.len())), finds);
    }
}

/// Normalises and scans; positions refer to the `source` text.
fn read(text: &[u8], source: Option<(&Plain, usize)>, finds: &mut Finds) {
    let tracks = finds.spans.is_some();
    let is_plain = plain::is_plain(text);
    if is_plain && source.is_none() {
        return scan::scan(text, finds);
    }
    let end = source.map_or(text.len(), |(_, end)| end);
    let folded;
    let plain = match source {
        Some((plain, _)) if is_plain => plain,
        _ => {
            folded = Plain::folded(text, source.map(|(plain, _)| plain), tracks);
            &folded
        }
    };
    let start = finds.spans.as_ref().map_or(0, Vec::len);
    scan::scan(&plain.bytes, finds);
    for span in finds.spans.iter_mut().flatten().skip(start) {
        span.from = plain.origin(span.from, end);
        span.to = plain.origin(span.to, end);
    }
}
