//! Gemma in plain burn tensors: the slow twin of the kernels, and a test of burn's queue.

mod check;
mod load;
mod model;
mod newer;
mod pass;
mod tower;

pub use check::burn_check;
pub use model::{BurnBlock, BurnCache, BurnGemma, BurnKeys, Place};
pub use newer::{BurnAltUp, BurnInputs, BurnLaurel, BurnPerLayer, BurnStreams};
pub use pass::{BurnEmbedder, BurnPass};
pub use tower::{BurnLinear, BurnNorm, BurnTower, BurnTowerLayer};
