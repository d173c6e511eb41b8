//! The engine's burn module with autodiff: the slow twin that tests the fast passes.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use hybridge_gemma::Config;
use hybridge_gemma::config::{Layer, Span};

use crate::batch::Batch;
use crate::burn_model::{BurnBlock, BurnGemma, BurnKeys, Place};
use crate::learning::weights::Layout;
use crate::shape::WINDOW;

/// Builds the module from a vector of weights.
pub(crate) fn network(
    config: &Config,
    layout: &Layout,
    weights: &[f32],
    device: &Device,
) -> BurnGemma {
    let matrix = |range: std::ops::Range<usize>, columns: usize| -> Param<Tensor<2>> {
        let rows = range.len() / columns;
        Param::from_data(TensorData::new(weights[range].to_vec(), [rows, columns]), device)
    };
    let norm = |range: &std::ops::Range<usize>| -> Param<Tensor<1>> {
        Param::from_data(TensorData::new(weights[range.clone()].to_vec(), [range.len()]), device)
    };
    let (width, query, kv) = (
        config.width,
        config.layers[0].query_width() * config.width,
        config.layers[0].kv_width() * config.width,
    );
    let layers = layout
        .layers
        .iter()
        .map(|layer| {
            let (qkv, gate) = (layer.qkv.start, layer.gate_up.start);
            let half = layer.gate_up.len() / 2;
            BurnBlock {
                attn_norm: norm(&layer.attn_norm),
                query: matrix(qkv..qkv + query, width),
                own: Some(BurnKeys {
                    key: matrix(qkv + query..qkv + query + kv, width),
                    value: Some(matrix(qkv + query + kv..qkv + query + 2 * kv, width)),
                    key_norm: norm(&layer.key_norm),
                }),
                query_norm: norm(&layer.query_norm),
                output: matrix(layer.output.clone(), config.layers[0].query_width()),
                post_attention_norm: norm(&layer.post_attention_norm),
                ffn_norm: norm(&layer.ffn_norm),
                gate: matrix(gate..gate + half, width),
                up: matrix(gate + half..gate + 2 * half, width),
                down: matrix(layer.down.clone(), config.layers[0].hidden),
                post_ffw_norm: norm(&layer.post_ffw_norm),
                per_layer: None,
                output_scale: None,
                altup: None,
                laurel: None,
            }
        })
        .collect();
    let embedding = matrix(layout.embedding.clone(), width);
    let norm = norm(&layout.norm);
    BurnGemma { embedding, output: None, layers, norm, inputs: None, streams: None }
}

/// Returns the mean of −log p over all target tokens.
pub(crate) fn loss(
    network: &BurnGemma,
    config: &Config,
    batch: &Batch,
    device: &Device,
) -> Tensor<1> {
    let place = |span: Span, window: usize| {
        let layer = config.layers.iter().find(|layer| layer.span == span);
        let layer = layer.unwrap_or(&config.layers[0]);
        let sees = move |query: usize, key: usize| key <= query && query - key < window;
        Place::new(layer, 0, batch.length, batch.length, sees, device)
    };
    let (local, global) = (place(Span::Local, WINDOW), place(Span::Global, usize::MAX));
    let of_layer = |layer: &Layer| if layer.span == Span::Local { &local } else { &global };
    let places: Vec<&Place> = config.layers.iter().map(of_layer).collect();
    let tokens: Tensor<2, Int> = Tensor::from_data(
        TensorData::new(batch.inputs.clone(), [batch.rows, batch.length]),
        device,
    );
    let hidden = network.hidden(config, tokens, None, &places, None);
    let flat = hidden.reshape([batch.rows * batch.length, config.width]);
    let count = batch.places.len();
    let at: Tensor<1, Int> =
        Tensor::from_data(TensorData::new(batch.places.clone(), [count]), device);
    let spoken = flat.select(0, at).reshape([1, count, config.width]);
    let logits = network.logits(config, spoken).reshape([count, config.vocabulary]);
    let targets: Tensor<2, Int> =
        Tensor::from_data(TensorData::new(batch.targets.clone(), [count, 1]), device);
    log_softmax(logits, 1).gather(1, targets).mean().neg()
}

/// Extracts the gradients in the module's order, which is the layout's.
struct Collector<'a> {
    gradients: &'a Gradients,
    found: Vec<f32>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.extend(gradient.into_data().iter::<f32>());
        }
    }
}

/// Computes with burn what `Pass::forward` and `Pass::backward` compute: Σ −log p, and the
/// gradient of every weight where one position has the weight `share`.
pub(crate) fn learn(
    config: &Config,
    layout: &Layout,
    weights: &[f32],
    batch: &Batch,
    share: f32,
) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let network = network(config, layout, weights, &device);
    let sum = loss(&network, config, batch, &device).mul_scalar(batch.targets.len() as f32);
    let gradients = sum.clone().mul_scalar(share).backward();
    let mut collector = Collector { gradients: &gradients, found: Vec::new() };
    network.visit(&mut collector);
    (sum.into_scalar(), collector.found)
}
