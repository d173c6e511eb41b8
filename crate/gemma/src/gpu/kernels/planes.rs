//! The layout of weights on the GPU: codes in one plane, scales in another, both aligned.
//!
//! A GGUF block mixes scales and codes and is seldom a multiple of four bytes long. Here every
//! *unit* of 32 weights has its codes in whole 16-byte words. For five- and six-bit codes these are
//! the low four bits; the high ones precede the scales, a word or two for each unit. The eleven
//! encodings share seven layouts of codes and five of scales, every re-packing is exact, and none
//! takes 5 % more than the file does.
#![expect(
    clippy::indexing_slicing,
    reason = "blocks are arrays, and every index is bounded by loops over constants"
)]

use hybridge_core::{Error, Result, Status};

use crate::quant::Encoding;

/// The number of weights in a unit.
pub(crate) const UNIT: usize = 32;

/// The layout of the codes of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Codes {
    /// 4 bits each, the low halves of a word's bytes before the high ones: 16 bytes.
    Nibbles,
    /// 5 bits each: low halves as of nibbles and 4 bytes of high bits, as [`Sink::split`] lays them
    /// out.
    Fives,
    /// 6 bits each, stored with an offset of 32: like fives, with 8 bytes of high bits.
    Sixes,
    /// Bytes, stored with an offset of 128: 32 bytes.
    Bytes,
    /// Half floats: 64 bytes.
    F16,
    /// bfloat16: 64 bytes.
    Bf16,
    /// Floats: 128 bytes.
    F32,
}

/// The layout of the scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scales {
    /// None: the codes are floats.
    None,
    /// An f16 per unit, and the code that represents 0.
    Half(u8),
    /// An f16 scale and an f16 minimum per unit.
    Pair,
    /// For eight units: an f16 d, an f16 dmin, and two bytes each.
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
    /// Returns the layout of each encoding.
    pub(crate) fn of(encoding: Encoding) -> Self {
        let (codes, scales) = match encoding {
            Encoding::F32 => (Codes::F32, Scales::None),
            Encoding::F16 => (Codes::F16, Scales::None),
            Encoding::BF16 => (Codes::Bf16, Scales::None),
            Encoding::Q4_0 => (Codes::Nibbles, Scales::Half(8)),
            Encoding::Q4_1 => (Codes::Nibbles, Scales::Pair),
            Encoding::Q4K => (Codes::Nibbles, Scales::K),
            Encoding::Q5_0 => (Codes::Fives, Scales::Half(16)),
            Encoding::Q5_1 => (Codes::Fives, Scales::Pair),
            Encoding::Q5K => (Codes::Fives, Scales::K),
            Encoding::Q6K => (Codes::Sixes, Scales::Six),
            Encoding::Q8_0 => (Codes::Bytes, Scales::Half(0)),
        };
        Self { codes, scales }
    }

    /// Whether codes are integers, not floats.
    pub(crate) fn is_whole(self) -> bool {
        !matches!(self.codes, Codes::F16 | Codes::Bf16 | Codes::F32)
    }

    /// Returns the code that represents 0.
    pub(crate) fn zero(self) -> u8 {
        match (self.codes, self.scales) {
            (Codes::Bytes, _) => 128,
            (Codes::Sixes, _) => 32,
            (_, Scales::Half(zero)) => zero,
            _ => 0,
        }
    }

    /// Returns the size of the codes plane in bytes.
    pub(crate) fn code_bytes(self, units: usize) -> usize {
        units
            * match self.codes {
                Codes::Nibbles | Codes::Fives | Codes::Sixes => 16,
                Codes::Bytes => 32,
                Codes::F16 | Codes::Bf16 => 64,
                Codes::F32 => 128,
            }
    }

    /// Returns the bytes of high bits in the scales plane, before the scales.
    pub(crate) fn high_bytes(self, units: usize) -> usize {
        units
            * match self.codes {
                Codes::Fives => 4,
                Codes::Sixes => 8,
                Codes::Nibbles | Codes::Bytes | Codes::F16 | Codes::Bf16 | Codes::F32 => 0,
            }
    }

    /// Returns the size of the whole scales plane in bytes; 0 if there is none.
    pub(crate) fn scale_bytes(self, units: usize) -> usize {
        self.high_bytes(units)
            + match self.scales {
                Scales::None => 0,
                Scales::Half(_) => units.div_ceil(2) * 4,
                Scales::Pair => units * 4,
                Scales::K | Scales::Six => units.div_ceil(8) * 20,
            }
    }
}

/// Repacked rows: the codes plane, and both parts of the scales plane.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) codes: Vec<u8>,
    pub(crate) high: Vec<u8>,
    pub(crate) scales: Vec<u8>,
}

/// Returns the units of a row of `columns` weights; the last one of floats may be zero-padded.
pub(crate) fn units_of(columns: usize) -> usize {
    columns.div_ceil(UNIT)
}

/// Repacks whole rows of `columns` weights and appends them.
///
/// # Errors
///
/// Returns `DATA_LOSS` if a scale is not finite, because every product with it would not be either.
pub(crate) fn pack(
    encoding: Encoding,
    columns: usize,
    rows: &[u8],
    packed: &mut Packed,
) -> Result<()> {
    let Packed { codes, high, scales } = packed;
    let mut sink = Sink { codes, high, scales, finite: true };
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
            sink.nibbles(&halves(&block[2..]));
        }),
        Encoding::Q4_1 => blocks(rows, |block: &[u8; 20]| {
            sink.half_scale([block[0], block[1]]);
            sink.half_scale([block[2], block[3]]);
            sink.nibbles(&halves(&block[4..]));
        }),
        Encoding::Q5_0 => blocks(rows, |block: &[u8; 22]| {
            sink.half_scale([block[0], block[1]]);
            sink.split(&with_fifth(halves(&block[6..]), &block[2..6]), 1);
        }),
        Encoding::Q5_1 => blocks(rows, |block: &[u8; 24]| {
            sink.half_scale([block[0], block[1]]);
            sink.half_scale([block[2], block[3]]);
            sink.split(&with_fifth(halves(&block[8..]), &block[4..8]), 1);
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
                sink.split(&array(|i| (chunk[i] & 15) | bit(i, 2 * c)), 1);
                sink.split(&array(|i| (chunk[i] >> 4) | bit(i, 2 * c + 1)), 1);
            }
        }),
        Encoding::Q6K => blocks(rows, |block: &[u8; 210]| {
            sink.float_scale([block[208], block[209]]);
            sink.scales.extend_from_slice(&block[192..208]);
            for side in 0..2 {
                let (low, high) = (&block[64 * side..], &block[128 + 32 * side..]);
                for quarter in 0..4 {
                    let codes = array(|i| {
                        let nibbles = low[i + 32 * (quarter % 2)] >> (4 * (quarter / 2));
                        let top = (high[i] >> (2 * quarter)) & 3;
                        (nibbles & 15) | (top << 4)
                    });
                    sink.split(&codes, 2);
                }
            }
        }),
    }
    if sink.finite {
        return Ok(());
    }
    Err(Error::new(Status::DataLoss, "the model file contains a weight scale that is not finite")
        .with_code("NUMERIC"))
}

struct Sink<'a> {
    codes: &'a mut Vec<u8>,
    high: &'a mut Vec<u8>,
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

    /// Unpacks the six-bit scales and minima to bytes, scale first.
    fn k_scales(&mut self, block: &[u8]) {
        self.half_scale([block[0], block[1]]);
        self.half_scale([block[2], block[3]]);
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

    /// Writes codes of four and `top` bits. Byte i of a word of high bits contains those of code i
    /// of every quad, in order, for as many quads as fit, so that a shift aligns a quad's bits with
    /// its nibbles.
    fn split(&mut self, codes: &[u8; UNIT], top: usize) {
        self.nibbles(&array(|i| codes[i] & 15));
        for word in codes.chunks_exact(4 * 8 / top) {
            let quads = word.chunks_exact(4).enumerate();
            let of = |i: usize| {
                quads.clone().fold(0, |byte, (q, it)| byte | ((it[i] >> 4) << (top * q)))
            };
            self.high.extend((0..4).map(of));
        }
    }
}

fn blocks<const B: usize>(rows: &[u8], each: impl FnMut(&[u8; B])) {
    rows.as_chunks::<B>().0.iter().for_each(each);
}

fn array(value: impl Fn(usize) -> u8) -> [u8; UNIT] {
    std::array::from_fn(value)
}

/// Writes sixteen bytes with value j in the low half of byte j and value j + 16 in the high half.
fn halves(codes: &[u8]) -> [u8; UNIT] {
    array(|i| if i < 16 { codes[i] & 15 } else { codes[i - 16] >> 4 })
}

fn with_fifth(codes: [u8; UNIT], high: &[u8]) -> [u8; UNIT] {
    array(|i| codes[i] | (((high[i / 8] >> (i % 8)) & 1) << 4))
}

#[cfg(test)]
mod tests;
