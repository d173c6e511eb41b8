//! Our error as JavaScript gets it.

use hybridge_core::Error;
use wasm_bindgen::JsValue;

/// JSON text, which one function of the TypeScript face turns into a `HybridError`.
pub(crate) fn thrown(error: &Error) -> JsValue {
    let json = serde_json::to_string(error).unwrap_or_else(|_| {
        r#"{"status":"INTERNAL","message":"an error could not be serialised"}"#.to_owned()
    });
    JsValue::from_str(&json)
}
