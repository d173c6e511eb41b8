//! Finds the weights of a tower in its file.

use std::rc::Rc;

use hybridge_core::{Error, Result, Status};

use super::config::{Projector, VisionConfig};
use crate::gguf::Gguf;
use crate::source::Source;
use crate::weights::{Tensor, missing_tensor};

/// An open `mmproj` file whose weights were all found with the right shape.
#[derive(Clone, Debug)]
pub struct VisionModel {
    /// The tower's sizes.
    pub config: VisionConfig,
    pub(crate) gguf: Rc<Gguf>,
    pub(crate) tensors: TowerTensors,
}

impl VisionModel {
    /// Opens an `mmproj` file.
    ///
    /// # Errors
    ///
    /// Returns `MMPROJ_INVALID`, `MMPROJ_UNSUPPORTED` and the codes of any model file.
    pub async fn open(sources: Vec<Rc<dyn Source>>) -> Result<Self> {
        let gguf = Gguf::open(sources).await?;
        let config = VisionConfig::read(&gguf)?;
        let tensors = Finder { gguf: &gguf, config: &config }.tensors()?;
        Ok(Self { config, gguf: Rc::new(gguf), tensors })
    }

    /// Returns the size of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.gguf.size()
    }
}

/// `clamp(W · clamp(x) + b)`, where bias and clamps are optional.
#[derive(Clone, Debug)]
pub(crate) struct LinearTensors {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
    /// Minimum and maximum of the input, minimum and maximum of the output.
    pub(crate) clamp: Option<[Tensor; 4]>,
}

#[derive(Clone, Debug)]
pub(crate) struct NormTensors {
    pub(crate) weight: Tensor,
    pub(crate) bias: Option<Tensor>,
}

#[derive(Clone, Debug)]
pub(crate) struct TowerLayerTensors {
    pub(crate) attention_norm: NormTensors,
    pub(crate) query: LinearTensors,
    pub(crate) key: LinearTensors,
    pub(crate) value: LinearTensors,
    pub(crate) output: LinearTensors,
    /// Norms of each head of queries and of keys. \[`head_dim`\]
    pub(crate) head_norms: Option<[NormTensors; 2]>,
    pub(crate) after_attention: Option<NormTensors>,
    pub(crate) ffn_norm: NormTensors,
    pub(crate) gate: Option<LinearTensors>,
    pub(crate) up: LinearTensors,
    pub(crate) down: LinearTensors,
    pub(crate) after_ffn: Option<NormTensors>,
}

#[derive(Clone, Debug)]
pub(crate) struct TowerTensors {
    /// \[width, 3 · patch²\]
    pub(crate) patch: LinearTensors,
    /// One row for each position, or for each column and then for each row of patches.
    pub(crate) positions: Tensor,
    /// Norms of pixels, of patches and of their sum with positions; without a tower only.
    pub(crate) patch_norms: Option<[NormTensors; 3]>,
    pub(crate) layers: Vec<TowerLayerTensors>,
    /// Norm after the last layer.
    pub(crate) last_norm: Option<NormTensors>,
    /// Offset and scale of pooled values. \[width\]
    pub(crate) standard: Option<[Tensor; 2]>,
    /// Norm of pooled values. \[width\]
    pub(crate) projection_norm: Option<NormTensors>,
    /// \[outputs, width\], or the transpose.
    pub(crate) projection: Tensor,
    pub(crate) is_transposed: bool,
}

struct Finder<'a> {
    gguf: &'a Gguf,
    config: &'a VisionConfig,
}

impl Finder<'_> {
    fn tensors(&self) -> Result<TowerTensors> {
        let VisionConfig { projector, width, layers, outputs, .. } = *self.config;
        let is_gemma3 = projector == Projector::Gemma3;
        let has_tower = projector != Projector::Gemma4Unified;
        let width_norm = |name: &str| self.norm(name, width, true);
        Ok(TowerTensors {
            patch: self.patch(!has_tower)?,
            positions: self.positions()?,
            patch_norms: if has_tower {
                None
            } else {
                let pixels = self.norm("v.patch_norm.1", self.config.pixels(), true)?;
                Some([pixels, width_norm("v.patch_norm.2")?, width_norm("v.patch_norm.3")?])
            },
            layers: (0..layers).map(|layer| self.layer(layer)).collect::<Result<_>>()?,
            last_norm: is_gemma3.then(|| width_norm("v.post_ln")).transpose()?,
            standard: match (self.has("v.std_bias"), self.has("v.std_scale")) {
                (false, false) => None,
                _ if projector == Projector::Gemma4 => {
                    Some([self.vector("v.std_bias", width)?, self.vector("v.std_scale", width)?])
                }
                _ => return Err(unexpected("v.std_scale")),
            },
            projection_norm: is_gemma3
                .then(|| self.norm("mm.soft_emb_norm", width, false))
                .transpose()?,
            projection: {
                let name = "mm.input_projection.weight";
                if is_gemma3 {
                    self.find(name, &[outputs, width], width, outputs)?
                } else {
                    self.find(name, &[width, outputs], outputs, width)?
                }
            },
            is_transposed: is_gemma3,
        })
    }

    fn layer(&self, index: usize) -> Result<TowerLayerTensors> {
        let VisionConfig { projector, width, hidden, .. } = *self.config;
        let name = |part: &str| format!("v.blk.{index}.{part}");
        let is_gemma3 = projector == Projector::Gemma3;
        let norm = |part: &str, width| self.norm(&name(part), width, is_gemma3);
        let linear = |part: &str, rows, columns| self.linear(&name(part), rows, columns, is_gemma3);
        let of_gemma4 = |part: &str, width| (!is_gemma3).then(|| norm(part, width)).transpose();
        // Older converters swapped the names of the two matrices.
        let is_exchanged = hidden != width
            && self.first_size(&name("ffn_up.weight")) == Some(hidden as u64)
            && is_gemma3;
        let (up, down) = if is_exchanged { ("ffn_down", "ffn_up") } else { ("ffn_up", "ffn_down") };
        let head = self.config.head_dim();
        Ok(TowerLayerTensors {
            attention_norm: norm("ln1", width)?,
            query: linear("attn_q", width, width)?,
            key: linear("attn_k", width, width)?,
            value: linear("attn_v", width, width)?,
            output: linear("attn_out", width, width)?,
            head_norms: if is_gemma3 {
                None
            } else {
                Some([norm("attn_q_norm", head)?, norm("attn_k_norm", head)?])
            },
            after_attention: of_gemma4("attn_post_norm", width)?,
            ffn_norm: norm("ln2", width)?,
            gate: (!is_gemma3).then(|| linear("ffn_gate", hidden, width)).transpose()?,
            up: linear(up, hidden, width)?,
            down: linear(down, width, hidden)?,
            after_ffn: of_gemma4("ffn_post_norm", width)?,
        })
    }

    /// Pixels of a patch are in the order of channels, rows, columns, whatever the file's
    /// dimensions are called.
    fn patch(&self, is_flat: bool) -> Result<LinearTensors> {
        let VisionConfig { projector, width, patch, .. } = *self.config;
        let name = "v.patch_embd.weight";
        let pixels = self.config.pixels();
        let flat = [pixels, width];
        let square = [patch, patch, 3, width];
        let shape: &[usize] = if is_flat { &flat } else { &square };
        let has_bias = projector != Projector::Gemma4;
        Ok(LinearTensors {
            weight: self.find(name, shape, width, pixels)?,
            bias: has_bias.then(|| self.vector("v.patch_embd.bias", width)).transpose()?,
            clamp: None,
        })
    }

    fn positions(&self) -> Result<Tensor> {
        let name = "v.position_embd.weight";
        let VisionConfig { width, patch, side, .. } = *self.config;
        if let Some(side) = side {
            let places = (side / patch) * (side / patch);
            return self.find(name, &[width, places], places, width);
        }
        let (_, info) = self.gguf.tensor(name).ok_or_else(|| missing_tensor(name))?;
        let places = info.shape.get(1).and_then(|places| usize::try_from(*places).ok());
        let places = places.filter(|places| *places > 0).unwrap_or(1);
        self.find(name, &[width, places, 2], places.saturating_mul(2), width)
    }

    fn linear(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
        needs_bias: bool,
    ) -> Result<LinearTensors> {
        let bias = format!("{name}.bias");
        let clamps = ["input_min", "input_max", "output_min", "output_max"]
            .map(|part| format!("{name}.{part}"));
        let clamp = if clamps.iter().any(|name| self.has(name)) {
            let [a, b, c, d] = clamps.each_ref().map(|name| self.vector(name, 1));
            Some([a?, b?, c?, d?])
        } else {
            None
        };
        Ok(LinearTensors {
            weight: self.find(&format!("{name}.weight"), &[columns, rows], rows, columns)?,
            bias: (needs_bias || self.has(&bias)).then(|| self.vector(&bias, rows)).transpose()?,
            clamp,
        })
    }

    fn norm(&self, name: &str, width: usize, has_bias: bool) -> Result<NormTensors> {
        Ok(NormTensors {
            weight: self.vector(&format!("{name}.weight"), width)?,
            bias: has_bias.then(|| self.vector(&format!("{name}.bias"), width)).transpose()?,
        })
    }

    fn vector(&self, name: &str, columns: usize) -> Result<Tensor> {
        self.find(name, &[columns], 1, columns)
    }

    fn find(&self, name: &str, shape: &[usize], rows: usize, columns: usize) -> Result<Tensor> {
        Tensor::find(self.gguf, name, shape, rows, columns)
    }

    fn has(&self, name: &str) -> bool {
        self.gguf.tensor(name).is_some()
    }

    fn first_size(&self, name: &str) -> Option<u64> {
        self.gguf.tensor(name).and_then(|(_, info)| info.shape.first().copied())
    }
}

fn unexpected(name: &str) -> Error {
    Error::new(Status::Unimplemented, format!("the tensor {name} is not expected in this tower"))
        .with_code("MMPROJ_UNSUPPORTED")
}
