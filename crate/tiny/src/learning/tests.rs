//! The passes against burn's autodiff.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use hybridge_gemma::testing::Random;

use super::pass::Pass;
use super::weights::{Layout, untrained};
use crate::batch::{Batch, Row};
use crate::shape::Shape;
use crate::twin;

struct Collector<'a> {
    gradients: &'a Gradients,
    found: Vec<f32>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).unwrap();
        self.found.extend(gradient.into_data().try_to_vec::<f32>().unwrap());
    }
}

/// Rows longer than the window, of several lengths, with answers here and there.
fn batch(vocabulary: u32) -> Batch {
    let mut random = Random(7);
    let rows: Vec<Row> = [90, 84, 71]
        .into_iter()
        .map(|length| Row {
            ids: (0..length).map(|_| random.below(vocabulary)).collect(),
            is_answer: (0..length).map(|_| random.below(3) == 0).collect(),
            is_refusal: false,
        })
        .collect();
    Batch::new(&rows)
}

#[test]
fn gradients_are_those_of_burns_autodiff() {
    for (layers, width, hidden, heads, kv_heads, head_dim) in
        [(2, 32, 64, 2, 1, 16), (3, 48, 40, 6, 2, 8), (4, 64, 96, 4, 4, 32)]
    {
        let shape = Shape { layers, width, hidden, heads, kv_heads, head_dim };
        let config = shape.config(50);
        let layout = Layout::new(&config);
        let mut weights = untrained(&config, &layout, 3);
        // No norm is left at the value that it begins with.
        let mut random = Random(4);
        weights.iter_mut().for_each(|weight| *weight *= 1.0 + 0.2 * random.symmetric());
        let batch = batch(50);
        let mut pass = Pass::default();
        pass.forward(&config, &layout, &weights, &batch);
        let count = batch.places.len() as f32;
        let loss = pass.backward(&config, &layout, &weights, &batch, 1.0 / count) / count;

        let device = Device::flex().autodiff();
        let network = twin::network(&config, &layout, &weights, &device);
        let twin_loss = twin::loss(&network, &config, &batch, &device);
        let gradients = twin_loss.backward();
        let mut collector = Collector { gradients: &gradients, found: Vec::new() };
        network.visit(&mut collector);
        let twin_loss: f32 = twin_loss.into_scalar();
        assert!((loss - twin_loss).abs() < 1e-4, "{shape:?}: {loss} and {twin_loss}");
        let ours = in_the_modules_order(&layout, &pass.gradients);
        let scale = collector.found.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        assert_eq!(ours.len(), collector.found.len());
        for (place, (ours, twin)) in ours.iter().zip(&collector.found).enumerate() {
            assert!(
                (ours - twin).abs() < 1e-4 * scale,
                "{shape:?}, {place}: {ours} and {twin}, most {scale}"
            );
        }
    }
}

/// The module visits its fields as they are declared.
fn in_the_modules_order(layout: &Layout, values: &[f32]) -> Vec<f32> {
    let mut out = values[layout.embedding.clone()].to_vec();
    for layer in &layout.layers {
        for range in [
            &layer.attn_norm,
            &layer.qkv,
            &layer.query_norm,
            &layer.key_norm,
            &layer.output,
            &layer.post_attention_norm,
            &layer.ffn_norm,
            &layer.gate_up,
            &layer.down,
            &layer.post_ffw_norm,
        ] {
            out.extend(&values[range.clone()]);
        }
    }
    out.extend(&values[layout.norm.clone()]);
    out
}
