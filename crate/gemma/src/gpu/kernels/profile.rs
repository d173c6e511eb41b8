//! A kernel's cost: its loops, its loads and the bytes it reads.
//!
//! [`crate::gpu::judge::roofline`] adds the costs of a list of dispatches, so that the estimates
//! always describe the kernels that run.

/// The work of one dispatch of a kernel for a single token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The number of consecutive loop iterations of one invocation, independent of the sequence.
    pub(crate) steps: u32,
    /// The number of further iterations for every `keys` visible keys.
    pub(crate) steps_for_keys: u32,
    pub(crate) keys: u32,
    /// The number of bytes read, independent of the sequence.
    pub(crate) bytes: u64,
    /// The number of bytes read for each visible key.
    pub(crate) bytes_a_key: u64,
    /// The maximum number of visible keys; 0 means no limit.
    pub(crate) window: u32,
    /// The number of bytes of weights, keys or values that an invocation requests at once.
    pub(crate) in_flight: u32,
    /// Lanes with work and all lanes, over the iterations of a loop.
    pub(crate) lanes: [u32; 2],
    /// Whether it multiplies a matrix.
    pub(crate) is_product: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            steps: 0,
            steps_for_keys: 0,
            keys: 1,
            bytes: 0,
            bytes_a_key: 0,
            window: 0,
            in_flight: 0,
            lanes: [1, 1],
            is_product: false,
        }
    }
}

impl Profile {
    /// Creates the profile of a kernel that takes `steps` iterations and reads `bytes`.
    pub(crate) fn of(steps: u32, bytes: u64) -> Self {
        Self { steps, bytes, ..Self::default() }
    }

    /// Returns the iterations of one invocation if `seen` keys are visible.
    pub(crate) fn steps_at(&self, seen: u32) -> u32 {
        self.steps + self.steps_for_keys * self.bounded(seen).div_ceil(self.keys.max(1))
    }

    /// Returns the number of bytes read if `seen` keys are visible.
    pub(crate) fn bytes_at(&self, seen: u32) -> u64 {
        self.bytes + self.bytes_a_key * u64::from(self.bounded(seen))
    }

    fn bounded(&self, seen: u32) -> u32 {
        if self.window == 0 { seen } else { seen.min(self.window) }
    }
}
