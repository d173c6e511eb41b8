//! The engine's burn module, compiled here with autodiff.

#[path = "../../../gemma/src/burn/model.rs"]
mod model;
#[path = "../../../gemma/src/burn/newer.rs"]
mod newer;

pub(crate) use model::{BurnBlock, BurnGemma, BurnKeys, Place};
