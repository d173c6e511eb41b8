//! Vectors of eight: what a kernel computes with, whatever the machine.
//!
//! A kernel is written once over [`Lanes`] and compiled for each instruction set inside one
//! function that has the target feature, so that no flag is needed for the whole build:
//!
//! ```text
//! run(kernel) ─► detect ─► #[target_feature(..)] fn ─► kernel.run(lanes): all inlined
//! ```
//!
//! Every function between the two must be `#[inline(always)]`; one that is not would be compiled
//! without the feature and cost a call for each vector.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(any(test, not(target_family = "wasm")))]
mod portable;
#[cfg(target_family = "wasm")]
mod simd128;

/// Operations on eight lanes. Lane r is row r of a group of eight rows, or value r of a stretch.
///
/// A value of this type proves that the machine has the instructions.
pub(in crate::cpu) trait Lanes: Copy {
    /// Eight f32.
    type Floats: Copy;
    /// Eight pairs of i16: the codes of two neighbouring columns for each row.
    type Codes: Copy;
    /// Eight i32.
    type Sums: Copy;

    /// The same number in each lane.
    fn splat(self, value: f32) -> Self::Floats;
    /// The same number in each lane, from memory: one instruction where `splat` takes two.
    fn spread(self, value: &f32) -> Self::Floats;
    /// Eight numbers.
    fn load(self, values: &[f32; 8]) -> Self::Floats;
    /// Eight numbers, little-endian, in two chunks.
    fn floats(self, low: &[u8; 16], high: &[u8; 16]) -> Self::Floats;
    /// Eight numbers back to memory.
    fn store(self, values: Self::Floats, to: &mut [f32; 8]);
    /// a + b
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a − b
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a · b
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a / b
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The larger of both; either where one is not a number.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The smaller of both; either where one is not a number.
    fn min(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// 2ⁿ for whole n from −126 to 127.
    fn power(self, n: Self::Floats) -> Self::Floats;

    /// Eight half-precision numbers, each 2¹¹² times too small: neither infinite nor subnormal
    /// ones survive, see [`super::pack`].
    fn halves(self, bytes: &[u8; 16]) -> Self::Floats;
    /// Eight bfloat16 numbers.
    fn bfloats(self, bytes: &[u8; 16]) -> Self::Floats;
    /// Eight i8, the first or the second of two eights.
    fn bytes(self, bytes: &[u8; 16], second: bool) -> Self::Floats;

    /// Pairs of i8: bytes 2r and 2r + 1 are row r's.
    fn codes_of_bytes(self, bytes: &[u8; 16]) -> Self::Codes;
    /// Two times pairs of u4. In word w of eight, nibble 0 is of row w / 2 and nibble 1 of row
    /// w / 2 + 4, both of column w % 2 of the first pair; nibbles 2 and 3 are of the second pair.
    fn codes_of_nibbles(self, bytes: &[u8; 16]) -> [Self::Codes; 2];
    /// Sixteen words in two chunks; words 2r and 2r + 1 are row r's.
    fn words(self, low: &[u8; 16], high: &[u8; 16]) -> Self::Codes;
    /// Each word >> n.
    fn shift_right(self, words: Self::Codes, n: u32) -> Self::Codes;
    /// Each word << n.
    fn shift_left(self, words: Self::Codes, n: u32) -> Self::Codes;
    /// Each word & mask.
    fn and(self, words: Self::Codes, mask: i16) -> Self::Codes;
    /// a | b
    fn or(self, a: Self::Codes, b: Self::Codes) -> Self::Codes;
    /// The same pair in each lane, from memory.
    fn pair(self, pair: &[i16; 2]) -> Self::Codes;
    /// The same number in each lane.
    fn sums(self, value: i32) -> Self::Sums;
    /// sums + a₀·b₀ + a₁·b₁ in each lane.
    fn dot(self, sums: Self::Sums, a: Self::Codes, b: Self::Codes) -> Self::Sums;
    /// As f32.
    fn to_floats(self, sums: Self::Sums) -> Self::Floats;
    /// The first of each pair, as f32.
    fn first(self, codes: Self::Codes) -> Self::Floats;
    /// The second of each pair, as f32.
    fn second(self, codes: Self::Codes) -> Self::Floats;

    /// The lanes as numbers.
    #[inline(always)]
    fn array(self, values: Self::Floats) -> [f32; 8] {
        let mut array = [0.0; 8];
        self.store(values, &mut array);
        array
    }

    /// The sum of all lanes.
    #[inline(always)]
    fn total(self, values: Self::Floats) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.array(values);
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }
}

/// A computation that is written for any lanes. `run` must be `#[inline(always)]`.
pub(in crate::cpu) trait Kernel {
    /// What it computes.
    type Output;
    /// Computes it.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Runs a kernel with the best instructions that the machine has.
pub(in crate::cpu) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(test)]
    if IS_PLAIN.get() {
        return kernel.run(portable::Portable);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(lanes) = avx2::Avx2::detect() {
        return lanes.run(kernel);
    }
    #[cfg(target_family = "wasm")]
    return simd128::run(kernel);
    #[cfg(not(target_family = "wasm"))]
    kernel.run(portable::Portable)
}

#[cfg(test)]
thread_local! {
    static IS_PLAIN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs something twice, with special instructions and without: with the twin that is slow and
/// obvious.
#[cfg(test)]
pub(in crate::cpu) fn with_and_without<T>(test: impl Fn() -> T) -> [T; 2] {
    let best = test();
    IS_PLAIN.set(true);
    let plain = test();
    IS_PLAIN.set(false);
    [best, plain]
}
