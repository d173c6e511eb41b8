//! The sources of a single token's vectors: norms and lookups that the next product computes
//! itself, or that have their own dispatches.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::gpu::kernels::intake::{Embedded, Intake, Norming};
use crate::gpu::kernels::products::Product;
use crate::gpu::kernels::upload::{Planes, Uploader};
use crate::gpu::kernels::{self, Adding, to_u32};
use crate::gpu::pass::buffers::Buffers;
use crate::gpu::pass::network::{Network, last};
use crate::quant::Rounding;

/// A norm that does not have its own dispatch yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) branch: wgpu::Buffer,
    pub(super) post: wgpu::Buffer,
    pub(super) next: wgpu::Buffer,
    pub(super) adding: Adding,
    pub(super) rounding: Option<Rounding>,
}

/// The input of a single token's product, and the other buffers that its intake binds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) intake: Intake,
    pub(super) input: wgpu::Buffer,
    /// Bound after the record of the sequence.
    pub(super) more: Vec<wgpu::Buffer>,
    /// Bound after the product's planes.
    pub(super) last: Vec<wgpu::Buffer>,
}

impl Entry {
    /// Creates an entry for a stored vector.
    pub(crate) fn stored(input: wgpu::Buffer) -> Self {
        Self { intake: Intake::Stored, input, more: Vec::new(), last: Vec::new() }
    }
}

impl Network {
    /// Gives the waiting norm its own dispatch.
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

    /// Returns a single token's residual.
    pub(super) fn stream_now(&self) -> wgpu::BufferBinding<'_> {
        let buffer = &self.buffers.stream;
        if !self.layout.fuses {
            return buffer.as_entire_buffer_binding();
        }
        let size = buffer.size() / 2;
        let offset = u64::from(self.half) * size;
        wgpu::BufferBinding { buffer, offset, size: std::num::NonZeroU64::new(size) }
    }

    /// Returns the input of a product of normalised vectors: the vector, or what is needed to
    /// compute it.
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

    /// Whether this device supports the buffers and memory that a product needs.
    pub(super) fn fits(&self, product: &Product) -> bool {
        let [buffers, memory] = product.needs(self.layout.plan, None);
        let most = self.recorder.device().wgpu().limits().max_storage_buffers_per_shader_stage;
        buffers <= most && memory <= self.memory()
    }

    /// Returns the maximum bytes of workgroup memory.
    pub(super) fn memory(&self) -> u32 {
        self.recorder.device().wgpu().limits().max_compute_workgroup_storage_size
    }

    /// Returns the head's input for a single token.
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
