//! Personal data in requests: which kinds there are and where, never what it is.
//!
//! A text is read twice: with digits, spaces and letters of one spelling, and again with its
//! escapes undone where it has any. Each reading is one pass, in which what looks closer looks at a
//! bounded window or remembers how far it has looked, so that the time depends on a text's length
//! alone. A false alarm costs a slower answer, a miss costs somebody's privacy: where in doubt, it
//! is personal.

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

/// The kinds of personal data in a text.
#[must_use]
pub fn kinds_of(text: &str) -> Vec<SensitiveKind> {
    let mut finds = Finds::default();
    look(text.as_bytes(), &mut finds);
    finds.kinds.list()
}

/// The personal data in a text, in order and without overlaps.
#[must_use]
pub fn spans_in(text: &str) -> Vec<Span> {
    let mut finds = Finds { spans: Some(Vec::new()), ..Finds::default() };
    look(text.as_bytes(), &mut finds);
    let mut spans = finds.spans.unwrap_or_default();
    // The longest of those that begin at one place first; what overlaps it is another reading of
    // the same.
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

/// Adds the personal data in a text, in both readings.
fn look(text: &[u8], finds: &mut Finds) {
    let tracks = finds.spans.is_some();
    read(text, None, finds);
    if !finds.is_done()
        && let Some(plain) = Plain::unescaped(text, tracks)
    {
        read(&plain.bytes, Some((&plain, text.len())), finds);
    }
}

/// Folds and scans; finds are returned as places in the `source`'s own text.
fn read(text: &[u8], source: Option<(&Plain, usize)>, finds: &mut Finds) {
    let tracks = finds.spans.is_some();
    if text.is_ascii() && source.is_none() {
        return scan::scan(text, finds);
    }
    let end = source.map_or(text.len(), |(_, end)| end);
    let folded;
    let plain = match source {
        Some((plain, _)) if text.is_ascii() => plain,
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
