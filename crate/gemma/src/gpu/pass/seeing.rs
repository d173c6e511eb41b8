//! The list of dispatches for rows of a picture: that of many tokens, except for lookups, and for
//! attention if rows attend to their whole picture.

use burn::tensor::wgpu::wgpu;

use crate::gpu::device::launcher::Dispatch;
use crate::gpu::kernels::{self, Adding, padded};
use crate::gpu::pass::network::Network;

impl Network {
    /// Begins the list: rows are in the residual stream already, so adding an empty branch
    /// normalises them for the first layer.
    pub(super) fn begin_seeing(&mut self, norm: &wgpu::Buffer) {
        let adding = Adding { scales: false, norms: true };
        let (source, grid) = kernels::add(&self.config, self.layout.shapes.token, adding, None);
        let kernel = self.recorder.kernel(&source);
        let buffers = &self.buffers;
        let bound = [
            &buffers.branch,
            &buffers.residual,
            &buffers.progress,
            norm,
            norm,
            &buffers.exact.normed,
        ];
        self.seeing.push(self.recorder.bind(&kernel, &bound, grid));
        self.seen = self.many.len();
    }

    /// Whether the list has begun.
    pub(super) fn is_seeing(&self) -> bool {
        !self.seeing.is_empty()
    }

    /// Adds a layer's attention of many tokens, and that of a picture if it differs.
    pub(super) fn push_attention(&mut self, attend: Dispatch, seeing: Option<Dispatch>) {
        self.catch_up();
        if self.is_seeing() {
            self.seeing.push(seeing.unwrap_or_else(|| attend.clone()));
        }
        self.many.push(attend);
        self.seen = self.many.len();
    }

    /// Copies the common part of both lists.
    pub(super) fn catch_up(&mut self) {
        if self.is_seeing() {
            self.seeing.extend(self.many.iter().skip(self.seen).cloned());
        }
        self.seen = self.many.len();
    }

    /// Writes rows to the input of the first layer. \[rows, width\]
    pub(crate) fn put_rows(&self, rows: &[f32]) {
        let (width, stride) = (self.config.width, padded(self.config.width) as usize);
        let mut bytes = Vec::with_capacity(4 * stride * (rows.len() / width.max(1)));
        for row in rows.chunks_exact(width.max(1)) {
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
            bytes.resize(bytes.len() + 4 * (stride - width), 0);
        }
        self.recorder.write(&self.buffers.residual, 0, &bytes);
        bytes.fill(0);
        self.recorder.write(&self.buffers.branch, 0, &bytes);
    }
}
