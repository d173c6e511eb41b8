//! Downloads for `worker.ts`, which fetches and writes; core decides.

use std::cell::RefCell;

use hybridge_core::download::{Fault, Head, Journal, Transfer};
use sha2::{Digest as _, Sha256};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::boundary::{count, number, parse, thrown, told};

/// The download of one file. See `hybridge_core::download`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Download(RefCell<Transfer>);

#[wasm_bindgen]
impl Download {
    /// Continues from a journal's text and a file of `length` bytes; `policy` and `expected` are
    /// JSON.
    #[wasm_bindgen(constructor)]
    pub fn new(policy: &str, expected: &str, journal: &str, length: f64) -> Result<Self, JsValue> {
        let journal = Journal::read(journal).clipped(count(length));
        let make = || Ok(Transfer::new(parse(policy)?, parse(expected)?, journal));
        make().map(|transfer| Self(RefCell::new(transfer))).map_err(|error| thrown(&error))
    }

    /// Returns the next step: a `Next` as JSON.
    pub fn step(&self) -> String {
        told(&self.0.borrow_mut().step())
    }

    /// Handles a response; its head is JSON, and so is the `Body` returned.
    pub fn answered(&self, flight: u32, head: &str) -> Result<String, JsValue> {
        let head: Head = parse(head).map_err(|error| thrown(&error))?;
        Ok(told(&self.0.borrow_mut().answered(flight, &head)))
    }

    /// Returns where to write the next bytes of a body: a `Slot` as JSON.
    pub fn slot(&self, flight: u32, length: f64) -> String {
        told(&self.0.borrow().slot(flight, count(length)))
    }

    /// Records that this many bytes of a body were written.
    pub fn written(&self, flight: u32, length: f64) {
        self.0.borrow_mut().written(flight, count(length));
    }

    /// Handles the end of a body.
    pub fn ended(&self, flight: u32) {
        self.0.borrow_mut().ended(flight);
    }

    /// Handles a failed request; `stalled` if it only stopped sending.
    pub fn failed(&self, flight: u32, stalled: bool) {
        let fault = if stalled { Fault::Stalled } else { Fault::Network };
        self.0.borrow_mut().failed(flight, fault);
    }

    /// Whether the file's digest is needed.
    #[wasm_bindgen(js_name = wantsDigest)]
    pub fn wants_digest(&self) -> bool {
        self.0.borrow().wants_digest()
    }

    /// Checks the digest of the whole file.
    pub fn digested(&self, sha256: &str) {
        self.0.borrow_mut().digested(sha256);
    }

    /// Accepts the file without a digest.
    pub fn unchecked(&self) {
        self.0.borrow_mut().unchecked();
    }

    /// Returns the state to store beside the file.
    pub fn journal(&self) -> String {
        self.0.borrow().journal().write()
    }

    /// Returns the number of stored bytes.
    pub fn held(&self) -> f64 {
        number(self.0.borrow().journal().held.covered())
    }

    /// Returns the number of stored bytes from the start up to the first gap.
    pub fn prefix(&self) -> f64 {
        number(self.0.borrow().journal().held.prefix())
    }

    /// Returns the file's size, or -1 while it is unknown.
    pub fn size(&self) -> f64 {
        self.0.borrow().size().map_or(-1.0, number)
    }

    /// Returns the file's size, or -1 while only an earlier visit's record states one.
    #[wasm_bindgen(js_name = confirmedSize)]
    pub fn confirmed_size(&self) -> f64 {
        self.0.borrow().confirmed_size().map_or(-1.0, number)
    }

    /// Returns after how many milliseconds without data a body counts as cut.
    #[wasm_bindgen(js_name = stallMs)]
    pub fn stall_ms(&self) -> f64 {
        number(self.0.borrow().stall_ms())
    }
}

/// Computes SHA-256 incrementally.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Digest(RefCell<Sha256>);

#[wasm_bindgen]
impl Digest {
    /// Creates an empty hasher.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&self, bytes: &[u8]) {
        self.0.borrow_mut().update(bytes);
    }

    /// Returns the digest in hexadecimal and resets the hasher.
    pub fn finish(&self) -> String {
        let digest = self.0.borrow_mut().finalize_reset();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
