//! Converts values between Rust and JavaScript, as JSON text in both directions.

use hybridge_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// Converts our error to JSON text, which `worker.ts` forwards.
pub(crate) fn thrown(error: &Error) -> JsValue {
    let json = serde_json::to_string(error).unwrap_or_else(|_| {
        r#"{"status":"INTERNAL","message":"an error could not be serialised"}"#.to_owned()
    });
    JsValue::from_str(&json)
}

/// Parses a message from `worker.ts`. A malformed one is a bug of this package, and the error does
/// not quote it.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        Error::invalid(format!(
            "a message to the engine is malformed ({:?} at column {})",
            error.classify(),
            error.column()
        ))
    })
}

/// Serialises a value for `worker.ts`.
pub(crate) fn told(value: &impl Serialize) -> String {
    // The value contains numbers, strings and lists only, so serialisation cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// Converts a size to a JavaScript number.
#[expect(clippy::cast_precision_loss, reason = "files are shorter than 2^52 bytes")]
pub(crate) fn number(size: u64) -> f64 {
    size as f64
}

/// Converts a JavaScript number to a count. Invalid numbers become 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
pub(crate) fn count(number: f64) -> u64 {
    number as u64
}
