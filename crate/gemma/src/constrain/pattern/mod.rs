//! Regular expressions of JSON Schema (ECMA-262) as automata over characters.

mod automaton;
mod nfa;
mod syntax;

pub(super) use automaton::Automaton;

use syntax::Expression;

/// The automaton of a pattern, which matches anywhere in a text unless it is anchored.
/// The reason is a sentence's end: "is not supported: …".
pub(super) fn compile(pattern: &str) -> Result<Automaton, String> {
    let expression = Expression::parse(pattern)?;
    Automaton::of(&nfa::Nfa::of(&expression)?)
}

/// Whether a pattern is one of those supported, without the work of compiling it.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    Expression::parse(pattern).map(|_| ())
}

#[cfg(test)]
mod tests;
