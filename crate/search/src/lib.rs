//! The wasm of retrieval. It does no I/O: JavaScript reads and writes the file at the offsets that
//! these functions return.

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
