//! Lanes as 256-bit vectors of x86, used natively for tests and tools.
#![expect(
    unsafe_code,
    reason = "the intrinsics ask for the target feature, which the private token stands for, and \
              loads take pointers, which come from references to arrays of the loaded size"
)]

use std::arch::x86_64 as x;
use std::arch::x86_64::{__m128i, __m256, __m256i};

use super::{Kernel, Lanes};

/// Proves that the machine has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Returns the token if the machine has AVX2.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Runs a kernel with AVX2.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the token proves that the feature was detected.
        unsafe { vectorised(self, kernel) }
    }
}

#[target_feature(enable = "avx2")]
fn vectorised<K: Kernel>(lanes: Avx2, kernel: K) -> K::Output {
    kernel.run(lanes)
}

#[inline(always)]
fn half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: 16 bytes are readable at the reference.
    unsafe { x::_mm_loadu_si128(bytes.as_ptr().cast()) }
}

macro_rules! both {
    ($($name:ident($vector:ty) = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, a: $vector, b: $vector) -> $vector {
            // SAFETY: see the module's reason.
            unsafe { x::$intrinsic(a, b) }
        }
    )*};
}

impl Lanes for Avx2 {
    type Floats = __m256;
    type Codes = __m256i;
    type Sums = __m256i;

    both! {
        add(__m256) = _mm256_add_ps;
        sub(__m256) = _mm256_sub_ps;
        mul(__m256) = _mm256_mul_ps;
        div(__m256) = _mm256_div_ps;
        max(__m256) = _mm256_max_ps;
        min(__m256) = _mm256_min_ps;
        or(__m256i) = _mm256_or_si256;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_set1_ps(value) }
    }
    #[inline(always)]
    fn spread(self, value: &f32) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_broadcast_ss(value) }
    }
    #[inline(always)]
    fn load(self, values: &[f32; 8]) -> __m256 {
        // SAFETY: eight numbers are readable at the reference.
        unsafe { x::_mm256_loadu_ps(values.as_ptr()) }
    }
    #[inline(always)]
    fn floats(self, low: &[u8; 16], high: &[u8; 16]) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_castsi256_ps(x::_mm256_set_m128i(half(high), half(low))) }
    }
    #[inline(always)]
    fn store(self, values: __m256, to: &mut [f32; 8]) {
        // SAFETY: eight numbers are writable at the reference.
        unsafe { x::_mm256_storeu_ps(to.as_mut_ptr(), values) }
    }
    #[inline(always)]
    fn power(self, n: __m256) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe {
            let exponent = x::_mm256_add_epi32(x::_mm256_cvtps_epi32(n), x::_mm256_set1_epi32(127));
            x::_mm256_castsi256_ps(x::_mm256_slli_epi32::<23>(exponent))
        }
    }
    #[inline(always)]
    fn halves(self, bytes: &[u8; 16]) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe {
            let shifted = x::_mm256_slli_epi32::<13>(x::_mm256_cvtepi16_epi32(half(bytes)));
            let mask = x::_mm256_set1_epi32(0x8fff_e000_u32.cast_signed());
            x::_mm256_castsi256_ps(x::_mm256_and_si256(shifted, mask))
        }
    }
    #[inline(always)]
    fn bfloats(self, bytes: &[u8; 16]) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe {
            let words = x::_mm256_cvtepu16_epi32(half(bytes));
            x::_mm256_castsi256_ps(x::_mm256_slli_epi32::<16>(words))
        }
    }
    #[inline(always)]
    fn bytes(self, bytes: &[u8; 16], second: bool) -> __m256 {
        let bytes = half(bytes);
        // SAFETY: see the module's reason.
        unsafe {
            let eight = if second { x::_mm_srli_si128::<8>(bytes) } else { bytes };
            x::_mm256_cvtepi32_ps(x::_mm256_cvtepi8_epi32(eight))
        }
    }
    #[inline(always)]
    fn codes_of_bytes(self, bytes: &[u8; 16]) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_cvtepi8_epi16(half(bytes)) }
    }
    #[inline(always)]
    fn codes_of_nibbles(self, bytes: &[u8; 16]) -> [__m256i; 2] {
        // SAFETY: see the module's reason.
        unsafe {
            let mask = x::_mm256_set1_epi16(15);
            // Rows 4 to 7 are one nibble higher.
            let places = x::_mm256_set_epi32(4, 4, 4, 4, 0, 0, 0, 0);
            let words = x::_mm256_srlv_epi32(x::_mm256_broadcastsi128_si256(half(bytes)), places);
            let later = x::_mm256_srli_epi16::<8>(words);
            [x::_mm256_and_si256(words, mask), x::_mm256_and_si256(later, mask)]
        }
    }
    #[inline(always)]
    fn words(self, low: &[u8; 16], high: &[u8; 16]) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_set_m128i(half(high), half(low)) }
    }
    #[inline(always)]
    fn shift_right(self, words: __m256i, n: u32) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_srl_epi16(words, x::_mm_cvtsi32_si128(n.cast_signed())) }
    }
    #[inline(always)]
    fn shift_left(self, words: __m256i, n: u32) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_sll_epi16(words, x::_mm_cvtsi32_si128(n.cast_signed())) }
    }
    #[inline(always)]
    fn and(self, words: __m256i, mask: i16) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_and_si256(words, x::_mm256_set1_epi16(mask)) }
    }
    #[inline(always)]
    fn pair(self, [first, second]: &[i16; 2]) -> __m256i {
        let both = i32::from(second.cast_unsigned().cast_signed()) << 16
            | i32::from(first.cast_unsigned());
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_set1_epi32(both) }
    }
    #[inline(always)]
    fn sums(self, value: i32) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_set1_epi32(value) }
    }
    #[inline(always)]
    fn dot(self, sums: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_add_epi32(sums, x::_mm256_madd_epi16(a, b)) }
    }
    #[inline(always)]
    fn to_floats(self, sums: __m256i) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_cvtepi32_ps(sums) }
    }
    #[inline(always)]
    fn first(self, codes: __m256i) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_cvtepi32_ps(x::_mm256_madd_epi16(codes, x::_mm256_set1_epi32(1))) }
    }
    #[inline(always)]
    fn second(self, codes: __m256i) -> __m256 {
        // SAFETY: see the module's reason.
        unsafe { x::_mm256_cvtepi32_ps(x::_mm256_srai_epi32::<16>(codes)) }
    }
}
