//! Answers that satisfy a JSON Schema: which tokens may come next.
//!
//! A schema is read into alternatives ([`reader`](self)), those into tables, and the tables are
//! followed byte by byte by a machine that keeps every way open at once. A mask is one walk over
//! the vocabulary's pieces, sorted as a tree; inside strings nearly all of them are decided
//! together. Whatever is allowed can be finished: there is no dead end, and the end of the answer
//! is allowed exactly where it is complete.
//!
//! What is written is a subset of what is valid: members in the schema's order, little white space,
//! at most fifteen digits, and only declared members unless the schema names others. A keyword
//! that would not be kept is refused by name.

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

pub use state::State;
pub use syntax::Syntax;
#[cfg(test)]
pub(crate) use syntax::control_byte;
pub use vocabulary::{Pieces, Vocabulary};

use grammar::Grammar;

/// The constraint of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What the value must satisfy; of calls in FunctionGemma's format an object with the tools as
    /// its properties.
    pub schema: Value,
    /// How it is spelled.
    pub syntax: Syntax,
    /// Whether the answer may be prose instead: as JSON anything that begins with neither a bracket
    /// nor white space, else anything, with calls after it.
    pub may_be_prose: bool,
}

impl Wish {
    /// JSON that satisfies a schema.
    #[must_use]
    pub fn json(schema: Value) -> Self {
        Self { schema, syntax: Syntax::Json, may_be_prose: false }
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
    /// `INVALID_ARGUMENT` where the schema is malformed, asks for something that would not be kept,
    /// or allows nothing.
    pub fn compile(wish: &Wish, pieces: &Arc<Pieces>) -> Result<Self> {
        let mut grammar = builder::build(&wish.schema, wish.syntax)?;
        grammar.may_be_prose = wish.may_be_prose;
        Ok(Self { grammar: Arc::new(grammar), pieces: Arc::clone(pieces) })
    }

    /// How many words its masks have.
    #[must_use]
    pub fn mask_words(&self) -> usize {
        self.pieces.mask_words()
    }

    /// Whether the answer may be words instead.
    #[must_use]
    pub fn may_be_prose(&self) -> bool {
        self.grammar.may_be_prose
    }

    /// Before the first token of an answer.
    #[must_use]
    pub fn start(&self) -> State {
        State::new(Arc::clone(&self.grammar), Arc::clone(&self.pieces))
    }
}

/// Compiled constraints by wish, the latest few.
#[derive(Debug, Default)]
pub struct Constraints {
    known: Vec<(Wish, Constraint)>,
}

/// An application uses a handful of schemas.
const MOST_KNOWN: usize = 8;

impl Constraints {
    /// The constraint of a wish, compiled if it is not among the latest.
    ///
    /// # Errors
    /// As [`Constraint::compile`].
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

/// Tables are bounded far below 32 bits; what is not saturates.
fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
