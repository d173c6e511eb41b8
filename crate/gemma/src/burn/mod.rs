//! Gemma by plain burn tensors: the slow twin of the kernels, and one check that burn's queue computes.

mod check;
mod model;
mod pass;

pub use check::burn_check;
pub use model::{BurnBlock, BurnCache, BurnGemma, Place};
pub use pass::{BurnEmbedder, BurnPass};
