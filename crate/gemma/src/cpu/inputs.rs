//! Inputs of products, in the form that kernels read.

use super::lanes::{Kernel, Lanes, run};
use super::team::each_chunk;

/// The precision of activations in products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// As f32.
    Exact,
    /// Rounded to 8 bits, with a scale per 32 values: integer products, at least twice as fast.
    Fast,
}

/// 32 activations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) values: [f32; 32],
    /// Σ of each half, for weights that aren't centred on 0.
    pub(super) sums: [f32; 2],
}

/// 32 activations as scale · code, the codes in pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounded {
    pub(super) codes: [[i16; 2]; 16],
    pub(super) scale: f32,
    /// Σ codes of each half.
    pub(super) sums: [i32; 2],
    /// scale · Σ codes
    pub(super) total: f32,
}

/// The inputs of a product, by block of 32 columns and then by token. \[blocks, tokens\]
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    pub(super) tokens: usize,
    pub(super) plain: Vec<Plain>,
    pub(super) rounded: Vec<Rounded>,
}

impl Inputs {
    /// Converts `x`, \[tokens, columns\], to one form or both.
    pub(super) fn set(&mut self, x: &[f32], columns: usize, plain: bool, rounded: bool) {
        let tokens = x.len() / columns.max(1);
        self.tokens = tokens;
        let blocks = if plain { columns.div_ceil(32) } else { 0 };
        self.plain.resize(blocks * tokens, Plain::NONE);
        let blocks = if rounded { columns.div_ceil(32) } else { 0 };
        self.rounded.resize(blocks * tokens, Rounded::NONE);
        // Rounding a number takes about four operations.
        each_chunk(&mut self.plain, tokens, 32 * tokens, |block, to| {
            run(Fill { x, columns, block, to });
        });
        each_chunk(&mut self.rounded, tokens, 128 * tokens, |block, to| {
            run(Fill { x, columns, block, to });
        });
    }
}

/// Converts 32 columns of each token. Compiled as a kernel to use vector instructions.
struct Fill<'a, T> {
    x: &'a [f32],
    columns: usize,
    block: usize,
    /// \[tokens\]
    to: &'a mut [T],
}

/// A form of 32 activations.
trait Form {
    /// Inlined, or it would be compiled without vector instructions.
    fn of(values: &[f32; 32]) -> Self;
}

impl<T: Form> Kernel for Fill<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (token, to) in self.x.chunks_exact(self.columns).zip(self.to) {
            let rest = token.get(32 * self.block..).unwrap_or_default();
            let mut block = [0.0; 32];
            if let Some(whole) = rest.first_chunk() {
                block = *whole;
            } else {
                for (to, from) in block.iter_mut().zip(rest) {
                    *to = *from;
                }
            }
            *to = T::of(&block);
        }
    }
}

#[inline(always)]
fn halves<T: Copy + std::iter::Sum>(values: &[T; 32]) -> [T; 2] {
    let (low, high) = values.split_at(16);
    [low.iter().copied().sum(), high.iter().copied().sum()]
}

impl Plain {
    const NONE: Self = Self { values: [0.0; 32], sums: [0.0; 2] };
}

impl Form for Plain {
    #[inline(always)]
    fn of(values: &[f32; 32]) -> Self {
        Self { values: *values, sums: halves(values) }
    }
}

impl Rounded {
    const NONE: Self = Self { codes: [[0; 2]; 16], scale: 0.0, sums: [0; 2], total: 0.0 };
}

impl Form for Rounded {
    #[inline(always)]
    fn of(values: &[f32; 32]) -> Self {
        // As whole numbers, whose order is that of the floats: those have a maximum in vectors.
        let most = values.iter().fold(0, |most, value| most.max(value.abs().to_bits()));
        let most = f32::from_bits(most);
        let scale = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
        let codes = values.map(|value| (value * inverse).round_ties_even() as i32);
        let sums = halves(&codes);
        #[expect(clippy::cast_precision_loss, reason = "at most 32 · 127")]
        let total = scale * (sums[0] + sums[1]) as f32;
        let (pairs, _) = codes.as_chunks::<2>();
        let mut rounded = Self { codes: [[0; 2]; 16], scale, sums, total };
        for (to, from) in rounded.codes.iter_mut().zip(pairs) {
            #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
            let pair = from.map(|code| code as i16);
            *to = pair;
        }
        rounded
    }
}

#[cfg(test)]
mod tests {
    use super::Inputs;

    #[test]
    fn blocks_come_before_tokens_and_the_last_is_zero_padded() {
        let x: Vec<f32> = (0..80).map(|i| i as f32 - 40.0).collect();
        let mut inputs = Inputs::default();
        inputs.set(&x, 40, true, true);
        assert_eq!((inputs.tokens, inputs.plain.len(), inputs.rounded.len()), (2, 4, 4));
        let firsts: Vec<f32> = inputs.plain.iter().map(|block| block.values[0]).collect();
        assert_eq!(firsts, [-40.0, 0.0, -8.0, 32.0]);
        assert_eq!(inputs.plain[3].values[8..], [0.0; 24]);
        for (plain, rounded) in inputs.plain.iter().zip(&inputs.rounded) {
            let codes = rounded.codes.as_flattened();
            for (value, code) in plain.values.iter().zip(codes) {
                let error = (value - rounded.scale * f32::from(*code)).abs();
                assert!(error <= rounded.scale * 0.501, "{value}");
            }
            let sum: i32 = codes.iter().map(|code| i32::from(*code)).sum();
            assert_eq!(rounded.sums[0] + rounded.sums[1], sum);
        }
    }
}
