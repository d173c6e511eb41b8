//! Lenient access to JSON, reading types from it, and building it.

mod number;
mod reader;

use serde_json::{Map, Value};

use crate::{Error, Result};
use reader::{DEEPEST, Fault};

/// Lenient accessors, which return `None` for any other shape.
pub(crate) trait Look {
    /// Returns the string under `key`.
    fn text(&self, key: &str) -> Option<&str>;
    /// Returns the elements under `key`; empty if it isn't an array.
    fn list(&self, key: &str) -> &[Value];
    /// Returns the value under `key`, unless it is `null`.
    fn some(&self, key: &str) -> Option<&Value>;
    /// Returns the count under `key`.
    fn count(&self, key: &str) -> Option<u64>;
}

// None of these is inlined: they are called about a hundred times, and every page downloads them.
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

/// Builds an object with optional fields.
pub(crate) trait Build {
    /// Sets `key`.
    fn put(&mut self, key: &str, value: Value);

    /// Sets `key` to a string.
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

/// Creates an object of these fields. `json!` would expand to four times the bytes at each call.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut object = Map::new();
    for (key, value) in fields {
        object.put(key, value);
    }
    Value::Object(object)
}

/// Serialises a value as JSON. `Display` would do the same through two more copies of the writer,
/// one of them for pretty output.
#[inline(never)]
pub(crate) fn written(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns a string as a value.
#[inline(never)]
pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Whether a text contains another. The standard search is optimised for long texts and adds four
/// kilobytes; these are sentences.
#[inline(never)]
pub(crate) fn has(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len().max(1)).any(|window| window == part.as_bytes())
}

/// Returns the strings of a list; fewer than its elements if some aren't strings.
#[inline(never)]
pub(crate) fn texts(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A type that can be read from a JSON value.
///
/// Implemented by hand, because derived code for the nested types of a message is four times as
/// large, and every page downloads it. No error quotes the value, which may be a prompt.
pub(crate) trait FromJson: Sized {
    /// Reads the value.
    fn from_json(json: Value) -> Result<Self>;
}

/// Parses JSON text. Unpaired surrogates become U+FFFD, as everywhere on the web. The error does
/// not quote the text, which may be a prompt.
///
/// # Errors Returns `INVALID_ARGUMENT`, with `what` as the name of the text.
pub fn parse(json: &str, what: &'static str) -> Result<Value> {
    reader::read(json).map_err(|(fault, at)| match fault {
        Fault::Deep => {
            let message =
                format!("{what} is nested too deeply: more than {DEEPEST} levels of JSON");
            Error::invalid(message).with_code("TOO_DEEP")
        }
        _ => Error::invalid(format!("{what} is not JSON (after {at} bytes)")),
    })
}

/// Whether JSON ends inside a value.
pub(crate) fn is_cut(json: &str) -> bool {
    reader::read(json).is_err_and(|(fault, _)| fault == Fault::Cut)
}

/// The fields of an object, taken one by one. `null` counts as absent.
///
/// The first error is kept and returned by [`done`](Self::done), because a `?` after each field
/// would triple the code size. Until then, an invalid field counts as absent.
#[derive(Debug)]
pub(crate) struct Fields {
    what: &'static str,
    map: Map<String, Value>,
    mistake: Option<Error>,
}

impl Fields {
    /// Returns the fields of `json`, which is named `what` in errors.
    pub(crate) fn of(what: &'static str, json: Value) -> Self {
        let (map, mistake) = match json {
            Value::Object(map) => (map, None),
            _ => (Map::new(), Some(Error::invalid(format!("{what} must be an object")))),
        };
        Self { what, map, mistake }
    }

    /// Returns the value, or the first error.
    pub(crate) fn done<T>(self, read: T) -> Result<T> {
        match self.mistake {
            None => Ok(read),
            Some(error) => Err(error),
        }
    }

    /// Records that a field has the wrong type.
    #[inline(never)]
    pub(crate) fn wrong(&mut self, key: &str, expected: &str) {
        if self.mistake.is_none() {
            let message = format!("`{key}` of {} must be {expected}", self.what);
            self.mistake = Some(Error::invalid(message));
        }
    }

    /// Records the error of a nested value.
    pub(crate) fn inner<T>(&mut self, read: Result<T>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.mistake.get_or_insert(error);
                None
            }
        }
    }

    /// Returns any value, including null.
    #[inline(never)]
    pub(crate) fn any(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key)
    }

    pub(crate) fn value(&mut self, key: &str) -> Option<Value> {
        self.any(key).filter(|value| !value.is_null())
    }

    /// Returns a value of a type that can be read.
    pub(crate) fn read<T: FromJson>(&mut self, key: &str) -> Option<T> {
        let read = T::from_json(self.value(key)?);
        self.inner(read)
    }

    /// Returns the elements under `key`, each of a type that can be read; empty if it is absent.
    pub(crate) fn each<T: FromJson>(&mut self, key: &str) -> Vec<T> {
        let mut all = Vec::new();
        for json in self.list(key) {
            let read = T::from_json(json);
            all.extend(self.inner(read));
        }
        all
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(key, "a string");
                None
            }
        }
    }

    #[inline(never)]
    pub(crate) fn required_text(&mut self, key: &str) -> String {
        let text = self.text(key);
        if text.is_none() {
            self.wrong(key, "a string");
        }
        text.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, key: &str) -> Option<f64> {
        let number = self.value(key)?.as_f64();
        if number.is_none() {
            self.wrong(key, "a number");
        }
        number
    }

    pub(crate) fn required_number(&mut self, key: &str) -> f64 {
        let number = self.number(key);
        if number.is_none() {
            self.wrong(key, "a number");
        }
        number.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn count(&mut self, key: &str) -> Option<u64> {
        let count = self.value(key)?.as_u64();
        if count.is_none() {
            self.wrong(key, "a whole number of at least 0");
        }
        count
    }

    /// Returns a count, truncated to 32 bits.
    pub(crate) fn small_count(&mut self, key: &str) -> Option<u32> {
        self.count(key).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    pub(crate) fn index(&mut self, key: &str) -> Option<usize> {
        self.count(key).and_then(|it| usize::try_from(it).ok())
    }

    pub(crate) fn required_index(&mut self, key: &str) -> usize {
        let index = self.index(key);
        if index.is_none() {
            self.wrong(key, "a whole number of at least 0");
        }
        index.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        let flag = self.value(key)?.as_bool();
        if flag.is_none() {
            self.wrong(key, "true or false");
        }
        flag
    }

    /// Returns the elements under `key`; empty if it is absent.
    #[inline(never)]
    pub(crate) fn list(&mut self, key: &str) -> Vec<Value> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.wrong(key, "an array");
                Vec::new()
            }
        }
    }

    /// Returns the strings of a list, if it is present: an unreadable constraint must not count as
    /// none.
    #[inline(never)]
    pub(crate) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        let texts = texts(list);
        if !value.is_array() || texts.len() != list.len() {
            self.wrong(key, "an array of strings");
        }
        Some(texts)
    }

    /// Returns a list of strings; empty if it is absent.
    pub(crate) fn keys(&mut self, key: &str) -> Vec<String> {
        self.texts(key).unwrap_or_default()
    }

    pub(crate) fn map(&mut self, key: &str) -> Option<Map<String, Value>> {
        match self.value(key)? {
            Value::Object(map) => Some(map),
            _ => {
                self.wrong(key, "an object");
                None
            }
        }
    }

    /// Returns the fields that were not taken.
    pub(crate) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.map)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn unpaired_surrogates_become_replacement_characters() {
        for (json, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\ude00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\\ud83d \udead""#, "\\ud83d \u{fffd}"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
        ] {
            assert_eq!(parse(json, "it").unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn invalid_json_is_named_and_not_quoted() {
        let deep = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&deep(127), "it").is_ok());
        for levels in [128, 1_000, 1_000_000] {
            let error = parse(&deep(levels), "it").unwrap_err();
            assert_eq!(error.message, "it is nested too deeply: more than 127 levels of JSON");
        }
        for broken in ["", "{", r#"{"a":}"#, r#""\ud83d"#, r#""\u12""#, "\"[\\\"[", "\\"] {
            let error = parse(broken, "it").unwrap_err();
            assert!(error.message.starts_with("it is not JSON (after "), "{broken}: {error}");
        }
    }
}
