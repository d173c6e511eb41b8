//! The weights in memory, and the block that every layer is.

use hybridge_core::Result;

use super::attention::attend;
use super::cache::Cache;
use super::matrix::Matrix;
use super::vector::{add, gelu, rms_norm, rotate};
use crate::config::{Config, Rope};
use crate::quant::Rounding;
use crate::weights::{LayerTensors, Model};

/// What both models share: the embedding, the layers, the last norm.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Block>,
    pub(super) output_norm: Vec<f32>,
}

/// The weights of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    attn_norm: Vec<f32>,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    query_norm: Vec<f32>,
    key_norm: Vec<f32>,
    output: Matrix,
    post_attention_norm: Vec<f32>,
    ffn_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    post_ffw_norm: Vec<f32>,
}

impl Network {
    pub(super) async fn load(model: &Model) -> Result<Self> {
        let mut layers = Vec::new();
        for tensors in &model.tensors.layers {
            layers.push(Block::load(model, tensors).await?);
        }
        Ok(Self {
            config: model.config.clone(),
            embedding: Matrix::load(model, &model.tensors.token_embd).await?,
            layers,
            output_norm: model.values(&model.tensors.output_norm).await?,
        })
    }

    /// From now on products round what they read, or no longer. The embedding is looked up as it is.
    pub(super) fn round_inputs(&mut self, wanted: Option<Rounding>) {
        self.embedding.round_inputs(wanted);
        for block in &mut self.layers {
            let Block { query, key, value, output, gate, up, down, .. } = block;
            for matrix in [query, key, value, output, gate, up, down] {
                matrix.round_inputs(wanted);
            }
        }
    }

    /// `E[token] · √width` for each token. \[tokens, width\]
    pub(super) fn embed(&self, tokens: &[u32]) -> Vec<Vec<f32>> {
        let scaled = |token: &u32| {
            let row = self.embedding.row(*token as usize);
            row.iter().map(|x| x * self.config.embedding_scale).collect()
        };
        tokens.iter().map(scaled).collect()
    }

    /// The norm after the last layer.
    pub(super) fn normed(&self, x: &[f32]) -> Vec<f32> {
        rms_norm(x, &self.output_norm, self.config.norm_epsilon)
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

    /// Runs tokens from `first` on through attention that looks back: each sees the cache as it is
    /// right after its own key was put, so that a ring needs no more room than its window.
    pub(super) fn causal(
        &self,
        config: &Config,
        rope: Rope,
        window: Option<usize>,
        cache: &mut Cache,
        first: usize,
        x: &mut [Vec<f32>],
    ) {
        let projected = self.project(config, rope, first, x);
        let mixed: Vec<Vec<f32>> = projected
            .zip(first..)
            .map(|((query, key, value), position)| {
                cache.put(position, &key, &value);
                let visible = super::attention::behind(position, window);
                attend(config, &query, cache, &visible)
            })
            .collect();
        self.finish(config, &mixed, x);
    }

    /// Runs a whole text through attention that looks both ways.
    pub(super) fn bidirectional(
        &self,
        config: &Config,
        rope: Rope,
        window: Option<usize>,
        x: &mut [Vec<f32>],
    ) {
        let mut cache = Cache::new(config.kv_width(), x.len());
        let queries: Vec<Vec<f32>> = self
            .project(config, rope, 0, x)
            .enumerate()
            .map(|(position, (query, key, value))| {
                cache.put(position, &key, &value);
                query
            })
            .collect();
        let mixed: Vec<Vec<f32>> = queries
            .iter()
            .enumerate()
            .map(|(position, query)| {
                let visible = super::attention::around(position, window, x.len());
                attend(config, query, &cache, &visible)
            })
            .collect();
        self.finish(config, &mixed, x);
    }

    /// Queries, keys and values of each token: normed by head, turned by position, queries scaled.
    fn project(
        &self,
        config: &Config,
        rope: Rope,
        first: usize,
        x: &[Vec<f32>],
    ) -> impl Iterator<Item = (Vec<f32>, Vec<f32>, Vec<f32>)> {
        let normed = |weight: &[f32], x: &[f32]| rms_norm(x, weight, config.norm_epsilon);
        let h: Vec<Vec<f32>> = x.iter().map(|x| normed(&self.attn_norm, x)).collect();
        let mut queries = self.query.times(&h);
        let mut keys = self.key.times(&h);
        let values = self.value.times(&h);
        for (offset, (query, key)) in queries.iter_mut().zip(&mut keys).enumerate() {
            let (cosines, sines) = rope.angles(first + offset, config.head_dim);
            for (heads, norm, scale) in
                [(query, &self.query_norm, config.query_scale), (key, &self.key_norm, 1.0)]
            {
                for head in heads.chunks_exact_mut(config.head_dim) {
                    head.copy_from_slice(&normed(norm, head));
                    rotate(head, &cosines, &sines);
                    head.iter_mut().for_each(|value| *value *= scale);
                }
            }
        }
        queries.into_iter().zip(keys).zip(values).map(|((query, key), value)| (query, key, value))
    }

    /// From mixed values to the end of the block.
    fn finish(&self, config: &Config, mixed: &[Vec<f32>], x: &mut [Vec<f32>]) {
        let normed = |weight: &[f32], x: &[f32]| rms_norm(x, weight, config.norm_epsilon);
        for (x, attention) in x.iter_mut().zip(self.output.times(mixed)) {
            add(x, &normed(&self.post_attention_norm, &attention));
        }
        let h: Vec<Vec<f32>> = x.iter().map(|x| normed(&self.ffn_norm, x)).collect();
        let mut inner = self.gate.times(&h);
        for (gate, up) in inner.iter_mut().zip(self.up.times(&h)) {
            for (gate, up) in gate.iter_mut().zip(up) {
                *gate = gelu(*gate) * up;
            }
        }
        for (x, output) in x.iter_mut().zip(self.down.times(&inner)) {
            add(x, &normed(&self.post_ffw_norm, &output));
        }
    }
}
