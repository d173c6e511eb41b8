//! Where a single token's products get their vectors: norms and lookups that the next product does
//! by itself, or that stay dispatches of their own.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::gpu::kernels::intake::{Embedded, Intake, Norming};
use crate::gpu::kernels::products::Product;
use crate::gpu::kernels::upload::{Planes, Uploader};
use crate::gpu::kernels::{self, Adding, to_u32};
use crate::gpu::pass::buffers::Buffers;
use crate::gpu::pass::network::{Network, last};
use crate::quant::Rounding;

/// A norm that has no dispatch of its own as yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) branch: wgpu::Buffer,
    pub(super) post: wgpu::Buffer,
    pub(super) next: wgpu::Buffer,
    pub(super) adding: Adding,
    pub(super) rounding: Option<Rounding>,
}

/// What a single token's product reads: its own input, and what its intake binds besides.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) intake: Intake,
    pub(super) input: wgpu::Buffer,
    /// Behind the record of the sequence.
    pub(super) more: Vec<wgpu::Buffer>,
    /// Behind the product's planes.
    pub(super) last: Vec<wgpu::Buffer>,
}

impl Entry {
    /// A vector that stands there.
    pub(crate) fn stored(input: wgpu::Buffer) -> Self {
        Self { intake: Intake::Stored, input, more: Vec::new(), last: Vec::new() }
    }
}

impl Network {
    /// Has the norm that waits done by a dispatch of its own.
    pub(super) fn norm_now(&mut self) {
        let Some(Waiting { branch, post, next, adding, rounding }) = self.waiting.take() else {
            return;
        };
        let (source, grid) = kernels::add(&self.config, self.layout.shapes.token, adding, rounding);
        let kernel = self.recorder.kernel(&source);
        let Buffers { progress, .. } = &self.buffers;
        let normed = &self.buffers.vectors(rounding).normed;
        let [branch, progress, post, next, normed] =
            [&branch, progress, &post, &next, normed].map(wgpu::Buffer::as_entire_buffer_binding);
        let bound = [branch, self.stream_now(), progress, post, next, normed];
        self.one.push(self.recorder.bind_parts(&kernel, &bound, grid));
    }

    /// A single token's residual.
    pub(super) fn stream_now(&self) -> wgpu::BufferBinding<'_> {
        let buffer = &self.buffers.stream;
        if !self.layout.fuses {
            return buffer.as_entire_buffer_binding();
        }
        let size = buffer.size() / 2;
        let offset = u64::from(self.half) * size;
        wgpu::BufferBinding { buffer, offset, size: std::num::NonZeroU64::new(size) }
    }

    /// What a product of normed vectors reads: the vector, or what it norms by itself.
    pub(super) fn entry(
        &mut self,
        product: &Product,
        normed: wgpu::Buffer,
        uploader: &mut Uploader,
    ) -> Result<Entry> {
        if let Some((embedding, norm)) = self.embeds.take() {
            let shard = self.embedding.first();
            let planes = shard.map(|shard| &shard.planes).filter(|planes| {
                let intake = Intake::Embedded(Embedded::of(&self.config, planes.shape, 0));
                self.fits(&Product { intake, ..product.clone() })
            });
            let Some(planes) = planes else {
                self.one.push(embedding);
                return Ok(Entry::stored(normed));
            };
            return Ok(Entry {
                intake: Intake::Embedded(Embedded::of(&self.config, planes.shape, 0)),
                input: self.buffers.tokens.clone(),
                more: vec![self.buffers.stream.clone(), norm],
                last: planes.buffers().cloned().collect(),
            });
        }
        let Some(waiting) = &self.waiting else { return Ok(Entry::stored(normed)) };
        let stride = to_u32(usize::try_from(self.buffers.stream.size() / 32).unwrap_or(usize::MAX));
        let [from, to] = [self.half, 1 - self.half].map(|half| half * stride);
        let next = to_u32(usize::try_from(waiting.post.size() / 16).unwrap_or(usize::MAX));
        let norming = Norming::of(&self.config, waiting.adding, from, to, next);
        let intake = Intake::Normed(norming);
        if !self.fits(&Product { intake, ..product.clone() }) {
            self.norm_now();
            return Ok(Entry::stored(normed));
        }
        let norms = uploader.side_by_side(&[&waiting.post, &waiting.next])?;
        let entry = Entry {
            intake,
            input: waiting.branch.clone(),
            more: vec![self.buffers.stream.clone(), norms],
            last: Vec::new(),
        };
        self.waiting = None;
        self.half = 1 - self.half;
        Ok(entry)
    }

    /// Whether this device can bind what a product needs.
    pub(super) fn fits(&self, product: &Product) -> bool {
        let [buffers, memory] = product.needs(self.layout.plan, None);
        let most = self.recorder.device().wgpu().limits().max_storage_buffers_per_shader_stage;
        buffers <= most && memory <= self.memory()
    }

    /// Bytes of a workgroup's memory.
    pub(super) fn memory(&self) -> u32 {
        self.recorder.device().wgpu().limits().max_compute_workgroup_storage_size
    }

    /// What the head reads of a single token.
    pub(super) fn last_entry(
        &mut self,
        planes: &Planes,
        normed: wgpu::Buffer,
        uploader: &mut Uploader,
    ) -> Result<Entry> {
        let product = last("head", planes, (0, self.config.soft_cap), Intake::Stored);
        self.entry(&product, normed, uploader)
    }
}
