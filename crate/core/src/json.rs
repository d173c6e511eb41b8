//! Looking into JSON of which nothing can be taken for granted, reading it, and building it.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// Reads that answer with `None` whatever the shape is.
pub(crate) trait Look {
    /// The text under `key`.
    fn text(&self, key: &str) -> Option<&str>;
    /// The elements under `key`; none if it is no array.
    fn list(&self, key: &str) -> &[Value];
    /// The value under `key`, unless it is `null`.
    fn some(&self, key: &str) -> Option<&Value>;
    /// The count under `key`.
    fn count(&self, key: &str) -> Option<u64>;
}

// None of these is inlined: they are called a hundred times, and every page downloads them.
impl Look for Value {
    #[inline(never)]
    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    #[inline(never)]
    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    #[inline(never)]
    fn some(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    #[inline(never)]
    fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }
}

/// Building an object of which some fields may be absent.
pub(crate) trait Build {
    /// Sets `key`.
    fn put(&mut self, key: &str, value: Value);

    /// Sets `key` to a text.
    fn put_text(&mut self, key: &str, text: &str);

    /// Sets `key` if there is a value.
    fn put_some(&mut self, key: &str, value: Option<Value>);
}

impl Build for Map<String, Value> {
    #[inline(never)]
    fn put(&mut self, key: &str, value: Value) {
        self.insert(key.to_owned(), value);
    }

    #[inline(never)]
    fn put_text(&mut self, key: &str, text: &str) {
        self.put(key, Value::String(text.to_owned()));
    }

    #[inline(never)]
    fn put_some(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}

/// An object of these fields. `json!` writes the same thing out at each place, at four times the bytes.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut object = Map::new();
    for (key, value) in fields {
        object.put(key, value);
    }
    Value::Object(object)
}

/// JSON text of a value. `Display` says the same, through two more copies of the writer, one of them for pretty text.
#[inline(never)]
pub(crate) fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A text as a value.
#[inline(never)]
pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Whether a text holds a part. The library's search is made for long texts, and four kilobytes; these are sentences.
#[inline(never)]
pub(crate) fn has(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len().max(1)).any(|window| window == part.as_bytes())
}

/// A type that reads itself from a JSON value.
///
/// Requests do this by hand: derived code for the nested types of a message is four times as large, and every page
/// downloads it. No error quotes what was found, because that may be a prompt.
pub(crate) trait FromJson: Sized {
    /// Reads the value.
    fn from_json(json: Value) -> Result<Self>;

    /// Reads each element.
    fn each(list: Vec<Value>) -> Result<Vec<Self>> {
        list.into_iter().map(Self::from_json).collect()
    }
}

/// Gives types that read themselves from JSON serde's face.
macro_rules! deserialize_from_json {
    ($($type:ty),+) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let json = serde_json::Value::deserialize(deserializer)?;
                $crate::json::FromJson::from_json(json)
                    .map_err(|error: $crate::Error| serde::de::Error::custom(error.message))
            }
        }
    )+};
}
pub(crate) use deserialize_from_json;

/// Reads JSON text. The error says nothing of what was found: it may be a prompt.
pub(crate) fn parse(json: &str, what: &'static str) -> Result<Value> {
    serde_json::from_str(json)
        .map_err(|error| Error::invalid(format!("{what} is no JSON (column {})", error.column())))
}

/// The fields of an object, taken one by one. `null` counts as absent.
pub(crate) struct Fields {
    what: &'static str,
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of `json`, which is called `what` in errors.
    pub(crate) fn of(what: &'static str, json: Value) -> Result<Self> {
        match json {
            Value::Object(map) => Ok(Self { what, map }),
            _ => Err(Error::invalid(format!("{what} must be an object"))),
        }
    }

    /// Whatever is there, `null` too.
    pub(crate) fn any(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key)
    }

    pub(crate) fn value(&mut self, key: &str) -> Option<Value> {
        self.any(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    pub(crate) fn required_text(&mut self, key: &str) -> Result<String> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "a string"))
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.wrong(key, "a number"))
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, "true or false"))
    }

    pub(crate) fn count(&mut self, key: &str) -> Result<Option<u64>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| self.wrong(key, "a whole number of at least 0"))
    }

    pub(crate) fn small_count(&mut self, key: &str) -> Result<Option<u32>> {
        Ok(self.count(key)?.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
    }

    /// The elements under `key`; none if it is absent.
    pub(crate) fn list(&mut self, key: &str) -> Result<Vec<Value>> {
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(key, "an array")),
        }
    }

    pub(crate) fn map(&mut self, key: &str) -> Result<Option<Map<String, Value>>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(key, "an object")),
        }
    }

    /// What nobody has taken.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }

    /// The error for a field that is not what it must be.
    pub(crate) fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::invalid(format!("`{key}` of {} must be {expected}", self.what))
    }
}
