//! Packed weights times activations: four kernels, for one token or many, exact or fast.
//!
//! ```text
//! one token    codes are read, multiplied and forgotten: memory is what limits
//! many tokens  32 columns of eight rows are unpacked once and meet the tokens four at a time,
//!              so that unpacking and reading of weights are shared
//! ```
//!
//! No kernel multiplies two numbers that are the same in each lane. The compiler would keep them in
//! one lane of a vector whose other lanes contain pointers and lengths; as floats those are
//! subnormal, and a product with one takes a hundred cycles, which halved the speed of `fast` as
//! measured.
#![expect(clippy::indexing_slicing, reason = "every index is bounded by constants")]

use std::marker::PhantomData;

use super::format::{Chunk, Codes, Values};
use super::inputs::{Plain, Rounded};
use super::lanes::{Kernel, Lanes};
use super::pack::ROWS;
use super::team::Places;

/// The number of tokens multiplied by unpacked weights at a time: their sums stay in registers.
const TOKENS: usize = 4;

/// A range of rows of a packed matrix, in groups of eight.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// \[groups, blocks, chunks\]
    pub(super) chunks: &'a [Chunk],
    /// The number of blocks in a row.
    pub(super) blocks: usize,
    /// The factor that compensates for the stored form of half-precision numbers.
    pub(super) factor: f32,
}

/// One product: `output[t][r] = Σₖ W[r, k] · inputs[k][t]`.
pub(super) struct Product<'a, F, I> {
    pub(super) view: View<'a>,
    /// \[blocks of 32, tokens\]
    pub(super) inputs: &'a [I],
    pub(super) tokens: usize,
    pub(super) output: Target<'a>,
    pub(super) format: PhantomData<F>,
}

/// The output of a product, from one row on. \[tokens, rows\]
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    values: Places<'a, f32>,
    /// The actual number of rows: the last group may be padded.
    rows: usize,
    first: usize,
}

impl<'a> Target<'a> {
    pub(super) fn of(values: &'a mut [f32], rows: usize) -> Self {
        Self { values: Places::of(values), rows, first: 0 }
    }

    /// The same from a later group on.
    ///
    /// # Safety
    /// No other target writes the groups that are written through this one.
    #[expect(unsafe_code, reason = "threads write groups of their own")]
    pub(super) unsafe fn at_group(self, group: usize) -> Self {
        Self { first: self.first + group * ROWS, ..self }
    }

    /// Stores a group of rows; the last may have fewer than eight.
    #[inline(always)]
    fn put(self, token: usize, group: usize, totals: &[f32; ROWS]) {
        let row = self.first + group * ROWS;
        let count = ROWS.min(self.rows.saturating_sub(row));
        #[expect(unsafe_code, reason = "threads write groups of their own")]
        // SAFETY: the group is this target's own, and the slice ends within this call.
        let output = unsafe { self.values.slice(token * self.rows + row, count) };
        if let Some(output) = output.first_chunk_mut() {
            *output = *totals;
            return;
        }
        for (output, total) in output.iter_mut().zip(totals) {
            *output = *total;
        }
    }
}

/// For one token: exact and fast.
pub(super) struct One<'a, F, I>(pub(super) Product<'a, F, I>);

/// For any number of tokens: exact and fast. Matrices of plain numbers always use these.
pub(super) struct Many<'a, F, I>(pub(super) Product<'a, F, I>);

impl<F: Codes> Kernel for One<'_, F, Rounded> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Product { view, inputs, output, .. } = self.0;
        let factor = lanes.splat(view.factor);
        let groups = view.chunks.chunks_exact(F::CHUNKS * view.blocks);
        for (index, group) in groups.enumerate() {
            let mut total = lanes.splat(0.0);
            for (block, inputs) in group.chunks_exact(F::CHUNKS).zip(inputs.chunks_exact(F::SUBS)) {
                for (sub, input) in inputs.iter().enumerate() {
                    for part in 0..F::PARTS {
                        let sum = sum_of::<F, i32>(&input.sums, part);
                        let mut sums = lanes.sums(-i32::from(F::CENTRE) * sum);
                        F::codes(
                            lanes,
                            block,
                            sub,
                            part,
                            #[inline(always)]
                            |pair, codes| {
                                sums = lanes.dot(sums, codes, lanes.pair(&input.codes[pair]));
                            },
                        );
                        let scale = lanes.mul(F::scale(lanes, block, sub, part), factor);
                        let scale = lanes.mul(scale, lanes.spread(&input.scale));
                        total = lanes.add(total, lanes.mul(lanes.to_floats(sums), scale));
                    }
                    if F::HAS_MINIMUM {
                        let minimum = lanes.mul(F::minimum(lanes, block, sub), factor);
                        let product = lanes.mul(minimum, lanes.spread(&input.total));
                        total = lanes.add(total, product);
                    }
                }
            }
            output.put(0, index, &lanes.array(total));
        }
    }
}

impl<F: Codes> Kernel for One<'_, F, Plain> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Product { view, inputs, output, .. } = self.0;
        let factor = lanes.splat(view.factor);
        let centre = -f32::from(F::CENTRE);
        let groups = view.chunks.chunks_exact(F::CHUNKS * view.blocks);
        for (index, group) in groups.enumerate() {
            let mut total = lanes.splat(0.0);
            for (block, inputs) in group.chunks_exact(F::CHUNKS).zip(inputs.chunks_exact(F::SUBS)) {
                for (sub, input) in inputs.iter().enumerate() {
                    let (pairs, _) = input.values.as_chunks::<2>();
                    for part in 0..F::PARTS {
                        let sum = sum_of::<F, f32>(&input.sums, part);
                        // Two partial sums: a single one would wait for each addition before the
                        // next.
                        let mut sums = [lanes.splat(centre * sum), lanes.splat(0.0)];
                        F::codes(
                            lanes,
                            block,
                            sub,
                            part,
                            #[inline(always)]
                            |pair, codes| {
                                let [x, y] = &pairs[pair];
                                let first = lanes.mul(lanes.first(codes), lanes.spread(x));
                                let second = lanes.mul(lanes.second(codes), lanes.spread(y));
                                sums = [lanes.add(sums[0], first), lanes.add(sums[1], second)];
                            },
                        );
                        let scale = lanes.mul(F::scale(lanes, block, sub, part), factor);
                        let sum = lanes.add(sums[0], sums[1]);
                        total = lanes.add(total, lanes.mul(sum, scale));
                    }
                    if F::HAS_MINIMUM {
                        let minimum = lanes.mul(F::minimum(lanes, block, sub), factor);
                        let sum = lanes.splat(input.sums[0] + input.sums[1]);
                        total = lanes.add(total, lanes.mul(minimum, sum));
                    }
                }
            }
            output.put(0, index, &lanes.array(total));
        }
    }
}

/// The sum of values that share a scale.
#[inline(always)]
fn sum_of<F: Codes, T: Copy + std::ops::Add<Output = T>>(sums: &[T; 2], part: usize) -> T {
    if F::PARTS == 2 { sums[part] } else { sums[0] + sums[1] }
}

impl<F: Codes> Kernel for Many<'_, F, Rounded> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Product { view, inputs, tokens, output, .. } = self.0;
        let factor = lanes.splat(view.factor);
        let mut totals = vec![[0.0_f32; 8]; tokens];
        for (index, group) in view.chunks.chunks_exact(F::CHUNKS * view.blocks).enumerate() {
            totals.fill([0.0; 8]);
            let inputs = inputs.chunks_exact(F::SUBS * tokens);
            for (block, inputs) in group.chunks_exact(F::CHUNKS).zip(inputs) {
                for (sub, inputs) in inputs.chunks_exact(tokens).enumerate() {
                    let mut tile = [lanes.pair(&[0, 0]); 16];
                    let mut scales = [lanes.splat(0.0); 2];
                    for (part, scale) in scales.iter_mut().enumerate().take(F::PARTS) {
                        F::codes(
                            lanes,
                            block,
                            sub,
                            part,
                            #[inline(always)]
                            |pair, codes| tile[pair] = codes,
                        );
                        *scale = lanes.mul(F::scale(lanes, block, sub, part), factor);
                    }
                    let minimum = lanes.mul(F::minimum(lanes, block, sub), factor);
                    let tile = RoundedTile::<L> { tile, scales, minimum };
                    let (fours, ones) = inputs.as_chunks::<TOKENS>();
                    let (four_totals, one_totals) = totals.as_chunks_mut::<TOKENS>();
                    for (inputs, totals) in fours.iter().zip(four_totals) {
                        tile.meet::<F, TOKENS>(lanes, inputs, totals);
                    }
                    let (ones, _) = ones.as_chunks::<1>();
                    for (inputs, totals) in ones.iter().zip(one_totals.as_chunks_mut::<1>().0) {
                        tile.meet::<F, 1>(lanes, inputs, totals);
                    }
                }
            }
            for (token, totals) in totals.iter().enumerate() {
                output.put(token, index, totals);
            }
        }
    }
}

/// 32 columns of eight rows, unpacked.
struct RoundedTile<L: Lanes> {
    tile: [L::Codes; 16],
    scales: [L::Floats; 2],
    minimum: L::Floats,
}

impl<L: Lanes> RoundedTile<L> {
    #[inline(always)]
    fn meet<F: Codes, const N: usize>(
        &self,
        lanes: L,
        inputs: &[Rounded; N],
        totals: &mut [[f32; 8]; N],
    ) {
        let pairs = 16 / F::PARTS;
        for part in 0..F::PARTS {
            let mut sums = [lanes.sums(0); N];
            for (sum, input) in sums.iter_mut().zip(inputs) {
                let shift = -i32::from(F::CENTRE) * sum_of::<F, i32>(&input.sums, part);
                *sum = lanes.sums(shift);
            }
            for pair in part * pairs..(part + 1) * pairs {
                for (sum, input) in sums.iter_mut().zip(inputs) {
                    *sum = lanes.dot(*sum, self.tile[pair], lanes.pair(&input.codes[pair]));
                }
            }
            for ((sum, input), total) in sums.iter().zip(inputs).zip(totals.iter_mut()) {
                let scale = lanes.mul(self.scales[part], lanes.spread(&input.scale));
                let product = lanes.mul(lanes.to_floats(*sum), scale);
                lanes.store(lanes.add(lanes.load(total), product), total);
            }
        }
        if F::HAS_MINIMUM {
            for (input, total) in inputs.iter().zip(totals) {
                let product = lanes.mul(self.minimum, lanes.spread(&input.total));
                lanes.store(lanes.add(lanes.load(total), product), total);
            }
        }
    }
}

impl<F: Values> Kernel for Many<'_, F, Plain> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Product { view, inputs, tokens, output, .. } = self.0;
        let factor = lanes.splat(view.factor);
        let mut totals = vec![[0.0_f32; 8]; tokens];
        for (index, group) in view.chunks.chunks_exact(F::CHUNKS * view.blocks).enumerate() {
            totals.fill([0.0; 8]);
            let inputs = inputs.chunks_exact(F::SUBS * tokens);
            for (block, inputs) in group.chunks_exact(F::CHUNKS).zip(inputs) {
                for (sub, inputs) in inputs.chunks_exact(tokens).enumerate() {
                    let mut tile = [lanes.splat(0.0); 32];
                    F::values(
                        lanes,
                        block,
                        sub,
                        factor,
                        #[inline(always)]
                        |column, values| tile[column] = values,
                    );
                    let (fours, ones) = inputs.as_chunks::<TOKENS>();
                    let (four_totals, one_totals) = totals.as_chunks_mut::<TOKENS>();
                    for (inputs, totals) in fours.iter().zip(four_totals) {
                        meet_plain::<L, TOKENS>(lanes, &tile, inputs, totals);
                    }
                    let (ones, _) = ones.as_chunks::<1>();
                    for (inputs, totals) in ones.iter().zip(one_totals.as_chunks_mut::<1>().0) {
                        meet_plain::<L, 1>(lanes, &tile, inputs, totals);
                    }
                }
            }
            for (token, totals) in totals.iter().enumerate() {
                output.put(token, index, totals);
            }
        }
    }
}

#[inline(always)]
fn meet_plain<L: Lanes, const N: usize>(
    lanes: L,
    tile: &[L::Floats; 32],
    inputs: &[Plain; N],
    totals: &mut [[f32; 8]; N],
) {
    let mut sums = [lanes.splat(0.0); N];
    for (column, weights) in tile.iter().enumerate() {
        for (sum, input) in sums.iter_mut().zip(inputs) {
            let product = lanes.mul(*weights, lanes.spread(&input.values[column]));
            *sum = lanes.add(*sum, product);
        }
    }
    for (sum, total) in sums.iter().zip(totals) {
        lanes.store(lanes.add(lanes.load(total), *sum), total);
    }
}
