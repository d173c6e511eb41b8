//! Vectors in memory, and their dot products with a query.
//!
//! A vector is stored with length 1, so that a dot product is a cosine. With `Int8`, each number is
//! one of 255 steps scaled to the vector's largest; the query has 12 bits.

use crate::error::Error;

/// How a vector's numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Float32,
    Int8,
}

impl Encoding {
    pub(crate) fn bytes_of(self, dimensions: usize) -> usize {
        match self {
            Self::Float32 => 4 * dimensions,
            Self::Int8 => 4 + dimensions,
        }
    }
}

/// The largest code of a query: 127 · 2047 · 8192 is less than 2^31.
const QUERY_STEPS: f32 = 2047.0;
/// The maximum number of dimensions.
pub(crate) const MOST_DIMENSIONS: usize = 8192;
/// The number of values that a kernel processes at once; rows are zero-padded to a multiple.
const LANES: usize = 16;
/// Rows per allocation: growth copies nothing, and a slab of 256 dimensions is 1 MiB.
const SLAB_ROWS: usize = 4096;

/// Encodes a vector as bytes: for `Int8` the size of a step, then the codes.
pub(crate) fn encode(vector: &[f32], encoding: Encoding, out: &mut Vec<u8>) -> Result<(), Error> {
    let unit = unit_of(vector)?;
    match encoding {
        Encoding::Float32 => out.extend(unit.iter().flat_map(|it| it.to_le_bytes())),
        Encoding::Int8 => {
            let (step, codes) = steps_of(&unit, 127.0);
            out.extend(step.to_le_bytes());
            #[expect(clippy::cast_possible_truncation, reason = "a code is between -127 and 127")]
            out.extend(codes.iter().map(|code| (*code as i8).to_le_bytes()[0]));
        }
    }
    Ok(())
}

/// Normalises a vector to length 1; a zero vector stays zero.
fn unit_of(vector: &[f32]) -> Result<Vec<f32>, Error> {
    if vector.iter().any(|it| !it.is_finite()) {
        return Err(Error::Invalid("a vector contains a number that is not finite".to_owned()));
    }
    // In f64, so that no square overflows.
    let length = vector.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>().sqrt();
    if length == 0.0 {
        return Ok(vector.to_vec());
    }
    #[expect(clippy::cast_possible_truncation, reason = "a quotient of at most 1")]
    Ok(vector.iter().map(|it| (f64::from(*it) / length) as f32).collect())
}

/// Returns the size of a step, and the vector in steps with absolute values of at most `most`.
fn steps_of(unit: &[f32], most: f32) -> (f32, Vec<f32>) {
    let largest = unit.iter().fold(0.0_f32, |largest, it| largest.max(it.abs()));
    if largest == 0.0 {
        return (0.0, vec![0.0; unit.len()]);
    }
    let step = largest / most;
    (step, unit.iter().map(|it| (it / step).round().clamp(-most, most)).collect())
}

/// All vectors of a store, one row per document.
#[derive(Debug)]
pub(crate) struct Vectors {
    dimensions: usize,
    rows: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Float32(Vec<Vec<[f32; LANES]>>),
    Int8 { codes: Vec<Vec<[i8; LANES]>>, steps: Vec<f32> },
}

/// A query in the encoding of the rows.
#[derive(Debug)]
pub(crate) enum Query {
    Float32(Vec<[f32; LANES]>),
    Int8 { codes: Vec<[i16; LANES]>, step: f32 },
}

impl Vectors {
    pub(crate) fn new(dimensions: usize, encoding: Encoding) -> Self {
        let kind = match encoding {
            Encoding::Float32 => Kind::Float32(Vec::new()),
            Encoding::Int8 => Kind::Int8 { codes: Vec::new(), steps: Vec::new() },
        };
        Self { dimensions, rows: 0, kind }
    }

    #[cfg(test)]
    pub(crate) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The number of blocks in a row.
    fn blocks(&self) -> usize {
        self.dimensions.div_ceil(LANES)
    }

    /// Appends a row of bytes from [`encode`]. Missing bytes read as zeros.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let blocks = self.blocks();
        match &mut self.kind {
            Kind::Float32(slabs) => {
                let numbers = bytes.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it));
                push_row(slabs, self.rows, blocks, numbers);
            }
            Kind::Int8 { codes, steps } => {
                let (step, row) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
                steps.push(f32::from_le_bytes(*step));
                let numbers = row.iter().map(|it| i8::from_le_bytes([*it]));
                push_row(codes, self.rows, blocks, numbers);
            }
        }
        self.rows += 1;
    }

    /// Returns the bytes of a row.
    pub(crate) fn row(&self, row: usize, out: &mut Vec<u8>) {
        let blocks = self.blocks();
        match &self.kind {
            Kind::Float32(slabs) => {
                let numbers = row_of(slabs, row, blocks).as_flattened();
                out.extend(numbers.iter().take(self.dimensions).flat_map(|it| it.to_le_bytes()));
            }
            Kind::Int8 { codes, steps } => {
                out.extend(steps.get(row).copied().unwrap_or_default().to_le_bytes());
                let codes = row_of(codes, row, blocks).as_flattened();
                out.extend(codes.iter().take(self.dimensions).map(|it| it.to_le_bytes()[0]));
            }
        }
    }

    pub(crate) fn query(&self, vector: &[f32]) -> Result<Query, Error> {
        if vector.len() != self.dimensions {
            return Err(Error::Invalid(format!(
                "the query's vector has {} numbers, and the store's have {}",
                vector.len(),
                self.dimensions
            )));
        }
        let unit = unit_of(vector)?;
        Ok(match &self.kind {
            Kind::Float32(_) => Query::Float32(padded(unit.iter().copied())),
            Kind::Int8 { .. } => {
                let (step, codes) = steps_of(&unit, QUERY_STEPS);
                #[expect(clippy::cast_possible_truncation, reason = "between -2047 and 2047")]
                Query::Int8 { codes: padded(codes.iter().map(|it| *it as i16)), step }
            }
        })
    }

    /// Calls `visit` with the score of every row in `wanted`, in their order.
    pub(crate) fn score(
        &self,
        query: &Query,
        wanted: impl Fn(usize) -> bool,
        mut visit: impl FnMut(usize, f32),
    ) {
        let blocks = self.blocks();
        match (&self.kind, query) {
            (Kind::Float32(slabs), Query::Float32(query)) => {
                for (row, numbers) in rows_of(slabs, blocks).take(self.rows).enumerate() {
                    if wanted(row) {
                        visit(row, kernel::dot_floats(query, numbers));
                    }
                }
            }
            (Kind::Int8 { codes, steps }, Query::Int8 { codes: query, step }) => {
                for (row, (codes, own)) in rows_of(codes, blocks).zip(steps).enumerate() {
                    if wanted(row) {
                        #[expect(
                            clippy::cast_precision_loss,
                            reason = "24 bits of 31 are far below the rounding of 8-bit codes"
                        )]
                        visit(row, kernel::dot_codes(query, codes) as f32 * (step * own));
                    }
                }
            }
            // The query was made for this store.
            _ => {}
        }
    }
}

fn rows_of<T>(slabs: &[Vec<[T; LANES]>], blocks: usize) -> impl Iterator<Item = &[[T; LANES]]> {
    slabs.iter().flat_map(move |slab| slab.chunks_exact(blocks))
}

fn row_of<T>(slabs: &[Vec<[T; LANES]>], row: usize, blocks: usize) -> &[[T; LANES]] {
    let at = row % SLAB_ROWS * blocks;
    slabs.get(row / SLAB_ROWS).and_then(|slab| slab.get(at..at + blocks)).unwrap_or_default()
}

fn push_row<T: Copy + Default>(
    slabs: &mut Vec<Vec<[T; LANES]>>,
    row: usize,
    blocks: usize,
    numbers: impl Iterator<Item = T>,
) {
    if row.is_multiple_of(SLAB_ROWS) {
        // The first slab grows, so that a store of ten documents stays small.
        let capacity = if row == 0 { 0 } else { SLAB_ROWS * blocks };
        slabs.push(Vec::with_capacity(capacity));
    }
    if let Some(slab) = slabs.last_mut() {
        let start = slab.len();
        slab.resize(start + blocks, [T::default(); LANES]);
        let row = slab.get_mut(start..).unwrap_or_default().as_flattened_mut();
        for (to, from) in row.iter_mut().zip(numbers) {
            *to = from;
        }
    }
}

fn padded<T: Copy + Default>(mut numbers: impl Iterator<Item = T>) -> Vec<[T; LANES]> {
    let mut blocks = Vec::new();
    while let Some(first) = numbers.next() {
        let mut block = [T::default(); LANES];
        for (to, from) in block.iter_mut().zip(std::iter::once(first).chain(numbers.by_ref())) {
            *to = from;
        }
        blocks.push(block);
    }
    blocks
}

/// Kernels with SIMD; `plain` is the scalar twin that tests them.
#[cfg(target_family = "wasm")]
mod kernel {
    #![expect(unsafe_code, reason = "pointers come from references to arrays of the loaded size")]

    use super::LANES;
    use std::arch::wasm32 as w;

    #[target_feature(enable = "simd128")]
    pub(super) fn dot_codes(query: &[[i16; LANES]], row: &[[i8; LANES]]) -> i32 {
        let mut low = w::i32x4_splat(0);
        let mut high = w::i32x4_splat(0);
        for (query, codes) in query.iter().zip(row) {
            // SAFETY: 32 bytes are readable at `query` and 16 at `codes`; any alignment is allowed.
            let (first, second, codes) = unsafe {
                let query = query.as_ptr().cast::<w::v128>();
                (
                    w::v128_load(query),
                    w::v128_load(query.add(1)),
                    w::v128_load(codes.as_ptr().cast()),
                )
            };
            low = w::i32x4_add(low, w::i32x4_dot_i16x8(first, w::i16x8_extend_low_i8x16(codes)));
            high =
                w::i32x4_add(high, w::i32x4_dot_i16x8(second, w::i16x8_extend_high_i8x16(codes)));
        }
        let sums = w::i32x4_add(low, high);
        w::i32x4_extract_lane::<0>(sums)
            + w::i32x4_extract_lane::<1>(sums)
            + w::i32x4_extract_lane::<2>(sums)
            + w::i32x4_extract_lane::<3>(sums)
    }

    #[target_feature(enable = "simd128")]
    pub(super) fn dot_floats(query: &[[f32; LANES]], row: &[[f32; LANES]]) -> f32 {
        let mut sums = [w::f32x4_splat(0.0); 4];
        for (query, numbers) in query.iter().zip(row) {
            let (query, numbers) = (query.as_chunks::<4>().0, numbers.as_chunks::<4>().0);
            for ((sum, query), numbers) in sums.iter_mut().zip(query).zip(numbers) {
                // SAFETY: 16 bytes are readable at each reference; any alignment is allowed.
                let (query, numbers) = unsafe {
                    (w::v128_load(query.as_ptr().cast()), w::v128_load(numbers.as_ptr().cast()))
                };
                *sum = w::f32x4_add(*sum, w::f32x4_mul(query, numbers));
            }
        }
        let [a, b, c, d] = sums;
        let sum = w::f32x4_add(w::f32x4_add(a, b), w::f32x4_add(c, d));
        (w::f32x4_extract_lane::<0>(sum) + w::f32x4_extract_lane::<1>(sum))
            + (w::f32x4_extract_lane::<2>(sum) + w::f32x4_extract_lane::<3>(sum))
    }
}

/// Scalar twin, with the same order of additions.
#[cfg(not(target_family = "wasm"))]
mod kernel {
    use super::LANES;

    pub(super) fn dot_codes(query: &[[i16; LANES]], row: &[[i8; LANES]]) -> i32 {
        let products = query.as_flattened().iter().zip(row.as_flattened());
        products.map(|(query, code)| i32::from(*query) * i32::from(*code)).sum()
    }

    pub(super) fn dot_floats(query: &[[f32; LANES]], row: &[[f32; LANES]]) -> f32 {
        let mut sums = [0.0_f32; LANES];
        for (query, numbers) in query.iter().zip(row) {
            for ((sum, query), number) in sums.iter_mut().zip(query).zip(numbers) {
                *sum += query * number;
            }
        }
        let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = sums;
        let lane = |a: f32, b: f32, c: f32, d: f32| (a + b) + (c + d);
        (lane(a0, b0, c0, d0) + lane(a1, b1, c1, d1))
            + (lane(a2, b2, c2, d2) + lane(a3, b3, c3, d3))
    }
}

/// Returns the best `most` candidates: by descending score, then by ascending number.
#[derive(Debug)]
pub(crate) struct Best {
    most: usize,
    heap: std::collections::BinaryHeap<std::cmp::Reverse<Scored>>,
}

/// A document's number and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f32,
    pub(crate) document: u32,
}

impl Eq for Scored {}
impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then(other.document.cmp(&self.document))
    }
}

impl Best {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, heap: std::collections::BinaryHeap::new() }
    }

    #[inline]
    pub(crate) fn offer(&mut self, document: u32, score: f32) {
        let offered = Scored { score, document };
        if self.heap.len() < self.most {
            self.heap.push(std::cmp::Reverse(offered));
        } else if let Some(mut least) = self.heap.peek_mut()
            && least.0 < offered
        {
            *least = std::cmp::Reverse(offered);
        }
    }

    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec().into_iter().map(|it| it.0).collect()
    }
}
