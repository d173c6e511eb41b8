//! What the page asks about this machine before the engine is even fetched.

use hybridge_core::device::{Facts, judge};
use hybridge_core::{Error, Status};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Facts as JSON in, an `Availability` as JSON out.
#[wasm_bindgen]
pub fn judge_device(facts: &str) -> Result<String, JsValue> {
    let facts: Facts = serde_json::from_str(facts).map_err(|error| {
        crate::thrown::thrown(&Error::new(
            Status::Internal,
            format!("facts about the device are malformed at column {}", error.column()),
        ))
    })?;
    Ok(serde_json::to_string(&judge(&facts)).unwrap_or_default())
}
