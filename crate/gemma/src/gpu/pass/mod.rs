//! The forward pass in kernels: its network, its submissions and its results.

mod buffers;
pub(crate) mod candidates;
mod entry;
mod head;
pub(crate) mod kernel_embedder;
pub(crate) mod kernel_pass;
pub(crate) mod network;
pub(crate) mod newer;
pub(crate) mod options;
pub(crate) mod pace;
mod pending;
pub(crate) mod portions;
pub(crate) mod rows;
mod seeing;
mod submissions;
