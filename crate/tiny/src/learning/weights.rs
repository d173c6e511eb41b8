//! All weights in one vector, and their offsets.

use std::ops::Range;

use hybridge_gemma::Config;
use hybridge_gemma::config::Layer;
use hybridge_gemma::testing::Random;

/// Offsets of a layer's weights. Query, key and value are contiguous, and so are gate and up.
#[derive(Clone, Debug)]
pub(crate) struct LayerPlaces {
    pub(crate) attn_norm: Range<usize>,
    pub(crate) qkv: Range<usize>,
    pub(crate) query_norm: Range<usize>,
    pub(crate) key_norm: Range<usize>,
    pub(crate) output: Range<usize>,
    pub(crate) post_attention_norm: Range<usize>,
    pub(crate) ffn_norm: Range<usize>,
    pub(crate) gate_up: Range<usize>,
    pub(crate) down: Range<usize>,
    pub(crate) post_ffw_norm: Range<usize>,
}

/// Offsets of all weights.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) embedding: Range<usize>,
    pub(crate) layers: Vec<LayerPlaces>,
    pub(crate) norm: Range<usize>,
    pub(crate) total: usize,
}

impl Layout {
    pub(crate) fn new(config: &Config) -> Self {
        let mut total = 0;
        let mut take = |count: usize| {
            total += count;
            total - count..total
        };
        let Config { width, vocabulary, .. } = *config;
        let Layer { hidden, head_dim, .. } = config.layers[0];
        let query = config.layers[0].query_width();
        let embedding = take(vocabulary * width);
        let layers = (0..config.layers.len())
            .map(|_| LayerPlaces {
                attn_norm: take(width),
                qkv: take((query + 2 * config.layers[0].kv_width()) * width),
                query_norm: take(head_dim),
                key_norm: take(head_dim),
                output: take(width * query),
                post_attention_norm: take(width),
                ffn_norm: take(width),
                gate_up: take(2 * hidden * width),
                down: take(width * hidden),
                post_ffw_norm: take(width),
            })
            .collect();
        let norm = take(width);
        Self { embedding, layers, norm, total }
    }

    /// Returns every part in order, and whether it is a norm.
    pub(crate) fn parts(&self) -> Vec<(Range<usize>, bool)> {
        let mut parts = vec![(self.embedding.clone(), false)];
        for layer in &self.layers {
            parts.extend([
                (layer.attn_norm.clone(), true),
                (layer.qkv.clone(), false),
                (layer.query_norm.clone(), true),
                (layer.key_norm.clone(), true),
                (layer.output.clone(), false),
                (layer.post_attention_norm.clone(), true),
                (layer.ffn_norm.clone(), true),
                (layer.gate_up.clone(), false),
                (layer.down.clone(), false),
                (layer.post_ffw_norm.clone(), true),
            ]);
        }
        parts.push((self.norm.clone(), true));
        parts
    }
}

/// Returns initial weights.
pub(crate) fn untrained(config: &Config, layout: &Layout, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let mut weights = vec![0.0; layout.total];
    // The sum of twelve uniform numbers is close enough to normal.
    let mut fill = |range: &Range<usize>, inputs: usize| {
        let size = (inputs as f32).sqrt().recip();
        for weight in &mut weights[range.clone()] {
            *weight = (0..12).map(|_| random.symmetric()).sum::<f32>() * 0.5 * size;
        }
    };
    fill(&layout.embedding, config.width);
    for layer in &layout.layers {
        fill(&layer.qkv, config.width);
        fill(&layer.output, config.layers[0].query_width());
        fill(&layer.gate_up, config.width);
        fill(&layer.down, config.layers[0].hidden);
    }
    weights[layout.norm.clone()].fill(1.0);
    // Projections that add to the residual stream start small, so that it begins as the embedding.
    let added = (2.0 * config.layers.len() as f32).sqrt().recip();
    for layer in &layout.layers {
        for (norm, value) in [
            (&layer.attn_norm, 1.0),
            (&layer.ffn_norm, 1.0),
            (&layer.query_norm, 1.5),
            (&layer.key_norm, 1.5),
            (&layer.post_attention_norm, added),
            (&layer.post_ffw_norm, added),
        ] {
            weights[norm.clone()].fill(value);
        }
    }
    weights
}
