//! The network's shape.

use hybridge_gemma::Config;
use hybridge_gemma::config::{Architecture, Layer, Rope, Span};

/// Positions that a local layer sees.
pub(crate) const WINDOW: usize = 64;
/// Every second layer sees everything.
pub(crate) const PERIOD: usize = 2;
/// Positions that the model was trained for, and some.
pub(crate) const CONTEXT: usize = 512;

/// The shape of the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

impl Shape {
    /// What the file will say, as the engine reads it.
    pub(crate) fn config(self, vocabulary: usize) -> Config {
        let Self { width, hidden, heads, kv_heads, head_dim, .. } = self;
        let layer = |index: usize| match (index + 1).is_multiple_of(PERIOD) {
            true => Layer { span: Span::Global, rope: Rope { base: 1e6, scale: 1.0 } },
            false => Layer { span: Span::Local, rope: Rope { base: 1e4, scale: 1.0 } },
        };
        Config {
            architecture: Architecture::Gemma3,
            layers: (0..self.layers).map(layer).collect(),
            width,
            hidden,
            heads,
            kv_heads,
            head_dim,
            vocabulary,
            context: CONTEXT,
            window: Some(WINDOW),
            norm_epsilon: 1e-6,
            embedding_scale: (width as f32).sqrt(),
            query_scale: 1.0 / (head_dim as f32).sqrt(),
            soft_cap: None,
        }
    }
}
