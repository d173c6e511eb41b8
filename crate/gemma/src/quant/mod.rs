//! Encodings of weights, with their reference decoders.
//!
//! A row is a whole number of blocks, and a block consists of a few scales and the small integers
//! that they scale. Every faster path is tested against these decoders.

mod blocks;
#[cfg(any(test, feature = "testing"))]
pub mod encode;
mod rounding;
mod superblocks;

use half::{bf16, f16};

pub use rounding::Rounding;

/// The encoding of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of an f32.
    BF16,
    /// 32 values: a scale, four bits each, centred on 8.
    Q4_0,
    /// 32 values: a scale and a minimum, four bits each.
    Q4_1,
    /// 32 values: a scale, five bits each, centred on 16.
    Q5_0,
    /// 32 values: a scale and a minimum, five bits each.
    Q5_1,
    /// 32 values: a scale, eight bits each.
    Q8_0,
    /// 256 values: eight sub-blocks with six-bit scales and minima, four bits each.
    Q4K,
    /// 256 values: eight sub-blocks with six-bit scales and minima, five bits each.
    Q5K,
    /// 256 values: sixteen sub-blocks with eight-bit scales, six bits each, centred on 32.
    Q6K,
}

impl Encoding {
    /// Every supported encoding.
    pub const ALL: [Self; 11] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    /// Returns the encoding of a GGUF type ID.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.id() == id)
    }

    /// Returns its GGUF type ID.
    #[must_use]
    pub fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::BF16 => 30,
        }
    }

    /// Returns its name in ggml.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }

    /// Returns the number of values in a block.
    #[must_use]
    pub const fn block_values(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q4K | Self::Q5K | Self::Q6K => 256,
        }
    }

    /// Returns the number of bytes in a block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Returns the bytes of `values` values, in whole blocks.
    #[must_use]
    pub const fn bytes_of(self, values: usize) -> usize {
        values / self.block_values() * self.block_bytes()
    }

    /// Decodes whole blocks; if the lengths do not match, the shorter one counts.
    pub fn decode(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            Self::F32 => each(bytes, values, |bytes, [value]| *value = f32::from_le_bytes(*bytes)),
            Self::F16 => each(bytes, values, |bytes, [value]| {
                *value = f16::from_le_bytes(*bytes).to_f32();
            }),
            Self::BF16 => each(bytes, values, |bytes, [value]| {
                *value = bf16::from_le_bytes(*bytes).to_f32();
            }),
            Self::Q4_0 => each(bytes, values, blocks::q4_0),
            Self::Q4_1 => each(bytes, values, blocks::q4_1),
            Self::Q5_0 => each(bytes, values, blocks::q5_0),
            Self::Q5_1 => each(bytes, values, blocks::q5_1),
            Self::Q8_0 => each(bytes, values, blocks::q8_0),
            Self::Q4K => each(bytes, values, superblocks::q4_k),
            Self::Q5K => each(bytes, values, superblocks::q5_k),
            Self::Q6K => each(bytes, values, superblocks::q6_k),
        }
    }
}

fn each<const B: usize, const V: usize>(
    bytes: &[u8],
    values: &mut [f32],
    decode: impl Fn(&[u8; B], &mut [f32; V]),
) {
    let (blocks, _) = bytes.as_chunks::<B>();
    let (outputs, _) = values.as_chunks_mut::<V>();
    for (block, output) in blocks.iter().zip(outputs) {
        decode(block, output);
    }
}

/// Returns the half-precision number in two bytes.
fn half(low: u8, high: u8) -> f32 {
    f16::from_le_bytes([low, high]).to_f32()
}

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn ids_and_sizes_follow_the_format() {
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::from_id(encoding.id()), Some(encoding));
        }
        assert_eq!(Encoding::from_id(20), None);
        assert_eq!(Encoding::Q6K.bytes_of(512), 420);
    }

    #[track_caller]
    fn check(encoding: Encoding, bytes: &[u8], expected: &[(usize, f32)]) {
        let mut values = vec![0.0; encoding.block_values()];
        encoding.decode(bytes, &mut values);
        for (index, value) in expected {
            assert_eq!(values[*index], *value, "{} value {index}", encoding.name());
        }
    }

    /// Computed by hand from the layouts: the scale is 2, the minimum 0.5, and the bytes count up.
    #[test]
    fn blocks_decode_to_values_computed_by_hand() {
        const TWO: [u8; 2] = [0x00, 0x40];
        const HALF: [u8; 2] = [0x00, 0x38];
        let counting: Vec<u8> = (0..16).map(|it| it | 0xa0).collect();
        let block = |parts: &[&[u8]]| parts.concat();
        check(Encoding::F32, &1.5_f32.to_le_bytes(), &[(0, 1.5)]);
        check(Encoding::F16, &TWO, &[(0, 2.0)]);
        check(Encoding::BF16, &[0x80, 0xbf], &[(0, -1.0)]);
        check(
            Encoding::Q4_0,
            &block(&[&TWO, &counting]),
            &[(0, -16.0), (15, 14.0), (16, 4.0), (31, 4.0)],
        );
        check(
            Encoding::Q4_1,
            &block(&[&TWO, &HALF, &counting]),
            &[(0, 0.5), (15, 30.5), (16, 20.5)],
        );
        // Bit 0 adds to value 0, bit 31 to value 31.
        let raised = [1, 0, 0, 0x80];
        check(
            Encoding::Q5_0,
            &block(&[&TWO, &raised, &counting]),
            &[(0, 0.0), (1, -30.0), (16, -12.0), (31, 20.0)],
        );
        check(
            Encoding::Q5_1,
            &block(&[&TWO, &HALF, &raised, &counting]),
            &[(0, 32.5), (1, 2.5), (16, 20.5), (31, 52.5)],
        );
        let signed: Vec<u8> = (0..32).map(|it: i8| (it - 16).cast_unsigned()).collect();
        check(Encoding::Q8_0, &block(&[&TWO, &signed]), &[(0, -32.0), (16, 0.0), (31, 30.0)]);
    }
}
