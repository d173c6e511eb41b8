//! Constrains answers to a JSON Schema by masking the next token.
//!
//! A schema is parsed into alternatives ([`reader`](self)), these are compiled to tables, and a
//! machine follows the tables byte by byte along every path at once. A mask is computed by one walk
//! over the trie of the vocabulary; inside strings nearly all tokens are decided together. Every
//! allowed prefix can be completed: there are no dead ends, and the answer may end exactly where it
//! is complete.
//!
//! Generated values are a subset of the valid ones: members in the schema's order, little white
//! space, at most fifteen digits, and only declared members unless the schema names others. A
//! keyword that cannot be enforced is refused by name.

mod alternative;
mod apart;
mod builder;
mod gemma;
mod grammar;
mod keyword;
mod machine;
mod number;
mod pattern;
mod reader;
mod scalar;
mod state;
mod syntax;
mod text;
mod trie;
mod vocabulary;
mod words;

use std::sync::Arc;

use hybridge_core::Result;
use serde_json::Value;

pub(crate) use gemma::bytes_of;
pub use state::State;
pub use syntax::Syntax;
#[cfg(test)]
pub(crate) use syntax::control_byte;
pub use vocabulary::{Pieces, Vocabulary};

use grammar::Grammar;

/// The constraint of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The schema of the value; for calls in FunctionGemma's format, an object with the tools as
    /// its properties.
    pub schema: Value,
    /// The notation of the value.
    pub syntax: Syntax,
    /// Whether the answer may be prose instead: in JSON anything that begins with neither a bracket
    /// nor white space, otherwise any text followed by calls.
    pub prose: Prose,
}

/// Whether an answer may be prose instead of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prose {
    /// The answer is a value.
    #[default]
    Never,
    /// The answer is a value or prose.
    Allowed,
    /// The answer is prose.
    Only,
}

impl Wish {
    /// Constrains an answer to JSON that satisfies a schema.
    #[must_use]
    pub fn json(schema: Value) -> Self {
        Self { schema, syntax: Syntax::Json, prose: Prose::Never }
    }
}

/// A constraint, compiled for one vocabulary.
#[derive(Clone, Debug)]
pub struct Constraint {
    grammar: Arc<Grammar>,
    pieces: Arc<Pieces>,
}

impl Constraint {
    /// Compiles a wish.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` if the schema is malformed, requires something that cannot be
    /// enforced, or allows no value.
    pub fn compile(wish: &Wish, pieces: &Arc<Pieces>) -> Result<Self> {
        let mut grammar = builder::build(&wish.schema, wish.syntax)?;
        grammar.prose = wish.prose;
        Ok(Self { grammar: Arc::new(grammar), pieces: Arc::clone(pieces) })
    }

    /// Returns the number of words in its masks.
    #[must_use]
    pub fn mask_words(&self) -> usize {
        self.pieces.mask_words()
    }

    /// Whether the answer may be prose instead.
    #[must_use]
    pub fn may_be_prose(&self) -> bool {
        self.grammar.prose != Prose::Never
    }

    /// Returns the state before the first token of an answer.
    #[must_use]
    pub fn start(&self) -> State {
        State::new(Arc::clone(&self.grammar), Arc::clone(&self.pieces))
    }
}

/// A cache of the most recent constraints.
#[derive(Debug, Default)]
pub struct Constraints {
    known: Vec<(Wish, Constraint)>,
}

/// An application uses only a handful of schemas.
const MOST_KNOWN: usize = 8;

impl Constraints {
    /// Returns the constraint of a wish, compiling it if it is not cached.
    ///
    /// # Errors
    ///
    /// As for [`Constraint::compile`].
    pub fn get(&mut self, wish: &Wish, pieces: &Arc<Pieces>) -> Result<Constraint> {
        let is_same = |it: &(Wish, Constraint)| Arc::ptr_eq(&it.1.pieces, pieces) && it.0 == *wish;
        let entry = match self.known.iter().position(is_same) {
            Some(at) => self.known.remove(at),
            None => (wish.clone(), Constraint::compile(wish, pieces)?),
        };
        let constraint = entry.1.clone();
        self.known.insert(0, entry);
        self.known.truncate(MOST_KNOWN);
        Ok(constraint)
    }
}

/// Tables are limited far below 32 bits; larger values saturate.
fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
