//! The number of each value. A value keeps its number as long as it is in the vault.

use serde_json::{Map, Value};

use crate::json;

/// The maximum number of remembered values: more than a conversation contains, but bounded, so that
/// a server does not grow for ever.
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Vault {
    /// Numbers by kind and value.
    numbers: Map<String, Value>,
    /// The last number of each kind. Never reused.
    last: Vec<u32>,
}

impl Vault {
    /// Returns the number of a value, assigning a new one if needed; never one of `taken`, which is
    /// sorted.
    pub(super) fn number(&mut self, kind: usize, value: &Value, taken: &[(usize, u32)]) -> u32 {
        let key = format!("{kind} {}", json::written(value));
        let known = self.numbers.get(&key).and_then(Value::as_u64);
        if let Some(number) = known.and_then(|it| u32::try_from(it).ok()) {
            return number;
        }
        if self.numbers.len() >= MOST {
            self.numbers.clear();
        }
        if self.last.len() <= kind {
            self.last.resize(kind + 1, 0);
        }
        let mut number = self.last.get(kind).copied().unwrap_or_default() + 1;
        while taken.binary_search(&(kind, number)).is_ok() {
            number += 1;
        }
        if let Some(last) = self.last.get_mut(kind) {
            *last = number;
        }
        self.numbers.insert(key, Value::from(number));
        number
    }
}
