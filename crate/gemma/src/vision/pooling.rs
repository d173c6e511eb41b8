//! Pools the last layer's patches before the projection.

use hybridge_core::Result;

use super::config::{Projector, VisionConfig};
use super::norm::Norm;
use super::tensors::TowerTensors;
use super::tower::read_norm;
use crate::gguf::Gguf;

/// Norms and factors around the pooling of patches.
#[derive(Debug)]
pub(crate) struct Pooling {
    last_norm: Option<Norm>,
    /// Offset and scale of pooled values.
    standard: Option<[Vec<f32>; 2]>,
    projection_norm: Norm,
}

impl Pooling {
    /// Reads them from a tower's file.
    pub(crate) async fn load(
        gguf: &Gguf,
        config: &VisionConfig,
        tensors: &TowerTensors,
    ) -> Result<Self> {
        Ok(Self {
            last_norm: match &tensors.last_norm {
                Some(norm) => Some(read_norm(gguf, norm, config.epsilon).await?),
                None => None,
            },
            standard: match &tensors.standard {
                Some([bias, scale]) => Some([bias.values(gguf).await?, scale.values(gguf).await?]),
                None => None,
            },
            projection_norm: match &tensors.projection_norm {
                Some(norm) => read_norm(gguf, norm, config.epsilon).await?,
                None => Norm::plain(config.epsilon),
            },
        })
    }

    /// Returns one vector for each token. \[patches, width\] in, \[tokens, width\] out.
    pub(crate) fn apply(
        &self,
        config: &VisionConfig,
        x: &mut [f32],
        grid: (usize, usize),
    ) -> Vec<f32> {
        let width = config.width;
        if let Some(norm) = &self.last_norm {
            norm.apply(x, width);
        }
        let mut pooled = pool(x, width, grid, config.pool);
        if config.projector == Projector::Gemma4 {
            #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
            let scale = (width as f32).sqrt();
            pooled.iter_mut().for_each(|value| *value *= scale);
        }
        if let Some([bias, scale]) = &self.standard {
            for row in pooled.chunks_exact_mut(width) {
                let factors = bias.iter().zip(scale);
                row.iter_mut().zip(factors).for_each(|(x, (bias, scale))| *x = (*x - bias) * scale);
            }
        }
        self.projection_norm.apply(&mut pooled, width);
        pooled
    }
}

/// Returns the mean of each square of patches.
#[expect(clippy::cast_precision_loss, reason = "a handful of patches")]
fn pool(x: &[f32], width: usize, (columns, rows): (usize, usize), side: usize) -> Vec<f32> {
    if side == 1 {
        return x.to_vec();
    }
    let share = 1.0 / (side * side) as f32;
    let mut pooled = Vec::with_capacity(x.len() / (side * side));
    for top in (0..rows).step_by(side) {
        for left in (0..columns).step_by(side) {
            let mut sums = vec![0.0_f32; width];
            for patch in
                (top..top + side).flat_map(|y| (left..left + side).map(move |x| y * columns + x))
            {
                let values = x.iter().skip(patch * width);
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            pooled.extend(sums.iter().map(|sum| sum * share));
        }
    }
    pooled
}
