//! Decoders of the encodings with 256 values in a block ("k-quants").
#![expect(
    clippy::indexing_slicing,
    reason = "every index is bounded by loops over constants and the arrays' own lengths"
)]

use super::half;

/// y = d·sc·q − dmin·mn for each of eight sub-blocks of 32
pub(super) fn q4_k(block: &[u8; 144], values: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (scales, codes) = rest.split_at(12);
    let (scale, minimum) = (half(*d0, *d1), half(*m0, *m1));
    for chunk in 0..4 {
        let (low_scale, low_min) = scale_and_minimum(scales, 2 * chunk);
        let (high_scale, high_min) = scale_and_minimum(scales, 2 * chunk + 1);
        let (low_scale, low_min) = (scale * low_scale, minimum * low_min);
        let (high_scale, high_min) = (scale * high_scale, minimum * high_min);
        for l in 0..32 {
            let code = codes[32 * chunk + l];
            values[64 * chunk + l] = low_scale * f32::from(code & 15) - low_min;
            values[64 * chunk + 32 + l] = high_scale * f32::from(code >> 4) - high_min;
        }
    }
}

/// As [`q4_k`], with a fifth bit: of chunk c in bits 2c and 2c + 1 of `high[l]`
pub(super) fn q5_k(block: &[u8; 176], values: &mut [f32; 256]) {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (scales, rest) = rest.split_at(12);
    let (high, codes) = rest.split_at(32);
    let (scale, minimum) = (half(*d0, *d1), half(*m0, *m1));
    for chunk in 0..4 {
        let (low_scale, low_min) = scale_and_minimum(scales, 2 * chunk);
        let (high_scale, high_min) = scale_and_minimum(scales, 2 * chunk + 1);
        let (low_scale, low_min) = (scale * low_scale, minimum * low_min);
        let (high_scale, high_min) = (scale * high_scale, minimum * high_min);
        for l in 0..32 {
            let code = codes[32 * chunk + l];
            let bits = high[l] >> (2 * chunk);
            let (low, top) = ((code & 15) | ((bits & 1) << 4), (code >> 4) | ((bits & 2) << 3));
            values[64 * chunk + l] = low_scale * f32::from(low) - low_min;
            values[64 * chunk + 32 + l] = high_scale * f32::from(top) - high_min;
        }
    }
}

/// y = d·sc·(q − 32) for each of sixteen sub-blocks of 16
pub(super) fn q6_k(block: &[u8; 210], values: &mut [f32; 256]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, scale) = rest.split_at(16);
    let scale = half(scale[0], scale[1]);
    for side in 0..2 {
        let (low, high) = (&low[64 * side..], &high[32 * side..]);
        let (scales, values) = (&scales[8 * side..], &mut values[128 * side..]);
        for l in 0..32 {
            let codes = [
                (low[l] & 15) | ((high[l] & 3) << 4),
                (low[l + 32] & 15) | (((high[l] >> 2) & 3) << 4),
                (low[l] >> 4) | (((high[l] >> 4) & 3) << 4),
                (low[l + 32] >> 4) | (((high[l] >> 6) & 3) << 4),
            ];
            for (quarter, code) in codes.into_iter().enumerate() {
                let factor = scale * f32::from(scales[l / 16 + 2 * quarter].cast_signed());
                values[32 * quarter + l] = factor * (f32::from(code) - 32.0);
            }
        }
    }
}

/// Returns the six-bit scale and minimum of sub-block `k`, out of twelve bytes that contain eight
/// of each.
fn scale_and_minimum(packed: &[u8], k: usize) -> (f32, f32) {
    let (scale, minimum) = if k < 4 {
        (packed[k] & 63, packed[k + 4] & 63)
    } else {
        (
            (packed[k + 4] & 15) | ((packed[k - 4] >> 6) << 4),
            (packed[k + 4] >> 4) | ((packed[k] >> 6) << 4),
        )
    };
    (f32::from(scale), f32::from(minimum))
}
