//! Lanes as pairs of WebAssembly's 128-bit vectors: the first contains rows 0 to 3, the second 4 to
//! 7.
//!
//! A module with these instructions requires a browser with fixed-width SIMD: all since Safari
//! 16.4. The intrinsics are safe to call, because a browser without them rejects the whole module;
//! only loads and stores are unsafe, because they take pointers.
#![expect(unsafe_code, reason = "pointers come from references to arrays of the loaded size")]

use std::arch::wasm32 as w;
use std::arch::wasm32::v128;

use super::{Kernel, Lanes};

/// Proves that the code runs inside [`run`].
#[derive(Clone, Copy, Debug)]
struct Simd128(());

/// Runs a kernel with fixed-width SIMD.
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    vectorised(kernel)
}

#[target_feature(enable = "simd128")]
fn vectorised<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Simd128(()))
}

type Two = [v128; 2];

#[inline(always)]
fn load<T, const N: usize>(values: &[T; N]) -> v128 {
    const { assert!(size_of::<T>() * N >= 16) };
    // SAFETY: at least 16 bytes are readable at the reference; any alignment is allowed.
    unsafe { w::v128_load(values.as_ptr().cast()) }
}

macro_rules! both {
    ($($name:ident = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, [a0, a1]: Two, [b0, b1]: Two) -> Two {
            [w::$intrinsic(a0, b0), w::$intrinsic(a1, b1)]
        }
    )*};
}

impl Lanes for Simd128 {
    type Floats = Two;
    type Codes = Two;
    type Sums = Two;

    both! {
        add = f32x4_add;
        sub = f32x4_sub;
        mul = f32x4_mul;
        div = f32x4_div;
        max = f32x4_pmax;
        min = f32x4_pmin;
        or = v128_or;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Two {
        [w::f32x4_splat(value); 2]
    }
    #[inline(always)]
    fn spread(self, value: &f32) -> Two {
        // SAFETY: four bytes are readable at the reference.
        unsafe { [w::v128_load32_splat(std::ptr::from_ref(value).cast()); 2] }
    }
    #[inline(always)]
    fn load(self, values: &[f32; 8]) -> Two {
        let ([low, high], _) = values.as_chunks::<4>() else { return self.splat(0.0) };
        [load(low), load(high)]
    }
    #[inline(always)]
    fn floats(self, low: &[u8; 16], high: &[u8; 16]) -> Two {
        [load(low), load(high)]
    }
    #[inline(always)]
    fn store(self, [low, high]: Two, to: &mut [f32; 8]) {
        let to: *mut v128 = to.as_mut_ptr().cast();
        // SAFETY: 32 bytes are writable at the reference; any alignment is allowed.
        unsafe {
            w::v128_store(to, low);
            w::v128_store(to.add(1), high);
        }
    }
    #[inline(always)]
    fn power(self, n: Two) -> Two {
        n.map(|n| {
            let exponent = w::i32x4_add(w::i32x4_trunc_sat_f32x4(n), w::i32x4_splat(127));
            w::i32x4_shl(exponent, 23)
        })
    }
    #[inline(always)]
    fn halves(self, bytes: &[u8; 16]) -> Two {
        let from: *const i16 = bytes.as_ptr().cast();
        // SAFETY: 16 bytes are readable at the reference; eight are loaded at 0 and eight at 8.
        unsafe {
            [w::i32x4_load_extend_i16x4(from), w::i32x4_load_extend_i16x4(from.add(4))].map(|it| {
                let mask = w::i32x4_splat(0x8fff_e000_u32.cast_signed());
                w::v128_and(w::i32x4_shl(it, 13), mask)
            })
        }
    }
    #[inline(always)]
    fn bfloats(self, bytes: &[u8; 16]) -> Two {
        let from: *const u16 = bytes.as_ptr().cast();
        // SAFETY: as in `halves`.
        unsafe {
            [w::u32x4_load_extend_u16x4(from), w::u32x4_load_extend_u16x4(from.add(4))]
                .map(|it| w::i32x4_shl(it, 16))
        }
    }
    #[inline(always)]
    fn bytes(self, bytes: &[u8; 16], second: bool) -> Two {
        let skipped = if second { 8 } else { 0 };
        let from: *const i8 = bytes.as_ptr().cast();
        // SAFETY: eight bytes are loaded at 0 or at 8 of 16.
        unsafe {
            let words = w::i16x8_load_extend_i8x8(from.add(skipped));
            [w::i32x4_extend_low_i16x8(words), w::i32x4_extend_high_i16x8(words)]
                .map(|it| w::f32x4_convert_i32x4(it))
        }
    }
    #[inline(always)]
    fn codes_of_bytes(self, bytes: &[u8; 16]) -> Two {
        let from: *const i8 = bytes.as_ptr().cast();
        // SAFETY: as in `halves`. Two extending loads are cheaper than a load and two extensions.
        unsafe { [w::i16x8_load_extend_i8x8(from), w::i16x8_load_extend_i8x8(from.add(8))] }
    }
    #[inline(always)]
    fn codes_of_nibbles(self, bytes: &[u8; 16]) -> [Two; 2] {
        let words = load(bytes);
        let mask = w::i16x8_splat(15);
        [
            [w::v128_and(words, mask), w::v128_and(w::u16x8_shr(words, 4), mask)],
            [w::v128_and(w::u16x8_shr(words, 8), mask), w::u16x8_shr(words, 12)],
        ]
    }
    #[inline(always)]
    fn words(self, low: &[u8; 16], high: &[u8; 16]) -> Two {
        [load(low), load(high)]
    }
    #[inline(always)]
    fn shift_right(self, words: Two, n: u32) -> Two {
        words.map(|it| w::u16x8_shr(it, n))
    }
    #[inline(always)]
    fn shift_left(self, words: Two, n: u32) -> Two {
        words.map(|it| w::i16x8_shl(it, n))
    }
    #[inline(always)]
    fn and(self, words: Two, mask: i16) -> Two {
        words.map(|it| w::v128_and(it, w::i16x8_splat(mask)))
    }
    #[inline(always)]
    fn pair(self, pair: &[i16; 2]) -> Two {
        // SAFETY: four bytes are readable at the reference.
        unsafe { [w::v128_load32_splat(pair.as_ptr().cast()); 2] }
    }
    #[inline(always)]
    fn sums(self, value: i32) -> Two {
        [w::i32x4_splat(value); 2]
    }
    #[inline(always)]
    fn dot(self, [s0, s1]: Two, [a0, a1]: Two, [b0, b1]: Two) -> Two {
        [w::i32x4_add(s0, w::i32x4_dot_i16x8(a0, b0)), w::i32x4_add(s1, w::i32x4_dot_i16x8(a1, b1))]
    }
    #[inline(always)]
    fn to_floats(self, sums: Two) -> Two {
        sums.map(|it| w::f32x4_convert_i32x4(it))
    }
    #[inline(always)]
    fn first(self, codes: Two) -> Two {
        // A product with (1, 0) extends the sign in one instruction instead of two shifts.
        codes.map(|it| w::f32x4_convert_i32x4(w::i32x4_dot_i16x8(it, w::i32x4_splat(1))))
    }
    #[inline(always)]
    fn second(self, codes: Two) -> Two {
        codes.map(|it| w::f32x4_convert_i32x4(w::i32x4_shr(it, 16)))
    }
}
