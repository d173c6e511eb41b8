//! How weights lie on the GPU: codes in one plane, scales in another, both aligned.
//!
//! A GGUF block mixes scales and codes and is seldom a multiple of four bytes long. Here every
//! *unit* of 32 weights has its codes in whole 16-byte words and its scale in a plane of its own.
//! The eleven encodings share five layouts of codes and five of scales, and every re-packing is
//! exact: five- and six-bit codes become bytes, and the f16 scales of the K-quants become f32, so
//! that their products with the small integers are exact too.
#![expect(
    clippy::indexing_slicing,
    reason = "blocks are arrays, and every index is bounded by loops over constants"
)]

use hybridge_core::{Error, Result, Status};

use crate::quant::Encoding;

/// Weights in a unit.
pub(crate) const UNIT: usize = 32;

/// The layout of the codes of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Codes {
    /// 4 bits each, the low halves of a word's bytes before the high ones: 16 bytes.
    Nibbles,
    /// Bytes, 128 more than what they stand for: 32 bytes.
    Bytes,
    /// Half floats: 64 bytes.
    F16,
    /// Brain floats: 64 bytes.
    Bf16,
    /// Floats: 128 bytes.
    F32,
}

/// The layout of the scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scales {
    /// None: the codes are floats.
    None,
    /// An f16 a unit; the code that stands for 0.
    Half(u8),
    /// An f16 scale and an f16 minimum a unit.
    Pair,
    /// For eight units: f32 d, f32 dmin, and two bytes each.
    K,
    /// For eight units: an f32 d, and two signed bytes each, one for each half of a unit.
    Six,
}

/// The layout of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Format {
    pub(crate) codes: Codes,
    pub(crate) scales: Scales,
}

impl Format {
    /// Where each encoding goes.
    pub(crate) fn of(encoding: Encoding) -> Self {
        let (codes, scales) = match encoding {
            Encoding::F32 => (Codes::F32, Scales::None),
            Encoding::F16 => (Codes::F16, Scales::None),
            Encoding::BF16 => (Codes::Bf16, Scales::None),
            Encoding::Q4_0 => (Codes::Nibbles, Scales::Half(8)),
            Encoding::Q4_1 => (Codes::Nibbles, Scales::Pair),
            Encoding::Q4K => (Codes::Nibbles, Scales::K),
            Encoding::Q5_0 | Encoding::Q8_0 => (Codes::Bytes, Scales::Half(0)),
            Encoding::Q5_1 => (Codes::Bytes, Scales::Pair),
            Encoding::Q5K => (Codes::Bytes, Scales::K),
            Encoding::Q6K => (Codes::Bytes, Scales::Six),
        };
        Self { codes, scales }
    }

    /// The code that stands for 0.
    pub(crate) fn zero(self) -> u8 {
        match (self.codes, self.scales) {
            (Codes::Bytes, _) => 128,
            (_, Scales::Half(zero)) => zero,
            _ => 0,
        }
    }

    /// Bytes of the codes plane.
    pub(crate) fn code_bytes(self, units: usize) -> usize {
        units
            * match self.codes {
                Codes::Nibbles => 16,
                Codes::Bytes => 32,
                Codes::F16 | Codes::Bf16 => 64,
                Codes::F32 => 128,
            }
    }

    /// Bytes of the scales plane; 0 where there is none.
    pub(crate) fn scale_bytes(self, units: usize) -> usize {
        match self.scales {
            Scales::None => 0,
            Scales::Half(_) => units.div_ceil(2) * 4,
            Scales::Pair => units * 4,
            Scales::K => units.div_ceil(8) * 24,
            Scales::Six => units.div_ceil(8) * 20,
        }
    }
}

/// Units of a row of `columns` weights; the last one of floats may be filled up with zeros.
pub(crate) fn units_of(columns: usize) -> usize {
    columns.div_ceil(UNIT)
}

/// Re-packs whole rows of `columns` weights and appends to both planes.
///
/// # Errors
/// `DATA_LOSS` where a scale is not finite: every product with it would be.
pub(crate) fn pack(
    encoding: Encoding,
    columns: usize,
    rows: &[u8],
    codes: &mut Vec<u8>,
    scales: &mut Vec<u8>,
) -> Result<()> {
    let mut sink = Sink { codes, scales, finite: true };
    match encoding {
        Encoding::F32 | Encoding::F16 | Encoding::BF16 => {
            let row_bytes = encoding.bytes_of(columns);
            let padded = encoding.bytes_of(units_of(columns) * UNIT);
            for row in rows.chunks_exact(row_bytes.max(1)) {
                sink.codes.extend_from_slice(row);
                sink.codes.resize(sink.codes.len() + padded - row_bytes, 0);
            }
        }
        Encoding::Q4_0 => blocks(rows, |block: &[u8; 18]| {
            sink.half_scale([block[0], block[1]]);
            sink.nibbles(&split(&block[2..]));
        }),
        Encoding::Q4_1 => blocks(rows, |block: &[u8; 20]| {
            sink.half_scale([block[0], block[1]]);
            sink.half_scale([block[2], block[3]]);
            sink.nibbles(&split(&block[4..]));
        }),
        Encoding::Q5_0 => blocks(rows, |block: &[u8; 22]| {
            sink.half_scale([block[0], block[1]]);
            let codes = with_fifth(split(&block[6..]), &block[2..6]);
            sink.bytes(&codes.map(|code| code.wrapping_sub(16)));
        }),
        Encoding::Q5_1 => blocks(rows, |block: &[u8; 24]| {
            sink.half_scale([block[0], block[1]]);
            sink.half_scale([block[2], block[3]]);
            sink.bytes(&with_fifth(split(&block[8..]), &block[4..8]));
        }),
        Encoding::Q8_0 => blocks(rows, |block: &[u8; 34]| {
            sink.half_scale([block[0], block[1]]);
            sink.bytes(&block[2..]);
        }),
        Encoding::Q4K => blocks(rows, |block: &[u8; 144]| {
            sink.k_scales(block);
            for chunk in block[16..].chunks_exact(32) {
                sink.nibbles(&array(|i| chunk[i] & 15));
                sink.nibbles(&array(|i| chunk[i] >> 4));
            }
        }),
        Encoding::Q5K => blocks(rows, |block: &[u8; 176]| {
            sink.k_scales(block);
            for (c, chunk) in block[48..].chunks_exact(32).enumerate() {
                let bit = |i: usize, at: usize| ((block[16 + i] >> at) & 1) << 4;
                sink.bytes(&array(|i| (chunk[i] & 15) | bit(i, 2 * c)));
                sink.bytes(&array(|i| (chunk[i] >> 4) | bit(i, 2 * c + 1)));
            }
        }),
        Encoding::Q6K => blocks(rows, |block: &[u8; 210]| {
            sink.float_scale([block[208], block[209]]);
            sink.scales.extend_from_slice(&block[192..208]);
            for side in 0..2 {
                let (low, high) = (&block[64 * side..], &block[128 + 32 * side..]);
                for quarter in 0..4 {
                    sink.bytes(&array(|i| {
                        let nibbles = low[i + 32 * (quarter % 2)] >> (4 * (quarter / 2));
                        let top = (high[i] >> (2 * quarter)) & 3;
                        ((nibbles & 15) | (top << 4)).wrapping_sub(32)
                    }));
                }
            }
        }),
    }
    if sink.finite {
        return Ok(());
    }
    Err(Error::new(Status::DataLoss, "the model file holds a weight scale that is not a number")
        .with_code("NUMERIC"))
}

struct Sink<'a> {
    codes: &'a mut Vec<u8>,
    scales: &'a mut Vec<u8>,
    finite: bool,
}

impl Sink<'_> {
    fn half_scale(&mut self, bytes: [u8; 2]) {
        self.finite &= half::f16::from_le_bytes(bytes).is_finite();
        self.scales.extend(bytes);
    }

    fn float_scale(&mut self, bytes: [u8; 2]) {
        let scale = half::f16::from_le_bytes(bytes).to_f32();
        self.finite &= scale.is_finite();
        self.scales.extend(scale.to_le_bytes());
    }

    /// The six-bit scales and minima as bytes, scale first.
    fn k_scales(&mut self, block: &[u8]) {
        self.float_scale([block[0], block[1]]);
        self.float_scale([block[2], block[3]]);
        let packed = &block[4..16];
        for k in 0..4 {
            self.scales.extend([packed[k] & 63, packed[k + 4] & 63]);
        }
        for k in 4..8 {
            self.scales.extend([
                (packed[k + 4] & 15) | ((packed[k - 4] >> 6) << 4),
                (packed[k + 4] >> 4) | ((packed[k] >> 6) << 4),
            ]);
        }
    }

    fn nibbles(&mut self, codes: &[u8; UNIT]) {
        for eight in codes.chunks_exact(8) {
            self.codes.extend((0..4).map(|i| eight[i] | (eight[i + 4] << 4)));
        }
    }

    fn bytes(&mut self, codes: &[u8]) {
        self.codes.extend(codes.iter().map(|code| code ^ 128));
    }
}

fn blocks<const B: usize>(rows: &[u8], each: impl FnMut(&[u8; B])) {
    rows.as_chunks::<B>().0.iter().for_each(each);
}

fn array(value: impl Fn(usize) -> u8) -> [u8; UNIT] {
    std::array::from_fn(value)
}

/// Sixteen bytes with value j in the low half of byte j and value j + 16 in the high one.
fn split(codes: &[u8]) -> [u8; UNIT] {
    array(|i| if i < 16 { codes[i] & 15 } else { codes[i - 16] >> 4 })
}

fn with_fifth(codes: [u8; UNIT], high: &[u8]) -> [u8; UNIT] {
    array(|i| codes[i] | (((high[i / 8] >> (i % 8)) & 1) << 4))
}

#[cfg(test)]
mod tests {
    use super::{Codes, Format, Scales, UNIT, pack, units_of};
    use crate::quant::{Encoding, encode::encode};

    /// The kernels' formula, in Rust: (code − zero) · scale + offset.
    fn unpack(format: Format, codes: &[u8], scales: &[u8], index: usize) -> f32 {
        let word = |at: usize| {
            u32::from_le_bytes([scales[at], scales[at + 1], scales[at + 2], scales[at + 3]])
        };
        let half = |at: usize| half::f16::from_le_bytes([scales[at], scales[at + 1]]).to_f32();
        let float = |at: usize| f32::from_bits(word(at));
        let unit = index / UNIT;
        let (scale, offset) = match format.scales {
            Scales::None => (1.0, 0.0),
            Scales::Half(_) => (half(2 * unit), 0.0),
            Scales::Pair => (half(4 * unit), half(4 * unit + 2)),
            Scales::K => {
                let at = 24 * (unit / 8);
                let bytes = at + 8 + 2 * (unit % 8);
                let (scale, minimum) = (f32::from(scales[bytes]), f32::from(scales[bytes + 1]));
                (float(at) * scale, -float(at + 4) * minimum)
            }
            Scales::Six => {
                let at = 20 * (unit / 8);
                let byte = at + 4 + 2 * (unit % 8) + index % UNIT / 16;
                (float(at) * f32::from(scales[byte].cast_signed()), 0.0)
            }
        };
        let code = match format.codes {
            Codes::Nibbles => {
                f32::from((codes[index / 8 * 4 + index % 4] >> (index % 8 / 4 * 4)) & 15)
            }
            Codes::Bytes => f32::from(codes[index]),
            Codes::F16 => {
                half::f16::from_le_bytes([codes[2 * index], codes[2 * index + 1]]).to_f32()
            }
            Codes::Bf16 => {
                half::bf16::from_le_bytes([codes[2 * index], codes[2 * index + 1]]).to_f32()
            }
            Codes::F32 => f32::from_le_bytes(std::array::from_fn(|i| codes[4 * index + i])),
        };
        (code - f32::from(format.zero())) * scale + offset
    }

    #[test]
    fn re_packing_is_exact() {
        let columns = 512;
        let values: Vec<f32> =
            (0..3 * columns).map(|i| ((i * 7919 % 1009) as f32 - 400.0) / 911.0).collect();
        for encoding in Encoding::ALL {
            let bytes = encode(encoding, &values);
            let mut expected = vec![0.0; values.len()];
            encoding.decode(&bytes, &mut expected);
            let (mut codes, mut scales) = (Vec::new(), Vec::new());
            pack(encoding, columns, &bytes, &mut codes, &mut scales).unwrap();
            let format = Format::of(encoding);
            let units = units_of(columns) * 3;
            assert_eq!(codes.len(), format.code_bytes(units), "{}", encoding.name());
            assert!(scales.len() <= format.scale_bytes(units), "{}", encoding.name());
            for (index, value) in expected.iter().enumerate() {
                let found = unpack(format, &codes, &scales, index);
                // An offset is added to a product: one rounding more or less.
                let tolerance = value.abs().max(1.0) * 2.0 * f32::EPSILON;
                assert!(
                    (found - value).abs() <= tolerance,
                    "{} {index}: {found} {value}",
                    encoding.name()
                );
            }
        }
    }

    #[test]
    fn short_rows_of_floats_are_filled_up() {
        let bytes: Vec<u8> =
            [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|it| it.to_le_bytes()).collect();
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        pack(Encoding::F32, 2, &bytes, &mut codes, &mut scales).unwrap();
        assert_eq!(codes.len(), 2 * 128);
        assert_eq!(codes[128..132], 3.0_f32.to_le_bytes());
    }

    #[test]
    fn a_scale_that_is_no_number_is_refused() {
        let mut block = encode(Encoding::Q8_0, &[1.0; 32]);
        block[0..2].copy_from_slice(&half::f16::NAN.to_le_bytes());
        let error = pack(Encoding::Q8_0, 32, &block, &mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("NUMERIC"));
    }
}
