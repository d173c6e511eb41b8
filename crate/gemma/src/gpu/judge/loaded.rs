//! Compares a loaded model's weights with its file, for rows of its largest matrices.
//!
//! The self-test uses a matrix of 256 rows. A real vocabulary has bindings beyond 2²⁷ bytes,
//! grids in two dimensions and several shards, and every encoding has its own kernels.

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::config::SUPPRESSED;
use crate::engine::Pass as _;
use crate::gpu::KernelPass;
use crate::gpu::device::launcher::{Launcher as _, Progress};
use crate::gpu::kernels::padded;
use crate::quant::Encoding;
use crate::weights::{Model, Tensor};

/// The number of rows of a matrix that are compared.
const ROWS: usize = 64;

/// The tolerance of a sum, relative to the sum of the absolute values of its terms.
const TOLERANCE: f64 = 1e-4;

impl KernelPass {
    /// Feeds two tokens and recomputes some products from the file: evenly spaced rows of the head,
    /// and rows of the last layer's `down`. The cache is empty afterwards.
    ///
    /// # Errors Returns `UNAVAILABLE` with code `GPU_WRONG_RESULTS` if the results differ, and
    /// errors of reading.
    pub async fn verify(&mut self, model: &Model) -> Result<()> {
        self.forget();
        if self.capacity() < 2 {
            return Ok(());
        }
        // Products for many tokens write exact values; a single token's may be rounded.
        self.prefill(&[0, 1]).await?;
        let logits = self.logits().await?;
        let buffers = &self.network.buffers;
        let (normed, inner, branch) =
            (buffers.exact.normed.clone(), buffers.exact.inner.clone(), buffers.branch.clone());
        let config = &model.config;
        let hidden = model.tensors.layers.last().map(|layer| &layer.ffn_down);
        let normed = self.second(&normed, config.width).await?;
        let cap = config.soft_cap.map(f64::from);
        compare(model, model.tensors.head(), &normed, &logits, cap).await?;
        if let Some(down) = hidden {
            let inner = self.second(&inner, down.columns).await?;
            let branch = self.second(&branch, down.rows).await?;
            compare(model, down, &inner, &branch, None).await?;
        }
        self.forget();
        Ok(())
    }

    /// Returns the second of two tokens' vectors.
    async fn second(&self, buffer: &wgpu::Buffer, width: usize) -> Result<Vec<f32>> {
        let stride = padded(width) as usize;
        let recorder = &self.network.recorder;
        let device = recorder.device().wgpu().clone();
        let staging = recorder.device().guarded("a check of the weights", || {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("vectors to check"),
                size: 8 * stride as u64,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        recorder.run(&[], Progress { position: 0, tokens: 1 }, &[(buffer, &staging)]);
        let bytes = recorder.read(&staging).await;
        staging.destroy();
        let values = bytes?;
        let values = values.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word));
        Ok(values.skip(stride).take(width).collect())
    }
}

/// Compares the products of some rows with the results.
async fn compare(
    model: &Model,
    matrix: &Tensor,
    input: &[f32],
    found: &[f32],
    cap: Option<f64>,
) -> Result<()> {
    if !input.iter().chain(found).all(|value| value.is_finite()) {
        // A network that overflows is reported when it answers.
        return Ok(());
    }
    let last = matrix.rows.saturating_sub(1);
    let mut rows: Vec<usize> = (0..ROWS).map(|at| at * last / (ROWS - 1)).collect();
    rows.dedup();
    // Suppressed tokens have no product's value.
    rows.retain(|row| found.get(*row) != Some(&SUPPRESSED));
    for row in rows {
        let bytes = model.rows(matrix, row..row + 1).await?;
        let (right, scale) = product(matrix.encoding, &bytes, input);
        let right = cap.map_or(right, |cap| cap * (right / cap).tanh());
        let off = found.get(row).map_or(f64::INFINITY, |found| (f64::from(*found) - right).abs());
        if off > TOLERANCE * (scale + 1.0) {
            return Err(Error::unavailable(format!(
                "the GPU computes wrong results: row {row} of {} is off by {off:.1e}",
                matrix.name
            ))
            .with_code("GPU_WRONG_RESULTS"));
        }
    }
    Ok(())
}

/// Returns the product of a row and a vector, and the sum of the absolute values.
fn product(encoding: Encoding, bytes: &[u8], input: &[f32]) -> (f64, f64) {
    let mut row = vec![0.0; input.len()];
    encoding.decode(bytes, &mut row);
    let terms = row.iter().zip(input).map(|(a, b)| f64::from(*a) * f64::from(*b));
    terms.fold((0.0, 0.0), |(sum, scale), term| (sum + term, scale + term.abs()))
}
