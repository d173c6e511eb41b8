//! Converts our error for JavaScript.

use hybridge_core::Error;
use wasm_bindgen::JsValue;

/// The error as JSON text, which `fromCore` in TypeScript turns into a `HybridError`.
pub(crate) fn thrown(error: &Error) -> JsValue {
    let json = serde_json::to_string(error).unwrap_or_else(|_| {
        r#"{"status":"INTERNAL","message":"an error could not be serialised"}"#.to_owned()
    });
    JsValue::from_str(&json)
}
