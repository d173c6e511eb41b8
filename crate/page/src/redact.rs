//! Redaction for JavaScript. JSON in, JSON out; every decision is in `hybridge_core::redact`.

use std::cell::RefCell;
use std::rc::Rc;

use hybridge_core::redact::{Hidden, Kind, Redactor, Restorer, Term};
use hybridge_core::{Error, parse_json};
use js_sys::Function;
use serde_json::Value;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Replaces data in the requests of one model.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Redaction(RefCell<Redactor>);

#[wasm_bindgen]
impl Redaction {
    /// `kinds` is `[[name, prefix, suffix], …]`. What is thrown is our error, as JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(kinds: &str) -> Result<Self, String> {
        let read = |it: &Value| {
            let text = |at: usize| it.get(at).and_then(Value::as_str).unwrap_or_default();
            Kind::new(text(0), text(1), text(2))
        };
        let kinds = parse_json(kinds, "the kinds").map_err(|it| json(&it))?;
        let kinds: hybridge_core::Result<Vec<Kind>> =
            kinds.as_array().into_iter().flatten().map(read).collect();
        let redactor = kinds.and_then(Redactor::new).map_err(|it| json(&it))?;
        Ok(Self(RefCell::new(redactor)))
    }

    /// A request with placeholders. `terms` is `[[kind, text], …]`; `finds(text)` returns the same as JSON for one text.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "an optional function cannot cross the boundary by reference"
    )]
    pub fn redact(
        &self,
        request: &str,
        terms: &str,
        finds: Option<Function>,
    ) -> Result<Redacted, String> {
        let request = parse_json(request, "the request").map_err(|it| json(&it))?;
        let found = |text: &str| {
            let found = finds.as_ref()?.call1(&JsValue::UNDEFINED, &text.into()).ok()?;
            Some(terms_in(&found.as_string()?, false))
        };
        let finds = |text: &str| found(text).unwrap_or_default();
        // The caller's function may come back here: it would find the redactor borrowed.
        let mut redactor = self.0.try_borrow_mut().map_err(|_| {
            json(&Error::precondition("a detector must not redact with the model it works for"))
        })?;
        let (request, hidden) =
            redactor.redact(request, terms_in(terms, true), &finds).map_err(|it| json(&it))?;
        Ok(Redacted { request: json(&request), hidden })
    }
}

/// One request's placeholders, and what they stand for.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Redacted {
    request: String,
    hidden: Rc<Hidden>,
}

#[wasm_bindgen]
impl Redacted {
    /// The request to send.
    pub fn request(&self) -> String {
        self.request.clone()
    }

    /// How many values of each kind were replaced: `[[kind, count], …]`.
    pub fn counts(&self) -> String {
        json(&self.hidden.counts())
    }

    /// A value of the answer with everything that was replaced put back.
    pub fn restore(&self, value: &str) -> Result<String, String> {
        let value = parse_json(value, "the answer").map_err(|it| json(&it))?;
        Ok(json(&self.hidden.restore(value)))
    }

    /// For a text of the answer that comes in pieces.
    pub fn restorer(&self, is_json: bool) -> TextRestorer {
        TextRestorer(RefCell::new(Restorer::new(Rc::clone(&self.hidden), is_json)))
    }
}

/// Restores one text that comes in pieces.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TextRestorer(RefCell<Restorer>);

#[wasm_bindgen]
impl TextRestorer {
    /// What can be shown of it now. With `is_last` nothing is kept back.
    pub fn push(&self, piece: &str, is_last: bool) -> String {
        self.0.borrow_mut().push(piece, is_last)
    }
}

fn terms_in(list: &str, is_word: bool) -> Vec<Term> {
    let list = parse_json(list, "what was found").unwrap_or_default();
    let read = |it: &Value| {
        let kind = usize::try_from(it.get(0)?.as_u64()?).ok()?;
        Some(Term { kind, text: it.get(1)?.as_str()?.to_owned(), is_word })
    };
    list.as_array().into_iter().flatten().filter_map(read).collect()
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
