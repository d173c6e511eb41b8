//! What the page asks about this machine before the engine is even fetched.

use hybridge_core::Error;
use hybridge_core::device::{Facts, judge};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::thrown::thrown;

/// Facts as JSON in, an `Availability` as JSON out.
#[wasm_bindgen]
pub fn judge_device(facts: &str) -> Result<String, JsValue> {
    // They are this package's own words, so that a malformed one is no mistake of the caller.
    let facts = Facts::parse(facts).map_err(|error| thrown(&Error::internal(error.message)))?;
    Ok(serde_json::to_string(&judge(&facts)).unwrap_or_default())
}
