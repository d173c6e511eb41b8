//! Gemma on a GPU: the device shared with burn, the plain-burn pass, and the WGSL kernels.
//!
//! burn opens nothing here by itself: [`Device`] asks wgpu for an adapter, registers the result
//! with burn, and hands the same wgpu device to the kernels. So tensors of burn and buffers of
//! ours live on one queue, in one order.
//!
//! ```text
//! planes ─► upload ─┐
//! shader ─► products, tiles, kernels ─► network ─► reading ─► kernel_pass, kernel_encoder
//! device ─► launcher ───────────┘
//! ```

#[cfg(any(test, feature = "testing"))]
pub mod bench;
mod buffers;
mod burn_check;
mod burn_model;
mod burn_pass;
mod candidates;
#[cfg(any(test, feature = "testing"))]
pub mod checks;
mod choice;
#[cfg(any(test, feature = "testing"))]
mod costs;
#[cfg(any(test, feature = "testing"))]
mod cuts;
mod device;
mod fault;
mod head;
mod kernel_encoder;
mod kernel_pass;
mod kernels;
mod launcher;
mod network;
mod options;
mod pace;
mod pending;
mod plan;
mod planes;
mod portions;
mod products;
mod reading;
#[cfg(any(test, feature = "testing"))]
pub mod rounding;
mod self_check;
mod shader;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
mod tiles;
mod upload;

pub use burn_check::burn_check;
pub use burn_model::{BurnBlock, BurnCache, BurnGemma, Place};
pub use burn_pass::{BurnEncoder, BurnPass};
pub use choice::{Choice, choose};
pub use device::{AdapterFacts, Device};
pub use kernel_encoder::KernelEncoder;
pub use kernel_pass::KernelPass;
pub use launcher::Counters;
pub use options::Options;
pub use pace::Clock;
pub use plan::Plan;
pub use self_check::{Report, self_check};
