//! The weights in memory, and the block that every layer is.

use std::ops::Range;

use hybridge_core::Result;

use super::attention::Attend;
use super::cache::Cache;
use super::inputs::{Inputs, Precision};
use super::lanes::run;
use super::matrix::Matrix;
use super::pass::CHUNK;
use super::vector::{Gelu, Turn, norm_each};
use crate::config::{Config, Layer, Rope, Span};
use crate::weights::{LayerTensors, Model};

/// What both models share: the embedding, the layers, the last norm.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) precision: Precision,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Block>,
    pub(super) output_norm: Vec<f32>,
}

/// The weights of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) attn_norm: Vec<f32>,
    pub(super) query: Matrix,
    pub(super) key: Matrix,
    pub(super) value: Matrix,
    pub(super) query_norm: Vec<f32>,
    pub(super) key_norm: Vec<f32>,
    pub(super) output: Matrix,
    pub(super) post_attention_norm: Vec<f32>,
    pub(super) ffn_norm: Vec<f32>,
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
    pub(super) post_ffw_norm: Vec<f32>,
}

/// Room for what a block computes on its way, kept from one block to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// The residual stream. \[tokens, width\]
    pub(super) x: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    output: Vec<f32>,
    scores: Vec<f32>,
    /// Of each rope that the layers have, for the positions that were last run.
    angles: Vec<Angles>,
    pub(super) inputs: Inputs,
}

/// Cosines and sines of some positions: a power and two functions for each, and layers share them.
#[derive(Clone, Debug)]
struct Angles {
    rope: Rope,
    first: usize,
    /// Half a head of each. \[positions\]
    of: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Angles {
    /// Those of a rope and of positions, out of what is kept or anew.
    fn find(
        all: &mut Vec<Self>,
        rope: Rope,
        first: usize,
        count: usize,
        head_dim: usize,
    ) -> Option<&Self> {
        let is_known = |it: &Self| it.rope == rope && it.first == first && it.of.len() == count;
        let known = all.iter().position(is_known);
        if let Some(index) = known {
            all.swap(0, index);
        } else {
            all.retain(|it| it.rope != rope);
            let of = (first..first + count).map(|position| rope.angles(position, head_dim));
            all.insert(0, Self { rope, first, of: of.collect() });
        }
        all.first()
    }
}

/// Which positions a token sees.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sight {
    /// Itself and what came before it.
    Back,
    /// The whole text, of this length.
    Around(usize),
}

impl Sight {
    fn visible(self, position: usize, window: Option<usize>) -> Range<usize> {
        match (self, window) {
            (Self::Back, None) => 0..position + 1,
            (Self::Back, Some(window)) => (position + 1).saturating_sub(window)..position + 1,
            (Self::Around(length), None) => 0..length,
            // Half a window on each side: that is how llama.cpp reads a symmetric window.
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
        })
    }

    /// `E[token] · √width` for each token. \[tokens, width\]
    pub(super) fn embed(&self, tokens: &[u32], x: &mut Vec<f32>) {
        let width = self.config.width;
        x.clear();
        x.resize(tokens.len() * width, 0.0);
        for (token, row) in tokens.iter().zip(x.chunks_exact_mut(width)) {
            self.embedding.row(*token as usize, row);
            row.iter_mut().for_each(|value| *value *= self.config.embedding_scale);
        }
    }

    /// The norm after the last layer. \[tokens, width\]
    pub(super) fn normed(&self, x: &[f32]) -> Vec<f32> {
        let mut normed = vec![0.0; x.len()];
        norm_each(x, &self.output_norm, self.config.norm_epsilon, false, &mut normed);
        normed
    }

    /// How many bytes of weights the layers have.
    pub(super) fn bytes(&self) -> usize {
        self.layers.iter().flat_map(Block::matrices).map(Matrix::bytes).sum()
    }

    /// Runs one layer over the residual stream in `scratch`, from position `first` on.
    pub(super) fn layer(
        &self,
        index: usize,
        cache: &mut Cache,
        first: usize,
        sight: Sight,
        scratch: &mut Scratch,
    ) {
        if let (Some(block), Some(layer)) = (self.layers.get(index), self.config.layers.get(index))
        {
            block.run(self, layer, cache, first, sight, scratch);
        }
    }
}

impl Block {
    async fn load(model: &Model, tensors: &LayerTensors) -> Result<Self> {
        Ok(Self {
            attn_norm: model.values(&tensors.attn_norm).await?,
            query: Matrix::load(model, &tensors.attn_q).await?,
            key: Matrix::load(model, &tensors.attn_k).await?,
            value: Matrix::load(model, &tensors.attn_v).await?,
            query_norm: model.values(&tensors.attn_q_norm).await?,
            key_norm: model.values(&tensors.attn_k_norm).await?,
            output: Matrix::load(model, &tensors.attn_output).await?,
            post_attention_norm: model.values(&tensors.post_attention_norm).await?,
            ffn_norm: model.values(&tensors.ffn_norm).await?,
            gate: Matrix::load(model, &tensors.ffn_gate).await?,
            up: Matrix::load(model, &tensors.ffn_up).await?,
            down: Matrix::load(model, &tensors.ffn_down).await?,
            post_ffw_norm: model.values(&tensors.post_ffw_norm).await?,
        })
    }

    fn matrices(&self) -> [&Matrix; 7] {
        let Self { query, key, value, output, gate, up, down, .. } = self;
        [query, key, value, output, gate, up, down]
    }

    fn run(
        &self,
        network: &Network,
        layer: &Layer,
        cache: &mut Cache,
        first: usize,
        sight: Sight,
        scratch: &mut Scratch,
    ) {
        let Network { config, precision, .. } = network;
        let (precision, epsilon) = (*precision, config.norm_epsilon);
        let Scratch {
            x,
            normed,
            query,
            key,
            value,
            mixed,
            gate,
            up,
            output,
            scores,
            angles,
            inputs,
        } = scratch;

        resize(normed, x.len());
        norm_each(x, &self.attn_norm, epsilon, false, normed);
        times(
            [&self.query, &self.key, &self.value],
            normed,
            inputs,
            precision,
            [query, key, value],
        );
        let tokens = query.len() / config.query_width();
        if let Some(angles) = Angles::find(angles, layer.rope, first, tokens, config.head_dim) {
            self.turn(config, angles, query, key);
        }
        self.attend(config, layer, cache, first, sight, (query, key, value), scores, mixed);
        times([&self.output], mixed, inputs, precision, [output]);
        norm_each(output, &self.post_attention_norm, epsilon, true, x);

        norm_each(x, &self.ffn_norm, epsilon, false, normed);
        times([&self.gate, &self.up], normed, inputs, precision, [gate, up]);
        run(Gelu { gate, up });
        times([&self.down], gate, inputs, precision, [output]);
        norm_each(output, &self.post_ffw_norm, epsilon, true, x);
    }

    /// Queries and keys: normed by head, turned by position, queries scaled.
    fn turn(&self, config: &Config, angles: &Angles, query: &mut [f32], key: &mut [f32]) {
        let (head_dim, epsilon) = (config.head_dim, config.norm_epsilon);
        let queries = query.chunks_exact_mut(config.query_width());
        let keys = key.chunks_exact_mut(config.kv_width());
        for ((cosines, sines), (query, key)) in angles.of.iter().zip(queries.zip(keys)) {
            for (heads, weight, scale) in
                [(query, &self.query_norm, config.query_scale), (key, &self.key_norm, 1.0)]
            {
                let angles = (cosines.as_slice(), sines.as_slice());
                run(Turn { heads, head_dim, weight, epsilon, angles, scale });
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all that a layer's attention touches")]
    fn attend(
        &self,
        config: &Config,
        layer: &Layer,
        cache: &mut Cache,
        first: usize,
        sight: Sight,
        (query, key, value): (&[f32], &[f32], &[f32]),
        scores: &mut Vec<f32>,
        mixed: &mut Vec<f32>,
    ) {
        let (query_width, width) = (config.query_width(), config.kv_width());
        let window = config.window.filter(|_| layer.span == Span::Local);
        let tokens = query.len() / query_width;
        let new = |index: usize| {
            let range = index * width..(index + 1) * width;
            (key.get(range.clone()).unwrap_or_default(), value.get(range).unwrap_or_default())
        };
        if matches!(sight, Sight::Around(_)) {
            for index in 0..tokens {
                let (key, value) = new(index);
                cache.put(first + index, key, value);
            }
        }
        resize(mixed, query.len());
        let heads = query.chunks_exact(query_width).zip(mixed.chunks_exact_mut(query_width));
        for (index, (queries, out)) in heads.enumerate() {
            let position = first + index;
            // Each token sees the cache as it is right after its own key was put, so that a ring
            // needs no more room than its window.
            if matches!(sight, Sight::Back) {
                let (key, value) = new(index);
                cache.put(position, key, value);
            }
            let visible = sight.visible(position, window);
            let stretches = cache.stretches(visible.start, visible.end);
            let (head_dim, group) = (config.head_dim, config.group());
            run(Attend { queries, stretches, head_dim, group, width, scores, out });
        }
    }
}

/// Multiplies one input with several matrices of the same width, some tokens at a time.
fn times<const N: usize>(
    matrices: [&Matrix; N],
    x: &[f32],
    inputs: &mut Inputs,
    precision: Precision,
    mut outputs: [&mut Vec<f32>; N],
) {
    let columns = matrices.first().map_or(1, |matrix| matrix.columns()).max(1);
    let rounded = |matrix: &&Matrix| matrix.wants_rounded(precision);
    let (is_plain, is_rounded) = (!matrices.iter().all(rounded), matrices.iter().any(rounded));
    for (matrix, output) in matrices.iter().zip(&mut outputs) {
        resize(output, x.len() / columns * matrix.rows());
    }
    for (index, x) in x.chunks(CHUNK * columns).enumerate() {
        inputs.set(x, columns, is_plain, is_rounded);
        for (matrix, output) in matrices.iter().zip(&mut outputs) {
            let size = CHUNK * matrix.rows();
            if let Some(output) = output.chunks_mut(size).nth(index) {
                matrix.times(inputs, precision, output);
            }
        }
    }
}

/// Makes room for what is overwritten anyway.
fn resize(values: &mut Vec<f32>, length: usize) {
    values.resize(length, 0.0);
}
