//! A whole network as lists of dispatches on preallocated buffers.
//!
//! ```text
//! embed ─► per layer: qkv ─ rope ─ scores ─ mix ─ output ─ norm ─ gate·up ─ down ─ norm ─► head ─ slices ─ pick
//!                                  └─ attend ─┘ for many tokens
//! ```
//!
//! Nine dispatches a layer, eight for many tokens. Every norm but the first is done by the kernel that adds the branch
//! before it, so that products read what is normed already.

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result, Status};

use super::kernels::{self, Shapes, View, padded, to_u32};
use super::launcher::{Dispatch, Encoder, Grid};
use super::products::{Product, Rows};
use super::shader::{MatrixShape, Source};
use super::upload::{Planes, Shard, Uploader};
use crate::config::{Config, Rope, Span};
use crate::weights::{LayerTensors, Model};

/// Positions that one row of the coarse angle table stands for.
const FINE: usize = 64;

/// How a network is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) shapes: Shapes,
    /// Tokens the cache holds.
    pub(super) capacity: usize,
    /// Slots of local layers.
    pub(super) ring: usize,
    /// Tokens of one pass.
    pub(super) chunk: usize,
    /// Whether tokens see those behind them.
    pub(super) both_ways: bool,
}

/// What every kernel shares.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) tokens: wgpu::Buffer,
    pub(super) progress: wgpu::Buffer,
    residual: wgpu::Buffer,
    pub(super) normed: wgpu::Buffer,
    projections: wgpu::Buffer,
    queries: wgpu::Buffer,
    scores: wgpu::Buffer,
    mixed: wgpu::Buffer,
    branch: wgpu::Buffer,
    inner: wgpu::Buffer,
}

/// From tokens to normed hidden states.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) layout: Layout,
    pub(super) encoder: Encoder,
    pub(super) buffers: Buffers,
    pub(super) embedding: Vec<Shard>,
    /// For a single token.
    pub(super) one: Vec<Dispatch>,
    /// For as many as a pass holds.
    pub(super) many: Vec<Dispatch>,
}

impl Network {
    /// Loads the weights and builds both lists.
    pub(super) async fn load(
        encoder: Encoder,
        uploader: &mut Uploader,
        model: &Model,
        layout: Layout,
    ) -> Result<Self> {
        let config = model.config.clone();
        if !config.head_dim.is_multiple_of(4) {
            return Err(Error::new(
                Status::Unimplemented,
                format!("heads of {} values are not a multiple of four", config.head_dim),
            ));
        }
        let buffers = Buffers::make(&config, layout, uploader)?;
        let embedding = uploader.shards(model, &model.tensors.token_embd).await?;
        let mut network =
            Self { config, layout, encoder, buffers, embedding, one: Vec::new(), many: Vec::new() };
        network.build(uploader, model).await?;
        Ok(network)
    }

    async fn build(&mut self, uploader: &mut Uploader, model: &Model) -> Result<()> {
        let tensors = &model.tensors;
        let mut norm = match tensors.layers.first() {
            Some(first) => uploader.norm(model, &first.attn_norm).await?,
            None => return Err(Error::invalid("the model has no layers")),
        };
        for index in 0..self.embedding.len() {
            self.add_embedding(index, &norm);
        }
        let mut angles: Vec<(Rope, wgpu::Buffer)> = Vec::new();
        for (index, (layer, weights)) in
            self.config.layers.clone().into_iter().zip(&tensors.layers).enumerate()
        {
            let table = match angles.iter().find(|(rope, _)| *rope == layer.rope) {
                Some((_, table)) => table.clone(),
                None => {
                    let table = self.angles(uploader, layer.rope)?;
                    angles.push((layer.rope, table.clone()));
                    table
                }
            };
            self.add_attention(uploader, model, weights, layer.span, &table).await?;
            let post = uploader.norm(model, &weights.post_attention_norm).await?;
            norm = uploader.norm(model, &weights.ffn_norm).await?;
            self.add_norm(&post, &norm);
            self.add_feed_forward(uploader, model, weights).await?;
            let post = uploader.norm(model, &weights.post_ffw_norm).await?;
            let next = tensors.layers.get(index + 1).map(|next| &next.attn_norm);
            norm = uploader.norm(model, next.unwrap_or(&tensors.output_norm)).await?;
            self.add_norm(&post, &norm);
        }
        Ok(())
    }

    fn add_embedding(&mut self, index: usize, norm: &wgpu::Buffer) {
        let Some(shard) = self.embedding.get(index) else { return };
        let (source, grid) = kernels::embed(
            &self.config,
            self.layout.shapes.token,
            shard.planes.shape,
            shard.first_row,
        );
        let kernel = self.encoder.kernel(&source);
        let Buffers { tokens, residual, progress, normed, .. } = &self.buffers;
        let mut bound = vec![tokens, residual, progress, norm, normed];
        bound.extend(shard.planes.buffers());
        let dispatch = self.encoder.bind(&kernel, &bound, grid);
        self.both(dispatch);
    }

    async fn add_attention(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        weights: &LayerTensors,
        span: Span,
        angles: &wgpu::Buffer,
    ) -> Result<()> {
        let Layout { shapes, capacity, ring, both_ways, .. } = self.layout;
        let config = self.config.clone();
        let projecting = [&weights.attn_q, &weights.attn_k, &weights.attn_v];
        let projecting = uploader.joined(model, &projecting).await?;
        let norms = uploader.norms(model, &[&weights.attn_q_norm, &weights.attn_k_norm]).await?;
        let width = to_u32(config.query_width() + 2 * config.kv_width());
        let qkv = Product {
            label: "qkv",
            rows: Rows::Side(projecting.iter().map(|planes| planes.shape).collect()),
            in_quads: padded(config.width) / 4,
            out_stride: width,
            out_first: 0,
            soft_cap: None,
        };
        let Buffers { normed, projections, .. } = &self.buffers;
        let io = [normed.clone(), projections.clone()];
        self.add_product(&qkv, &io, &projecting);

        let slots = if span == Span::Local { ring } else { capacity };
        // In a browser numbers have 32 bits: a cache too large to count is one too large to make.
        let room = slots.saturating_mul(config.kv_width());
        let keys = uploader.values("keys", room)?;
        let values = uploader.values("values", room)?;
        let rope = kernels::rope(&config, shapes.head, slots, coarse_rows(capacity));
        let kernel = self.encoder.kernel(&rope.0);
        let Buffers { projections, queries, progress, scores, mixed, .. } = &self.buffers;
        let rope = self.encoder.bind(
            &kernel,
            &[projections, queries, progress, &norms, angles, &keys, &values],
            rope.1,
        );
        let window = View::window_of(&config, span);
        let view =
            View { capacity: slots, window, both_ways, score_stride: self.layout.score_stride() };
        let (source, grid) = view.scores(&config, shapes.key);
        let kernel = self.encoder.kernel(&source);
        let score = self.encoder.bind(&kernel, &[queries, scores, progress, &keys], grid);
        let (source, grid) = view.mix(&config, shapes.value);
        let kernel = self.encoder.kernel(&source);
        let mix = self.encoder.bind(&kernel, &[scores, mixed, progress, &values], grid);
        let (source, grid) = view.attend(&config, shapes.attend);
        let kernel = self.encoder.kernel(&source);
        let bound = [queries, mixed, progress, &keys, &values];
        let attend = self.encoder.bind(&kernel, &bound, grid);
        self.both(rope);
        self.one.extend([score, mix]);
        self.many.push(attend);

        let output = uploader.matrix(model, &weights.attn_output).await?;
        let product = Product {
            label: "attention output",
            rows: Rows::Side(vec![output.shape]),
            in_quads: padded(config.query_width()) / 4,
            out_stride: padded(config.width),
            out_first: 0,
            soft_cap: None,
        };
        let io = [self.buffers.mixed.clone(), self.buffers.branch.clone()];
        self.add_product(&product, &io, &[output]);
        Ok(())
    }

    async fn add_feed_forward(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        weights: &LayerTensors,
    ) -> Result<()> {
        let Config { width, hidden, .. } = self.config;
        let both = uploader.joined(model, &[&weights.ffn_gate, &weights.ffn_up]).await?;
        let down = uploader.matrix(model, &weights.ffn_down).await?;
        let inner = Product {
            label: "gate and up",
            rows: Rows::Gated(both.iter().map(|planes| planes.shape).collect()),
            in_quads: padded(width) / 4,
            out_stride: padded(hidden),
            out_first: 0,
            soft_cap: None,
        };
        let io = [self.buffers.normed.clone(), self.buffers.inner.clone()];
        self.add_product(&inner, &io, &both);
        let outer = Product {
            label: "down",
            rows: Rows::Side(vec![down.shape]),
            in_quads: padded(hidden) / 4,
            out_stride: padded(width),
            out_first: 0,
            soft_cap: None,
        };
        let io = [self.buffers.inner.clone(), self.buffers.branch.clone()];
        self.add_product(&outer, &io, &[down]);
        Ok(())
    }

    fn add_norm(&mut self, post: &wgpu::Buffer, next: &wgpu::Buffer) {
        let (source, grid) = kernels::norm(&self.config, self.layout.shapes.token);
        let kernel = self.encoder.kernel(&source);
        let Buffers { branch, residual, progress, normed, .. } = &self.buffers;
        let bound = [branch, residual, progress, post, next, normed];
        let dispatch = self.encoder.bind(&kernel, &bound, grid);
        self.both(dispatch);
    }

    fn add_product(&mut self, product: &Product, io: &[wgpu::Buffer; 2], planes: &[Planes]) {
        let one = self.product(product.for_one(self.layout.shapes.row), io, planes);
        let many = self.product(product.for_many(self.layout.shapes.tile), io, planes);
        self.one.push(one);
        self.many.push(many);
    }

    /// Compiles a product and binds it.
    pub(super) fn product(
        &mut self,
        (source, grid): (Source, Grid),
        [input, output]: &[wgpu::Buffer; 2],
        planes: &[Planes],
    ) -> Dispatch {
        let kernel = self.encoder.kernel(&source);
        let mut bound = vec![input, output, &self.buffers.progress];
        bound.extend(planes.iter().flat_map(|planes| planes.buffers()));
        self.encoder.bind(&kernel, &bound, grid)
    }

    /// A matrix that follows the last layer: the head's shards, the dense layers.
    pub(super) fn last_product(
        &mut self,
        label: &'static str,
        planes: &Planes,
        io: &[wgpu::Buffer; 2],
        (out_first, soft_cap): (u32, Option<f32>),
    ) -> Dispatch {
        let MatrixShape { columns, .. } = planes.shape;
        let product = Product {
            label,
            rows: Rows::Side(vec![planes.shape]),
            in_quads: padded(columns as usize) / 4,
            out_stride: 0,
            out_first,
            soft_cap,
        };
        self.product(product.for_one(self.layout.shapes.row), io, std::slice::from_ref(planes))
    }

    fn both(&mut self, dispatch: Dispatch) {
        self.one.push(dispatch.clone());
        self.many.push(dispatch);
    }

    /// cos and sin of positions 64a, then of 0 to 63.
    fn angles(&self, uploader: &mut Uploader, rope: Rope) -> Result<wgpu::Buffer> {
        let coarse = (0..coarse_rows(self.layout.capacity)).map(|row| row * FINE);
        let mut table = Vec::new();
        for position in coarse.chain(0..FINE) {
            let (cosines, sines) = rope.angles(position, self.config.head_dim);
            table.extend(cosines.into_iter().zip(sines).flat_map(|(cos, sin)| [cos, sin]));
        }
        uploader.filled("angles", &table)
    }
}

impl Layout {
    /// Scores from one head to the next: the most keys that a token can see.
    fn score_stride(self) -> usize {
        self.capacity
    }
}

fn coarse_rows(capacity: usize) -> usize {
    capacity.div_ceil(FINE)
}

impl Buffers {
    fn make(config: &Config, layout: Layout, uploader: &mut Uploader) -> Result<Self> {
        let chunk = layout.chunk;
        let wide = |width: usize| chunk * padded(width) as usize;
        let projected = config.query_width() + 2 * config.kv_width();
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST;
        Ok(Self {
            tokens: uploader.values("tokens", chunk)?,
            progress: uploader.buffer("progress", 16, usage)?,
            residual: uploader.values("residual", wide(config.width))?,
            normed: uploader.values("normed", wide(config.width))?,
            projections: uploader.values("projections", chunk * projected)?,
            queries: uploader.values("queries", chunk * config.query_width())?,
            // Only a single token's are ever all there.
            scores: uploader.values("scores", config.heads * layout.score_stride())?,
            mixed: uploader.values("mixed", wide(config.query_width()))?,
            branch: uploader.values("branch", wide(config.width))?,
            inner: uploader.values("inner", wide(config.hidden))?,
        })
    }
}
