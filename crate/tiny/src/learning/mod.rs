//! Learning by gradients, on as many threads as a batch has parts.

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
