//! Computes a model's memory before any of it is downloaded.

use hybridge_core::device::Memory;

use super::inputs::{Plain, Rounded};
use super::pack::packed_bytes;
use super::pass::CHUNK;
use crate::cache::ring_slots;
use crate::network::rows::REMEMBERED;
use crate::vision::{Budget, VisionConfig, VisionModel};
use crate::weights::Model;

/// Returns the memory of a model with a cache for `capacity` tokens; only its header is needed.
#[must_use]
pub fn memory_of(model: &Model, capacity: usize) -> Memory {
    let config = &model.config;
    let weights = model
        .tensors
        .held()
        .map(|tensor| {
            let stored = tensor.unchanged().encoding;
            let factors = tensor.change().map_or(0, |it| 4 * (it.down().len() + it.up().len()));
            packed_bytes(stored, tensor.rows, tensor.columns) + factors as u64
        })
        .sum();
    let cache: usize = config
        .layers
        .iter()
        .filter(|layer| layer.source.is_none())
        .map(|layer| {
            ring_slots(layer.window, model.longest_chunk(CHUNK), capacity) * layer.kv_width()
        })
        .sum();
    let per_layer = config.per_layer.map_or(0, |part| part * config.layers.len());
    let widest = config
        .widest(|layer| layer.hidden.max(layer.query_width()))
        .max(config.width * config.streams)
        .max(per_layer);
    let inputs = size_of::<Plain>() + size_of::<Rounded>();
    let activations = CHUNK * (8 * widest * 4 + widest / 32 * inputs);
    let piece = 2 * (4 << 20);
    let rows = if config.per_layer.is_some() { 2 * REMEMBERED } else { 0 };
    Memory {
        weights,
        cache: cache as u64 * 8,
        scratch: (activations + config.vocabulary * 8 + piece + rows) as u64,
    }
}

/// The same with a vision tower running.
#[must_use]
pub fn memory_with_tower(model: &Model, capacity: usize, vision: &VisionModel) -> Memory {
    let Memory { weights, cache, scratch } = memory_of(model, capacity);
    let VisionConfig { width, pool, .. } = vision.config;
    let patches = vision.config.most_tokens(Budget::LARGEST) * pool * pool;
    // The residual stream, and keys and values of all patches.
    let whole = 3 * 4 * patches * width;
    Memory { weights: weights + vision.bytes(), cache, scratch: scratch + whole as u64 }
}
