//! Judges this machine before the engine is downloaded.

use hybridge_core::Error;
use hybridge_core::device::{AvailabilityFacts, judge};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::thrown::thrown;

/// Takes facts as JSON and the first bytes of the model's file, as far as they are known; returns
/// an `Availability` as JSON.
#[wasm_bindgen]
pub fn judge_device(facts: &str, header: &[u8]) -> Result<String, JsValue> {
    // The facts come from this package, so malformed ones are not the caller's mistake.
    let mut facts =
        AvailabilityFacts::parse(facts).map_err(|error| thrown(&Error::internal(error.message)))?;
    facts.read_header(header);
    Ok(serde_json::to_string(&judge(&facts)).unwrap_or_default())
}
