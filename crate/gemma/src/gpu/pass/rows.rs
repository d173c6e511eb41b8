//! Keys and values on the GPU, and copies of them there.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use burn::tensor::wgpu::wgpu;

use crate::cache::Store;
use crate::config::Span;
use crate::gpu::Device;

/// The rows of one layer, in f32. \[`kv_heads`, slots, `head_dim`\]
#[derive(Clone, Debug)]
pub(crate) struct LayerRows {
    pub(crate) span: Span,
    pub(crate) heads: u64,
    /// Returns the bytes of a head at one position.
    pub(crate) bytes: u64,
    pub(crate) slots: usize,
    pub(crate) keys: wgpu::Buffer,
    pub(crate) values: wgpu::Buffer,
}

/// The rows of all layers. Saved rows stay on the GPU, in their own buffers.
pub(crate) struct OnGpu {
    device: Device,
    layers: Vec<LayerRows>,
    /// Copies that were not started yet.
    copies: Vec<Copy>,
    /// The number of submissions of copies so far.
    submits: u64,
}

impl fmt::Debug for OnGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnGpu").field("submits", &self.submits).finish_non_exhaustive()
    }
}

/// Rows of a range of positions. \[layers, 2 (keys, values), `kv_heads`, positions, `head_dim`\]
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    buffer: Rc<Owned>,
    positions: u64,
}

/// A buffer that is freed with its last user, not by garbage collection.
#[derive(Debug)]
struct Owned(wgpu::Buffer);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

/// A copy between a layer's rows and a saved buffer.
struct Copy {
    saved: Rc<Owned>,
    at: u64,
    rows: wgpu::Buffer,
    place: u64,
    bytes: u64,
    is_load: bool,
}

impl OnGpu {
    pub(crate) fn new(device: Device, layers: Vec<LayerRows>) -> Self {
        Self { device, layers, copies: Vec::new(), submits: 0 }
    }

    /// Returns the number of submissions of copies so far.
    pub(crate) fn submits(&self) -> u64 {
        self.submits
    }

    /// Queues the copies between rows and the first positions of a saved buffer.
    fn copy(&mut self, span: Span, positions: &Range<usize>, saved: &Saved, is_load: bool) {
        let mut at = 0;
        for layer in self.layers.iter().filter(|layer| layer.span == span) {
            let slots = layer.slots.max(1);
            let (first, count) = (positions.start % slots, positions.len());
            // At most two slices: up to the ring's end, and from its beginning.
            let until = slots.min(first + count);
            let stretches = [(first, until - first), (0, first + count - until)];
            let heads = || (0..layer.heads).map(|head| head * slots as u64);
            let keys = heads().map(|first| (&layer.keys, first));
            for (rows, first) in keys.chain(heads().map(|first| (&layer.values, first))) {
                let mut offset = at;
                for (slot, count) in stretches {
                    let bytes = count as u64 * layer.bytes;
                    if bytes > 0 {
                        self.copies.push(Copy {
                            saved: saved.buffer.clone(),
                            at: offset,
                            rows: rows.clone(),
                            place: (first + slot as u64) * layer.bytes,
                            bytes,
                            is_load,
                        });
                    }
                    offset += bytes;
                }
                at += saved.positions * layer.bytes;
            }
        }
    }
}

impl Store for OnGpu {
    type Saved = Saved;

    fn row_bytes(&self, span: Span) -> u64 {
        let layers = self.layers.iter().filter(|layer| layer.span == span);
        layers.map(|layer| 2 * layer.heads * layer.bytes).sum()
    }

    fn save(&mut self, span: Span, positions: Range<usize>) -> Option<Saved> {
        let bytes = self.row_bytes(span) * positions.len() as u64;
        let what = "keys and values of other conversations";
        let device = self.device.wgpu().clone();
        // If there is no memory for it, the current request fails with its own code and everything
        // is dropped.
        let buffer = self.device.guarded(what, || {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(what),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        });
        let saved = Saved { buffer: Rc::new(Owned(buffer)), positions: positions.len() as u64 };
        self.copy(span, &positions, &saved, false);
        Some(saved)
    }

    fn load(&mut self, span: Span, positions: Range<usize>, saved: &Saved) {
        self.copy(span, &positions, saved, true);
    }

    fn flush(&mut self) {
        if self.copies.is_empty() {
            return;
        }
        let mut encoder = self.device.wgpu().create_command_encoder(&Default::default());
        for copy in &self.copies {
            let saved = (&copy.saved.0, copy.at);
            let rows = (&copy.rows, copy.place);
            let (from, to) = if copy.is_load { (saved, rows) } else { (rows, saved) };
            encoder.copy_buffer_to_buffer(from.0, from.1, to.0, to.1, copy.bytes);
        }
        self.device.queue().submit([encoder.finish()]);
        self.submits += 1;
        // Only now may a buffer that was dropped in between be freed.
        self.copies.clear();
    }
}
