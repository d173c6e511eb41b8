//! Buffers kept between forward and backward passes, and between batches.

use std::ops::Range;

use hybridge_gemma::Config;
use hybridge_gemma::config::Layer;

use super::weights::LayerPlaces;
use crate::batch::Batch;

/// Values of a layer's forward pass that its backward pass needs.
#[derive(Default)]
pub(super) struct Saved {
    pub(super) x: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) inverse: Vec<f32>,
    pub(super) qkv: Vec<f32>,
    pub(super) query: Vec<f32>,
    pub(super) query_inverse: Vec<f32>,
    pub(super) key: Vec<f32>,
    pub(super) key_inverse: Vec<f32>,
    pub(super) weights: Vec<f32>,
    pub(super) mixed: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) attended_inverse: Vec<f32>,
    pub(super) middle: Vec<f32>,
    pub(super) middle_normed: Vec<f32>,
    pub(super) middle_inverse: Vec<f32>,
    pub(super) gate_up: Vec<f32>,
    pub(super) inner: Vec<f32>,
    pub(super) fed: Vec<f32>,
    pub(super) fed_inverse: Vec<f32>,
}

/// Resizes the buffer without clearing it.
pub(super) fn fit(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length.max(buffer.len()), 0.0);
    &mut buffer[..length]
}

/// Resizes the buffer and fills it with zeros.
pub(super) fn zeroed(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    let out = fit(buffer, length);
    out.fill(0.0);
    out
}

/// Sizes that every step uses.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) rows: usize,
    pub(super) length: usize,
    pub(super) tokens: usize,
    pub(super) width: usize,
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) kv: usize,
    pub(super) dim: usize,
}

impl Sizes {
    pub(super) fn new(config: &Config, batch: &Batch) -> Self {
        Self {
            rows: batch.rows,
            length: batch.length,
            tokens: batch.rows * batch.length,
            width: config.width,
            hidden: config.layers[0].hidden,
            heads: config.layers[0].heads,
            kv: config.layers[0].kv_heads,
            dim: config.layers[0].head_dim,
        }
    }

    /// Width of a token's query, key and value heads together.
    pub(super) fn all(self) -> usize {
        (self.heads + 2 * self.kv) * self.dim
    }
}

/// Angles of all positions for one kind of layer.
pub(super) struct Angles {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Angles {
    pub(super) fn new(layer: &Layer, length: usize) -> Self {
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in 0..length {
            let (c, s) = layer.rope.angles(position, layer.head_dim);
            cos.extend(c);
            sin.extend(s);
        }
        Self { cos, sin }
    }

    pub(super) fn at(&self, position: usize, half: usize) -> (&[f32], &[f32]) {
        let range = position * half..(position + 1) * half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

/// One layer, for one batch.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) config: &'a Config,
    pub(super) sizes: Sizes,
    pub(super) layer: &'a Layer,
    pub(super) places: &'a LayerPlaces,
    pub(super) weights: &'a [f32],
}

impl<'a> Step<'a> {
    /// Returns the weights of a part of the layer.
    pub(super) fn part(&self, range: &Range<usize>) -> &'a [f32] {
        &self.weights[range.clone()]
    }
}
