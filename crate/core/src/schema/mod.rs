//! JSON Schema: known formats, and validation of values.
//!
//! Patterns are parsed here for two uses: the engine compiles them to automata that constrain an
//! answer, and `pattern` matches them in linear time to validate one.

mod format;
pub mod pattern;
mod reference;
mod validate;

pub use format::{format_pattern, generated_format_pattern};
pub use reference::resolve;
pub use validate::{Mismatch, is_equal, validate, validate_within};

#[cfg(test)]
mod tests;
