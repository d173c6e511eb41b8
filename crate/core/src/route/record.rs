//! Reading what TypeScript describes: field by field, in straight lines. The first thing that is wrong is kept and told at the end;
//! a `?` after each field costs every page three times the bytes.

use serde_json::Value;

use crate::{Error, Result};

/// An object of JSON that is being read. `null` counts as absent.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    what: &'static str,
    json: &'a Value,
    wrong: Option<Error>,
}

impl<'a> Record<'a> {
    /// Begins to read an object, which is called `what` in errors.
    pub(crate) fn of(what: &'static str, json: &'a Value) -> Self {
        let wrong = (!json.is_object())
            .then(|| Error::invalid(format!("{what} must be described by an object")));
        Self { what, json, wrong }
    }

    /// What was read, unless something was wrong.
    pub(crate) fn done<T>(self, read: T) -> Result<T> {
        match self.wrong {
            None => Ok(read),
            Some(error) => Err(error),
        }
    }

    #[inline(never)]
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    /// Notes that a field is not what it must be.
    #[inline(never)]
    pub(crate) fn blame(&mut self, key: &str, expected: &str) {
        let told = || Error::invalid(format!("`{key}` of {} must be {expected}", self.what));
        if self.wrong.is_none() {
            self.wrong = Some(told());
        }
    }

    /// Takes over what is wrong inside.
    pub(crate) fn inner<T>(&mut self, read: Result<T>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong.get_or_insert(error);
                None
            }
        }
    }

    #[inline(never)]
    pub(crate) fn maybe_text(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?;
        if !value.is_string() {
            self.blame(key, "a string");
        }
        value.as_str().map(str::to_owned)
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, key: &str) -> String {
        let text = self.maybe_text(key);
        if text.is_none() {
            self.blame(key, "a string");
        }
        text.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn maybe_number(&mut self, key: &str) -> Option<f64> {
        let value = self.value(key)?;
        if !value.is_number() {
            self.blame(key, "a number");
        }
        value.as_f64()
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, key: &str) -> f64 {
        let number = self.maybe_number(key);
        if number.is_none() {
            self.blame(key, "a number");
        }
        number.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn maybe_count(&mut self, key: &str) -> Option<u64> {
        let value = self.value(key)?;
        let count = value.as_u64();
        if count.is_none() {
            self.blame(key, "a whole number");
        }
        count
    }

    pub(crate) fn index(&mut self, key: &str) -> usize {
        let index = self.maybe_count(key).and_then(|it| usize::try_from(it).ok());
        if index.is_none() {
            self.blame(key, "a whole number");
        }
        index.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn maybe_flag(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.blame(key, "true or false");
        }
        flag
    }

    pub(crate) fn flag(&mut self, key: &str) -> bool {
        self.maybe_flag(key) == Some(true)
    }

    #[inline(never)]
    pub(crate) fn list(&mut self, key: &str) -> &'a [Value] {
        match self.value(key) {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.blame(key, "a list");
                &[]
            }
        }
    }

    #[inline(never)]
    pub(crate) fn keys(&mut self, key: &str) -> Vec<String> {
        let list = self.list(key);
        let keys = texts(list);
        if keys.len() != list.len() {
            self.blame(key, "a list of strings");
        }
        keys
    }

    pub(crate) fn maybe_keys(&mut self, key: &str) -> Option<Vec<String>> {
        self.value(key)?;
        Some(self.keys(key))
    }
}

/// The strings of a list.
#[inline(never)]
pub(crate) fn texts(list: &[Value]) -> Vec<String> {
    let mut texts = Vec::with_capacity(list.len());
    for value in list {
        if let Value::String(text) = value {
            texts.push(text.clone());
        }
    }
    texts
}
