//! The reference forward pass: plain loops over packed weights, slow and written for readability.
//!
//! The faster passes are tested against it. Activations are f32, as everywhere; sums that others
//! compute in f32 (products, norms, softmax, mixed values, the mean over tokens) are computed in
//! f64 here, so that any difference is the other pass's own rounding.
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
