//! Keys and values of one layer: everything on global layers, a ring on local ones.

/// The cache of one layer.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    width: usize,
    slots: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Cache {
    /// Room for `slots` positions of `width` values.
    pub(super) fn new(width: usize, slots: usize) -> Self {
        let empty = vec![0.0; width * slots];
        Self { width, slots, keys: empty.clone(), values: empty }
    }

    /// Puts a position's keys and values where the oldest stood.
    pub(super) fn put(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let start = self.start(position);
        for (store, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            for (slot, new) in store.iter_mut().skip(start).zip(new) {
                *slot = *new;
            }
        }
    }

    /// The key of one head at a position that is still there.
    pub(super) fn key(&self, position: usize, head: usize, head_dim: usize) -> &[f32] {
        self.head(&self.keys, position, head, head_dim)
    }

    /// The value of one head at a position that is still there.
    pub(super) fn value(&self, position: usize, head: usize, head_dim: usize) -> &[f32] {
        self.head(&self.values, position, head, head_dim)
    }

    fn start(&self, position: usize) -> usize {
        (position % self.slots.max(1)) * self.width
    }

    fn head<'a>(&self, store: &'a [f32], position: usize, head: usize, dim: usize) -> &'a [f32] {
        let start = self.start(position) + head * dim;
        store.get(start..start + dim).unwrap_or_default()
    }
}
