//! Loads weights from a model's file as f32.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use hybridge_core::Result;

use super::model::{BurnBlock, BurnGemma, BurnKeys};
use super::newer::{BurnAltUp, BurnInputs, BurnLaurel, BurnPerLayer, BurnStreams};
use crate::weights::{
    AltUpTensors, InputTensors, KeyTensors, LaurelTensors, LayerTensors, Model, PerLayerTensors,
    StreamTensors, Tensor as Stored,
};

impl BurnGemma {
    /// Loads a model's weights as f32.
    ///
    /// # Errors
    ///
    /// Returns errors of reading the model.
    pub async fn load(device: &Device, model: &Model) -> Result<Self> {
        let tensors = &model.tensors;
        let mut layers = Vec::new();
        for tensors in &tensors.layers {
            layers.push(BurnBlock::load(device, model, tensors).await?);
        }
        Ok(Self {
            embedding: matrix(device, model, &tensors.token_embd).await?,
            output: match &tensors.output {
                Some(tensor) => Some(matrix(device, model, tensor).await?),
                None => None,
            },
            layers,
            norm: vector(device, model, &tensors.output_norm).await?,
            inputs: match &tensors.inputs {
                Some(inputs) => Some(BurnInputs::load(device, model, inputs).await?),
                None => None,
            },
            streams: match &tensors.streams {
                Some(streams) => Some(BurnStreams::load(device, model, streams).await?),
                None => None,
            },
        })
    }
}

impl BurnBlock {
    async fn load(device: &Device, model: &Model, tensors: &LayerTensors) -> Result<Self> {
        Ok(Self {
            attn_norm: vector(device, model, &tensors.attn_norm).await?,
            query: matrix(device, model, &tensors.attn_q).await?,
            own: match &tensors.own {
                Some(own) => Some(BurnKeys::load(device, model, own).await?),
                None => None,
            },
            query_norm: vector(device, model, &tensors.attn_q_norm).await?,
            output: matrix(device, model, &tensors.attn_output).await?,
            post_attention_norm: vector(device, model, &tensors.post_attention_norm).await?,
            ffn_norm: vector(device, model, &tensors.ffn_norm).await?,
            gate: matrix(device, model, &tensors.ffn_gate).await?,
            up: matrix(device, model, &tensors.ffn_up).await?,
            down: matrix(device, model, &tensors.ffn_down).await?,
            post_ffw_norm: vector(device, model, &tensors.post_ffw_norm).await?,
            per_layer: match &tensors.per_layer {
                Some(tensors) => Some(BurnPerLayer::load(device, model, tensors).await?),
                None => None,
            },
            output_scale: match &tensors.output_scale {
                Some(tensor) => Some(vector(device, model, tensor).await?),
                None => None,
            },
            altup: match &tensors.altup {
                Some(tensors) => Some(BurnAltUp::load(device, model, tensors).await?),
                None => None,
            },
            laurel: match &tensors.laurel {
                Some(tensors) => Some(BurnLaurel::load(device, model, tensors).await?),
                None => None,
            },
        })
    }
}

impl BurnKeys {
    async fn load(device: &Device, model: &Model, tensors: &KeyTensors) -> Result<Self> {
        Ok(Self {
            key: matrix(device, model, &tensors.attn_k).await?,
            value: match &tensors.attn_v {
                Some(tensor) => Some(matrix(device, model, tensor).await?),
                None => None,
            },
            key_norm: vector(device, model, &tensors.attn_k_norm).await?,
        })
    }
}

impl BurnInputs {
    async fn load(device: &Device, model: &Model, tensors: &InputTensors) -> Result<Self> {
        Ok(Self {
            projection: matrix(device, model, &tensors.model_proj).await?,
            norm: vector(device, model, &tensors.proj_norm).await?,
        })
    }
}

impl BurnStreams {
    async fn load(device: &Device, model: &Model, tensors: &StreamTensors) -> Result<Self> {
        Ok(Self {
            split: each(device, model, &tensors.proj).await?,
            join: each(device, model, &tensors.unembd_proj).await?,
        })
    }
}

impl BurnPerLayer {
    async fn load(device: &Device, model: &Model, tensors: &PerLayerTensors) -> Result<Self> {
        Ok(Self {
            gate: matrix(device, model, &tensors.inp_gate).await?,
            projection: matrix(device, model, &tensors.proj).await?,
            post_norm: vector(device, model, &tensors.post_norm).await?,
        })
    }
}

impl BurnAltUp {
    async fn load(device: &Device, model: &Model, tensors: &AltUpTensors) -> Result<Self> {
        Ok(Self {
            router: matrix(device, model, &tensors.router).await?,
            router_norm: vector(device, model, &tensors.router_norm).await?,
            predict: matrix(device, model, &tensors.predict_coef).await?,
            correct: matrix(device, model, &tensors.correct_coef).await?,
            correct_scale: vector(device, model, &tensors.correct_scale).await?,
        })
    }
}

impl BurnLaurel {
    async fn load(device: &Device, model: &Model, tensors: &LaurelTensors) -> Result<Self> {
        Ok(Self {
            left: matrix(device, model, &tensors.left).await?,
            right: matrix(device, model, &tensors.right).await?,
            post_norm: vector(device, model, &tensors.post_norm).await?,
        })
    }
}

pub(super) async fn matrix(
    device: &Device,
    model: &Model,
    stored: &Stored,
) -> Result<Param<Tensor<2>>> {
    let data = TensorData::new(model.values(stored).await?, [stored.rows, stored.columns]);
    Ok(Param::from_tensor(Tensor::from_data(data, device)))
}

async fn vector(device: &Device, model: &Model, stored: &Stored) -> Result<Param<Tensor<1>>> {
    let data = TensorData::new(model.values(stored).await?, [stored.columns]);
    Ok(Param::from_tensor(Tensor::from_data(data, device)))
}

/// Loads a matrix for each stream except the active one.
async fn each(device: &Device, model: &Model, stacked: &Stored) -> Result<Vec<Param<Tensor<2>>>> {
    let mut matrices = Vec::new();
    for tensor in StreamTensors::each(stacked) {
        matrices.push(matrix(device, model, &tensor).await?);
    }
    Ok(matrices)
}
