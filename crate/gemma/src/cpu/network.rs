//! The weights in memory, and the computation before the first layer and after the last.

use std::ops::Range;

use hybridge_core::Result;

use super::block::Block;
use super::inputs::{Inputs, Precision};
use super::matrix::{Matrix, times_all};
use super::pass::CHUNK;
use super::vector::{norm_each, scale_to};
use crate::cache::KeyValues;
use crate::config::{Config, Rope};
use crate::network::rows::Rows;
use crate::weights::{InputTensors, Model, StreamTensors, Tensor};

/// The common part of both models: the embedding, the layers, the last norm.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) precision: Precision,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Block>,
    pub(super) output_norm: Vec<f32>,
    pub(super) inputs: Option<LayerInputs>,
    pub(super) streams: Option<Streams>,
}

/// Computes each layer's per-token input.
#[derive(Clone, Debug)]
pub(super) struct LayerInputs {
    rows: Rows,
    projection: Matrix,
    norm: Vec<f32>,
}

/// Expands one residual stream to several, and merges them again.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    split: Vec<Matrix>,
    join: Vec<Matrix>,
}

/// Buffers of a block, reused by the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// The residual stream; the active one if there are several. \[tokens, width\]
    pub(super) x: Vec<f32>,
    /// The other residual streams. \[streams − 1\]\[tokens, width\]
    pub(super) others: Vec<Vec<f32>>,
    /// The layers' own inputs. \[tokens, layers · `per_layer`\]
    pub(super) extra: Vec<f32>,
    pub(super) before: Vec<f32>,
    pub(super) normed: Vec<f32>,
    pub(super) query: Vec<f32>,
    pub(super) key: Vec<f32>,
    pub(super) value: Vec<f32>,
    pub(super) mixed: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) output: Vec<f32>,
    /// Angles for each rope of the layers, at the last positions.
    pub(super) angles: Vec<Angles>,
    pub(super) inputs: Inputs,
}

/// Cosines and sines of a range of positions, which take a power and two functions each and are
/// shared by layers.
#[derive(Clone, Debug)]
pub(super) struct Angles {
    rope: Rope,
    head_dim: usize,
    first: usize,
    /// Half a head of each. \[positions\]
    pub(super) of: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Angles {
    /// Returns the angles of a rope and a range of positions, cached or computed.
    pub(super) fn find<'a>(
        all: &'a mut Vec<Self>,
        rope: &Rope,
        positions: Range<usize>,
        head_dim: usize,
    ) -> Option<&'a Self> {
        let is_rope = |it: &Self| it.rope == *rope && it.head_dim == head_dim;
        let (first, count) = (positions.start, positions.len());
        let is_known = |it: &Self| is_rope(it) && it.first == first && it.of.len() == count;
        if let Some(index) = all.iter().position(is_known) {
            all.swap(0, index);
        } else {
            all.retain(|it| !is_rope(it));
            let of = positions.map(|position| rope.angles(position, head_dim)).collect();
            all.insert(0, Self { rope: rope.clone(), head_dim, first, of });
        }
        all.first()
    }
}

/// The positions to which a token attends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sight {
    /// Itself and earlier ones.
    Back,
    /// Like [`Self::Back`], with all keys of the picture stored before.
    Stored,
    /// Itself, earlier ones, and the stored ones up to the end of its picture.
    Until(usize),
    /// The whole text, of this length.
    Around(usize),
}

impl Sight {
    pub(super) fn visible(self, position: usize, window: Option<usize>) -> Range<usize> {
        let start = window.map_or(0, |window| (position + 1).saturating_sub(window));
        match (self, window) {
            (Self::Back | Self::Stored, _) => start..position + 1,
            (Self::Until(end), _) => start..end.max(position + 1),
            (Self::Around(length), None) => 0..length,
            // The window extends by half to each side, as in llama.cpp.
            (Self::Around(length), Some(window)) => {
                position.saturating_sub(window / 2)..length.min(position + window / 2 + 1)
            }
        }
    }
}

impl Network {
    pub(super) async fn load(model: &Model, precision: Precision) -> Result<Self> {
        let embedding = Matrix::load(model, &model.tensors.token_embd).await?;
        let mut layers = Vec::new();
        for tensors in &model.tensors.layers {
            layers.push(Block::load(model, tensors).await?);
        }
        Ok(Self {
            config: model.config.clone(),
            precision,
            embedding,
            layers,
            output_norm: model.values(&model.tensors.output_norm).await?,
            inputs: match &model.tensors.inputs {
                Some(tensors) => Some(LayerInputs::load(model, tensors).await?),
                None => None,
            },
            streams: match &model.tensors.streams {
                Some(tensors) => Some(Streams {
                    split: each(model, &tensors.proj).await?,
                    join: each(model, &tensors.unembd_proj).await?,
                }),
                None => None,
            },
        })
    }

    /// Computes the input of the first layer: embedded tokens, each layer's inputs, all residual
    /// streams.
    pub(super) async fn begin(&mut self, tokens: &[u32], scratch: &mut Scratch) -> Result<()> {
        let Config { width, embedding_scale, .. } = self.config;
        // Done before anything is written, so that a failed or dropped read changes nothing.
        let extra = self.gather(tokens).await?;
        scratch.x.clear();
        scratch.x.resize(tokens.len() * width, 0.0);
        for (token, row) in tokens.iter().zip(scratch.x.chunks_exact_mut(width)) {
            self.embedding.row(*token as usize, row);
            row.iter_mut().for_each(|value| *value *= embedding_scale);
        }
        self.spread(extra, scratch);
        Ok(())
    }

    /// The same for rows of a picture, which are not scaled. Their per-layer inputs are those of
    /// token 0.
    pub(super) async fn begin_rows(&mut self, rows: &[f32], scratch: &mut Scratch) -> Result<()> {
        let extra = self.gather(&vec![0; rows.len() / self.config.width]).await?;
        scratch.x.clear();
        scratch.x.extend_from_slice(rows);
        self.spread(extra, scratch);
        Ok(())
    }

    /// Reads rows of the per-layer table. \[tokens, layers · `per_layer`\]
    async fn gather(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        match &mut self.inputs {
            Some(inputs) => inputs.rows.gather(tokens).await,
            None => Ok(Vec::new()),
        }
    }

    /// Computes each layer's inputs and the other residual streams from `scratch.x`.
    fn spread(&self, extra: Vec<f32>, scratch: &mut Scratch) {
        let Config { width, norm_epsilon, .. } = self.config;
        if let Some(inputs) = &self.inputs {
            inputs.fill(extra, norm_epsilon, self.precision, scratch);
        }
        if let Some(streams) = &self.streams {
            streams.split(width, self.precision, scratch);
        }
    }

    /// Writes the input of the last norm to `scratch.x`.
    pub(super) fn join(&self, scratch: &mut Scratch) {
        if let Some(streams) = &self.streams {
            streams.join(self.config.width, self.precision, scratch);
        }
    }

    /// The norm after the last layer. \[tokens, width\]
    pub(super) fn normed(&self, x: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; x.len()];
        norm_each(x, &self.output_norm, self.config.norm_epsilon, false, &mut normed);
        normed
    }

    /// Returns the bytes of weights that a token reads, excluding the head.
    pub(super) fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(Block::matrices);
        let streams = self.streams.iter().flat_map(|it| it.split.iter().chain(&it.join));
        let inputs = self.inputs.iter().map(|it| &it.projection);
        layers.chain(streams).chain(inputs).map(Matrix::bytes).sum()
    }

    /// Stores one layer's keys and values of the residual stream in `scratch`, without running the
    /// layer.
    pub(super) fn store(
        &self,
        index: usize,
        cache: &mut KeyValues,
        first: usize,
        scratch: &mut Scratch,
    ) {
        if let Some((block, layer)) = self.layers.get(index).zip(self.config.layers.get(index)) {
            block.store(self, layer, cache, first, scratch);
        }
    }

    /// Runs one layer on the residual stream in `scratch`, from position `first` on. The cache is
    /// its own, or that of the layer whose keys it reads.
    pub(super) fn layer(
        &self,
        index: usize,
        cache: &mut KeyValues,
        first: usize,
        sight: Sight,
        scratch: &mut Scratch,
    ) {
        if let Some((block, layer)) = self.layers.get(index).zip(self.config.layers.get(index)) {
            block.run(self, (index, layer), cache, first, sight, scratch);
        }
    }
}

impl LayerInputs {
    async fn load(model: &Model, tensors: &InputTensors) -> Result<Self> {
        Ok(Self {
            rows: Rows::new(model, &tensors.token_embd),
            projection: Matrix::load(model, &tensors.model_proj).await?,
            norm: model.values(&tensors.proj_norm).await?,
        })
    }

    /// `(norm(projection · x / √width) + row · √part) / √2`, the norm over each layer's part.
    fn fill(&self, rows: Vec<f32>, epsilon: f32, precision: Precision, scratch: &mut Scratch) {
        let Scratch { x, extra, normed, inputs, .. } = scratch;
        times([&self.projection], x, inputs, precision, [normed]);
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let (scale, row_scale) =
            (1.0 / (self.projection.columns() as f32).sqrt(), (self.norm.len() as f32).sqrt());
        normed.iter_mut().for_each(|value| *value *= scale);
        *extra = rows;
        extra.iter_mut().for_each(|value| *value *= row_scale);
        norm_each(normed, &self.norm, epsilon, true, extra);
        extra.iter_mut().for_each(|value| *value *= std::f32::consts::FRAC_1_SQRT_2);
    }
}

impl Streams {
    /// Computes the other streams: projections of the embedding, scaled to its length.
    fn split(&self, width: usize, precision: Precision, scratch: &mut Scratch) {
        let Scratch { x, others, inputs, .. } = scratch;
        others.resize(self.split.len(), Vec::new());
        for (matrix, other) in self.split.iter().zip(others) {
            times([matrix], x, inputs, precision, [other]);
            for (x, other) in x.chunks_exact(width).zip(other.chunks_exact_mut(width)) {
                scale_to(other, x);
            }
        }
    }

    /// Returns the mean of the active stream and the others' projections, scaled to its length.
    fn join(&self, width: usize, precision: Precision, scratch: &mut Scratch) {
        let Scratch { x, others, before, output, inputs, .. } = scratch;
        before.clone_from(x);
        for (matrix, other) in self.join.iter().zip(others) {
            times([matrix], other, inputs, precision, [output]);
            for (active, other) in before.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
                scale_to(other, active);
            }
            for (x, other) in x.iter_mut().zip(&*output) {
                *x += *other;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let share = 1.0 / (self.join.len() + 1) as f32;
        x.iter_mut().for_each(|x| *x *= share);
    }
}

/// Returns a matrix for each stream except the active one.
async fn each(model: &Model, stacked: &Tensor) -> Result<Vec<Matrix>> {
    let mut matrices = Vec::new();
    for tensor in StreamTensors::each(stacked) {
        matrices.push(Matrix::load(model, &tensor).await?);
    }
    Ok(matrices)
}

/// Multiplies one input by several matrices of the same width, a few tokens at a time.
pub(super) fn times<const N: usize>(
    matrices: [&Matrix; N],
    x: &[f32],
    inputs: &mut Inputs,
    precision: Precision,
    mut outputs: [&mut Vec<f32>; N],
) {
    let columns = matrices.first().map_or(1, |matrix| matrix.columns()).max(1);
    let rounded = |matrix: &&Matrix| matrix.wants_rounded(precision);
    let plain = |matrix: &&Matrix| matrix.wants_plain(precision);
    let (is_plain, is_rounded) = (matrices.iter().any(plain), matrices.iter().any(rounded));
    for (matrix, output) in matrices.iter().zip(&mut outputs) {
        resize(output, x.len() / columns * matrix.rows());
    }
    for (index, x) in x.chunks(CHUNK * columns).enumerate() {
        inputs.set(x, columns, is_plain, is_rounded);
        let mut outputs = matrices.iter().zip(&mut outputs).map(|(matrix, output)| {
            output.chunks_mut(CHUNK * matrix.rows()).nth(index).unwrap_or_default()
        });
        let outputs = matrices.map(|_| outputs.next().unwrap_or_default());
        times_all(matrices, inputs, precision, outputs);
    }
}

/// Resizes a buffer that will be overwritten.
pub(super) fn resize(values: &mut Vec<f32>, length: usize) {
    values.resize(length, 0.0);
}
