//! Gemma on a GPU: the device, the WGSL kernels, the forward pass that runs them, and its tests.
//!
//! [`Device`] requests an adapter from wgpu and registers the result with burn, so that tensors of
//! burn and buffers of ours share one queue and one order.
//!
//! ```text
//! kernels: planes ─► upload ─┐
//!          shader ─► products, tiles, kernels ─► pass: network ─► submissions
//!                                                     ─► kernel_pass, kernel_embedder
//! device:  device ─► launcher ───────┘
//! judge:   self_check and the choice of a plan at load; the suite for tests
//! ```

pub(crate) mod device;
pub mod judge;
pub(crate) mod kernels;
pub(crate) mod pass;
mod tower;

pub use device::launcher::Counters;
pub use device::{AdapterFacts, Device};
pub use judge::choice::{PlanChoice, choose};
pub use judge::self_check::{Report, self_check};
#[cfg(any(test, feature = "testing"))]
pub use judge::{bench, checks, roofline, rounding, suite};
pub use kernels::plan::Plan;
pub use pass::kernel_embedder::KernelEmbedder;
pub use pass::kernel_pass::KernelPass;
pub use pass::options::Options;
pub use pass::pace::Clock;
pub use tower::KernelTower;
