//! Decoders of the encodings with 32 values in a block.
//!
//! In the four- and five-bit encodings, byte j contains value j in its low half and value j + 16 in
//! its high half.

use super::half;

/// y = d·(q − 8)
pub(super) fn q4_0([d0, d1, codes @ ..]: &[u8; 18], values: &mut [f32; 32]) {
    let scale = half(*d0, *d1);
    nibbles(codes, values, |code, _| scale * (f32::from(code) - 8.0));
}

/// y = d·q + m
pub(super) fn q4_1([d0, d1, m0, m1, codes @ ..]: &[u8; 20], values: &mut [f32; 32]) {
    let (scale, minimum) = (half(*d0, *d1), half(*m0, *m1));
    nibbles(codes, values, |code, _| scale * f32::from(code) + minimum);
}

/// y = d·(q − 16), the fifth bit of value i in bit i of a word
pub(super) fn q5_0([d0, d1, h0, h1, h2, h3, codes @ ..]: &[u8; 22], values: &mut [f32; 32]) {
    let scale = half(*d0, *d1);
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    nibbles(codes, values, |code, index| scale * (fifth(code, high, index) - 16.0));
}

/// y = d·q + m, the fifth bit as in [`q5_0`]
pub(super) fn q5_1(block: &[u8; 24], values: &mut [f32; 32]) {
    let [d0, d1, m0, m1, h0, h1, h2, h3, codes @ ..] = block;
    let (scale, minimum) = (half(*d0, *d1), half(*m0, *m1));
    let high = u32::from_le_bytes([*h0, *h1, *h2, *h3]);
    nibbles(codes, values, |code, index| scale * fifth(code, high, index) + minimum);
}

/// y = d·q
pub(super) fn q8_0([d0, d1, codes @ ..]: &[u8; 34], values: &mut [f32; 32]) {
    let scale = half(*d0, *d1);
    for (value, code) in values.iter_mut().zip(codes) {
        *value = scale * f32::from(code.cast_signed());
    }
}

fn nibbles(codes: &[u8; 16], values: &mut [f32; 32], value_of: impl Fn(u8, u32) -> f32) {
    let (low, high) = values.split_at_mut(16);
    for (index, ((code, low), high)) in (0..).zip(codes.iter().zip(low).zip(high)) {
        *low = value_of(code & 15, index);
        *high = value_of(code >> 4, index + 16);
    }
}

fn fifth(code: u8, high: u32, index: u32) -> f32 {
    f32::from(code) + if (high >> index) & 1 == 1 { 16.0 } else { 0.0 }
}
