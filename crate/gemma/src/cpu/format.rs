//! The format of packed weights, which kernels read eight rows and 32 columns at a time.
//!
//! Eight rows are interleaved, so that one vector contains a column of all eight and a product
//! needs no sum across lanes. Memory is in chunks of 16 bytes; a block of eight rows is
//!
//! ```text
//! Q4_0   1 of scales, 8 of nibbles                Q4_K  1 of scales, 1 of minima, 4 of sub-scales,
//! Q4_1   1 of scales, 1 of minima, 8 of nibbles         4 of sub-minima, 8 × 8 of nibbles
//! Q5_0   as Q4_0, and 2 of fifth bits             Q5_K  as Q4_K, and 8 × 2 of fifth bits
//! Q5_1   as Q4_1, and 2 of fifth bits             Q6_K  1 of scales, 8 of sub-scales,
//! Q8_0   1 of scales, 16 of bytes                       8 × 8 of nibbles, 8 × 4 of high bits
//! F16, BF16  32 of values, one for each column    F32   64 of values, two for each column
//! ```
//!
//! as many bytes as in the file but for `Q4_K` and `Q5_K`, whose six-bit scales take a byte each
//! (3 % more). [`super::pack`] writes this.
#![expect(
    clippy::indexing_slicing,
    reason = "a block has exactly CHUNKS chunks, and every index is bounded by constants"
)]

use super::lanes::Lanes;

/// 16 bytes.
pub(super) type Chunk = [u8; 16];

/// An encoding of small integers times a scale.
pub(super) trait Codes {
    /// The number of chunks in a block of eight rows.
    const CHUNKS: usize;
    /// The number of parts of 32 columns in a block.
    const SUBS: usize = 1;
    /// The number of scales per 32 columns, for each row: 1 or 2.
    const PARTS: usize = 1;
    /// The number subtracted from every code.
    const CENTRE: i16 = 0;
    /// Whether an offset is added to every value.
    const HAS_MINIMUM: bool = false;

    /// Calls a function with the codes of a part, two columns at a time, and the index of the pair
    /// in 0..16.
    fn codes<L: Lanes>(
        lanes: L,
        block: &[Chunk],
        sub: usize,
        part: usize,
        sink: impl FnMut(usize, L::Codes),
    );

    /// Returns the scales of a part, still to be multiplied by the factor that compensates for the
    /// stored form of halves.
    fn scale<L: Lanes>(lanes: L, block: &[Chunk], sub: usize, part: usize) -> L::Floats;

    /// Returns the offsets of the scaled codes, still to be multiplied by the same factor.
    #[inline(always)]
    fn minimum<L: Lanes>(lanes: L, _block: &[Chunk], _sub: usize) -> L::Floats {
        lanes.splat(0.0)
    }
}

/// An encoding of plain numbers.
pub(super) trait Values {
    /// The number of chunks in a block of eight rows.
    const CHUNKS: usize;
    /// The number of parts of 32 columns in a block.
    const SUBS: usize;

    /// Calls a function with the weights of 32 columns, column by column.
    fn values<L: Lanes>(
        lanes: L,
        block: &[Chunk],
        sub: usize,
        factor: L::Floats,
        sink: impl FnMut(usize, L::Floats),
    );
}

impl<F: Codes> Values for F {
    const CHUNKS: usize = F::CHUNKS;
    const SUBS: usize = F::SUBS;

    #[inline(always)]
    fn values<L: Lanes>(
        lanes: L,
        block: &[Chunk],
        sub: usize,
        factor: L::Floats,
        mut sink: impl FnMut(usize, L::Floats),
    ) {
        let centre = lanes.splat(f32::from(F::CENTRE));
        let minimum = lanes.mul(F::minimum(lanes, block, sub), factor);
        for part in 0..F::PARTS {
            let scale = lanes.mul(F::scale(lanes, block, sub, part), factor);
            F::codes(
                lanes,
                block,
                sub,
                part,
                #[inline(always)]
                |pair, codes| {
                    for (column, code) in
                        [(2 * pair, lanes.first(codes)), (2 * pair + 1, lanes.second(codes))]
                    {
                        // In the order of the reference decoders, so that results are equal bit for
                        // bit.
                        let scaled = lanes.mul(lanes.sub(code, centre), scale);
                        let with = if F::HAS_MINIMUM { lanes.add(scaled, minimum) } else { scaled };
                        sink(column, with);
                    }
                },
            );
        }
    }
}

/// Returns pairs from chunks of nibbles. Loops this short must not be unrolled by hand: that halves
/// the speed in the browser, whose compiler then has more values than registers.
#[inline(always)]
fn nibbles<L: Lanes>(lanes: L, chunks: &[Chunk], mut sink: impl FnMut(usize, L::Codes)) {
    for (index, chunk) in chunks.iter().enumerate() {
        let [first, second] = lanes.codes_of_nibbles(chunk);
        sink(2 * index, first);
        sink(2 * index + 1, second);
    }
}

/// Returns pairs from sixteen chunks of bytes.
#[inline(always)]
fn bytes<L: Lanes>(lanes: L, chunks: &[Chunk], mut sink: impl FnMut(usize, L::Codes)) {
    for (pair, chunk) in chunks.iter().enumerate() {
        sink(pair, lanes.codes_of_bytes(chunk));
    }
}

/// Shifts words so that bits at `from` are at `to`.
#[inline(always)]
fn moved<L: Lanes>(lanes: L, words: L::Codes, from: usize, to: usize) -> L::Codes {
    #[expect(clippy::cast_possible_truncation, reason = "bits of a word")]
    if from < to {
        lanes.shift_left(words, (to - from) as u32)
    } else {
        lanes.shift_right(words, (from - to) as u32)
    }
}

/// Returns pairs from eight chunks of nibbles and two of fifth bits: bit p of word w belongs to
/// pair p.
#[inline(always)]
fn fives<L: Lanes>(lanes: L, low: &[Chunk], high: &[Chunk], mut sink: impl FnMut(usize, L::Codes)) {
    let high = lanes.words(&high[0], &high[1]);
    nibbles(
        lanes,
        low,
        #[inline(always)]
        |pair, codes| {
            let fifth = lanes.and(moved(lanes, high, pair, 4), 16);
            sink(pair, lanes.or(codes, fifth));
        },
    );
}

/// The encodings with one block of 32 columns.
macro_rules! small {
    ($name:ident, $chunks:literal, centre $centre:literal, minimum $minimum:literal,
     |$lanes:ident, $block:ident, $sink:ident| $codes:expr) => {
        /// The encoding of that name.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Codes for $name {
            const CHUNKS: usize = $chunks;
            const CENTRE: i16 = $centre;
            const HAS_MINIMUM: bool = $minimum;

            #[inline(always)]
            fn codes<L: Lanes>(
                $lanes: L,
                $block: &[Chunk],
                _sub: usize,
                _part: usize,
                $sink: impl FnMut(usize, L::Codes),
            ) {
                $codes;
            }

            #[inline(always)]
            fn scale<L: Lanes>(lanes: L, block: &[Chunk], _sub: usize, _part: usize) -> L::Floats {
                lanes.halves(&block[0])
            }

            #[inline(always)]
            fn minimum<L: Lanes>(lanes: L, block: &[Chunk], _sub: usize) -> L::Floats {
                if $minimum { lanes.halves(&block[1]) } else { lanes.splat(0.0) }
            }
        }
    };
}

small!(Q4_0, 9, centre 8, minimum false,
    |lanes, block, sink| nibbles(lanes, &block[1..9], sink));
small!(Q4_1, 10, centre 0, minimum true,
    |lanes, block, sink| nibbles(lanes, &block[2..10], sink));
small!(Q5_0, 11, centre 16, minimum false,
    |lanes, block, sink| fives(lanes, &block[1..9], &block[9..11], sink));
small!(Q5_1, 12, centre 0, minimum true,
    |lanes, block, sink| fives(lanes, &block[2..10], &block[10..12], sink));
small!(Q8_0, 17, centre 0, minimum false,
    |lanes, block, sink| bytes(lanes, &block[1..17], sink));

/// The encodings with eight sub-blocks of 32, each with a scale and a minimum.
macro_rules! wide {
    ($name:ident, $chunks:literal, |$lanes:ident, $block:ident, $sub:ident, $sink:ident|
     $codes:expr) => {
        /// The encoding of that name.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Codes for $name {
            const CHUNKS: usize = $chunks;
            const SUBS: usize = 8;
            const HAS_MINIMUM: bool = true;

            #[inline(always)]
            fn codes<L: Lanes>(
                $lanes: L,
                $block: &[Chunk],
                $sub: usize,
                _part: usize,
                $sink: impl FnMut(usize, L::Codes),
            ) {
                $codes;
            }

            #[inline(always)]
            fn scale<L: Lanes>(lanes: L, block: &[Chunk], sub: usize, _part: usize) -> L::Floats {
                let small = lanes.bytes(&block[2 + sub / 2], sub % 2 == 1);
                lanes.mul(lanes.halves(&block[0]), small)
            }

            #[inline(always)]
            fn minimum<L: Lanes>(lanes: L, block: &[Chunk], sub: usize) -> L::Floats {
                let small = lanes.bytes(&block[6 + sub / 2], sub % 2 == 1);
                let negative = lanes.sub(lanes.splat(0.0), small);
                lanes.mul(lanes.halves(&block[1]), negative)
            }
        }
    };
}

wide!(Q4K, 74, |lanes, block, sub, sink| {
    nibbles(lanes, &block[10 + 8 * sub..18 + 8 * sub], sink);
});
wide!(Q5K, 90, |lanes, block, sub, sink| {
    fives(lanes, &block[10 + 8 * sub..18 + 8 * sub], &block[74 + 2 * sub..76 + 2 * sub], sink);
});

/// The encoding of that name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Q6K;

impl Codes for Q6K {
    const CHUNKS: usize = 105;
    const SUBS: usize = 8;
    const PARTS: usize = 2;
    const CENTRE: i16 = 32;

    #[inline(always)]
    fn codes<L: Lanes>(
        lanes: L,
        block: &[Chunk],
        sub: usize,
        part: usize,
        mut sink: impl FnMut(usize, L::Codes),
    ) {
        let low = &block[9 + 8 * sub + 4 * part..13 + 8 * sub + 4 * part];
        let high = &block[73 + 4 * sub + 2 * part..75 + 4 * sub + 2 * part];
        // Bits 2p and 2p + 1 of a word belong to pair p of the part.
        let high = lanes.words(&high[0], &high[1]);
        nibbles(
            lanes,
            low,
            #[inline(always)]
            |pair, codes| {
                let top = lanes.and(moved(lanes, high, 2 * pair, 4), 48);
                sink(8 * part + pair, lanes.or(codes, top));
            },
        );
    }

    #[inline(always)]
    fn scale<L: Lanes>(lanes: L, block: &[Chunk], sub: usize, part: usize) -> L::Floats {
        let small = lanes.bytes(&block[1 + sub], part == 1);
        lanes.mul(lanes.halves(&block[0]), small)
    }
}

macro_rules! numbers {
    (
        $name:ident, $chunks:literal,
        |$lanes:ident, $block:ident, $factor:ident, $k:ident| $value:expr
    ) => {
        /// The encoding of that name.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Values for $name {
            const CHUNKS: usize = $chunks;
            const SUBS: usize = 1;

            #[inline(always)]
            fn values<L: Lanes>(
                $lanes: L,
                $block: &[Chunk],
                _sub: usize,
                $factor: L::Floats,
                mut sink: impl FnMut(usize, L::Floats),
            ) {
                for $k in 0..32 {
                    sink($k, $value);
                }
            }
        }
    };
}

numbers!(F32, 64, |lanes, block, _factor, k| lanes.floats(&block[2 * k], &block[2 * k + 1]));
numbers!(F16, 32, |lanes, block, factor, k| lanes.mul(lanes.halves(&block[k]), factor));
numbers!(BF16, 32, |lanes, block, _factor, k| lanes.bfloats(&block[k]));
