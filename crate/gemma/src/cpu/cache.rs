//! Keys and values of one layer: everything on global layers, a ring on local ones.

/// How far a ring can be rewound after it has wrapped, in tokens: as far as the scalar pass.
pub(super) const SLACK: usize = 64;

/// The cache of one layer, in f32. \[slots, `kv_heads`, `head_dim`\]
#[derive(Clone)]
pub(super) struct Cache {
    width: usize,
    slots: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache({} × {})", self.slots, self.width)
    }
}

impl Cache {
    /// Room for `slots` positions of `width` values; `None` where there is not so much memory.
    pub(super) fn new(width: usize, slots: usize) -> Option<Self> {
        let zeros = || {
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(width * slots).ok()?;
            zeros.resize(width * slots, 0.0);
            Some(zeros)
        };
        Some(Self { width, slots, keys: zeros()?, values: zeros()? })
    }

    /// Puts a position's keys and values where the oldest stood.
    pub(super) fn put(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let start = position % self.slots.max(1) * self.width;
        for (store, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            if let Some(store) = store.get_mut(start..start + self.width) {
                store.copy_from_slice(new);
            }
        }
    }

    /// The rows of positions `start..end` in at most two stretches, keys and values of each.
    pub(super) fn stretches(&self, start: usize, end: usize) -> [(&[f32], &[f32]); 2] {
        let slots = self.slots.max(1);
        let (first, count) = (start % slots, end - start);
        let until = slots.min(first + count);
        let rows = |from: usize, to: usize| {
            let range = from * self.width..to * self.width;
            let of = |store: &'_ [f32]| -> std::ops::Range<usize> {
                range.start.min(store.len())..range.end.min(store.len())
            };
            (
                self.keys.get(of(&self.keys)).unwrap_or_default(),
                self.values.get(of(&self.values)).unwrap_or_default(),
            )
        };
        [rows(first, until), rows(0, first + count - until)]
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn a_ring_gives_its_positions_in_order() {
        for (slots, end, window) in [(8, 5, 5), (8, 8, 8), (8, 13, 8), (8, 16, 3), (5, 23, 4)] {
            let mut cache = Cache::new(2, slots).unwrap();
            for position in 0..end {
                let key = position as f32;
                cache.put(position, &[key, -key], &[key + 0.5, 0.0]);
            }
            let [first, second] = cache.stretches(end - window, end);
            let keys: Vec<f32> = first.0.iter().chain(second.0).step_by(2).copied().collect();
            let right: Vec<f32> = (end - window..end).map(|position| position as f32).collect();
            assert_eq!(keys, right, "{slots} slots, {window} of {end}");
            let values: Vec<f32> = first.1.iter().chain(second.1).step_by(2).copied().collect();
            assert_eq!(values, right.iter().map(|it| it + 0.5).collect::<Vec<f32>>());
        }
    }
}
