//! The forward pass for machines without a usable GPU: packed weights, vector instructions, one
//! thread.
//!
//! Weights stand in memory once, in eight rows side by side ([`format`], [`pack`]); products read
//! them as they are ([`product`]), written once over vectors of eight ([`lanes`]) for WebAssembly,
//! x86 and anything else. [`Precision`] decides whether activations meet them as f32 or rounded to
//! 8 bits. The scalar pass is the judge of both.

mod attention;
pub mod bench;
mod block;
mod choice;
mod embedder;
mod format;
mod inputs;
mod lanes;
mod matrix;
mod memory;
mod network;
mod pack;
mod pass;
mod pause;
mod product;
mod synthetic;
mod vector;
mod vision;

pub use embedder::CpuEmbedder;
pub use inputs::Precision;
pub use memory::{memory_of, memory_with_tower};
pub use pass::Cpu;
pub use pause::{Pause, brief};
pub use synthetic::shape_270m;
pub use vision::load_tower;
