//! Attention of many queries to all patches of a picture.
//!
//! ·

use hybridge_core::Result;

use super::lanes::{Kernel, Lanes, run};
use super::vector::exp;
use crate::cache::no_room;
use crate::vision::tower::Heads;

/// The number of keys, or values, multiplied by the queries at a time.
const TILE: usize = 6;
/// The number of queries in a vector.
const QUERIES: usize = 8;

/// Keys and values of all patches.
pub(super) struct Seen {
    heads: Heads,
    patches: usize,
    keys: Vec<[f32; TILE]>,
    values: Vec<[f32; TILE]>,
}

impl Seen {
    /// Allocates keys and values for this many patches.
    pub(super) fn new(patches: usize, heads: Heads) -> Result<Self> {
        let room = |count: usize| {
            let mut store = Vec::new();
            let bytes = (count * size_of::<[f32; TILE]>()) as u64;
            store.try_reserve_exact(count).map_err(|_| no_room(bytes))?;
            store.resize(count, [0.0; TILE]);
            Ok(store)
        };
        Ok(Self {
            heads,
            patches,
            keys: room(heads.count * patches.div_ceil(TILE) * heads.dim)?,
            values: room(heads.count * heads.dim.div_ceil(TILE) * patches)?,
        })
    }

    /// Stores keys and values of the patches from `first` on. \[patches, width\] each.
    pub(super) fn put(&mut self, first: usize, keys: &[f32], values: &[f32]) {
        let Heads { count, dim } = self.heads;
        let (tiles, parts) = (self.patches.div_ceil(TILE), dim.div_ceil(TILE));
        let each = keys.chunks_exact(count * dim).zip(values.chunks_exact(count * dim));
        for (patch, (keys, values)) in (first..).zip(each) {
            let heads = keys.chunks_exact(dim).zip(values.chunks_exact(dim));
            for (head, (key, value)) in heads.enumerate() {
                let start = (head * tiles + patch / TILE) * dim;
                let tile = self.keys.iter_mut().skip(start).zip(key);
                for to in tile.filter_map(|(tile, from)| Some((tile.get_mut(patch % TILE)?, from)))
                {
                    *to.0 = *to.1;
                }
                for (part, value) in value.chunks(TILE).enumerate() {
                    let place = (head * parts + part) * self.patches + patch;
                    if let Some(to) = self.values.get_mut(place) {
                        to.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }

    /// softmax(q·k) v of every query over all keys. \[queries, width\] in and out.
    pub(super) fn attend(&self, queries: &[f32], out: &mut [f32]) {
        let Heads { count, dim } = self.heads;
        let (width, parts) = (count * dim, dim.div_ceil(TILE));
        let padded = self.patches.next_multiple_of(TILE);
        let mut scores = vec![[0.0; QUERIES]; padded];
        let (mut turned, mut mixed) =
            (vec![[0.0; QUERIES]; dim], vec![[0.0; QUERIES]; parts * TILE]);
        let keys = self.keys.chunks_exact((padded / TILE * dim).max(1));
        let values = self.values.chunks_exact((parts * self.patches).max(1));
        for (head, (keys, values)) in keys.zip(values).enumerate() {
            let together = QUERIES * width;
            for (queries, out) in queries.chunks(together).zip(out.chunks_mut(together)) {
                for (lane, query) in queries.chunks_exact(width).enumerate() {
                    let query = query.iter().skip(head * dim);
                    for (to, from) in turned.iter_mut().zip(query) {
                        if let Some(to) = to.get_mut(lane) {
                            *to = *from;
                        }
                    }
                }
                run(Look {
                    queries: &turned,
                    keys,
                    values,
                    patches: self.patches,
                    scores: &mut scores,
                    mixed: &mut mixed,
                });
                for (lane, out) in out.chunks_exact_mut(width).enumerate() {
                    let out = out.iter_mut().skip(head * dim).take(dim);
                    for (to, from) in out.zip(&mixed) {
                        *to = from.get(lane).copied().unwrap_or_default();
                    }
                }
            }
        }
    }
}

/// Eight queries of one head.
struct Look<'a> {
    /// \[`dim`, 8 queries\]
    queries: &'a [[f32; QUERIES]],
    keys: &'a [[f32; TILE]],
    values: &'a [[f32; TILE]],
    patches: usize,
    /// \[patches, 8 queries\], up to a whole tile.
    scores: &'a mut [[f32; QUERIES]],
    /// \[`dim`, 8 queries\], up to a whole tile.
    mixed: &'a mut [[f32; QUERIES]],
}

impl Kernel for Look<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { queries, keys, values, patches, scores, mixed } = self;
        let tiles = keys.chunks_exact(queries.len());
        for (tile, scores) in tiles.zip(scores.chunks_exact_mut(TILE)) {
            products(lanes, queries, tile, scores);
        }
        // There are no keys after the last patch.
        let scores = scores.get_mut(..patches).unwrap_or_default();
        let mut most = lanes.splat(f32::MIN);
        for score in &*scores {
            most = lanes.max(most, lanes.load(score));
        }
        let mut total = lanes.splat(0.0);
        for score in &mut *scores {
            let power = exp(lanes, lanes.sub(lanes.load(score), most));
            lanes.store(power, score);
            total = lanes.add(total, power);
        }
        let inverse = lanes.div(lanes.splat(1.0), total);
        for (tile, mixed) in values.chunks_exact(patches).zip(mixed.chunks_exact_mut(TILE)) {
            products(lanes, scores, tile, mixed);
            for mixed in mixed {
                lanes.store(lanes.mul(lanes.load(mixed), inverse), mixed);
            }
        }
    }
}

/// Returns Σ of eight values times each of six.
#[inline(always)]
fn products<L: Lanes>(
    lanes: L,
    eights: &[[f32; QUERIES]],
    sixes: &[[f32; TILE]],
    out: &mut [[f32; QUERIES]],
) {
    let mut sums = [lanes.splat(0.0); TILE];
    for (eight, six) in eights.iter().zip(sixes) {
        let eight = lanes.load(eight);
        for (sum, one) in sums.iter_mut().zip(six) {
            *sum = lanes.add(*sum, lanes.mul(eight, lanes.spread(one)));
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        lanes.store(sum, out);
    }
}
