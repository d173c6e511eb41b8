//! Answers checked against their schemas.

use hybridge_core::parse_json;
use hybridge_core::schema::pattern::Patterns;
use hybridge_core::schema::{Mismatch, validate};
use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The first place where a value is not what its schema requires, as JSON text of `{path,
/// expected}`; `undefined` where it is. `hasProperty(property, character)` is a boolean, or
/// `undefined` for a property that is unknown.
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
