//! Repacks the blocks of a file into interleaved groups of eight rows, without loss.
//!
//! Half-precision numbers are multiplied by 2¹⁰ on the way. Scales of small weights are
//! subnormal in half precision, and a vector product with a subnormal number takes a hundred
//! cycles; times 2¹⁰ none is subnormal, and kernels multiply by 2¹⁰² instead of 2¹¹² to
//! compensate. Only a tensor with a number of 64 or more cannot be scaled in this way, and is
//! stored unscaled.
#![expect(
    clippy::indexing_slicing,
    reason = "loops over constants and the arrays' own lengths, once for each weight of a model"
)]

use half::f16;

use super::format::Chunk;
use crate::quant::Encoding;

/// The number of interleaved rows.
pub(super) const ROWS: usize = 8;

/// Returns the number of chunks and of columns in a block of eight rows.
pub(super) const fn block_size(encoding: Encoding) -> (usize, usize) {
    match encoding {
        Encoding::F32 => (64, 32),
        Encoding::F16 | Encoding::BF16 => (32, 32),
        Encoding::Q4_0 => (9, 32),
        Encoding::Q4_1 => (10, 32),
        Encoding::Q5_0 => (11, 32),
        Encoding::Q5_1 => (12, 32),
        Encoding::Q8_0 => (17, 32),
        Encoding::Q4K => (74, 256),
        Encoding::Q5K => (90, 256),
        Encoding::Q6K => (105, 256),
    }
}

/// Returns the size of a matrix in bytes.
pub(super) fn packed_bytes(encoding: Encoding, rows: usize, columns: usize) -> u64 {
    let (chunks, width) = block_size(encoding);
    let blocks = rows.div_ceil(ROWS) as u64 * columns.div_ceil(width) as u64;
    blocks * (chunks * size_of::<Chunk>()) as u64
}

/// The factor of stored half-precision numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lift {
    /// 2¹⁰
    Lifted,
    /// 1
    Flat,
}

impl Lift {
    /// Returns the factor that compensates for it and for how [`super::lanes::Lanes::halves`]
    /// reads.
    pub(super) fn factor(self) -> f32 {
        let exponent: u32 = if self == Self::Lifted { 102 } else { 112 };
        f32::from_bits((127 + exponent) << 23)
    }

    /// Returns the number to store; `None` if it cannot be represented.
    fn store(self, bytes: [u8; 2]) -> Option<[u8; 2]> {
        let number = f16::from_le_bytes(bytes);
        let by = if self == Self::Lifted { 1024.0 } else { 1.0 };
        let stored = f16::from_f32(number.to_f32() * by);
        stored.is_finite().then(|| stored.to_le_bytes())
    }
}

/// A parsed block of one row.
struct Row {
    codes: [u8; 256],
    scale: [u8; 2],
    minimum: [u8; 2],
    scales: [u8; 16],
    minima: [u8; 8],
}

/// Appends a group of up to eight rows in the file's format; missing ones become zeros. Returns
/// `None` if a half-precision number cannot be stored.
pub(super) fn pack(
    encoding: Encoding,
    columns: usize,
    rows: &[&[u8]],
    lift: Lift,
    to: &mut Vec<Chunk>,
) -> Option<()> {
    if encoding.block_values() == 1 {
        return pack_numbers(encoding, columns, rows, lift, to);
    }
    let size = encoding.block_bytes();
    for index in 0..columns / encoding.block_values() {
        let blocks: [Row; ROWS] = std::array::from_fn(|row| {
            let raw = rows.get(row).and_then(|row| row.get(index * size..(index + 1) * size));
            raw.map_or_else(|| Row::empty(encoding), |raw| Row::of(encoding, raw))
        });
        pack_block(encoding, &blocks, lift, to)?;
    }
    Some(())
}

fn pack_numbers(
    encoding: Encoding,
    columns: usize,
    rows: &[&[u8]],
    lift: Lift,
    to: &mut Vec<Chunk>,
) -> Option<()> {
    let size = encoding.block_bytes();
    for column in 0..columns.next_multiple_of(32) {
        let mut bytes = [0_u8; 32];
        for (row, place) in rows.iter().zip(bytes.chunks_exact_mut(size)) {
            let Some(raw) = row.get(column * size..(column + 1) * size) else { continue };
            match (encoding, raw) {
                (Encoding::F16, [a, b]) => place.copy_from_slice(&lift.store([*a, *b])?),
                _ => place.copy_from_slice(raw),
            }
        }
        let (chunks, _) = bytes.as_chunks::<16>();
        to.extend_from_slice(&chunks[..size / 2]);
    }
    Some(())
}

fn pack_block(
    encoding: Encoding,
    rows: &[Row; ROWS],
    lift: Lift,
    to: &mut Vec<Chunk>,
) -> Option<()> {
    let is_wide = encoding.block_values() == 256;
    to.push(halves(rows, lift, |row| row.scale)?);
    if has_minimum(encoding) {
        to.push(halves(rows, lift, |row| row.minimum)?);
    }
    if is_wide {
        let scales = if encoding == Encoding::Q6K { 16 } else { 8 };
        for pair in 0..scales / 2 {
            to.push(std::array::from_fn(|i| rows[i % 8].scales[2 * pair + i / 8]));
        }
    }
    if is_wide && has_minimum(encoding) {
        for pair in 0..4 {
            to.push(std::array::from_fn(|i| rows[i % 8].minima[2 * pair + i / 8]));
        }
    }
    let subs = encoding.block_values() / 32;
    for sub in 0..subs {
        let code = |row: usize, column: usize| rows[row].codes[32 * sub + column];
        if encoding == Encoding::Q8_0 {
            to.extend(
                (0..16).map(|pair| -> Chunk {
                    std::array::from_fn(|i| code(i / 2, 2 * pair + i % 2))
                }),
            );
        } else {
            to.extend((0..8).map(|chunk| nibbles(chunk, code)));
        }
    }
    for sub in 0..subs {
        let code = |row: usize, column: usize| rows[row].codes[32 * sub + column];
        match encoding {
            Encoding::Q5_0 | Encoding::Q5_1 | Encoding::Q5K => to.extend(high_bits(0, 16, 1, code)),
            Encoding::Q6K => {
                to.extend(high_bits(0, 8, 2, code));
                to.extend(high_bits(8, 8, 2, code));
            }
            _ => {}
        }
    }
    Some(())
}

fn has_minimum(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Q4_1 | Encoding::Q5_1 | Encoding::Q4K | Encoding::Q5K)
}

fn halves(rows: &[Row; ROWS], lift: Lift, pick: impl Fn(&Row) -> [u8; 2]) -> Option<Chunk> {
    let mut chunk = [0; 16];
    for (row, place) in rows.iter().zip(chunk.as_chunks_mut::<2>().0) {
        *place = lift.store(pick(row))?;
    }
    Some(chunk)
}

/// Columns 4c to 4c + 3, in the order that [`super::lanes::Lanes::codes_of_nibbles`] reads.
fn nibbles(chunk: usize, code: impl Fn(usize, usize) -> u8) -> Chunk {
    std::array::from_fn(|byte| {
        let (word, column) = (byte / 2, 4 * chunk + 2 * (byte % 2));
        let (row, column) = (word / 2, column + word % 2);
        (code(row, column) & 15) | ((code(row + 4, column) & 15) << 4)
    })
}

/// Sixteen words; word w contains the bits above the fourth of row w / 2, column w % 2 of each
/// pair.
fn high_bits(
    first: usize,
    pairs: usize,
    bits: usize,
    code: impl Fn(usize, usize) -> u8,
) -> [Chunk; 2] {
    let mut bytes = [[0_u8; 16]; 2];
    for word in 0..16 {
        let value = (0..pairs).fold(0_u16, |value, pair| {
            let high = code(word / 2, 2 * (first + pair) + word % 2) >> 4;
            value | (u16::from(high) << (bits * pair))
        });
        let place = 2 * (word % 8);
        bytes[word / 8][place..place + 2].copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

impl Row {
    /// Zeros: the code of zero, with a scale of zero.
    fn empty(_: Encoding) -> Self {
        Self { codes: [0; 256], scale: [0; 2], minimum: [0; 2], scales: [0; 16], minima: [0; 8] }
    }

    /// Parses a block in the file's format; the layouts are those of `crate::quant`.
    fn of(encoding: Encoding, raw: &[u8]) -> Self {
        let mut row = Self::empty(encoding);
        let two = |at: usize| [raw[at], raw[at + 1]];
        row.scale = two(0);
        match encoding {
            Encoding::Q4_0 => row.low(&raw[2..]),
            Encoding::Q4_1 => {
                row.minimum = two(2);
                row.low(&raw[4..]);
            }
            Encoding::Q5_0 => {
                row.low(&raw[6..]);
                row.fifth(&raw[2..6]);
            }
            Encoding::Q5_1 => {
                row.minimum = two(2);
                row.low(&raw[8..]);
                row.fifth(&raw[4..8]);
            }
            Encoding::Q8_0 => row.codes[..32].copy_from_slice(&raw[2..34]),
            Encoding::Q4K => {
                row.minimum = two(2);
                row.six_bit_scales(&raw[4..16]);
                row.chunks_of_64(&raw[16..144], None);
            }
            Encoding::Q5K => {
                row.minimum = two(2);
                row.six_bit_scales(&raw[4..16]);
                row.chunks_of_64(&raw[48..176], Some(&raw[16..48]));
            }
            Encoding::Q6K => {
                row.scale = two(208);
                row.scales.copy_from_slice(&raw[192..208]);
                row.halves_of_128(&raw[..128], &raw[128..192]);
            }
            Encoding::F32 | Encoding::F16 | Encoding::BF16 => {}
        }
        row
    }

    /// Byte j contains values j and j + 16.
    fn low(&mut self, bytes: &[u8]) {
        for (j, byte) in bytes.iter().take(16).enumerate() {
            self.codes[j] = byte & 15;
            self.codes[j + 16] = byte >> 4;
        }
    }

    /// Bit i belongs to value i.
    fn fifth(&mut self, bytes: &[u8]) {
        for i in 0..32 {
            self.codes[i] |= ((bytes[i / 8] >> (i % 8)) & 1) << 4;
        }
    }

    /// Six bits each for eight scales and eight minima in twelve bytes.
    fn six_bit_scales(&mut self, packed: &[u8]) {
        for k in 0..4 {
            self.scales[k] = packed[k] & 63;
            self.minima[k] = packed[k + 4] & 63;
            self.scales[k + 4] = (packed[k + 8] & 15) | ((packed[k] >> 6) << 4);
            self.minima[k + 4] = (packed[k + 8] >> 4) | ((packed[k + 4] >> 6) << 4);
        }
    }

    /// Bytes 32c to 32c + 31 contain two sub-blocks; their fifth bits are bits 2c and 2c + 1.
    fn chunks_of_64(&mut self, low: &[u8], high: Option<&[u8]>) {
        for c in 0..4 {
            for l in 0..32 {
                let byte = low[32 * c + l];
                let bits = high.map_or(0, |high| high[l] >> (2 * c));
                self.codes[64 * c + l] = (byte & 15) | ((bits & 1) << 4);
                self.codes[64 * c + 32 + l] = (byte >> 4) | ((bits & 2) << 3);
            }
        }
    }

    fn halves_of_128(&mut self, low: &[u8], high: &[u8]) {
        for side in 0..2 {
            for l in 0..32 {
                let (a, b) = (low[64 * side + l], low[64 * side + l + 32]);
                let bits = high[32 * side + l];
                let at = 128 * side + l;
                self.codes[at] = (a & 15) | ((bits & 3) << 4);
                self.codes[at + 32] = (b & 15) | (((bits >> 2) & 3) << 4);
                self.codes[at + 64] = (a >> 4) | (((bits >> 4) & 3) << 4);
                self.codes[at + 96] = (b >> 4) | ((bits >> 6) << 4);
            }
        }
    }
}
