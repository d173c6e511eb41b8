//! Classifies the keywords of JSON Schema: those that the grammar enforces, annotations, and those
//! that are refused.

use hybridge_core::{Error, Result};
use serde_json::{Map, Value};

use super::small;

/// Enforced in every answer.
const KEPT: [&str; 27] = [
    "$ref",
    "type",
    "enum",
    "const",
    "allOf",
    "anyOf",
    "oneOf",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    // Read if a reference points there.
    "$defs",
    "definitions",
    // Gemini's extension: the order of an object's members.
    "propertyOrdering",
];

/// Annotations, which do not constrain valid values.
const DESCRIPTIONS: [&str; 14] = [
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "contentEncoding",
    "discriminator",
    "externalDocs",
];

/// A schema object and its path, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keywords<'a, 'p> {
    map: &'a Map<String, Value>,
    path: &'p str,
}

impl<'a, 'p> Keywords<'a, 'p> {
    /// Refuses keywords that would not be enforced.
    pub(super) fn new(map: &'a Map<String, Value>, path: &'p str) -> Result<Self> {
        let keywords = Self { map, path };
        for (keyword, value) in map {
            let is_harmless = match (keyword.as_str(), value) {
                ("$id" | "id", _) => path == "#",
                ("uniqueItems", Value::Bool(false)) => true,
                (name, _) => {
                    name.starts_with("x-") || DESCRIPTIONS.contains(&name) || KEPT.contains(&name)
                }
            };
            if !is_harmless {
                return Err(keywords.refuse(keyword, "is not supported on the device"));
            }
        }
        Ok(keywords)
    }

    /// Returns an error that names a keyword and its path.
    pub(super) fn refuse(&self, keyword: &str, reason: impl std::fmt::Display) -> Error {
        Error::invalid(format!("the schema's \"{keyword}\" at {} {reason}", self.path))
    }

    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.map.get(keyword)
    }

    pub(super) fn has(&self, keyword: &str) -> bool {
        self.map.contains_key(keyword)
    }

    pub(super) fn text(&self, keyword: &str) -> Result<Option<&'a str>> {
        self.read(keyword, "must be a string", Value::as_str)
    }

    pub(super) fn number(&self, keyword: &str) -> Result<Option<f64>> {
        self.read(keyword, "must be a number", Value::as_f64)
    }

    pub(super) fn list(&self, keyword: &str) -> Result<Option<&'a Vec<Value>>> {
        self.read(keyword, "must be an array", Value::as_array)
    }

    pub(super) fn map(&self, keyword: &str) -> Result<Option<&'a Map<String, Value>>> {
        self.read(keyword, "must be an object", Value::as_object)
    }

    /// Reads a count, which may be written as `2.0`.
    pub(super) fn count(&self, keyword: &str) -> Result<Option<u32>> {
        let read = |value: &'a Value| {
            let number = value.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be an integer in range"
            )]
            (number.fract() == 0.0 && (0.0..=4e9).contains(&number)).then(|| small(number as usize))
        };
        self.read(keyword, "must be a whole number that is not negative", read)
    }

    pub(super) fn texts(&self, keyword: &str) -> Result<Option<Vec<&'a str>>> {
        let read = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect();
        self.read(keyword, "must be an array of strings", read)
    }

    fn read<T>(
        &self,
        keyword: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        match self.map.get(keyword) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.refuse(keyword, expected)),
        }
    }
}
