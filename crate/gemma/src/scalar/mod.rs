//! The obvious forward pass: plain loops over packed weights, slow and meant to be read.
//!
//! It is the oracle of the faster ones. Activations are f32, as everywhere; sums that others take
//! in f32 (products, norms, softmax, mixed values, the mean over tokens) are taken in f64 here, so
//! that what another pass differs by is that pass's own rounding.
//!
//! ```text
//! x = E[token] · √width
//! per layer:  x += norm(attention(norm(x)));  x += norm(down(gelu(gate(h)) · up(h))), h = norm(x)
//! logits = E · norm(x)
//! ```

mod attention;
mod block;
mod embedder;
mod matrix;
mod network;
mod pass;
pub(crate) mod vector;
mod vision;

pub use embedder::ScalarEmbedder;
pub use pass::Scalar;
pub use vision::load_tower;
