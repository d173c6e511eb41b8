//! JSON Schema: which formats are known, and whether a value is what a schema asks for.
//!
//! Patterns are matched by whoever asks: the browser has `RegExp`, the engine has its own automata, and a third
//! engine of regular expressions would cost the page more than all of this.

mod equality;
mod format;
mod reference;
mod validate;

pub use equality::is_equal;
pub use format::{format_pattern, generated_format_pattern};
pub use reference::resolve;
pub use validate::{Mismatch, validate, validate_within};

#[cfg(test)]
mod tests;
