//! Finds a model's weights by name.

use hybridge_core::{Error, Result};

use super::adapter::Adapter;
use super::config::{Architecture, Config, Span};
use super::weights::{
    AltUpTensors, DenseTensors, InputTensors, KeyTensors, LaurelTensors, LayerTensors,
    PerLayerTensors, StreamTensors, Tensor, Tensors, missing_tensor,
};
use crate::gguf::Gguf;

/// Finds weights by name and checks their shapes against the configuration.
pub(super) struct Finder<'a> {
    pub(super) gguf: &'a Gguf,
    pub(super) config: &'a Config,
    pub(super) adapters: &'a [Adapter],
    /// Whether sums with the adapters' products are stored in single precision.
    pub(super) single: bool,
}

impl Finder<'_> {
    pub(super) fn tensors(&self) -> Result<Tensors> {
        let Config { width, vocabulary, architecture, .. } = *self.config;
        Ok(Tensors {
            token_embd: self.matrix("token_embd.weight", vocabulary, width)?,
            output_norm: self.vector("output_norm.weight", width)?,
            output: self.if_there("output.weight", |name| self.matrix(name, vocabulary, width))?,
            layers: (0..self.config.layers.len())
                .map(|index| self.layer(index))
                .collect::<Result<_>>()?,
            inputs: self.config.per_layer.map(|part| self.inputs(part)).transpose()?,
            streams: (self.config.streams > 1).then(|| self.streams()).transpose()?,
            dense: (architecture == Architecture::GemmaEmbedding)
                .then(|| self.dense())
                .transpose()?,
        })
    }

    fn layer(&self, index: usize) -> Result<LayerTensors> {
        let width = self.config.width;
        let layer =
            self.config.layers.get(index).ok_or_else(|| Error::internal("no such layer"))?;
        let (query, hidden, head_dim) = (layer.query_width(), layer.hidden, layer.head_dim);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let matrix = |part: &str, rows, columns| self.matrix(&name(part), rows, columns);
        let vector = |part: &str, columns| self.vector(&name(part), columns);
        let own = match layer.source {
            // A file may contain keys from the layer's training, which it does not use.
            Some(_) => None,
            None => Some(self.keys(index)?),
        };
        Ok(LayerTensors {
            attn_norm: vector("attn_norm", width)?,
            attn_q: matrix("attn_q", query, width)?,
            attn_q_norm: vector("attn_q_norm", head_dim)?,
            own,
            attn_output: matrix("attn_output", width, query)?,
            post_attention_norm: vector("post_attention_norm", width)?,
            ffn_norm: vector("ffn_norm", width)?,
            ffn_gate: matrix("ffn_gate", hidden, width)?,
            ffn_up: matrix("ffn_up", hidden, width)?,
            ffn_down: matrix("ffn_down", width, hidden)?,
            post_ffw_norm: vector("post_ffw_norm", width)?,
            per_layer: match self.config.per_layer {
                Some(part) => Some(PerLayerTensors {
                    inp_gate: matrix("inp_gate", part, width)?,
                    proj: matrix("proj", width, part)?,
                    post_norm: vector("post_norm", width)?,
                }),
                None => None,
            },
            output_scale: match self.config.architecture {
                Architecture::Gemma4 => {
                    self.if_there(&name("layer_output_scale"), |name| self.vector(name, 1))?
                }
                _ => None,
            },
            altup: (self.config.streams > 1).then(|| self.altup(index)).transpose()?,
            laurel: match self.config.architecture {
                Architecture::Gemma3n => Some(self.laurel(index)?),
                _ => None,
            },
        })
    }

    fn keys(&self, index: usize) -> Result<KeyTensors> {
        let Config { width, norms_values, .. } = *self.config;
        let layer = self.config.layers.get(index);
        let (kv, head_dim) = layer.map_or((0, 0), |layer| (layer.kv_width(), layer.head_dim));
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let matrix = |name: &str| self.matrix(name, kv, width);
        Ok(KeyTensors {
            attn_k: matrix(&name("attn_k"))?,
            // Only if values are normalised can they be the keys before their norm.
            attn_v: match self.config.architecture {
                Architecture::Gemma4 if norms_values => self.if_there(&name("attn_v"), matrix)?,
                _ => Some(matrix(&name("attn_v"))?),
            },
            attn_k_norm: self.vector(&name("attn_k_norm"), head_dim)?,
        })
    }

    fn altup(&self, index: usize) -> Result<AltUpTensors> {
        let Config { width, streams, .. } = *self.config;
        let name = |part: &str| format!("blk.{index}.altup_{part}.weight");
        Ok(AltUpTensors {
            router: self.matrix(&name("router"), streams, width)?,
            router_norm: self.vector(&name("router_norm"), width)?,
            predict_coef: self.matrix(&name("predict_coef"), streams * streams, streams)?,
            correct_coef: self.matrix(&name("correct_coef"), streams, streams)?,
            correct_scale: self.vector(&name("correct_scale"), width)?,
        })
    }

    fn laurel(&self, index: usize) -> Result<LaurelTensors> {
        let width = self.config.width;
        let name = |part: &str| format!("blk.{index}.laurel_{part}.weight");
        // The rank is not among the keys.
        let rank = self.rows_of(&name("l"))?;
        Ok(LaurelTensors {
            left: self.matrix(&name("l"), rank, width)?,
            right: self.matrix(&name("r"), width, rank)?,
            post_norm: self.vector(&name("post_norm"), width)?,
        })
    }

    fn inputs(&self, part: usize) -> Result<InputTensors> {
        let Config { width, vocabulary, .. } = *self.config;
        let parts = part.saturating_mul(self.config.layers.len());
        Ok(InputTensors {
            token_embd: self.matrix("per_layer_token_embd.weight", vocabulary, parts)?,
            model_proj: self.matrix("per_layer_model_proj.weight", parts, width)?,
            proj_norm: self.vector("per_layer_proj_norm.weight", part)?,
        })
    }

    fn streams(&self) -> Result<StreamTensors> {
        let Config { width, streams, .. } = *self.config;
        let all = |name: &str| {
            let shape: &[usize] =
                if streams == 2 { &[width, width] } else { &[width, width, streams - 1] };
            self.find(name, shape, (streams - 1) * width, width)
        };
        Ok(StreamTensors {
            proj: all("altup_proj.weight")?,
            unembd_proj: all("altup_unembd_proj.weight")?,
        })
    }

    /// Finds one divisor for each pair of a global head. Only Gemma 4 has them.
    pub(super) fn rope_divisors(&self) -> Result<Option<Tensor>> {
        let global = self.config.layers.iter().find(|layer| layer.span == Span::Global);
        let (Architecture::Gemma4, Some(global)) = (self.config.architecture, global) else {
            return Ok(None);
        };
        self.if_there("rope_freqs.weight", |name| self.vector(name, global.head_dim / 2))
    }

    fn if_there(
        &self,
        name: &str,
        find: impl Fn(&str) -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        self.gguf.tensor(name).map(|_| find(name)).transpose()
    }

    /// Returns the rows of a matrix, known only from its tensor.
    fn rows_of(&self, name: &str) -> Result<usize> {
        let (_, info) = self.gguf.tensor(name).ok_or_else(|| missing_tensor(name))?;
        let rows = info.shape.get(1).copied().unwrap_or(1);
        Ok(usize::try_from(rows).unwrap_or(usize::MAX))
    }

    /// Required, because without them the vectors would be plausible but wrong.
    fn dense(&self) -> Result<DenseTensors> {
        let (middle, outputs) = (self.rows_of("dense_2.weight")?, self.rows_of("dense_3.weight")?);
        Ok(DenseTensors {
            dense_2: self.matrix("dense_2.weight", middle, self.config.width)?,
            dense_3: self.matrix("dense_3.weight", outputs, middle)?,
        })
    }

    fn vector(&self, name: &str, columns: usize) -> Result<Tensor> {
        self.find(name, &[columns], 1, columns)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let shape: &[usize] = if rows == 1 { &[columns] } else { &[columns, rows] };
        self.find(name, shape, rows, columns)
    }

    fn find(&self, name: &str, shape: &[usize], rows: usize, columns: usize) -> Result<Tensor> {
        Tensor::find(self.gguf, name, shape, rows, columns)?.changed_by(self.adapters, self.single)
    }
}
