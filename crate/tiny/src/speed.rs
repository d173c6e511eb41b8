//! Compares the time of a training step with burn's autodiff, on one thread.

use std::time::Instant;

use burn::tensor::Device;
use hybridge_gemma::testing::Random;

use crate::Result;
use crate::batch::{Batch, Row};
use crate::learning::pass::Pass;
use crate::learning::weights::{Layout, untrained};
use crate::shape::Shape;
use crate::twin;

const STEPS: u32 = 6;

/// Prints tokens per second of both, for batches like those of the training.
pub(crate) fn compare(shape: Shape, vocabulary: usize) -> Result<()> {
    let config = shape.config(vocabulary);
    let layout = Layout::new(&config);
    let weights = untrained(&config, &layout, 3);
    let mut random = Random(5);
    let count = u32::try_from(vocabulary)?;
    let mut row = || Row {
        ids: (0..64).map(|_| random.below(count)).collect(),
        is_answer: (0..64).map(|at| at > 50).collect(),
        is_refusal: false,
    };
    let batch = Batch::new(&(0..24).map(|_| row()).collect::<Vec<_>>());
    let mut pass = Pass::default();
    time("passes", &batch, || {
        pass.forward(&config, &layout, &weights, &batch);
        pass.backward(&config, &layout, &weights, &batch, 1.0)
    });
    let device = Device::flex().autodiff();
    let network = twin::network(&config, &layout, &weights, &device);
    time("burn-flex with autodiff", &batch, || {
        let gradients = twin::loss(&network, &config, &batch, &device).backward();
        network.embedding.val().grad(&gradients).map_or(0.0, |it| it.sum().into_scalar::<f32>())
    });
    Ok(())
}

fn time(name: &str, batch: &Batch, mut step: impl FnMut() -> f32) {
    step();
    let began = Instant::now();
    let sum: f32 = (0..STEPS).map(|_| step()).sum();
    let seconds = began.elapsed().as_secs_f64() / f64::from(STEPS);
    println!("{name}: {:.0} tokens/s ({sum:e})", batch.inputs.len() as f64 / seconds);
}
