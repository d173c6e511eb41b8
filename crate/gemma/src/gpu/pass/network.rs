//! A whole network as lists of dispatches on preallocated buffers.
//!
//! ```text
//! embed ─► per layer: qkv ─ rope ─ scores ─ mix ─ output ─ norm
//!                                  └─ attend ─┘ for many tokens
//!                     ─ gate·up ─ down ─ norm
//!       ─► head ─ slices ─ pick
//! ```
//!
//! There are nine dispatches per layer, eight for many tokens. Every norm except the first is
//! computed by the kernel that adds the branch before it, so that products read normalised vectors.
//! On a GPU a single token takes five: products compute their vectors themselves
//! ([`super::entry`]), and attention is one kernel. The additions of Gemma 3n and 4 are in
//! [`super::newer`].

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result, Status};

use crate::config::{Config, Layer, Rope, Span};
use crate::gpu::Plan;
use crate::gpu::device::launcher::{Dispatch, Grid, Recorder};
use crate::gpu::kernels::intake::{Intake, Spans};
use crate::gpu::kernels::planes::Format;
use crate::gpu::kernels::products::{Ending, Product, Rows};
use crate::gpu::kernels::shader::Source;
use crate::gpu::kernels::upload::{Planes, Shard, Uploader};
use crate::gpu::kernels::{self, Adding, Making, Shapes, Sight, View, padded, to_u32};
use crate::gpu::pass::buffers::{Buffers, Vectors};
use crate::gpu::pass::entry::{Entry, Waiting};
use crate::gpu::pass::newer::Added;
use crate::gpu::pass::rows::LayerRows;
use crate::quant::Rounding;
use crate::weights::{LayerTensors, Model, Tensor};

/// The number of positions for one row of the coarse angle table.
const FINE: usize = 64;

/// The layout of a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) shapes: Shapes,
    /// The products for a single token.
    pub(crate) plan: Plan,
    /// The capacity of the cache in tokens.
    pub(crate) capacity: usize,
    /// Slots of local layers.
    pub(crate) ring: usize,
    /// The number of tokens in one pass.
    pub(crate) chunk: usize,
    /// Whether attention is bidirectional.
    pub(crate) both_ways: bool,
    /// Whether a single token's products compute their vectors themselves, which saves dispatches
    /// where a workgroup's invocations run at once.
    pub(crate) fuses: bool,
}

/// Computes normalised hidden states from tokens.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) config: Config,
    pub(crate) layout: Layout,
    pub(crate) recorder: Recorder,
    pub(crate) buffers: Buffers,
    pub(crate) embedding: Vec<Shard>,
    /// Keys and values of each layer that has its own.
    pub(crate) rows: Vec<LayerRows>,
    /// The index of the keys and values that each layer reads.
    row_of: Vec<usize>,
    /// Additions of networks newer than Gemma 3.
    pub(crate) added: Added,
    /// The addition and norm left to a single token's next product.
    pub(super) waiting: Option<Waiting>,
    /// The dispatch that looks up a single token, and the weights of its norm, until it is known
    /// whether the first product does that itself.
    pub(super) embeds: Option<(Dispatch, wgpu::Buffer)>,
    /// The half of the stream with a single token's residual.
    pub(super) half: u32,
    /// The list for a single token.
    pub(crate) one: Vec<Dispatch>,
    /// The dispatches for a whole chunk.
    pub(crate) many: Vec<Dispatch>,
    /// The same for rows of a picture, if the model supports pictures.
    pub(crate) seeing: Vec<Dispatch>,
    /// The number of dispatches of `many` that it contains in its own form so far.
    pub(super) seen: usize,
}

impl Network {
    /// Loads the weights and builds both lists.
    pub(crate) async fn load(
        recorder: Recorder,
        uploader: &mut Uploader,
        model: &Model,
        layout: Layout,
    ) -> Result<Self> {
        let config = model.config.clone();
        // Kernels over several streams read and write exact vectors.
        let plan = if config.streams > 1 { layout.plan.exact() } else { layout.plan };
        let fuses = layout.fuses && config.streams == 1 && plan.shape().lanes > 1;
        let layout = Layout { plan, fuses, ..layout };
        if let Some(layer) = config.layers.iter().find(|it| !it.head_dim.is_multiple_of(4)) {
            return Err(Error::new(
                Status::Unimplemented,
                format!("heads of {} values are not a multiple of four", layer.head_dim),
            ));
        }
        let buffers = Buffers::make(&config, layout, uploader)?;
        let added = Added::make(model, layout.chunk, uploader).await?;
        let embedding = uploader.shards(model, &model.tensors.token_embd).await?;
        let mut network = Self {
            config,
            layout,
            recorder,
            buffers,
            embedding,
            rows: Vec::new(),
            row_of: Vec::new(),
            added,
            waiting: None,
            embeds: None,
            half: 0,
            one: Vec::new(),
            many: Vec::new(),
            seeing: Vec::new(),
            seen: 0,
        };
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
            let rounding =
                tensors.layers.first().and_then(|it| self.rounding_for(&it.projecting()));
            self.add_embedding(index, &norm, rounding);
        }
        if model.reads_pictures() {
            self.begin_seeing(&norm);
        }
        self.add_inputs(uploader, model).await?;
        self.add_split(uploader, model).await?;
        let mut angles: Vec<(Rope, usize, wgpu::Buffer)> = Vec::new();
        for (index, (layer, weights)) in
            self.config.layers.clone().into_iter().zip(&tensors.layers).enumerate()
        {
            let is_known =
                |it: &&(Rope, usize, wgpu::Buffer)| it.0 == layer.rope && it.1 == layer.head_dim;
            let table = match angles.iter().find(is_known) {
                Some((_, _, table)) => table.clone(),
                None => {
                    let table = self.angles(uploader, &layer)?;
                    angles.push((layer.rope.clone(), layer.head_dim, table.clone()));
                    table
                }
            };
            self.add_attention(uploader, model, weights, index, &table).await?;
            if weights.altup.is_some() {
                self.add_merge(uploader, model, weights).await?;
                self.add_feed_forward(uploader, model, weights, &layer).await?;
                self.add_correction(uploader, model, index).await?;
                continue;
            }
            let post = uploader.norm(model, &weights.post_attention_norm).await?;
            norm = uploader.norm(model, &weights.ffn_norm).await?;
            let rounding = self.rounding_for(&[&weights.ffn_gate, &weights.ffn_up]);
            let adding = Adding { scales: false, norms: true };
            self.add_norm([&post, &norm], adding, rounding);
            self.add_feed_forward(uploader, model, weights, &layer).await?;
            let (next, rounding) = match tensors.layers.get(index + 1) {
                Some(next) => (&next.attn_norm, self.rounding_for(&next.projecting())),
                None => (&tensors.output_norm, self.rounding_for(&[tensors.head()])),
            };
            norm = uploader.norm(model, next).await?;
            self.add_end(uploader, model, index, (&norm, rounding)).await?;
        }
        self.add_join(uploader, model).await?;
        self.catch_up();
        Ok(())
    }

    /// Returns how the decoding product with these matrices expects its vectors to be rounded.
    pub(crate) fn rounding_for(&self, tensors: &[&Tensor]) -> Option<Rounding> {
        let is_whole = |tensor: &&Tensor| Format::of(tensor.encoding).is_whole();
        self.layout.plan.rounding().filter(|_| tensors.iter().all(is_whole))
    }

    /// A kernel for many tokens, and the one for a single token if that rounds its result.
    fn add_both(
        &mut self,
        rounding: Option<Rounding>,
        make: impl Fn(Option<Rounding>) -> (Source, Grid),
        bound: impl Fn(&Buffers, &wgpu::Buffer, &wgpu::Buffer) -> Vec<wgpu::Buffer>,
    ) {
        let mut made = Vec::new();
        let Buffers { residual, stream, .. } = &self.buffers;
        for (rounding, residual) in [(rounding, stream), (None, residual)] {
            let (source, grid) = make(rounding);
            let kernel = self.recorder.kernel(&source);
            let bound = bound(&self.buffers, residual, &self.buffers.vectors(rounding).normed);
            let bound: Vec<_> = bound.iter().collect();
            made.push(self.recorder.bind(&kernel, &bound, grid));
        }
        self.many.extend(made.pop());
        self.one.extend(made);
    }

    fn add_embedding(&mut self, index: usize, norm: &wgpu::Buffer, rounding: Option<Rounding>) {
        let Some(shard) = self.embedding.get(index) else { return };
        let (config, token) = (self.config.clone(), self.layout.shapes.token);
        let (shape, first_row) = (shard.planes.shape, shard.first_row);
        let planes: Vec<_> = shard.planes.buffers().cloned().collect();
        let make = |rounding| kernels::embed(&config, token, shape, first_row, rounding);
        let bound = |buffers: &Buffers, residual: &wgpu::Buffer, normed: &wgpu::Buffer| {
            let Buffers { tokens, progress, .. } = buffers;
            let first = [tokens, residual, progress, norm, normed].into_iter().cloned();
            first.chain(planes.iter().cloned()).collect()
        };
        self.add_both(rounding, make, bound);
        // A row would be searched in each of several shards, and inputs of layers need it earlier.
        if self.layout.fuses && self.embedding.len() == 1 && !self.added.reads_rows() {
            self.embeds = self.one.pop().map(|embedding| (embedding, norm.clone()));
        }
    }

    async fn add_attention(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        weights: &LayerTensors,
        index: usize,
        angles: &wgpu::Buffer,
    ) -> Result<()> {
        let Layout { shapes, capacity, both_ways, .. } = self.layout;
        let config = self.config.clone();
        let layer = config.layers.get(index).ok_or_else(|| Error::internal("no such layer"))?;
        let rounding = self.rounding_for(&weights.projecting());
        let projecting = uploader.joined(model, &weights.projecting()).await?;
        let mut norms = vec![&weights.attn_q_norm];
        norms.extend(weights.own.as_ref().map(|own| &own.attn_k_norm));
        let norms = uploader.norms(model, &norms).await?;
        let making = match &weights.own {
            None => Making::Nothing,
            Some(own) if own.attn_v.is_none() => Making::Keys,
            Some(_) => Making::KeysAndValues,
        };
        let width = to_u32(making.width(layer));
        let qkv = Product {
            label: "qkv",
            rows: Rows::Stacked(projecting.iter().map(|planes| planes.shape).collect()),
            in_quads: padded(config.width) / 4,
            out_stride: width,
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let [one, many] = self.vectors(rounding).map(|it| it.normed.clone());
        let output = self.buffers.projections.clone();
        let entry = self.entry(&qkv, one, uploader)?;
        self.add_product(&qkv, (entry, many), [output.clone(), output], None, &projecting);

        let LayerRows { slots, keys, values, .. } = self.rows_for(uploader, index)?;
        let rope = kernels::rope(&config, layer, making, shapes.head, slots, coarse_rows(capacity));
        let kernel = self.recorder.kernel(&rope.0);
        let Buffers { projections, queries, progress, scores, .. } = &self.buffers;
        let rope = self.recorder.bind(
            &kernel,
            &[projections, queries, progress, &norms, angles, &keys, &values],
            rope.1,
        );
        let window = layer.window.map_or(0, to_u32);
        let sight = if both_ways { Sight::BothWays } else { Sight::Causal };
        let score_stride = self.layout.score_stride();
        let view = View { capacity: slots, window, sight, score_stride };
        let rounding = self.rounding_for(&[&weights.attn_output]);
        let [mixed_one, mixed] = self.vectors(rounding).map(|it| it.mixed.clone());
        let output = uploader.matrix(model, &weights.attn_output).await?;
        let product = Product {
            label: "attention output",
            rows: Rows::Stacked(vec![output.shape]),
            in_quads: padded(layer.query_width()) / 4,
            out_stride: padded(config.width),
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let intake = Intake::Spans(Spans::of(layer));
        let is_fused = self.layout.fuses
            && self.fits(&Product { intake, ..product.clone() })
            && kernels::span_memory(layer).is_some_and(|bytes| bytes <= self.memory());
        let mut attention = Vec::new();
        if is_fused {
            let (source, grid) = view.spans(&config, layer, making, coarse_rows(capacity));
            let kernel = self.recorder.kernel(&source);
            let parts = &self.buffers.parts;
            let bound = [projections, parts, progress, &norms, angles, &keys, &values];
            attention.push(self.recorder.bind(&kernel, &bound, grid));
        } else {
            let (source, grid) = view.scores(layer, shapes.key);
            let kernel = self.recorder.kernel(&source);
            let score = self.recorder.bind(&kernel, &[queries, scores, progress, &keys], grid);
            let (source, grid) = view.mix(layer, shapes.value, rounding);
            let kernel = self.recorder.kernel(&source);
            let mix = self.recorder.bind(&kernel, &[scores, &mixed_one, progress, &values], grid);
            attention.extend([rope.clone(), score, mix]);
        }
        let bound = [queries, &mixed, progress, &keys, &values];
        let attend = |view: View| {
            let (source, grid) = view.attend(layer, shapes.attend);
            let kernel = self.recorder.kernel(&source);
            // Queries times keys and scores times values, each of which takes twice as long per
            // multiply-add as a product.
            let work = 4 * u64::from(to_u32(layer.head_dim));
            self.recorder.bind(&kernel, &bound, grid).working(work)
        };
        let (attends, sees_ahead) = (attend(view), self.is_seeing() && config.sees_ahead(layer));
        let seeing = sees_ahead.then(|| attend(View { sight: Sight::Picture, ..view }));
        self.one.extend(attention);
        self.many.push(rope);
        self.push_attention(attends, seeing);
        let entry = if is_fused {
            Entry { intake, ..Entry::stored(self.buffers.parts.clone()) }
        } else {
            Entry::stored(mixed_one)
        };
        let branch = self.buffers.branch.clone();
        self.add_product(&product, (entry, mixed), [branch.clone(), branch], None, &[output]);
        Ok(())
    }

    /// Returns a layer's keys and values: its own, or those of the layer that it reads.
    fn rows_for(&mut self, uploader: &mut Uploader, index: usize) -> Result<LayerRows> {
        let source = self.config.cache_of(index);
        if let Some(rows) = self.row_of.get(source).and_then(|at| self.rows.get(*at)) {
            let rows = rows.clone();
            self.row_of.extend(self.row_of.get(source).copied());
            return Ok(rows);
        }
        let layer =
            self.config.layers.get(index).ok_or_else(|| Error::internal("no such layer"))?;
        let (span, slots) = match layer.window {
            Some(_) => (Span::Local, self.layout.ring),
            None => (Span::Global, self.layout.capacity),
        };
        // In a browser integers have 32 bits: a cache that is too large to count cannot be
        // allocated.
        let room = slots.saturating_mul(layer.kv_width());
        let rows = LayerRows {
            span,
            heads: layer.kv_heads as u64,
            bytes: 4 * layer.head_dim as u64,
            slots,
            keys: uploader.values("keys", room)?,
            values: uploader.values("values", room)?,
        };
        self.row_of.push(self.rows.len());
        self.rows.push(rows.clone());
        Ok(rows)
    }

    async fn add_feed_forward(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        weights: &LayerTensors,
        layer: &Layer,
    ) -> Result<()> {
        let (width, hidden) = (self.config.width, layer.hidden);
        let both = uploader.joined(model, &[&weights.ffn_gate, &weights.ffn_up]).await?;
        let down = uploader.matrix(model, &weights.ffn_down).await?;
        let shapes = both.iter().map(|planes| planes.shape).collect();
        let (rows, out_stride) = match layer.sparsity {
            // Which gates are cut is known only when all of them are computed.
            Some(_) => (Rows::Stacked(shapes), 2 * to_u32(hidden)),
            None => (Rows::Gated(shapes), padded(hidden)),
        };
        let inner = Product {
            label: "gate and up",
            rows,
            in_quads: padded(width) / 4,
            out_stride,
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let rounding = self.rounding_for(&[&weights.ffn_gate, &weights.ffn_up]);
        let [one, many] = self.vectors(rounding).map(|it| it.normed.clone());
        let rounding = self.rounding_for(&[&weights.ffn_down]);
        let [inner_one, inner_many] = self.vectors(rounding).map(|it| it.inner.clone());
        if let Some(deviations) = layer.sparsity {
            let gates = self.added.gates()?;
            let entry = self.entry(&inner, one, uploader)?;
            self.add_product(&inner, (entry, many), [gates.clone(), gates.clone()], None, &both);
            let (source, grid) =
                kernels::newer::sparse(layer, deviations, self.layout.shapes.token);
            let kernel = self.recorder.kernel(&source);
            let bound = [&gates, &inner_many, &self.buffers.progress];
            self.both(self.recorder.bind(&kernel, &bound, grid));
        } else {
            let entry = self.entry(&inner, one, uploader)?;
            let outputs = [inner_one.clone(), inner_many.clone()];
            self.add_product(&inner, (entry, many), outputs, rounding, &both);
        }
        let outer = Product {
            label: "down",
            rows: Rows::Stacked(vec![down.shape]),
            in_quads: padded(hidden) / 4,
            out_stride: padded(width),
            out_first: 0,
            ending: Ending::Plain,
            intake: Intake::Stored,
        };
        let branch = self.buffers.branch.clone();
        let entry = Entry::stored(inner_one);
        self.add_product(&outer, (entry, inner_many), [branch.clone(), branch], None, &[down]);
        Ok(())
    }

    /// Adds the branch, and usually normalises for the next step.
    pub(super) fn add_norm(
        &mut self,
        weights: [&wgpu::Buffer; 2],
        adding: Adding,
        rounding: Option<Rounding>,
    ) {
        let branch = self.buffers.branch.clone();
        self.add_norm_of(&branch, weights, adding, rounding);
    }

    /// The same for another branch.
    pub(super) fn add_norm_of(
        &mut self,
        branch: &wgpu::Buffer,
        [post, next]: [&wgpu::Buffer; 2],
        adding: Adding,
        rounding: Option<Rounding>,
    ) {
        let (config, token) = (self.config.clone(), self.layout.shapes.token);
        if self.layout.fuses {
            self.norm_now();
            let (source, grid) = kernels::add(&config, token, adding, None);
            let kernel = self.recorder.kernel(&source);
            let Buffers { residual, progress, exact, .. } = &self.buffers;
            let bound = [branch, residual, progress, post, next, &exact.normed];
            self.many.push(self.recorder.bind(&kernel, &bound, grid));
            let [branch, post, next] = [branch, post, next].map(Clone::clone);
            self.waiting = Some(Waiting { branch, post, next, adding, rounding });
            return;
        }
        let bound = |buffers: &Buffers, residual: &wgpu::Buffer, normed: &wgpu::Buffer| {
            let Buffers { progress, .. } = buffers;
            [branch, residual, progress, post, next, normed].map(Clone::clone).to_vec()
        };
        self.add_both(rounding, |rounding| kernels::add(&config, token, adding, rounding), bound);
    }

    /// Adds a product for one token and for many. `rounding` is how the output's reader needs one
    /// token's result.
    pub(super) fn add_product(
        &mut self,
        product: &Product,
        (entry, many): (Entry, wgpu::Buffer),
        [to_one, to_many]: [wgpu::Buffer; 2],
        rounding: Option<Rounding>,
        planes: &[Planes],
    ) {
        let Entry { intake, input, more, last } = entry;
        let one = Product { intake, ..product.clone() };
        let one = self.product(
            one.for_one(self.layout.plan, rounding),
            &[input, to_one],
            [&more, &last],
            planes,
        );
        let tiles = product.for_many(self.layout.shapes.tile);
        let many = self.product(tiles, &[many, to_many], [&[], &[]], planes);
        self.one.push(one);
        self.many.push(many);
    }

    /// Returns the inputs of products for one token and for many.
    fn vectors(&self, rounding: Option<Rounding>) -> [&Vectors; 2] {
        [self.buffers.vectors(rounding), &self.buffers.exact]
    }

    /// Compiles a product and binds it.
    pub(crate) fn product(
        &mut self,
        (source, grid): (Source, Grid),
        [input, output]: &[wgpu::Buffer; 2],
        [more, last]: [&[wgpu::Buffer]; 2],
        planes: &[Planes],
    ) -> Dispatch {
        let kernel = self.recorder.kernel(&source);
        let mut bound = vec![input, output, &self.buffers.progress];
        bound.extend(more);
        bound.extend(planes.iter().flat_map(|planes| planes.buffers()));
        bound.extend(last);
        let weights = |it: &Planes| u64::from(it.shape.rows) * u64::from(it.shape.columns);
        self.recorder.bind(&kernel, &bound, grid).working(planes.iter().map(weights).sum())
    }

    /// A matrix after the last layer: the head's shards, the dense layers.
    pub(crate) fn last_product(
        &mut self,
        label: &'static str,
        planes: &Planes,
        (entry, output): (&Entry, &wgpu::Buffer),
        ends: (u32, Option<f32>),
        plan: Plan,
    ) -> Dispatch {
        let product = last(label, planes, ends, entry.intake);
        let io = [entry.input.clone(), output.clone()];
        self.product(
            product.for_one(plan, None),
            &io,
            [&entry.more, &entry.last],
            std::slice::from_ref(planes),
        )
    }

    pub(super) fn both(&mut self, dispatch: Dispatch) {
        self.one.push(dispatch.clone());
        self.many.push(dispatch);
    }

    /// Returns cosines and sines of positions 64a, then of 0 to 63.
    fn angles(&self, uploader: &mut Uploader, layer: &Layer) -> Result<wgpu::Buffer> {
        let coarse = (0..coarse_rows(self.layout.capacity)).map(|row| row * FINE);
        let mut table = Vec::new();
        for position in coarse.chain(0..FINE) {
            let (cosines, sines) = layer.rope.angles(position, layer.head_dim);
            table.extend(cosines.into_iter().zip(sines).flat_map(|(cos, sin)| [cos, sin]));
        }
        uploader.filled("angles", &table)
    }
}

impl Layout {
    /// Returns the stride of scores between heads: the maximum number of keys to which a token can
    /// attend.
    pub(crate) fn score_stride(self) -> usize {
        self.capacity
    }
}

/// A matrix that follows the last layer.
pub(super) fn last(
    label: &'static str,
    planes: &Planes,
    (out_first, soft_cap): (u32, Option<f32>),
    intake: Intake,
) -> Product {
    Product {
        label,
        rows: Rows::Stacked(vec![planes.shape]),
        in_quads: padded(planes.shape.columns as usize) / 4,
        out_stride: 0,
        out_first,
        ending: Ending::of(soft_cap),
        intake,
    }
}

fn coarse_rows(capacity: usize) -> usize {
    capacity.div_ceil(FINE)
}
