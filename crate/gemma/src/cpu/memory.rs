//! How much memory a model takes, before anything of it is downloaded.

use hybridge_core::device::Memory;
use hybridge_core::{Error, Status};

use super::cache::SLACK;
use super::inputs::{Plain, Rounded};
use super::pack::packed_bytes;
use super::pass::CHUNK;
use crate::config::Span;
use crate::weights::Model;

/// What a model takes with a cache for `capacity` tokens; only its header has been read.
#[must_use]
pub fn memory_of(model: &Model, capacity: usize) -> Memory {
    let config = &model.config;
    let weights = model
        .tensors
        .all()
        .map(|tensor| packed_bytes(tensor.encoding, tensor.rows, tensor.columns))
        .sum();
    let slots: usize = config
        .layers
        .iter()
        .map(|layer| match (layer.span, config.window) {
            (Span::Local, Some(window)) => capacity.min(window + SLACK),
            _ => capacity,
        })
        .sum();
    let widest = config.hidden.max(config.width).max(config.query_width());
    let inputs = size_of::<Plain>() + size_of::<Rounded>();
    let activations = CHUNK * (8 * widest * 4 + widest / 32 * inputs);
    let piece = 2 * (4 << 20);
    Memory {
        weights,
        cache: slots as u64 * config.kv_width() as u64 * 8,
        scratch: (activations + config.vocabulary * 8 + piece) as u64,
    }
}

/// The error of memory that was not given.
pub(super) fn no_room(bytes: u64) -> Error {
    Error::new(
        Status::FailedPrecondition,
        format!("{} MiB of memory were asked for and not given", bytes.div_ceil(1 << 20)),
    )
    .with_code("OUT_OF_MEMORY")
}
