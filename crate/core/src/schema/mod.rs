//! JSON Schema: which formats are known, and whether a value is what a schema requires.
//!
//! Patterns are parsed here for both ends: the engine makes automata of them that constrain what is
//! written, and
//! `pattern` matches them in linear time where an answer is checked.

mod format;
pub mod pattern;
mod reference;
mod validate;

pub use format::{format_pattern, generated_format_pattern};
pub use reference::resolve;
pub use validate::{Mismatch, is_equal, validate, validate_within};

#[cfg(test)]
mod tests;
