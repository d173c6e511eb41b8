//! The contents of a file: the network layer by layer, its weights, and where their rows are
//! stored.
//!
//! Every forward pass reads the same description, so a new family of models needs a new way to read
//! metadata ([`config`]) and names ([`weights`]), but not a new pass.

pub mod adapter;
pub mod config;
mod finder;
mod keys;
pub mod rows;
pub mod weights;
