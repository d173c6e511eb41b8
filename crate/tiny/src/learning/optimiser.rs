//! AdamW with global gradient clipping, and weight decay on matrices only.

use super::weights::Layout;

const BETAS: [f32; 2] = [0.9, 0.98];
const EPSILON: f32 = 1e-9;
const DECAY: f32 = 0.02;
/// The maximum norm of all gradients together.
const CLIP: f32 = 1.0;

/// Both moments of every weight.
pub(crate) struct Optimiser {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Optimiser {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { first: vec![0.0; layout.total], second: vec![0.0; layout.total], steps: 0 }
    }

    /// Updates the weights by one step; returns the norm of the gradients.
    pub(crate) fn step(
        &mut self,
        layout: &Layout,
        weights: &mut [f32],
        gradients: &[f32],
        rate: f32,
    ) -> f32 {
        let norm =
            gradients.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt() as f32;
        let scale = (CLIP / (norm + 1e-6)).min(1.0);
        self.steps += 1;
        let corrections = BETAS.map(|beta| 1.0 / (1.0 - beta.powi(self.steps)));
        for (range, is_norm) in layout.parts() {
            let keep = if is_norm { 1.0 } else { 1.0 - rate * DECAY };
            let weights = &mut weights[range.clone()];
            let first = &mut self.first[range.clone()];
            let second = &mut self.second[range.clone()];
            for (((weight, gradient), first), second) in
                weights.iter_mut().zip(&gradients[range]).zip(first).zip(second)
            {
                let gradient = gradient * scale;
                *first = BETAS[0] * *first + (1.0 - BETAS[0]) * gradient;
                *second = BETAS[1] * *second + (1.0 - BETAS[1]) * gradient * gradient;
                let size = (*second * corrections[1]).sqrt() + EPSILON;
                *weight = *weight * keep - rate * *first * corrections[0] / size;
            }
        }
        norm
    }
}
