//! Tests constrained answers and our validator with the official test suite and an independent
//! validator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

mod answers;
mod independent;
mod suite;
