//! The forward pass made of kernels: its network, its submissions and what it reads back.

mod buffers;
pub(crate) mod candidates;
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
mod submissions;
