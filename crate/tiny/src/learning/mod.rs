//! Gradient descent, with one thread for each part of a batch.

mod kernels;
mod layer;
mod layer_back;
mod memory;
mod optimiser;
pub(crate) mod pass;
pub(crate) mod weights;

pub(crate) use optimiser::Optimiser;

#[cfg(test)]
mod tests;
