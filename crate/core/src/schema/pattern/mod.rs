//! Regular expressions of JSON Schema (ECMA-262), matched in linear time.
//!
//! A model's text is never given to a backtracking engine, where `^(a+)+$` on forty letters would
//! block a page for hours. A pattern is a set of states, all of which are advanced at once. Steps
//! are counted; if they run out, or if a pattern has back references, the pattern is ignored.

mod program;
mod syntax;

use std::cell::{Cell, RefCell};

use program::Program;
pub use syntax::{Expression, Fault, Ranges};

/// Whether a character has a Unicode property in pattern syntax, `\p{Lu}`; `None` if the property
/// is unknown.
pub type HasProperty<'a> = dyn Fn(&str, char) -> Option<bool> + 'a;

/// The limit of steps for all matches together: some tens of milliseconds in a browser.
const MOST_STEPS: u64 = 5_000_000;

/// The patterns of one schema, compiled at their first use, with one budget for all matches.
pub struct Patterns<'a> {
    has_property: &'a HasProperty<'a>,
    compiled: RefCell<Vec<(String, Option<Program>)>>,
    steps: Cell<u64>,
}

impl std::fmt::Debug for Patterns<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patterns").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl<'a> Patterns<'a> {
    /// Creates an empty set of patterns.
    #[must_use]
    pub fn new(has_property: &'a HasProperty<'a>) -> Self {
        Self { has_property, compiled: RefCell::default(), steps: Cell::new(MOST_STEPS) }
    }

    /// Whether a pattern is found in a text; `None` if that is undecided.
    #[must_use]
    pub fn is_match(&self, pattern: &str, text: &str) -> Option<bool> {
        let mut compiled = self.compiled.borrow_mut();
        let at = compiled.iter().position(|(known, _)| known == pattern).unwrap_or_else(|| {
            let program = Expression::parse(pattern).and_then(|it| Program::of(&it)).ok();
            compiled.push((pattern.to_owned(), program));
            compiled.len() - 1
        });
        let program = compiled.get(at)?.1.as_ref()?;
        program.is_match(text, self.has_property, &self.steps)
    }
}

#[cfg(test)]
mod tests;
