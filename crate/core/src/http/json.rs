//! Looking into JSON of which nothing can be taken for granted, and building it.

use serde_json::{Map, Value};

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

impl Look for Value {
    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn some(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }
}

/// Building an object of which some fields may be absent.
pub(crate) trait Build {
    /// Sets `key`.
    fn put(&mut self, key: &str, value: impl Into<Value>);
    /// Sets `key` if there is a value.
    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>);
}

impl Build for Map<String, Value> {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(key.to_owned(), value.into());
    }

    fn put_some(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }
}
