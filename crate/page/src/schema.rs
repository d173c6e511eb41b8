//! Validates answers against their schemas.

use hybridge_core::parse_json;
use hybridge_core::schema::pattern::Patterns;
use hybridge_core::schema::{Mismatch, validate};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the first mismatch of a value with its schema, as JSON text of `{path, expected}`, or
/// `undefined` if it is valid. `hasProperty(property, character)` returns a boolean, or `undefined`
/// for an unknown Unicode property.
#[wasm_bindgen(js_name = findMismatch)]
pub fn find_mismatch(schema: &str, value: &str, has_property: &Function) -> Option<String> {
    let unread = |expected: &str| Mismatch { path: String::new(), expected: expected.to_owned() };
    let (schema, value) = match (parse_json(schema, "it"), parse_json(value, "it")) {
        (Err(_), _) => return Some(mismatch_json(&unread("a schema that is nested less deeply"))),
        (_, Err(_)) => return Some(mismatch_json(&unread("JSON that is nested less deeply"))),
        (Ok(schema), Ok(value)) => (schema, value),
    };
    let call = |property: &str, character: char| {
        let character = String::from(character);
        has_property.call2(&JsValue::UNDEFINED, &property.into(), &character.into()).ok()?.as_bool()
    };
    let patterns = Patterns::new(&call);
    validate(&schema, &value, &|pattern, text| patterns.is_match(pattern, text))
        .err()
        .map(|mismatch| mismatch_json(&mismatch))
}

fn mismatch_json(mismatch: &Mismatch) -> String {
    serde_json::to_string(mismatch).unwrap_or_default()
}
