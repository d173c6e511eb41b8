//! Reference encoders for test models. The simple ones equal ggml's bit for bit; the others are
//! naive but valid, which is enough to test a decoder.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test support: indices are bounded by constants, codes are clamped before the cast"
)]

use half::{bf16, f16};

use super::Encoding;

/// Encodes `values` as whole blocks.
#[must_use]
pub fn encode(encoding: Encoding, values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(encoding.bytes_of(values.len()));
    for block in values.chunks_exact(encoding.block_values()) {
        match encoding {
            Encoding::F32 => bytes.extend(block[0].to_le_bytes()),
            Encoding::F16 => bytes.extend(f16::from_f32(block[0]).to_le_bytes()),
            Encoding::BF16 => bytes.extend(bf16::from_f32(block[0]).to_le_bytes()),
            Encoding::Q4_0 | Encoding::Q5_0 => centred(encoding, block, &mut bytes),
            Encoding::Q4_1 | Encoding::Q5_1 => with_minimum(encoding, block, &mut bytes),
            Encoding::Q8_0 => q8_0(block, &mut bytes),
            Encoding::Q4K | Encoding::Q5K => with_sub_minima(encoding, block, &mut bytes),
            Encoding::Q6K => q6_k(block, &mut bytes),
        }
    }
    bytes
}

fn push_half(value: f32, bytes: &mut Vec<u8>) {
    bytes.extend(f16::from_f32(value).to_le_bytes());
}

/// Returns the inverse of the scale before it is rounded to half precision: dividing by the rounded
/// one gives different codes than ggml's.
fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// Writes the fifth bits, if any, then the nibbles.
fn push_codes(codes: &[u8], five: bool, bytes: &mut Vec<u8>) {
    if five {
        let high = (0..32).fold(0_u32, |high, i| high | (u32::from(codes[i] >> 4) << i));
        bytes.extend(high.to_le_bytes());
    }
    bytes.extend((0..16).map(|j| (codes[j] & 15) | ((codes[j + 16] & 15) << 4)));
}

fn centred(encoding: Encoding, block: &[f32], bytes: &mut Vec<u8>) {
    let five = encoding == Encoding::Q5_0;
    let half_range = if five { 16.0 } else { 8.0 };
    // The value of the largest magnitude becomes the most negative code. The first one wins.
    let extreme = block.iter().fold(0.0_f32, |m, x| if x.abs() > m.abs() { *x } else { m });
    let scale = extreme / -half_range;
    let inverse = inverse(scale);
    let codes: Vec<u8> = block
        .iter()
        .map(|x| (x * inverse + half_range + 0.5).floor().clamp(0.0, 2.0 * half_range - 1.0) as u8)
        .collect();
    push_half(scale, bytes);
    push_codes(&codes, five, bytes);
}

fn range(block: &[f32]) -> (f32, f32) {
    block.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)))
}

fn with_minimum(encoding: Encoding, block: &[f32], bytes: &mut Vec<u8>) {
    let five = encoding == Encoding::Q5_1;
    let largest = if five { 31.0 } else { 15.0 };
    let (low, high) = range(block);
    let scale = (high - low) / largest;
    let inverse = inverse(scale);
    let codes: Vec<u8> = block
        .iter()
        .map(|x| ((x - low) * inverse + 0.5).floor().clamp(0.0, largest) as u8)
        .collect();
    push_half(scale, bytes);
    push_half(low, bytes);
    push_codes(&codes, five, bytes);
}

fn q8_0(block: &[f32], bytes: &mut Vec<u8>) {
    let scale = block.iter().fold(0.0_f32, |m, x| m.max(x.abs())) / 127.0;
    let inverse = inverse(scale);
    push_half(scale, bytes);
    bytes.extend(block.iter().map(|x| ((x * inverse).round() as i8).cast_unsigned()));
}

/// Encodes `Q4_K` and `Q5_K` by plain ranges, without ggml's search for better scales.
fn with_sub_minima(encoding: Encoding, block: &[f32], bytes: &mut Vec<u8>) {
    let five = encoding == Encoding::Q5K;
    let largest = if five { 31.0 } else { 15.0 };
    let ranges: Vec<(f32, f32)> = block
        .chunks_exact(32)
        .map(range)
        // Minima are subtracted and never negative, so a sub-block of positive values begins at 0.
        .map(|(low, high)| ((high - low.min(0.0)) / largest, -low.min(0.0)))
        .collect();
    let most = |pick: fn(&(f32, f32)) -> f32| ranges.iter().map(pick).fold(0.0_f32, f32::max);
    let scale = f16::from_f32(most(|it| it.0) / 63.0).to_f32();
    let minimum = f16::from_f32(most(|it| it.1) / 63.0).to_f32();
    let six_bits = |value: f32, unit: f32| (value * inverse(unit)).round().clamp(0.0, 63.0) as u8;
    let small: Vec<(u8, u8)> = ranges
        .iter()
        .map(|(range, low)| (six_bits(*range, scale), six_bits(*low, minimum)))
        .collect();
    let mut packed = [0_u8; 12];
    for k in 0..4 {
        packed[k] = small[k].0 | ((small[k + 4].0 >> 4) << 6);
        packed[k + 4] = small[k].1 | ((small[k + 4].1 >> 4) << 6);
        packed[k + 8] = (small[k + 4].0 & 15) | ((small[k + 4].1 & 15) << 4);
    }
    let code = |i: usize| {
        let (sub_scale, sub_minimum) = small[i / 32];
        let unit = scale * f32::from(sub_scale);
        let offset = minimum * f32::from(sub_minimum);
        ((block[i] + offset) * inverse(unit)).round().clamp(0.0, largest) as u8
    };
    push_half(scale, bytes);
    push_half(minimum, bytes);
    bytes.extend(packed);
    if five {
        bytes.extend(
            (0..32)
                .map(|l| (0..8).fold(0_u8, |bits, sub| bits | ((code(32 * sub + l) >> 4) << sub))),
        );
    }
    for chunk in 0..4 {
        bytes.extend(
            (0..32).map(|l| (code(64 * chunk + l) & 15) | ((code(64 * chunk + 32 + l) & 15) << 4)),
        );
    }
}

fn q6_k(block: &[f32], bytes: &mut Vec<u8>) {
    let units: Vec<f32> = block
        .chunks_exact(16)
        .map(|sub| sub.iter().fold(0.0_f32, |m, x| m.max(x.abs())) / 31.0)
        .collect();
    let scale = f16::from_f32(units.iter().copied().fold(0.0, f32::max) / 127.0).to_f32();
    // Every other scale is negated, so that tests cover both signs.
    let small: Vec<i8> = (0_usize..)
        .zip(&units)
        .map(|(index, unit)| {
            let size = (unit * inverse(scale)).round().min(127.0) as i8;
            if index % 2 == 0 { size } else { -size }
        })
        .collect();
    let code = |i: usize| {
        let unit = scale * f32::from(small[i / 16]);
        ((block[i] * inverse(unit)).round().clamp(-32.0, 31.0) + 32.0) as u8
    };
    for side in 0..2 {
        bytes.extend((0..64).map(|l| {
            let (low, high) = (code(128 * side + l), code(128 * side + 64 + l));
            (low & 15) | ((high & 15) << 4)
        }));
    }
    for side in 0..2 {
        bytes.extend((0..32).map(|l| {
            (0..4).fold(0_u8, |bits, q| bits | ((code(128 * side + 32 * q + l) >> 4) << (2 * q)))
        }));
    }
    bytes.extend(small.iter().map(|it| it.cast_unsigned()));
    push_half(scale, bytes);
}

#[cfg(test)]
mod tests {
    use super::{Encoding, encode};

    /// Decoding returns the encoded values to within a step.
    #[test]
    fn decoding_undoes_encoding() {
        let values: Vec<f32> =
            (0..512).map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0) * 3.0).collect();
        for (encoding, step) in [
            (Encoding::F32, 0.0),
            (Encoding::F16, 0.002),
            (Encoding::BF16, 0.012),
            (Encoding::Q4_0, 0.4),
            (Encoding::Q4_1, 0.21),
            (Encoding::Q5_0, 0.2),
            (Encoding::Q5_1, 0.11),
            (Encoding::Q8_0, 0.014),
            (Encoding::Q4K, 0.3),
            (Encoding::Q5K, 0.2),
            (Encoding::Q6K, 0.11),
        ] {
            let bytes = encode(encoding, &values);
            assert_eq!(bytes.len(), encoding.bytes_of(values.len()));
            let mut decoded = vec![0.0; values.len()];
            encoding.decode(&bytes, &mut decoded);
            let worst = values.iter().zip(&decoded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= step, "{}: {worst}", encoding.name());
        }
    }
}
