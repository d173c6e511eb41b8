//! How much memory a model takes, before anything of it is downloaded.

use hybridge_core::{Error, Result, Status};

use super::cache::SLACK;
use super::inputs::{Plain, Rounded};
use super::pack::packed_bytes;
use super::pass::CHUNK;
use crate::config::Span;
use crate::weights::Model;

/// What WebAssembly can address, less what the rest of the program takes.
pub const WASM_LIMIT: u64 = (4 << 30) - (64 << 20);

/// Bytes of a loaded model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Packed weights.
    pub weights: u64,
    /// Keys and values.
    pub cache: u64,
    /// Activations, logits, and the piece of the file that is being read.
    pub scratch: u64,
}

impl Memory {
    /// What a model takes with a cache for `capacity` tokens; only its header has been read.
    #[must_use]
    pub fn of(model: &Model, capacity: usize) -> Self {
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
        Self {
            weights,
            cache: slots as u64 * config.kv_width() as u64 * 8,
            scratch: (activations + config.vocabulary * 8 + piece) as u64,
        }
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights + self.cache + self.scratch
    }

    /// Refuses what does not fit, with the numbers.
    pub fn check(&self, limit: u64) -> Result<()> {
        if self.total() <= limit {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        Err(Error::new(
            Status::FailedPrecondition,
            format!(
                "the model takes {} MiB of memory ({} MiB of weights, {} MiB of keys and values, \
                 {} MiB beside) where {} MiB can be had; take a smaller model or a shorter context",
                mib(self.total()),
                mib(self.weights),
                mib(self.cache),
                mib(self.scratch),
                limit >> 20
            ),
        )
        .with_code("OUT_OF_MEMORY"))
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
