//! Compares the passes with burn's autodiff.

use hybridge_gemma::testing::Random;

use super::pass::Pass;
use super::weights::{Layout, untrained};
use crate::batch::{Batch, Row};
use crate::shape::Shape;
use crate::twin;

/// Rows longer than the window, of several lengths, with answers at various positions.
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
fn gradients_agree_with_burns_autodiff() {
    for (layers, width, hidden, heads, kv_heads, head_dim) in
        [(2, 32, 64, 2, 1, 16), (3, 48, 40, 6, 2, 8), (4, 64, 96, 4, 4, 32)]
    {
        let shape = Shape { layers, width, hidden, heads, kv_heads, head_dim };
        let config = shape.config(50);
        let layout = Layout::new(&config);
        let mut weights = untrained(&config, &layout, 3);
        // Perturb the norms, so that none has its initial value.
        let mut random = Random(4);
        weights.iter_mut().for_each(|weight| *weight *= 1.0 + 0.2 * random.symmetric());
        let batch = batch(50);
        let mut pass = Pass::default();
        pass.forward(&config, &layout, &weights, &batch);
        let count = batch.places.len() as f32;
        let loss = pass.backward(&config, &layout, &weights, &batch, 1.0 / count) / count;

        let (twin_loss, found) = twin::learn(&config, &layout, &weights, &batch, 1.0 / count);
        let twin_loss = twin_loss / count;
        assert!((loss - twin_loss).abs() < 1e-4, "{shape:?}: {loss} and {twin_loss}");
        assert_eq!(pass.gradients.len(), found.len());
        let scale = found.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for (place, (ours, twin)) in pass.gradients.iter().zip(&found).enumerate() {
            assert!(
                (ours - twin).abs() < 1e-4 * scale,
                "{shape:?}, {place}: {ours} and {twin}, most {scale}"
            );
        }
    }
}
