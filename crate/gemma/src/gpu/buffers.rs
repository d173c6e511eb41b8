//! What the kernels of a network write and read, made once.

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use super::kernels::padded;
use super::network::Layout;
use super::upload::Uploader;
use crate::config::Config;
use crate::quant::Rounding;

/// What every kernel shares.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) tokens: wgpu::Buffer,
    pub(super) progress: wgpu::Buffer,
    pub(super) residual: wgpu::Buffer,
    /// As they are.
    pub(super) exact: Vectors,
    /// Of a single token, rounded, for products that are quicker with those.
    rounded: Vectors,
    pub(super) projections: wgpu::Buffer,
    pub(super) queries: wgpu::Buffer,
    pub(super) scores: wgpu::Buffer,
    pub(super) branch: wgpu::Buffer,
}

/// What products read.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) normed: wgpu::Buffer,
    pub(super) mixed: wgpu::Buffer,
    pub(super) inner: wgpu::Buffer,
}

impl Buffers {
    /// What a product reads.
    pub(super) fn vectors(&self, rounding: Option<Rounding>) -> &Vectors {
        if rounding.is_some() { &self.rounded } else { &self.exact }
    }

    pub(super) fn make(config: &Config, layout: Layout, uploader: &mut Uploader) -> Result<Self> {
        let chunk = layout.chunk;
        let wide = |width: usize| chunk * padded(width) as usize;
        let projected = config.query_width() + 2 * config.kv_width();
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST;
        // No plan rounds where it has no need: a word then stands for nothing.
        let words = layout.plan.rounding().map_or(0, Rounding::words_of_quad);
        Ok(Self {
            tokens: uploader.values("tokens", chunk)?,
            progress: uploader.buffer("progress", 16, usage)?,
            residual: uploader.values("residual", wide(config.width))?,
            exact: Vectors::make(config, uploader, wide)?,
            rounded: Vectors::make(config, uploader, |width| padded(width) as usize / 4 * words)?,
            projections: uploader.values("projections", chunk * projected)?,
            queries: uploader.values("queries", chunk * config.query_width())?,
            // Only a single token's are ever all there.
            scores: uploader.values("scores", config.heads * layout.score_stride())?,
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
            mixed: uploader.values("mixed", words(config.query_width()))?,
            inner: uploader.values("inner", words(config.hidden))?,
        })
    }
}
