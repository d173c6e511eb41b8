//! Gemma, quantised, on burn.
#![recursion_limit = "256"]
#[cfg(feature = "gpu")]
pub mod gpu;
