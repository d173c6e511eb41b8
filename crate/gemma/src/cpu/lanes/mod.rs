//! Vectors of eight values, on which kernels compute on every machine.
//!
//! A kernel is written once for [`Lanes`] and compiled for each instruction set inside one function
//! with the target feature, so that the whole build needs no flag:
//!
//! ```text
//! run(kernel) ─► detect ─► #[target_feature(..)] fn ─► kernel.run(lanes): all inlined
//! ```
//!
//! Every function between the two must be `#[inline(always)]`; otherwise it would be compiled
//! without the feature, at the cost of a call for each vector.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(any(test, not(target_family = "wasm")))]
mod portable;
#[cfg(target_family = "wasm")]
mod simd128;

/// Operations on eight lanes. Lane r is row r of a group of eight rows, or value r of a slice.
///
/// A value of this type proves that the machine has the instructions.
pub(in crate::cpu) trait Lanes: Copy {
    /// Eight f32.
    type Floats: Copy;
    /// Eight pairs of i16: the codes of two adjacent columns for each row.
    type Codes: Copy;
    /// Eight i32.
    type Sums: Copy;

    /// Returns the same number in each lane.
    fn splat(self, value: f32) -> Self::Floats;
    /// Returns the same number in each lane, from memory: one instruction where `splat` takes two.
    fn spread(self, value: &f32) -> Self::Floats;
    /// Loads eight numbers.
    fn load(self, values: &[f32; 8]) -> Self::Floats;
    /// Loads eight numbers, little-endian, from two chunks.
    fn floats(self, low: &[u8; 16], high: &[u8; 16]) -> Self::Floats;
    /// Stores eight numbers.
    fn store(self, values: Self::Floats, to: &mut [f32; 8]);
    /// a + b
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a − b
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a · b
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a / b
    fn div(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Returns the larger of both; either if one is NaN.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Returns the smaller of both; either if one is NaN.
    fn min(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Returns 2ⁿ for integers n from −126 to 127.
    fn power(self, n: Self::Floats) -> Self::Floats;

    /// Loads eight half-precision numbers, each 2¹¹² times too small: infinite and subnormal
    /// ones are not preserved, see [`super::pack`].
    fn halves(self, bytes: &[u8; 16]) -> Self::Floats;
    /// Loads eight bfloat16 numbers.
    fn bfloats(self, bytes: &[u8; 16]) -> Self::Floats;
    /// Loads eight i8, the first or the second of two groups of eight.
    fn bytes(self, bytes: &[u8; 16], second: bool) -> Self::Floats;

    /// Loads pairs of i8: bytes 2r and 2r + 1 belong to row r.
    fn codes_of_bytes(self, bytes: &[u8; 16]) -> Self::Codes;
    /// Loads two times pairs of u4. In word w of eight, nibble 0 belongs to row w / 2 and nibble 1
    /// to row w / 2 + 4, both to column w % 2 of the first pair; nibbles 2 and 3 belong to the
    /// second pair.
    fn codes_of_nibbles(self, bytes: &[u8; 16]) -> [Self::Codes; 2];
    /// Loads sixteen words from two chunks; words 2r and 2r + 1 belong to row r.
    fn words(self, low: &[u8; 16], high: &[u8; 16]) -> Self::Codes;
    /// Each word >> n.
    fn shift_right(self, words: Self::Codes, n: u32) -> Self::Codes;
    /// Each word << n.
    fn shift_left(self, words: Self::Codes, n: u32) -> Self::Codes;
    /// Each word & mask.
    fn and(self, words: Self::Codes, mask: i16) -> Self::Codes;
    /// a | b
    fn or(self, a: Self::Codes, b: Self::Codes) -> Self::Codes;
    /// Returns the same pair in each lane, from memory.
    fn pair(self, pair: &[i16; 2]) -> Self::Codes;
    /// Returns the same number in each lane.
    fn sums(self, value: i32) -> Self::Sums;
    /// sums + a₀·b₀ + a₁·b₁ in each lane.
    fn dot(self, sums: Self::Sums, a: Self::Codes, b: Self::Codes) -> Self::Sums;
    /// Converts to f32.
    fn to_floats(self, sums: Self::Sums) -> Self::Floats;
    /// Returns the first of each pair, as f32.
    fn first(self, codes: Self::Codes) -> Self::Floats;
    /// Returns the second of each pair, as f32.
    fn second(self, codes: Self::Codes) -> Self::Floats;

    /// Returns the lanes as an array.
    #[inline(always)]
    fn array(self, values: Self::Floats) -> [f32; 8] {
        let mut array = [0.0; 8];
        self.store(values, &mut array);
        array
    }

    /// Returns the sum of all lanes.
    #[inline(always)]
    fn total(self, values: Self::Floats) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.array(values);
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }
}

/// A computation on any lanes. `run` must be `#[inline(always)]`.
pub(in crate::cpu) trait Kernel {
    /// The result.
    type Output;
    /// Computes the result.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Runs a kernel with the best instructions of the machine.
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

/// Runs something twice: with vector instructions, and with the portable twin.
#[cfg(test)]
pub(in crate::cpu) fn with_and_without<T>(test: impl Fn() -> T) -> [T; 2] {
    let best = test();
    IS_PLAIN.set(true);
    let plain = test();
    IS_PLAIN.set(false);
    [best, plain]
}
