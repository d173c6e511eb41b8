//! Lanes as arrays: portable, and the definition that the others are tested against.

use super::Lanes;

/// Arrays and loops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

#[inline(always)]
fn each<const N: usize, T: Copy>(a: [T; N], b: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    let mut result = a;
    for (result, b) in result.iter_mut().zip(b) {
        *result = f(*result, b);
    }
    result
}

#[inline(always)]
fn words_of<const N: usize>(bytes: [&[u8; 16]; N]) -> impl Iterator<Item = i16> {
    bytes.into_iter().flat_map(|bytes| {
        let (words, _) = bytes.as_chunks::<2>();
        words.iter().map(|word| i16::from_le_bytes(*word))
    })
}

#[inline(always)]
fn collect<const N: usize, T: Copy + Default>(items: impl Iterator<Item = T>) -> [T; N] {
    let mut result = [T::default(); N];
    for (result, item) in result.iter_mut().zip(items) {
        *result = item;
    }
    result
}

impl Lanes for Portable {
    type Floats = [f32; 8];
    type Codes = [i16; 16];
    type Sums = [i32; 8];

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    fn spread(self, value: &f32) -> [f32; 8] {
        [*value; 8]
    }
    #[inline(always)]
    fn load(self, values: &[f32; 8]) -> [f32; 8] {
        *values
    }
    #[inline(always)]
    fn floats(self, low: &[u8; 16], high: &[u8; 16]) -> [f32; 8] {
        collect([low, high].into_iter().flat_map(|bytes| {
            let (words, _) = bytes.as_chunks::<4>();
            words.iter().map(|word| f32::from_le_bytes(*word))
        }))
    }
    #[inline(always)]
    fn store(self, values: [f32; 8], to: &mut [f32; 8]) {
        *to = values;
    }
    #[inline(always)]
    fn add(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn max(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn power(self, n: [f32; 8]) -> [f32; 8] {
        #[expect(clippy::cast_possible_truncation, reason = "integers from -126 to 127")]
        n.map(|n| f32::from_bits(((n as i32 + 127) << 23).cast_unsigned()))
    }
    #[inline(always)]
    fn halves(self, bytes: &[u8; 16]) -> [f32; 8] {
        collect(
            words_of([bytes])
                .map(|half| f32::from_bits((i32::from(half) << 13).cast_unsigned() & 0x8fff_e000)),
        )
    }
    #[inline(always)]
    fn bfloats(self, bytes: &[u8; 16]) -> [f32; 8] {
        collect(words_of([bytes]).map(|half| f32::from_bits(u32::from(half.cast_unsigned()) << 16)))
    }
    #[inline(always)]
    fn bytes(self, bytes: &[u8; 16], second: bool) -> [f32; 8] {
        let skipped = if second { 8 } else { 0 };
        collect(bytes.iter().skip(skipped).map(|byte| f32::from(byte.cast_signed())))
    }
    #[inline(always)]
    fn codes_of_bytes(self, bytes: &[u8; 16]) -> [i16; 16] {
        bytes.map(|byte| i16::from(byte.cast_signed()))
    }
    #[inline(always)]
    fn codes_of_nibbles(self, bytes: &[u8; 16]) -> [[i16; 16]; 2] {
        [0, 8].map(|shift| {
            let low = words_of([bytes]).map(|word| (word >> shift) & 15);
            let high = words_of([bytes]).map(|word| (word >> (shift + 4)) & 15);
            collect(low.chain(high))
        })
    }
    #[inline(always)]
    fn words(self, low: &[u8; 16], high: &[u8; 16]) -> [i16; 16] {
        collect(words_of([low, high]))
    }
    #[inline(always)]
    fn shift_right(self, words: [i16; 16], n: u32) -> [i16; 16] {
        words.map(|word| (word.cast_unsigned() >> n).cast_signed())
    }
    #[inline(always)]
    fn shift_left(self, words: [i16; 16], n: u32) -> [i16; 16] {
        words.map(|word| word << n)
    }
    #[inline(always)]
    fn and(self, words: [i16; 16], mask: i16) -> [i16; 16] {
        words.map(|word| word & mask)
    }
    #[inline(always)]
    fn or(self, a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        each(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn pair(self, pair: &[i16; 2]) -> [i16; 16] {
        collect(std::iter::repeat_n(*pair, 8).flatten())
    }
    #[inline(always)]
    fn sums(self, value: i32) -> [i32; 8] {
        [value; 8]
    }
    #[inline(always)]
    fn dot(self, mut sums: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let ((a, _), (b, _)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
        for (sum, ([a0, a1], [b0, b1])) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += i32::from(*a0) * i32::from(*b0) + i32::from(*a1) * i32::from(*b1);
        }
        sums
    }
    #[inline(always)]
    fn to_floats(self, sums: [i32; 8]) -> [f32; 8] {
        #[expect(clippy::cast_precision_loss, reason = "sums of 32 products of codes: 21 bits")]
        sums.map(|sum| sum as f32)
    }
    #[inline(always)]
    fn first(self, codes: [i16; 16]) -> [f32; 8] {
        collect(codes.iter().step_by(2).map(|code| f32::from(*code)))
    }
    #[inline(always)]
    fn second(self, codes: [i16; 16]) -> [f32; 8] {
        collect(codes.iter().skip(1).step_by(2).map(|code| f32::from(*code)))
    }
}
