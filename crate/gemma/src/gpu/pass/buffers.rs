//! The buffers of a network's kernels, created once.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::config::{Config, Layer};
use crate::gpu::kernels::intake::SPANS;
use crate::gpu::kernels::padded;
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::pass::network::Layout;
use crate::quant::Rounding;

/// Buffers shared by all kernels.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) tokens: wgpu::Buffer,
    pub(crate) progress: wgpu::Buffer,
    pub(crate) residual: wgpu::Buffer,
    /// A single token's residual. If products compute their vectors themselves, it has two halves,
    /// of which one is read while the other is written.
    pub(crate) stream: wgpu::Buffer,
    /// The spans of a single token's attention.
    pub(crate) parts: wgpu::Buffer,
    /// Exact vectors.
    pub(crate) exact: Vectors,
    /// Vectors of a single token, rounded for faster products.
    rounded: Vectors,
    pub(crate) projections: wgpu::Buffer,
    pub(crate) queries: wgpu::Buffer,
    pub(crate) scores: wgpu::Buffer,
    pub(crate) branch: wgpu::Buffer,
}

/// The inputs of products.
#[derive(Debug)]
pub(crate) struct Vectors {
    pub(crate) normed: wgpu::Buffer,
    pub(crate) mixed: wgpu::Buffer,
    pub(crate) inner: wgpu::Buffer,
}

impl Buffers {
    /// The input of a product.
    pub(crate) fn vectors(&self, rounding: Option<Rounding>) -> &Vectors {
        if rounding.is_some() { &self.rounded } else { &self.exact }
    }

    pub(crate) fn make(config: &Config, layout: Layout, uploader: &mut Uploader) -> Result<Self> {
        let chunk = layout.chunk;
        let wide = |width: usize| chunk * padded(width) as usize;
        let projected = config.widest(|layer| layer.query_width() + 2 * layer.kv_width());
        let queries = config.widest(Layer::query_width);
        let heads = config.widest(|layer| layer.heads);
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST;
        // No plan rounds without need; the buffer is then a single unused word.
        let words = layout.plan.rounding().map_or(0, Rounding::words_of_quad);
        let residual = uploader.values("residual", wide(config.width))?;
        let stream = if layout.fuses {
            uploader.values("stream", 2 * (padded(config.width) as usize).next_multiple_of(64))?
        } else {
            residual.clone()
        };
        let parts = |layer: &Layer| layer.heads * SPANS as usize * (layer.head_dim + 4);
        let parts = if layout.fuses { config.widest(parts) } else { 1 };
        Ok(Self {
            tokens: uploader.values("tokens", chunk)?,
            progress: uploader.buffer("progress", 16, usage)?,
            residual,
            stream,
            parts: uploader.values("parts of attention", parts)?,
            exact: Vectors::make(config, uploader, wide)?,
            rounded: Vectors::make(config, uploader, |width| padded(width) as usize / 4 * words)?,
            projections: uploader.values("projections", chunk * projected)?,
            queries: uploader.values("queries", chunk * queries)?,
            // Only a single token's scores are all stored at once.
            scores: uploader.values("scores", heads * layout.score_stride())?,
            branch: uploader.values("branch", wide(config.width))?,
        })
    }
}

impl Vectors {
    fn make(
        config: &Config,
        uploader: &mut Uploader,
        words: impl Fn(usize) -> usize,
    ) -> Result<Self> {
        Ok(Self {
            normed: uploader.values("normed", words(config.width))?,
            mixed: uploader.values("mixed", words(config.widest(Layer::query_width)))?,
            inner: uploader.values("inner", words(config.widest(|layer| layer.hidden)))?,
        })
    }
}
