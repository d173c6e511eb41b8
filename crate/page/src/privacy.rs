//! Detects personal data in texts, for redaction.

use hybridge_core::SensitiveKind;
use hybridge_core::privacy::spans_in;
use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the personal data in a text, in order: three numbers each for the kind, the start and
/// the end in UTF-16 code units.
#[wasm_bindgen(js_name = sensitiveSpans)]
pub fn sensitive_spans(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let (mut bytes, mut units) = (0, 0);
    let mut unit = |at: usize| {
        units += text.get(bytes..at).unwrap_or_default().encode_utf16().count();
        bytes = at;
        u32::try_from(units).unwrap_or(u32::MAX)
    };
    for span in spans_in(text) {
        let kind = SensitiveKind::ALL.iter().position(|it| *it == span.kind).unwrap_or_default();
        let (from, to) = (text.floor_char_boundary(span.from), text.ceil_char_boundary(span.to));
        found.extend([u32::try_from(kind).unwrap_or_default(), unit(from), unit(to)]);
    }
    found
}
