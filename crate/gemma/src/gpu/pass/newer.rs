//! Additions of Gemma 3n and 4 to the lists of dispatches.
//!
//! ```text
//! inputs of layers   once: projection ─ norm and sum;  each layer: gate ─ projection ─ norm
//! streams (AltUp)    once: projections ─ split, projections ─ join;  layers: predict, correct
//! low rank (LAuReL)  each layer: two products
//! sparse gates       their layers: one kernel between products
//! ```

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::gpu::device::launcher::{Dispatch, Grid};
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::newer::{Streams, input_stride, inputs, suppress};
use crate::gpu::kernels::products::{Ending, Product, Rows as Stacking};
use crate::gpu::kernels::shader::Source;
use crate::gpu::kernels::upload::{Planes, Uploader};
use crate::gpu::kernels::{Adding, padded, to_u32};
use crate::gpu::pass::network::Network;
use crate::network::rows::Rows;
use crate::quant::Rounding;
use crate::weights::{LayerTensors, Model, StreamTensors, Tensor, missing_tensor};

/// Buffers of newer networks only.
#[derive(Debug, Default)]
pub(crate) struct Added {
    inputs: Option<Inputs>,
    streams: Option<Residuals>,
    /// Both halves of gates with a cut.
    gates: Option<wgpu::Buffer>,
}

/// Computes and stores the layers' inputs.
#[derive(Debug)]
struct Inputs {
    /// The table, whose rows are read from the file when tokens need them. It is never on the GPU.
    reader: Rows,
    /// \[tokens, layers · part\]
    rows: wgpu::Buffer,
    projected: wgpu::Buffer,
    /// \[layers, chunk, stride\]
    all: wgpu::Buffer,
    gated: wgpu::Buffer,
    /// The layer's addition from its input.
    branch: wgpu::Buffer,
    part: usize,
}

/// Several residual streams. \[streams, chunk, width\]
#[derive(Debug)]
struct Residuals {
    all: wgpu::Buffer,
    projected: wgpu::Buffer,
    /// Buffers of the low-rank residual.
    inner: wgpu::Buffer,
    low: wgpu::Buffer,
}

impl Added {
    pub(crate) async fn make(model: &Model, chunk: usize, uploader: &mut Uploader) -> Result<Self> {
        let config = &model.config;
        let wide = |width: usize| chunk * padded(width) as usize;
        let inputs = match (&model.tensors.inputs, config.per_layer) {
            (Some(tensors), Some(part)) => {
                let parts = part * config.layers.len();
                Some(Inputs {
                    reader: Rows::new(model, &tensors.token_embd),
                    rows: uploader.values("rows", chunk * parts)?,
                    projected: uploader.values("projected inputs", chunk * parts)?,
                    all: uploader
                        .values("inputs", config.layers.len() * chunk * input_stride(part))?,
                    gated: uploader.values("gated inputs", wide(part))?,
                    branch: uploader.values("branch of inputs", wide(config.width))?,
                    part,
                })
            }
            _ => None,
        };
        let streams = if config.streams > 1 {
            let rank = |layer: &LayerTensors| layer.laurel.as_ref().map_or(0, |it| it.left.rows);
            let rank = model.tensors.layers.iter().map(rank).max().unwrap_or(0);
            let size = config.streams * stream_chunk(chunk) * padded(config.width) as usize;
            Some(Residuals {
                all: uploader.values("streams", size)?,
                projected: uploader.values("projected streams", size)?,
                inner: uploader.values("low rank", wide(rank))?,
                low: uploader.values("low-rank branch", wide(config.width))?,
            })
        } else {
            None
        };
        let is_sparse = config.layers.iter().any(|layer| layer.sparsity.is_some());
        let gates = 2 * config.widest(|layer| layer.hidden);
        let gates = is_sparse.then(|| uploader.values("gates", chunk * gates)).transpose()?;
        Ok(Self { inputs, streams, gates })
    }

    /// Whether a pass reads rows of a file for each token.
    pub(crate) fn reads_rows(&self) -> bool {
        self.inputs.is_some()
    }

    pub(super) fn gates(&self) -> Result<wgpu::Buffer> {
        self.gates.clone().ok_or_else(|| Error::internal("no room for gates"))
    }

    fn streams(&self) -> Result<&Residuals> {
        self.streams.as_ref().ok_or_else(|| Error::internal("no room for streams"))
    }
}

/// Returns the stride of streams in tokens: bindings begin at multiples of 256 bytes, which two
/// tokens fill.
fn stream_chunk(chunk: usize) -> usize {
    chunk.next_multiple_of(2)
}

/// A range of a buffer, in values.
fn part(buffer: &wgpu::Buffer, first: usize, count: usize) -> wgpu::BufferBinding<'_> {
    let size = std::num::NonZeroU64::new(4 * count as u64);
    wgpu::BufferBinding { buffer, offset: 4 * first as u64, size }
}

fn whole(buffer: &wgpu::Buffer) -> wgpu::BufferBinding<'_> {
    buffer.as_entire_buffer_binding()
}

/// A product with one matrix.
fn single(label: &'static str, planes: &Planes, ending: Ending) -> Product {
    Product {
        label,
        rows: Stacking::Stacked(vec![planes.shape]),
        in_quads: padded(planes.shape.columns as usize) / 4,
        out_stride: padded(planes.shape.rows as usize),
        out_first: 0,
        ending,
        intake: Intake::Stored,
    }
}

impl Network {
    /// Reads the rows of these tokens, and writes them to the GPU.
    pub(crate) async fn fetch(&mut self, tokens: &[u32]) -> Result<()> {
        let Some(inputs) = self.added.inputs.as_mut().filter(|_| !tokens.is_empty()) else {
            return Ok(());
        };
        let rows = inputs.reader.gather(tokens).await?;
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.recorder.write(&inputs.rows, 0, &bytes);
        Ok(())
    }

    /// A product for one token and for many, with exact vectors.
    fn add_exact(&mut self, product: &Product, bound: &[wgpu::BufferBinding<'_>], planes: &Planes) {
        let [one, many] = self.exact(product, [bound, bound], planes);
        self.one.push(one);
        self.many.push(many);
    }

    /// Adds an exact product with different bindings for a single token.
    fn exact(
        &self,
        product: &Product,
        [one, many]: [&[wgpu::BufferBinding<'_>]; 2],
        planes: &Planes,
    ) -> [Dispatch; 2] {
        let sources = [
            product.for_one(self.layout.plan.exact(), None),
            product.for_many(self.layout.shapes.tile),
        ];
        let weights = u64::from(planes.shape.rows) * u64::from(planes.shape.columns);
        let mut bound = [one, many].into_iter();
        sources.map(|(source, grid)| {
            let mut bound = bound.next().unwrap_or_default().to_vec();
            bound.extend(planes.buffers().map(whole));
            let kernel = self.recorder.kernel(&source);
            self.recorder.bind_parts(&kernel, &bound, grid).working(weights)
        })
    }

    /// A kernel for both one token and many.
    fn add_kernel(&mut self, (source, grid): (Source, Grid), bound: &[&wgpu::Buffer]) {
        let kernel = self.recorder.kernel(&source);
        let dispatch = self.recorder.bind(&kernel, bound, grid);
        self.both(dispatch);
    }

    /// Returns the dispatch that suppresses tokens, if there are any.
    pub(crate) fn suppression(
        &self,
        uploader: &mut Uploader,
        logits: &wgpu::Buffer,
    ) -> Result<Option<Dispatch>> {
        // A file may list tokens for which its network has no rows.
        let known = |token: &&u32| (**token as usize) < self.config.vocabulary;
        let tokens: Vec<u32> = self.config.suppressed.iter().filter(known).copied().collect();
        if tokens.is_empty() {
            return Ok(None);
        }
        let listed = uploader.values("suppressed", tokens.len())?;
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        self.recorder.write(&listed, 0, &bytes);
        let (source, grid) = suppress(tokens.len());
        let kernel = self.recorder.kernel(&source);
        Ok(Some(self.recorder.bind(&kernel, &[logits, &listed], grid)))
    }

    /// Computes the inputs of all layers from the embedding and the rows.
    pub(super) async fn add_inputs(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
    ) -> Result<()> {
        let (Some(tensors), Some(made)) = (&model.tensors.inputs, &self.added.inputs) else {
            return Ok(());
        };
        let (rows, projected, all, part) =
            (made.rows.clone(), made.projected.clone(), made.all.clone(), made.part);
        let planes = uploader.matrix(model, &tensors.model_proj).await?;
        let norm = uploader.norms(model, &[&tensors.proj_norm]).await?;
        let out_stride = planes.shape.rows;
        let product = Product { out_stride, ..single("projected inputs", &planes, Ending::Plain) };
        let (residual, progress) = (self.buffers.residual.clone(), self.buffers.progress.clone());
        let one = [self.stream_now(), whole(&projected), whole(&progress)];
        let many = [&residual, &projected, &progress].map(whole);
        let [one, many] = self.exact(&product, [&one, &many], &planes);
        self.one.push(one);
        self.many.push(many);
        let kernel = inputs(&self.config, part, self.layout.shapes.head, self.layout.chunk);
        self.add_kernel(kernel, &[&projected, &all, &progress, &rows, &norm]);
        Ok(())
    }

    /// The end of a layer: adds its branch to the residual stream, and normalises for the next
    /// step.
    pub(super) async fn add_end(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        index: usize,
        (next, rounding): (&wgpu::Buffer, Option<Rounding>),
    ) -> Result<()> {
        let weights = layer_of(model, index)?;
        let scale = match &weights.output_scale {
            Some(tensor) => model.values(tensor).await?.first().copied(),
            None => None,
        };
        let last = Adding { scales: scale.is_some(), norms: true };
        let Some(inputs) = &weights.per_layer else {
            let post = uploader.norm_and(model, &weights.post_ffw_norm, scale).await?;
            self.add_norm([&post, next], last, rounding);
            return Ok(());
        };
        let post = uploader.norm(model, &weights.post_ffw_norm).await?;
        self.add_norm([&post, next], Adding { scales: false, norms: false }, None);
        let residual = self.buffers.residual.clone();
        let branch = self.add_gate(uploader, model, index, &residual).await?;
        let post = uploader.norm_and(model, &inputs.post_norm, scale).await?;
        self.add_norm_of(&branch, [&post, next], last, rounding);
        Ok(())
    }

    /// Computes `proj · (gelu(gate · x) ⊙ input)`; returns where it is stored.
    async fn add_gate(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        index: usize,
        read: &wgpu::Buffer,
    ) -> Result<wgpu::Buffer> {
        let weights = layer_of(model, index)?.per_layer.as_ref();
        let (Some(weights), Some(made)) = (weights, &self.added.inputs) else {
            return Err(Error::internal("a layer without an input"));
        };
        let (all, gated, branch) = (made.all.clone(), made.gated.clone(), made.branch.clone());
        let stride = input_stride(made.part);
        let progress = self.buffers.progress.clone();
        let planes = uploader.matrix(model, &weights.inp_gate).await?;
        let product = single("input gate", &planes, Ending::Gating(to_u32(stride)));
        let count = self.layout.chunk * stride;
        let factors = part(&all, index * count, count);
        let entry = self.entry(&product, read.clone(), uploader)?;
        let many = [whole(read), whole(&gated), whole(&progress), factors.clone()];
        let mut one = many.to_vec();
        if *read == self.buffers.residual {
            let stored = entry.intake.is_stored();
            let input = if stored { self.stream_now() } else { whole(&entry.input) };
            one = vec![input, whole(&gated), whole(&progress), factors];
            one.extend(entry.more.iter().map(whole));
        }
        let product = Product { intake: entry.intake, ..product };
        let [one, many] = self.exact(&product, [&one, &many], &planes);
        self.one.push(one);
        self.many.push(many);
        let planes = uploader.matrix(model, &weights.proj).await?;
        let product = single("input projection", &planes, Ending::Plain);
        self.add_exact(&product, &[&gated, &branch, &progress].map(whole), &planes);
        Ok(branch)
    }

    fn stream_kernels(&self) -> Streams {
        Streams { chunk: stream_chunk(self.layout.chunk), shape: self.layout.shapes.token }
    }

    /// Returns the number of values in one stream.
    fn stream_size(&self) -> usize {
        stream_chunk(self.layout.chunk) * padded(self.config.width) as usize
    }

    /// Creates the residual streams, and begins the first layer.
    pub(super) async fn add_split(&mut self, uploader: &mut Uploader, model: &Model) -> Result<()> {
        let Some(tensors) = &model.tensors.streams else { return Ok(()) };
        let all = self.added.streams()?.all.clone();
        let (residual, progress) = (self.buffers.residual.clone(), self.buffers.progress.clone());
        let size = self.stream_size();
        for (at, tensor) in (1..).zip(StreamTensors::each(&tensors.proj)) {
            let planes = uploader.matrix(model, &tensor).await?;
            let product = single("split", &planes, Ending::Plain);
            let bound = [whole(&residual), part(&all, at * size, size), whole(&progress)];
            self.add_exact(&product, &bound, &planes);
        }
        let kernel = self.stream_kernels().split(&self.config);
        self.add_kernel(kernel, &[&residual, &all, &progress]);
        self.add_prediction(uploader, model, None, Some(0)).await
    }

    /// Ends one layer and begins another.
    async fn add_prediction(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        before: Option<usize>,
        next: Option<usize>,
    ) -> Result<()> {
        let before = match before {
            Some(index) => layer_of(model, index)?.per_layer.as_ref(),
            None => None,
        };
        let next = next.map(|index| layer_of(model, index)).transpose()?;
        let mut weights: Vec<&Tensor> = before.iter().map(|it| &it.post_norm).collect();
        let mut coefficients = None;
        if let Some(next) = next {
            let altup = next.altup.as_ref().ok_or_else(|| missing_tensor("altup_router"))?;
            if before.is_none() {
                // An unused binding of this size.
                weights.push(&next.attn_norm);
            }
            weights.extend([&altup.router_norm, &altup.router, &next.attn_norm]);
            coefficients = Some(uploader.norms(model, &[&altup.predict_coef]).await?);
        } else if before.is_none() {
            return Ok(());
        }
        let weights = uploader.rows_of(model, &weights).await?;
        let branch = match &self.added.inputs {
            Some(inputs) => inputs.branch.clone(),
            None => self.buffers.branch.clone(),
        };
        let kernel = self.stream_kernels().predict(&self.config, before.is_some(), next.is_some());
        let all = self.added.streams()?.all.clone();
        let (normed, progress) = (self.buffers.exact.normed.clone(), self.buffers.progress.clone());
        let coefficients = coefficients.as_ref().unwrap_or(&weights);
        self.add_kernel(kernel, &[&branch, &all, &progress, &weights, coefficients, &normed]);
        Ok(())
    }

    /// Computes the low-rank residual beside attention, and their sum.
    pub(super) async fn add_merge(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        weights: &LayerTensors,
    ) -> Result<()> {
        let laurel = weights.laurel.as_ref().ok_or_else(|| missing_tensor("laurel_l"))?;
        let made = self.added.streams()?;
        let (all, inner, low) = (made.all.clone(), made.inner.clone(), made.low.clone());
        let (normed, progress) = (self.buffers.exact.normed.clone(), self.buffers.progress.clone());
        let left = uploader.matrix(model, &laurel.left).await?;
        let product = single("low rank", &left, Ending::Plain);
        self.add_exact(&product, &[&normed, &inner, &progress].map(whole), &left);
        let right = uploader.matrix(model, &laurel.right).await?;
        let product = single("low-rank branch", &right, Ending::Plain);
        self.add_exact(&product, &[&inner, &low, &progress].map(whole), &right);
        let norms = [&weights.post_attention_norm, &laurel.post_norm, &weights.ffn_norm];
        let norms = uploader.rows_of(model, &norms).await?;
        let kernel = self.stream_kernels().merge(&self.config);
        let (branch, residual) = (self.buffers.branch.clone(), self.buffers.residual.clone());
        self.add_kernel(kernel, &[&branch, &residual, &progress, &norms, &low, &all, &normed]);
        Ok(())
    }

    /// Corrects all streams, adds the layer's input, and begins the next layer.
    pub(super) async fn add_correction(
        &mut self,
        uploader: &mut Uploader,
        model: &Model,
        index: usize,
    ) -> Result<()> {
        let weights = layer_of(model, index)?;
        let altup = weights.altup.as_ref().ok_or_else(|| missing_tensor("altup_router"))?;
        let rows =
            [&weights.post_ffw_norm, &altup.router_norm, &altup.router, &altup.correct_scale];
        let rows = uploader.rows_of(model, &rows).await?;
        let coefficients = uploader.norms(model, &[&altup.correct_coef]).await?;
        let kernel = self.stream_kernels().correct(&self.config);
        let all = self.added.streams()?.all.clone();
        let (normed, progress) = (self.buffers.exact.normed.clone(), self.buffers.progress.clone());
        let (branch, residual) = (self.buffers.branch.clone(), self.buffers.residual.clone());
        let bound = [&branch, &residual, &progress, &rows, &coefficients, &all, &normed];
        self.add_kernel(kernel, &bound);
        if weights.per_layer.is_some() {
            self.add_gate(uploader, model, index, &normed).await?;
        }
        let next = Some(index + 1).filter(|next| *next < model.tensors.layers.len());
        self.add_prediction(uploader, model, Some(index), next).await
    }

    /// Merges all streams, normalised for the head.
    pub(super) async fn add_join(&mut self, uploader: &mut Uploader, model: &Model) -> Result<()> {
        let Some(tensors) = &model.tensors.streams else { return Ok(()) };
        let made = self.added.streams()?;
        let (all, projected) = (made.all.clone(), made.projected.clone());
        let (normed, progress) = (self.buffers.exact.normed.clone(), self.buffers.progress.clone());
        let size = self.stream_size();
        for (at, tensor) in (1..).zip(StreamTensors::each(&tensors.unembd_proj)) {
            let planes = uploader.matrix(model, &tensor).await?;
            let product = single("join", &planes, Ending::Plain);
            let [input, output] = [&all, &projected].map(|it| part(it, at * size, size));
            self.add_exact(&product, &[input, output, whole(&progress)], &planes);
        }
        let norm = uploader.norm(model, &model.tensors.output_norm).await?;
        let kernel = self.stream_kernels().join(&self.config);
        self.add_kernel(kernel, &[&projected, &all, &progress, &norm, &normed]);
        Ok(())
    }
}

fn layer_of(model: &Model, index: usize) -> Result<&LayerTensors> {
    model.tensors.layers.get(index).ok_or_else(|| Error::internal("no such layer"))
}
