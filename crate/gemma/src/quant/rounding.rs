//! Vectors rounded for faster products: the form in which GPU kernels keep a single token with
//! `precision: 'fast'`, four values at a time.

use half::f16;

/// The precision of four values that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Half floats scaled so that the largest is ±1. None is so small in comparison that a GPU
    /// without subnormal halves loses anything significant.
    Halves,
    /// 8-bit integers scaled so that the largest is ±127.
    Bytes,
}

impl Rounding {
    /// Returns both, the finer one first.
    pub const ALL: [Self; 2] = [Self::Halves, Self::Bytes];

    /// Returns four rounded values without their scale, and that scale.
    fn quad(self, quad: &[f32]) -> ([f32; 4], f32) {
        let most = quad.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let largest = match self {
            Self::Halves => 1.0,
            Self::Bytes => 127.0,
        };
        let inverse = if most > 1e-30 { largest / most } else { 0.0 };
        let mut left = [0.0; 4];
        for (left, value) in left.iter_mut().zip(quad) {
            *left = match self {
                Self::Halves => f16::from_f32(value * inverse).to_f32(),
                Self::Bytes => (value * inverse).round_ties_even(),
            };
        }
        (left, most / largest)
    }

    /// Returns a vector after rounding.
    #[must_use]
    pub fn of(self, values: &[f32]) -> Vec<f32> {
        let quads = values.chunks(4).map(|quad| self.quad(quad));
        let mut left: Vec<f32> =
            quads.flat_map(|(numbers, scale)| numbers.map(|number| number * scale)).collect();
        left.truncate(values.len());
        left
    }

    /// Returns a vector in the form that the kernels keep, as in `kept_halves.wgsl` and
    /// `kept_bytes.wgsl`.
    #[must_use]
    pub fn words(self, values: &[f32]) -> Vec<u32> {
        let quads = values.chunks(4).map(|quad| self.quad(quad));
        match self {
            Self::Halves => quads
                .flat_map(|([a, b, c, d], scale)| {
                    let sum = ((a + b) + (c + d)) * scale;
                    [pair(a, c), pair(b, d), scale.to_bits(), sum.to_bits()]
                })
                .collect(),
            Self::Bytes => quads
                .flat_map(|(numbers, scale)| {
                    #[expect(clippy::cast_possible_truncation, reason = "at most 127 in size")]
                    let bytes = numbers.map(|number| (number as i8).cast_unsigned());
                    [u32::from_le_bytes(bytes), scale.to_bits()]
                })
                .collect(),
        }
    }

    /// The number of words for four values.
    #[must_use]
    pub const fn words_of_quad(self) -> usize {
        match self {
            Self::Halves => 4,
            Self::Bytes => 2,
        }
    }
}

/// Packs two half floats into a word.
fn pair(low: f32, high: f32) -> u32 {
    let bits = |value| u32::from(f16::from_f32(value).to_bits());
    bits(low) | (bits(high) << 16)
}

#[cfg(test)]
mod tests {
    use super::Rounding;

    #[track_caller]
    fn check(rounding: Rounding, values: &[f32], expected: &[f32]) {
        assert_eq!(rounding.of(values), expected, "{rounding:?}");
        let words = values.len().div_ceil(4) * rounding.words_of_quad();
        assert_eq!(rounding.words(values).len(), words, "{rounding:?}");
    }

    #[test]
    fn four_values_share_a_scale() {
        for rounding in Rounding::ALL {
            check(rounding, &[], &[]);
            check(rounding, &[0.0; 5], &[0.0; 5]);
            check(rounding, &[1e-38, 0.0, 0.0, 0.0], &[0.0; 4]);
            check(
                rounding,
                &[-254.0, 127.0, 0.0, 254.0],
                &[-254.0, 127.0 + f32::from(u8::from(rounding == Rounding::Bytes)), 0.0, 254.0],
            );
        }
        // Values that are small beside their neighbours, and zeros.
        check(Rounding::Bytes, &[127.0, 0.4, 0.6, -0.6, 0.4], &[127.0, 0.0, 1.0, -1.0, 0.4]);
        check(Rounding::Halves, &[2.0, 0.000_488_281_25, 1.000_122], &[2.0, 0.000_488_281_25, 1.0]);
    }

    #[test]
    fn words_match_those_of_the_kernels() {
        assert_eq!(
            Rounding::Bytes.words(&[127.0, -127.0, 1.0, 0.0]),
            [0x0001_817f, 1.0_f32.to_bits()]
        );
        let words = Rounding::Halves.words(&[2.0, -2.0, 1.0, 0.0]);
        assert_eq!(words, [0x3800_3c00, 0x0000_bc00, 2.0_f32.to_bits(), 1.0_f32.to_bits()]);
    }
}
