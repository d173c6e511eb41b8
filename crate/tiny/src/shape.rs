//! The network's shape.

use hybridge_gemma::Config;
use hybridge_gemma::config::{Architecture, Layer, Rope, Span};

/// The window of a local layer.
pub(crate) const WINDOW: usize = 64;
/// Every second layer is global.
pub(crate) const PERIOD: usize = 2;
/// The context length: the maximum in training, and some more.
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
    /// Returns the file's metadata, as the engine reads it.
    pub(crate) fn config(self, vocabulary: usize) -> Config {
        let Self { width, hidden, heads, kv_heads, head_dim, .. } = self;
        let layer = |index: usize| {
            let is_global = (index + 1).is_multiple_of(PERIOD);
            Layer {
                span: if is_global { Span::Global } else { Span::Local },
                window: (!is_global).then_some(WINDOW),
                rope: Rope::new(if is_global { 1e6 } else { 1e4 }, 1.0),
                heads,
                kv_heads,
                head_dim,
                hidden,
                source: None,
                sparsity: None,
            }
        };
        Config {
            architecture: Architecture::Gemma3,
            layers: (0..self.layers).map(layer).collect(),
            width,
            vocabulary,
            context: CONTEXT,
            norm_epsilon: 1e-6,
            embedding_scale: (width as f32).sqrt(),
            query_scale: 1.0 / (head_dim as f32).sqrt(),
            norms_values: false,
            soft_cap: None,
            per_layer: None,
            streams: 1,
            suppressed: Vec::new(),
        }
    }
}
