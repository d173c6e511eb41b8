//! Gemma on a GPU: the device shared with burn, the plain-burn pass, and the WGSL kernels.
//!
//! burn opens nothing here by itself: [`Device`] asks wgpu for an adapter, registers the result
//! with burn, and hands the same wgpu device to the kernels. So tensors of burn and buffers of
//! ours live on one queue, in one order.

mod device;
mod fault;
mod self_check;

pub use device::{AdapterFacts, Device};
pub use self_check::{Report, self_check};
