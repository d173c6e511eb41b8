//! Answers written by a schema, and our validator, judged by the official test suite and by a
//! validator that shares nothing with either.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what is not as expected shall panic"
)]

mod answers;
mod independent;
mod suite;
