//! Values on their way between Rust and JavaScript: JSON text in both directions.

use hybridge_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Our error as JavaScript sees it: JSON text, which `worker.ts` passes on.
pub(crate) fn thrown(error: &Error) -> JsValue {
    let json = serde_json::to_string(error).unwrap_or_else(|_| {
        r#"{"status":"INTERNAL","message":"an error could not be serialised"}"#.to_owned()
    });
    JsValue::from_str(&json)
}

/// Parses what `worker.ts` sent. A mistake in it is a bug of this package, and the error does not
/// quote it.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        Error::invalid(format!(
            "a message to the engine is malformed ({:?} at column {})",
            error.classify(),
            error.column()
        ))
    })
}

/// Text for `worker.ts`.
pub(crate) fn told(value: &impl Serialize) -> String {
    // Numbers, texts and lists of ours: nothing in them can fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}

/// A size as JavaScript counts.
#[expect(clippy::cast_precision_loss, reason = "files are shorter than 2^52 bytes")]
pub(crate) fn number(size: u64) -> f64 {
    size as f64
}

/// A count out of JavaScript. Nonsense becomes 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(crate) fn count(number: f64) -> u64 {
    number as u64
}
