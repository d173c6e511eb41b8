//! Answers checked against their schemas.

use hybridge_core::schema::pattern::Patterns;
use hybridge_core::schema::{Mismatch, validate};
use js_sys::Function;
use serde_json::Value;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The first place where a value is not what its schema asks for, as JSON text of `{path, expected}`; `undefined`
/// where it is. `hasProperty(property, character)` is a boolean, or `undefined` for a property that is unknown.
#[wasm_bindgen(js_name = findMismatch)]
pub fn find_mismatch(schema: &str, value: &str, has_property: &Function) -> Option<String> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    // A schema that is no JSON cannot be asked for: the caller turned a JavaScript value into this text.
    let schema = parsed(schema)?;
    let Some(value) = parsed(value) else {
        return Some(told(&Mismatch {
            path: String::new(),
            expected: "JSON that is not nested too deeply".to_owned(),
        }));
    };
    let call = |property: &str, character: char| {
        let character = String::from(character);
        has_property.call2(&JsValue::UNDEFINED, &property.into(), &character.into()).ok()?.as_bool()
    };
    let patterns = Patterns::new(&call);
    validate(&schema, &value, &|pattern, text| patterns.is_match(pattern, text))
        .err()
        .map(|mismatch| told(&mismatch))
}

fn told(mismatch: &Mismatch) -> String {
    serde_json::to_string(mismatch).unwrap_or_default()
}
