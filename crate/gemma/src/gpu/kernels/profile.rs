//! What a kernel says of itself beside its text: its loops, its loads and the bytes it reads.
//!
//! [`crate::gpu::judge::roofline`] adds them up for a list of dispatches, so that no second list of
//! kernels can differ from the one that runs.

/// What one dispatch of a kernel does for a single token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Turns of one invocation's loops, one behind the other, whatever the sequence.
    pub(crate) steps: u32,
    /// Such turns for every `keys` keys that are seen.
    pub(crate) steps_for_keys: u32,
    pub(crate) keys: u32,
    /// Bytes that are read, whatever the sequence.
    pub(crate) bytes: u64,
    /// Bytes for each key that is seen.
    pub(crate) bytes_a_key: u64,
    /// Keys that are seen at most; 0 has no limit.
    pub(crate) window: u32,
    /// Bytes of weights, keys or values that an invocation requests at once.
    pub(crate) in_flight: u32,
    /// Lanes with work and all lanes, over the turns of a loop.
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
    /// Of a kernel that reads so many bytes and takes so many turns.
    pub(crate) fn of(steps: u32, bytes: u64) -> Self {
        Self { steps, bytes, ..Self::default() }
    }

    /// Turns of one invocation where a token sees so many keys.
    pub(crate) fn steps_at(&self, seen: u32) -> u32 {
        self.steps + self.steps_for_keys * self.bounded(seen).div_ceil(self.keys.max(1))
    }

    /// Bytes that are read there.
    pub(crate) fn bytes_at(&self, seen: u32) -> u64 {
        self.bytes + self.bytes_a_key * u64::from(self.bounded(seen))
    }

    fn bounded(&self, seen: u32) -> u32 {
        if self.window == 0 { seen } else { seen.min(self.window) }
    }
}
