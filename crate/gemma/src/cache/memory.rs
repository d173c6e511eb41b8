//! Keys and values in memory: all positions on global layers, a ring on local ones.

use std::fmt;
use std::ops::Range;

use hybridge_core::{Error, Status};

use super::Store;
use crate::config::{Config, Span};

/// The rows of one layer, in f32. \[slots, `kv_heads`, `head_dim`\]
#[derive(Clone)]
pub(crate) struct KeyValues {
    width: usize,
    slots: usize,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl fmt::Debug for KeyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyValues({} × {})", self.slots, self.width)
    }
}

impl KeyValues {
    /// Allocates `slots` positions of `width` values; `None` if there is not enough memory.
    pub(crate) fn new(width: usize, slots: usize) -> Option<Self> {
        let zeros = || {
            let mut zeros = room(width * slots)?;
            zeros.resize(width * slots, 0.0);
            Some(zeros)
        };
        Some(Self { width, slots, keys: zeros()?, values: zeros()? })
    }

    /// Stores a position's keys and values in place of the oldest.
    pub(crate) fn put(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let start = position % self.slots.max(1) * self.width;
        for (store, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            if let Some(store) = store.get_mut(start..start + self.width) {
                store.copy_from_slice(new);
            }
        }
    }

    /// Returns the key of one head at a position in the ring.
    pub(crate) fn key(&self, position: usize, head: usize, head_dim: usize) -> &[f32] {
        self.head(&self.keys, position, head, head_dim)
    }

    /// Returns the value of one head at a position in the ring.
    pub(crate) fn value(&self, position: usize, head: usize, head_dim: usize) -> &[f32] {
        self.head(&self.values, position, head, head_dim)
    }

    fn head<'a>(&self, store: &'a [f32], position: usize, head: usize, dim: usize) -> &'a [f32] {
        let start = position % self.slots.max(1) * self.width + head * dim;
        store.get(start..start + dim).unwrap_or_default()
    }

    /// Returns the rows of positions `start..end` in at most two slices, each with keys and values.
    pub(crate) fn stretches(&self, start: usize, end: usize) -> [(&[f32], &[f32]); 2] {
        let slots = self.slots.max(1);
        let (first, count) = (start % slots, end - start);
        let until = slots.min(first + count);
        let rows = |from: usize, to: usize| {
            let range = from * self.width..to * self.width;
            let of = |store: &'_ [f32]| -> Range<usize> {
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

/// The rows of all layers; `None` for a layer that reads those of another.
#[derive(Clone, Debug)]
pub(crate) struct InMemory {
    layers: Vec<(Span, KeyValues)>,
}

impl InMemory {
    /// Allocates a network's keys and values, or returns the number of bytes that could not be
    /// allocated.
    pub(crate) fn new(config: &Config, ring: usize, capacity: usize) -> Result<Self, u64> {
        let mut layers = Vec::new();
        for layer in &config.layers {
            let span = if layer.window.is_some() { Span::Local } else { Span::Global };
            let slots = match (layer.source, span) {
                (Some(_), _) => 0,
                (None, Span::Local) => ring,
                (None, Span::Global) => capacity,
            };
            let width = layer.kv_width();
            let rows = KeyValues::new(width, slots).ok_or(8 * slots as u64 * width as u64)?;
            layers.push((span, rows));
        }
        Ok(Self { layers })
    }

    /// Returns the rows of a layer that has its own.
    pub(crate) fn layer(&mut self, index: usize) -> Option<&mut KeyValues> {
        self.layers.get_mut(index).map(|(_, rows)| rows)
    }

    fn of(&self, span: Span) -> impl Iterator<Item = &KeyValues> {
        self.layers.iter().filter(move |it| it.0 == span && it.1.slots > 0).map(|it| &it.1)
    }
}

impl Store for InMemory {
    /// Keys, then values, for each layer. \[layers, 2, positions, width\]
    type Saved = Vec<f32>;

    fn row_bytes(&self, span: Span) -> u64 {
        8 * self.of(span).map(|rows| rows.width as u64).sum::<u64>()
    }

    fn save(&mut self, span: Span, positions: Range<usize>) -> Option<Vec<f32>> {
        let count: usize = self.of(span).map(|rows| 2 * positions.len() * rows.width).sum();
        let mut saved = room(count)?;
        for rows in self.of(span) {
            let stretches = rows.stretches(positions.start, positions.end);
            stretches.iter().for_each(|(keys, _)| saved.extend_from_slice(keys));
            stretches.iter().for_each(|(_, values)| saved.extend_from_slice(values));
        }
        Some(saved)
    }

    fn load(&mut self, span: Span, positions: Range<usize>, saved: &Vec<f32>) {
        let width: usize = self.of(span).map(|rows| rows.width).sum();
        let count = saved.len() / (2 * width).max(1);
        let mut rest = saved.as_slice();
        for (_, rows) in self.layers.iter_mut().filter(|it| it.0 == span && it.1.slots > 0) {
            let (own, others) = rest.split_at_checked(2 * count * rows.width).unwrap_or_default();
            rest = others;
            let (keys, values) = own.split_at(own.len() / 2);
            let of_each = keys.chunks_exact(rows.width).zip(values.chunks_exact(rows.width));
            for (position, (keys, values)) in positions.clone().zip(of_each) {
                rows.put(position, keys, values);
            }
        }
    }
}

/// The error of a failed allocation.
pub(crate) fn no_room(bytes: u64) -> Error {
    Error::new(
        Status::FailedPrecondition,
        format!("{} MiB of memory could not be allocated", bytes.div_ceil(1 << 20)),
    )
    .with_code("OUT_OF_MEMORY")
}

/// Allocates an empty vector for this many values, if there is enough memory.
fn room(count: usize) -> Option<Vec<f32>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::KeyValues;

    #[test]
    fn a_ring_returns_its_positions_in_order() {
        for (slots, end, window) in [(8, 5, 5), (8, 8, 8), (8, 13, 8), (8, 16, 3), (5, 23, 4)] {
            let mut rows = KeyValues::new(2, slots).unwrap();
            for position in 0..end {
                let key = position as f32;
                rows.put(position, &[key, -key], &[key + 0.5, 0.0]);
            }
            let [first, second] = rows.stretches(end - window, end);
            let keys: Vec<f32> = first.0.iter().chain(second.0).step_by(2).copied().collect();
            let right: Vec<f32> = (end - window..end).map(|position| position as f32).collect();
            assert_eq!(keys, right, "{slots} slots, {window} of {end}");
            let values: Vec<f32> = first.1.iter().chain(second.1).step_by(2).copied().collect();
            assert_eq!(values, right.iter().map(|it| it + 0.5).collect::<Vec<f32>>());
            assert_eq!(rows.key(end - 1, 1, 1), [1.0 - end as f32]);
            assert_eq!(rows.value(end - 1, 0, 1), [end as f32 - 0.5]);
        }
    }
}
