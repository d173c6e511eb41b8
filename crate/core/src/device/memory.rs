//! Memory that a model takes on the CPU, where WebAssembly addresses 4 GB in all.

use super::shape::Shape;
use crate::{Error, Result, Status};

/// WebAssembly's address space, less the memory that the rest of the program uses.
pub const WASM_LIMIT: u64 = (4 << 30) - (64 << 20);

/// The maximum for keys and values of other conversations in wasm memory, which never shrinks: four
/// conversations of 2,000 tokens of a 1B model.
const SAVED_MOST: u64 = 256 << 20;

/// The minimum and maximum for keys and values of other conversations on a GPU.
const SAVED_ON_GPU: [u64; 2] = [128 << 20, 512 << 20];

/// Intermediate results between kernels, and the chunk of the file being read.
const PIECES: u64 = 16 << 20;

/// Memory of a loaded model, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Packed weights.
    pub weights: u64,
    /// Keys and values.
    pub cache: u64,
    /// Activations, logits, and the chunk of the file being read.
    pub scratch: u64,
}

impl Memory {
    /// Computes the memory of a model of this shape before its weights are loaded.
    #[must_use]
    pub fn of(shape: &Shape, weights: u64, context_window: u32) -> Self {
        let logits = 8 * u64::from(shape.vocabulary());
        let weights = shape.held(weights);
        Self { weights, cache: shape.cache_bytes(context_window), scratch: PIECES + logits }
    }

    /// Returns the total.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights + self.cache + self.scratch
    }

    /// Returns the space beside the model for keys and values of other conversations: half of the
    /// rest, so that they never cause a model to be refused.
    #[must_use]
    pub fn spare(&self, limit: u64) -> u64 {
        (limit.saturating_sub(self.total()) / 2).min(SAVED_MOST)
    }

    /// The same on a GPU, whose total memory is unknown: a quarter of the model's memory.
    #[must_use]
    pub fn spare_on_gpu(taken: u64) -> u64 {
        let [least, most] = SAVED_ON_GPU;
        (taken / 4).clamp(least, most)
    }

    /// Returns an error with the numbers if the model does not fit.
    pub fn check(&self, limit: u64) -> Result<()> {
        if self.total() <= limit {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        Err(Error::new(
            Status::FailedPrecondition,
            format!(
                "the model takes {} MiB of memory ({} MiB of weights, {} MiB of keys and values, {} MiB beside) where {} MiB can be had; take a smaller model or a shorter context",
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

#[cfg(test)]
mod tests {
    use super::{Memory, Shape, WASM_LIMIT};

    #[test]
    fn keys_and_values_count_and_a_refusal_states_their_size() {
        let shape = Shape {
            layers: 48,
            width: 3840,
            hidden: 15_360,
            heads: 16,
            kv_heads: 8,
            head_dim: 256,
            window: 1024,
            context: 131_072,
            ..Shape::default()
        };
        let needs = |context| Memory::of(&shape, 3_000_000_000, context);
        needs(1024).check(WASM_LIMIT).unwrap();
        let error = needs(131_072).check(WASM_LIMIT).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("OUT_OF_MEMORY"));
        for part in ["2862 MiB of weights", "MiB of keys and values", "where 4032 MiB can be had"] {
            assert!(error.message.contains(part), "{part}: {}", error.message);
        }
        assert!(Memory::of(&shape, WASM_LIMIT, 1).check(WASM_LIMIT).is_err());
    }

    #[test]
    fn other_conversations_take_no_more_than_the_remaining_space() {
        let needs = |weights| Memory { weights, cache: 100 << 20, scratch: 12 << 20 };
        for (weights, spare) in [(200_u64, 256), (3720, 100), (3919, 0), (5000, 0)] {
            let needs = needs(weights << 20);
            assert_eq!(needs.spare(WASM_LIMIT) >> 20, spare, "{weights} MiB of weights");
        }
        for (taken, spare) in [(0_u64, 128), (300, 128), (1200, 300), (9000, 512)] {
            assert_eq!(Memory::spare_on_gpu(taken << 20) >> 20, spare, "{taken} MiB taken");
        }
    }
}
