//! softmax(q·k) v for one token. All query heads that share a key read it once.

use super::lanes::{Kernel, Lanes};
use super::vector::softmax;

/// The number of query heads that read a key together: their sums stay in registers.
const HEADS: usize = 4;

/// One token's queries, over the positions to which it attends.
pub(super) struct Attend<'a> {
    /// Normalised, rotated and scaled. \[heads, `head_dim`\]
    pub(super) queries: &'a [f32],
    /// Keys and values in order, in two slices. \[positions, `kv_heads`, `head_dim`\]
    pub(super) stretches: [(&'a [f32], &'a [f32]); 2],
    pub(super) head_dim: usize,
    /// The number of query heads that share one key head.
    pub(super) group: usize,
    /// Width of all key heads of a position.
    pub(super) width: usize,
    /// A buffer for the scores, which grows as needed.
    pub(super) scores: &'a mut Vec<f32>,
    /// \[heads, `head_dim`\]
    pub(super) out: &'a mut [f32],
}

impl Kernel for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { queries, stretches, head_dim, group, width, scores, out } = self;
        let span = group * head_dim;
        let kv_heads = queries.chunks_exact(span).zip(out.chunks_exact_mut(span));
        for (kv_head, (queries, out)) in kv_heads.enumerate() {
            let head = Head { stretches, start: kv_head * head_dim, head_dim, width };
            let together = HEADS * head_dim;
            let (mut queries, mut out) =
                (queries.chunks_exact(together), out.chunks_exact_mut(together));
            for (queries, out) in queries.by_ref().zip(out.by_ref()) {
                head.attend::<L, HEADS>(lanes, queries, scores, out);
            }
            let rest = queries.remainder().chunks_exact(head_dim);
            for (query, out) in rest.zip(out.into_remainder().chunks_exact_mut(head_dim)) {
                head.attend::<L, 1>(lanes, query, scores, out);
            }
        }
    }
}

/// One head of keys and values.
#[derive(Clone, Copy)]
struct Head<'a> {
    stretches: [(&'a [f32], &'a [f32]); 2],
    /// Its offset in a position's values.
    start: usize,
    head_dim: usize,
    width: usize,
}

impl<'a> Head<'a> {
    #[inline(always)]
    fn attend<L: Lanes, const N: usize>(
        self,
        lanes: L,
        queries: &[f32],
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let positions: usize = self.stretches.iter().map(|(keys, _)| keys.len() / self.width).sum();
        scores.clear();
        scores.resize(N * positions, 0.0);
        let keys = self.stretches.into_iter().flat_map(
            #[inline(always)]
            |(keys, _)| self.rows(keys),
        );
        for (position, key) in keys.enumerate() {
            let products = dots::<L, N>(lanes, queries, key);
            for (score, product) in
                scores.iter_mut().skip(position).step_by(positions).zip(products)
            {
                *score = product;
            }
        }
        for scores in scores.chunks_exact_mut(positions) {
            softmax(lanes, scores);
        }
        let whole = self.head_dim / 8 * 8;
        for at in (0..whole).step_by(8) {
            let sums = self.mix_eight::<L, N>(lanes, at, positions, scores);
            for (out, sum) in out.chunks_exact_mut(self.head_dim).zip(sums) {
                for (out, sum) in out.iter_mut().skip(at).zip(sum) {
                    *out = sum;
                }
            }
        }
        // Heads with a width that isn't a multiple of eight: one value at a time.
        for (out, scores) in out.chunks_exact_mut(self.head_dim).zip(scores.chunks_exact(positions))
        {
            for (at, out) in out.iter_mut().enumerate().skip(whole) {
                let values = self.stretches.into_iter().flat_map(|(_, values)| self.rows(values));
                let value = |row: &[f32]| row.get(at).copied().unwrap_or(0.0);
                *out = values.zip(scores).map(|(row, score)| score * value(row)).sum();
            }
        }
    }

    /// Σ score · value for eight values of a head, for each query.
    #[inline(always)]
    fn mix_eight<L: Lanes, const N: usize>(
        self,
        lanes: L,
        at: usize,
        positions: usize,
        scores: &[f32],
    ) -> [[f32; 8]; N] {
        let mut sums = [lanes.splat(0.0); N];
        let mut position = 0;
        for (_, values) in self.stretches {
            for row in values.chunks_exact(self.width) {
                let eight = row.get(self.start + at..).and_then(<[f32]>::first_chunk::<8>);
                let Some(eight) = eight else { continue };
                let eight = lanes.load(eight);
                for (query, sum) in sums.iter_mut().enumerate() {
                    if let Some(score) = scores.get(query * positions + position) {
                        *sum = lanes.add(*sum, lanes.mul(eight, lanes.spread(score)));
                    }
                }
                position += 1;
            }
        }
        sums.map(
            #[inline(always)]
            |sum| lanes.array(sum),
        )
    }

    #[inline(always)]
    fn rows(self, store: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        let range = self.start..self.start + self.head_dim;
        store.chunks_exact(self.width).map(
            #[inline(always)]
            move |row| row.get(range.clone()).unwrap_or_default(),
        )
    }
}

/// q·k for each of several queries.
#[inline(always)]
fn dots<L: Lanes, const N: usize>(lanes: L, queries: &[f32], key: &[f32]) -> [f32; N] {
    let (eights, rest) = key.as_chunks::<8>();
    let mut sums = [lanes.splat(0.0); N];
    let dim = key.len();
    for (index, eight) in eights.iter().enumerate() {
        let eight = lanes.load(eight);
        for (query, sum) in sums.iter_mut().enumerate() {
            let place = query * dim + 8 * index;
            if let Some(values) = queries.get(place..).and_then(<[f32]>::first_chunk::<8>) {
                *sum = lanes.add(*sum, lanes.mul(lanes.load(values), eight));
            }
        }
    }
    let mut products = sums.map(
        #[inline(always)]
        |sum| lanes.total(sum),
    );
    if !rest.is_empty() {
        for (query, product) in queries.chunks_exact(dim).zip(&mut products) {
            let query = query.iter().skip(dim - rest.len());
            *product += query.zip(rest).map(|(q, k)| q * k).sum::<f32>();
        }
    }
    products
}
