//! The wasm of retrieval. It performs no I/O: JavaScript reads and writes the file where these
//! functions ask for it.

mod batch;
mod boundary;
mod bytes;
mod error;
mod fields;
mod journal;
mod keywords;
mod store;
#[cfg(test)]
mod tests;
mod vectors;

pub use boundary::{Conditions, Documents, Hits, Index};
