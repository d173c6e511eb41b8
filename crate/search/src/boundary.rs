//! The interface for JavaScript, which converts and forwards only.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::batch::Batch;
use crate::error::Error;
use crate::fields::{Comparison, Filter, Value};
use crate::journal::{Header, LONGEST_HEADER};
use crate::store::{Hit, Search, Store};
use crate::vectors::{Encoding, MOST_DIMENSIONS};

fn thrown(error: &Error) -> JsValue {
    JsValue::from_str(&error.to_json())
}

/// Offsets in a file are below 2^53.
#[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
fn place(at: u64) -> f64 {
    at as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates; JavaScript read the size from a file"
)]
fn size(bytes: f64) -> u64 {
    bytes as u64
}

fn encoding_of(is_int8: bool) -> Encoding {
    if is_int8 { Encoding::Int8 } else { Encoding::Float32 }
}

fn described(header: &Header) -> String {
    let numbers = if header.encoding == Encoding::Int8 { "8-bit numbers" } else { "floats" };
    format!("{} {numbers} by the embedder '{}'", header.dimensions, header.embedder)
}

/// A store in memory, without its texts.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Index {
    store: RefCell<Store>,
    start: u64,
}

#[wasm_bindgen]
impl Index {
    /// Creates a store.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for invalid dimensions or a name that is too long.
    pub fn create(
        dimensions: u32,
        is_int8: bool,
        embedder: &str,
        salt: u64,
    ) -> Result<Self, JsValue> {
        let dimensions = dimensions as usize;
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) || embedder.len() > LONGEST_HEADER / 2 {
            return Err(thrown(&Error::Invalid(format!(
                "a vector has 1 to {MOST_DIMENSIONS} numbers, found {dimensions}"
            ))));
        }
        let encoding = encoding_of(is_int8);
        let embedder = embedder.to_owned();
        let header = Header { salt, promise: 0, dimensions, encoding, embedder };
        let start = header.to_bytes().len() as u64;
        Ok(Self { store: RefCell::new(Store::new(header, start)), start })
    }

    /// Creates an empty store for the same vectors, whose file will have `promise` bytes.
    #[must_use]
    pub fn successor(&self, salt: u64, promise: f64) -> Self {
        let header =
            Header { salt, promise: size(promise), ..self.store.borrow().header().clone() };
        let start = header.to_bytes().len() as u64;
        Self { store: RefCell::new(Store::new(header, start)), start }
    }

    /// Opens the store of a file of this size from its first `header_bytes()` bytes. Returns `None`
    /// if the file was never completed and is empty.
    ///
    /// # Errors
    ///
    /// Returns `STORE_NEWER` or `STORE_DAMAGED`.
    pub fn open(first: &[u8], bytes: f64) -> Result<Option<Self>, JsValue> {
        let read = Header::read(first, size(bytes)).map_err(|error| thrown(&error))?;
        Ok(read
            .map(|(header, start)| Self { store: RefCell::new(Store::new(header, start)), start }))
    }

    /// Returns the number of bytes that `open` reads.
    #[must_use]
    pub fn header_bytes() -> u32 {
        4096
    }

    /// Fails if the file was made for other vectors. Undefined values match anything, as does an
    /// embedder without a name.
    ///
    /// # Errors
    ///
    /// Returns `STORE_MISMATCH`.
    pub fn expect(
        &self,
        dimensions: Option<u32>,
        is_int8: Option<bool>,
        embedder: Option<String>,
    ) -> Result<(), JsValue> {
        let store = self.store.borrow();
        let kept = store.header();
        let asked = Header {
            dimensions: dimensions.map_or(kept.dimensions, |it| it as usize),
            encoding: is_int8.map_or(kept.encoding, encoding_of),
            embedder: embedder
                .filter(|it| !it.is_empty() && !kept.embedder.is_empty())
                .unwrap_or_else(|| kept.embedder.clone()),
            ..kept.clone()
        };
        if asked == *kept {
            return Ok(());
        }
        Err(thrown(&Error::Mismatch { kept: described(kept), asked: described(&asked) }))
    }

    /// Returns the file's first bytes.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        self.store.borrow().header().to_bytes()
    }

    /// Returns the number of dimensions of a vector.
    #[must_use]
    pub fn dimensions(&self) -> u32 {
        crate::bytes::short(self.store.borrow().header().dimensions)
    }

    /// Returns the size below which a compacted file is incomplete.
    #[must_use]
    pub fn promise(&self) -> f64 {
        place(self.store.borrow().header().promise)
    }

    /// Returns the offset of the first record.
    #[must_use]
    pub fn start(&self) -> f64 {
        place(self.start)
    }

    /// Returns the end of the last complete record, where the next one is written.
    #[must_use]
    pub fn end(&self) -> f64 {
        place(self.store.borrow().end())
    }

    /// Returns the number of unreadable bytes that were skipped.
    #[must_use]
    pub fn damaged(&self) -> f64 {
        place(self.store.borrow().damaged())
    }

    /// Returns the number of documents that are not deleted.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.store.borrow().live()
    }

    /// Returns the number of documents including deleted ones; all document numbers are below it.
    #[must_use]
    pub fn documents(&self) -> u32 {
        crate::bytes::short(self.store.borrow().documents())
    }

    /// Returns the number of records that were read.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.store.borrow().records()
    }

    /// Starts reading after the last record, in a file of this size.
    pub fn grow(&self, bytes: f64) {
        self.store.borrow_mut().grow(size(bytes));
    }

    /// Returns offset and length of the bytes to feed next; empty at the end.
    #[must_use]
    pub fn wanted(&self) -> Vec<f64> {
        let wanted = self.store.borrow().wanted();
        wanted.map_or_else(Vec::new, |(at, length)| vec![place(at), place(length)])
    }

    /// Takes the requested bytes.
    pub fn feed(&self, bytes: &[u8]) {
        self.store.borrow_mut().feed(bytes);
    }

    /// Returns offset and length of words that a keyword search needs; empty once all are loaded.
    #[must_use]
    pub fn unread_keywords(&self) -> Vec<f64> {
        let unread = self.store.borrow().unread_keywords();
        unread.map_or_else(Vec::new, |(at, length)| vec![place(at), f64::from(length)])
    }

    /// Takes the requested words.
    pub fn feed_keywords(&self, bytes: &[u8]) {
        self.store.borrow_mut().feed_keywords(bytes);
    }

    /// Creates an empty batch of documents for this store.
    #[must_use]
    pub fn batch(&self) -> Documents {
        Documents { batch: RefCell::new(self.store.borrow().batch()) }
    }

    /// Returns the record of a batch, to be appended to the file.
    #[must_use]
    pub fn record_of(&self, documents: &Documents) -> Vec<u8> {
        self.store.borrow().record_of(&documents.batch.borrow())
    }

    /// Returns the record that deletes documents, to be appended to the file.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen passes an owned vector")]
    pub fn deletion_of(&self, ids: Vec<String>) -> Vec<u8> {
        self.store.borrow().deletion_of(&ids)
    }

    /// Adds a document of this store to the batch of another.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen does not support optional references"
    )]
    pub fn carry(
        &self,
        document: u32,
        text: &str,
        words: Option<String>,
        metadata: &str,
        into: &Documents,
    ) {
        let words = words.as_deref().unwrap_or(text);
        let texts = [text, words, metadata];
        self.store.borrow().carry(document, texts, &mut into.batch.borrow_mut());
    }

    /// Returns the number of the document with this ID.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<u32> {
        self.store.borrow().find(id)
    }

    /// Returns the ID of a document, or `None` if it is deleted.
    #[must_use]
    pub fn id_of(&self, document: u32) -> Option<String> {
        self.store.borrow().document(document).map(|(id, ..)| id.to_owned())
    }

    /// Returns the offset and length of a document's text in the file, and the length of the
    /// metadata after it. Empty if the document is deleted.
    #[must_use]
    pub fn place_of(&self, document: u32) -> Vec<f64> {
        let store = self.store.borrow();
        store.document(document).map_or_else(Vec::new, |(_, at, text, metadata)| {
            vec![place(at), f64::from(text), f64::from(metadata)]
        })
    }

    /// Returns the IDs of all documents that satisfy the filter.
    #[must_use]
    pub fn select(&self, conditions: &Conditions) -> Vec<String> {
        self.store.borrow().select(conditions.filter().as_ref())
    }

    /// Returns the best documents by vector, by keywords of a text, or by both.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if the vector has the wrong dimensions.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen does not support optional references"
    )]
    pub fn search(
        &self,
        vector: Option<Vec<f32>>,
        text: Option<String>,
        most: u32,
        weight: f32,
        conditions: &Conditions,
    ) -> Result<Hits, JsValue> {
        let filter = conditions.filter();
        let search = Search {
            vector: vector.as_deref(),
            text: text.as_deref(),
            most: most as usize,
            weight,
            filter: filter.as_ref(),
        };
        let hits = self.store.borrow().search(&search).map_err(|error| thrown(&error))?;
        Ok(Hits { hits })
    }
}

/// The results of a search, the best first.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Hits {
    hits: Vec<Hit>,
}

#[wasm_bindgen]
impl Hits {
    /// Returns the documents' numbers.
    #[must_use]
    pub fn documents(&self) -> Vec<u32> {
        self.hits.iter().map(|it| it.document).collect()
    }

    /// Returns for each hit its score, its vector score and its keyword score; NaN if there is
    /// none.
    #[must_use]
    pub fn scores(&self) -> Vec<f32> {
        let scores = self
            .hits
            .iter()
            .map(|it| [it.score, it.vector.unwrap_or(f32::NAN), it.keywords.unwrap_or(f32::NAN)]);
        scores.flatten().collect()
    }
}

/// Documents to be written as one record.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Documents {
    batch: RefCell<Batch>,
}

#[wasm_bindgen]
impl Documents {
    /// Adds a document. `words` is its text for keyword search, if different.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if the vector has the wrong dimensions.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen does not support optional references"
    )]
    pub fn push(
        &self,
        id: &str,
        text: &str,
        words: Option<String>,
        metadata: &str,
        vector: &[f32],
    ) -> Result<(), JsValue> {
        let words = words.as_deref().unwrap_or(text);
        let pushed = self.batch.borrow_mut().push(id, [text, words, metadata], vector);
        pushed.map_err(|error| thrown(&error))
    }

    /// Returns the number of documents added so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        crate::bytes::short(self.batch.borrow().len())
    }

    /// Gives the last document this field with an empty list as its value.
    pub fn empty_field(&self, name: &str) {
        self.batch.borrow_mut().field(name, None);
    }

    /// Adds `null` to the metadata of the last document.
    pub fn null_field(&self, name: &str) {
        self.batch.borrow_mut().field(name, Some(Value::Null));
    }

    /// Adds a boolean to the metadata of the last document.
    pub fn bool_field(&self, name: &str, value: bool) {
        self.batch.borrow_mut().field(name, Some(Value::Bool(value)));
    }

    /// Adds a number to the metadata of the last document.
    pub fn number_field(&self, name: &str, value: f64) {
        self.batch.borrow_mut().field(name, Some(Value::Number(value)));
    }

    /// Adds a string to the metadata of the last document.
    pub fn text_field(&self, name: &str, value: &str) {
        self.batch.borrow_mut().field(name, Some(Value::Text(value.into())));
    }
}

/// A filter, built in postfix order: values, then the comparison that uses them, then the operator
/// that combines the preceding comparisons.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Conditions {
    values: RefCell<Vec<Value>>,
    parts: RefCell<Vec<Filter>>,
}

#[wasm_bindgen]
impl Conditions {
    /// Creates a filter that every document satisfies.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn filter(&self) -> Option<Filter> {
        self.parts.borrow().last().cloned()
    }

    fn last(&self, count: u32) -> Vec<Filter> {
        let mut parts = self.parts.borrow_mut();
        let from = parts.len().saturating_sub(count as usize);
        parts.split_off(from)
    }

    /// Adds a boolean for the next comparison.
    pub fn null_value(&self) {
        self.values.borrow_mut().push(Value::Null);
    }

    /// Adds a number for the next comparison.
    pub fn bool_value(&self, value: bool) {
        self.values.borrow_mut().push(Value::Bool(value));
    }

    /// Adds a string for the next comparison.
    pub fn number_value(&self, value: f64) {
        self.values.borrow_mut().push(Value::Number(value));
    }

    /// Adds `null` for the next comparison.
    pub fn text_value(&self, value: &str) {
        self.values.borrow_mut().push(Value::Text(Rc::from(value)));
    }

    /// Compares the field with the values by `how`: 0 equal, 1 less, 2 less or equal, 3 greater, 4
    /// greater or equal.
    pub fn compare(&self, field: &str, how: u8) {
        let how = match how {
            1 => Comparison::Less,
            2 => Comparison::LessOrEqual,
            3 => Comparison::Greater,
            4 => Comparison::GreaterOrEqual,
            _ => Comparison::Equal,
        };
        let values = self.values.take();
        self.parts.borrow_mut().push(Filter::Compare { field: field.into(), how, values });
    }

    /// Requires the field to exist.
    pub fn exists(&self, field: &str) {
        self.parts.borrow_mut().push(Filter::Exists(field.into()));
    }

    /// Combines the last `count` conditions: all must hold.
    pub fn all(&self, count: u32) {
        let parts = self.last(count);
        self.parts.borrow_mut().push(Filter::All(parts));
    }

    /// Combines the last `count` conditions: at least one must hold.
    pub fn any(&self, count: u32) {
        let parts = self.last(count);
        self.parts.borrow_mut().push(Filter::Any(parts));
    }

    /// Negates the last condition.
    pub fn not(&self) {
        for part in self.last(1) {
            self.parts.borrow_mut().push(Filter::Not(Box::new(part)));
        }
    }
}
