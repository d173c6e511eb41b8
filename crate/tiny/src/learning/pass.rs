//! Forward and backward pass through the whole network for one batch, on one thread.

use hybridge_gemma::Config;

use super::kernels::{View, exp, multiply, norm, norm_back};
use super::memory::{Saved, Sizes, Step, fit, zeroed};
use super::weights::Layout;
use crate::batch::Batch;

/// One thread's buffers, kept between batches.
#[derive(Default)]
pub(crate) struct Pass {
    layers: Vec<Saved>,
    x: Vec<f32>,
    spoken: Vec<f32>,
    spoken_normed: Vec<f32>,
    spoken_inverse: Vec<f32>,
    /// Logits, then probabilities, then gradients of the logits.
    pub(crate) logits: Vec<f32>,
    dx: Vec<f32>,
    d: [Vec<f32>; 6],
    /// The gradient of every weight.
    pub(crate) gradients: Vec<f32>,
}

impl Pass {
    /// Computes logits at the batch's positions. \[places, vocabulary\]
    pub(crate) fn forward(
        &mut self,
        config: &Config,
        layout: &Layout,
        weights: &[f32],
        batch: &Batch,
    ) {
        let s = Sizes::new(config, batch);
        let embedding = &weights[layout.embedding.clone()];
        let x = fit(&mut self.x, s.tokens * s.width);
        for (x, id) in x.chunks_exact_mut(s.width).zip(&batch.inputs) {
            let row = &embedding[*id as usize * s.width..][..s.width];
            for (x, value) in x.iter_mut().zip(row) {
                *x = value * config.embedding_scale;
            }
        }
        self.layers.resize_with(config.layers.len(), Saved::default);
        for ((saved, places), layer) in
            self.layers.iter_mut().zip(&layout.layers).zip(&config.layers)
        {
            let step = Step { config, sizes: s, layer, places, weights };
            saved.forward(step, &mut self.x);
        }
        let count = batch.places.len();
        let spoken = fit(&mut self.spoken, count * s.width);
        for (spoken, at) in spoken.chunks_exact_mut(s.width).zip(&batch.places) {
            spoken.copy_from_slice(&self.x[*at as usize * s.width..][..s.width]);
        }
        let normed = fit(&mut self.spoken_normed, count * s.width);
        norm(spoken, &weights[layout.norm.clone()], normed, fit(&mut self.spoken_inverse, count));
        let logits = fit(&mut self.logits, count * config.vocabulary);
        let (a, b) = (View::rows(normed, s.width), View::rows(embedding, s.width).turned());
        multiply(logits, config.vocabulary, [count, config.vocabulary, s.width], false, 1.0, a, b);
    }

    /// Returns Σ −log p of the targets after [`Self::forward`] and fills the gradients; `share`
    /// is the weight of one position.
    pub(crate) fn backward(
        &mut self,
        config: &Config,
        layout: &Layout,
        weights: &[f32],
        batch: &Batch,
        share: f32,
    ) -> f32 {
        let s = Sizes::new(config, batch);
        let (count, vocabulary, width) = (batch.places.len(), config.vocabulary, s.width);
        let gradients = zeroed(&mut self.gradients, layout.total);
        let logits = &mut self.logits[..count * vocabulary];
        let mut loss = 0.0;
        for (row, target) in logits.chunks_exact_mut(vocabulary).zip(&batch.targets) {
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            let mut sum = 0.0;
            for value in row.iter_mut() {
                *value = exp(*value - most);
                sum += *value;
            }
            let target = *target as usize;
            loss -= (row[target] / sum).max(1e-30).ln();
            let scale = share / sum;
            row.iter_mut().for_each(|value| *value *= scale);
            row[target] -= share;
        }
        let embedding = &weights[layout.embedding.clone()];
        let normed = View::rows(&self.spoken_normed, width);
        let owed = View::rows(logits, vocabulary);
        multiply(
            &mut gradients[layout.embedding.clone()],
            width,
            [vocabulary, width, count],
            false,
            1.0,
            owed.turned(),
            normed,
        );
        let [d0, d1, ..] = &mut self.d;
        let dnormed = fit(d0, count * width);
        multiply(
            dnormed,
            width,
            [count, width, vocabulary],
            false,
            1.0,
            owed,
            View::rows(embedding, width),
        );
        let dspoken = zeroed(d1, count * width);
        let dnorm = &mut gradients[layout.norm.clone()];
        norm_back(
            dnormed,
            &self.spoken,
            &weights[layout.norm.clone()],
            &self.spoken_inverse,
            dspoken,
            dnorm,
        );
        let dx = zeroed(&mut self.dx, s.tokens * width);
        for (at, owed) in batch.places.iter().zip(dspoken.chunks_exact(width)) {
            dx[*at as usize * width..][..width].copy_from_slice(owed);
        }
        for ((saved, places), layer) in
            self.layers.iter_mut().zip(&layout.layers).zip(&config.layers).rev()
        {
            let step = Step { config, sizes: s, layer, places, weights };
            saved.backward(step, dx, gradients, &mut self.d);
        }
        let dembedding = &mut gradients[layout.embedding.clone()];
        for (dx, id) in dx.chunks_exact(width).zip(&batch.inputs) {
            for (to, owed) in dembedding[*id as usize * width..][..width].iter_mut().zip(dx) {
                *to += owed * config.embedding_scale;
            }
        }
        loss
    }
}
