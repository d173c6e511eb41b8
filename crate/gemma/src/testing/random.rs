//! Random numbers that are the same on every machine.

/// `SplitMix64` (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a uniform number from −1 to 1, with 24 bits: exact in f32.
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    pub fn symmetric(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Returns a uniform number below `bound`, which is small.
    pub fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((self.bits() >> 32) % u64::from(bound.max(1))).unwrap_or(0)
    }

    /// Returns a random byte.
    pub fn byte(&mut self) -> u8 {
        let [byte, ..] = self.below(256).to_le_bytes();
        byte
    }

    /// Returns true once in this many times, on average.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// Returns an element of a non-empty list.
    #[expect(clippy::indexing_slicing, reason = "below the length; no test passes an empty list")]
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(u32::try_from(from.len()).unwrap_or(u32::MAX)) as usize]
    }
}
