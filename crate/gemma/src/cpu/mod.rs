//! The forward pass for machines without a usable GPU: packed weights, vector instructions, one
//! thread.
//!
//! Weights are in memory once, in interleaved groups of eight rows ([`format`], [`pack`]); products
//! read them in that form ([`product`]), and are written once for vectors of eight ([`lanes`]) on
//! WebAssembly, x86 and other machines. [`Precision`] determines whether activations are f32 or
//! rounded to 8 bits. Both are tested against the scalar pass.

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
mod seen;
mod synthetic;
mod team;
mod vector;
mod vision;

pub use embedder::CpuEmbedder;
pub use inputs::Precision;
pub use memory::{memory_of, memory_with_tower};
pub use pass::Cpu;
pub use pause::{Pause, brief};
pub use synthetic::shape_270m;
pub use team::Team;
pub use vision::load_tower;
