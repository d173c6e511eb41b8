//! Regular expressions of JSON Schema (ECMA-262) as automata over characters. Their parser is in
//! core, which validates answers.

mod automaton;
mod nfa;

pub(super) use automaton::Automaton;

use hybridge_core::schema::pattern::Expression;

/// Compiles a pattern, which matches anywhere in a text unless it is anchored. The error completes
/// the sentence "is not supported: …".
pub(super) fn compile(pattern: &str) -> Result<Automaton, String> {
    let expression = regular(pattern)?;
    Automaton::of(&nfa::Nfa::of(&expression)?)
}

/// Whether a pattern is supported, without compiling it.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    regular(pattern).map(|_| ())
}

fn regular(pattern: &str) -> Result<Expression, String> {
    let expression = Expression::parse(pattern)?;
    match expression.irregularity() {
        None => Ok(expression),
        Some(reason) => Err(reason.to_owned()),
    }
}

#[cfg(test)]
mod tests;
