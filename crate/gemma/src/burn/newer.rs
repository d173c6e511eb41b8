//! Additions of Gemma 3n and 4 to the network in burn's plain operations.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::model::{gelu, rms_norm, times};
use crate::config::Config;

/// Computes the inputs of all layers.
#[derive(Module, Debug)]
pub struct BurnInputs {
    /// \[layers · part, width\]
    pub projection: Param<Tensor<2>>,
    /// Norm of each layer's part. \[part\]
    pub norm: Param<Tensor<1>>,
}

/// Expands one residual stream to several, and merges them again; each matrix is \[width, width\].
#[derive(Module, Debug)]
pub struct BurnStreams {
    /// Before the first layer.
    pub split: Vec<Param<Tensor<2>>>,
    /// After the last one.
    pub join: Vec<Param<Tensor<2>>>,
}

/// Adds a layer's per-token input.
#[derive(Module, Debug)]
pub struct BurnPerLayer {
    /// \[part, width\]
    pub gate: Param<Tensor<2>>,
    /// \[width, part\]
    pub projection: Param<Tensor<2>>,
    /// \[width\]
    pub post_norm: Param<Tensor<1>>,
}

/// Alternating updates.
#[derive(Module, Debug)]
pub struct BurnAltUp {
    /// \[streams, width\]
    pub router: Param<Tensor<2>>,
    /// \[width\]
    pub router_norm: Param<Tensor<1>>,
    /// \[streams², streams\]
    pub predict: Param<Tensor<2>>,
    /// \[streams, streams\]
    pub correct: Param<Tensor<2>>,
    /// \[width\]
    pub correct_scale: Param<Tensor<1>>,
}

/// The low-rank residual branch beside attention.
#[derive(Module, Debug)]
pub struct BurnLaurel {
    /// \[rank, width\]
    pub left: Param<Tensor<2>>,
    /// \[width, rank\]
    pub right: Param<Tensor<2>>,
    /// \[width\]
    pub post_norm: Param<Tensor<1>>,
}

impl BurnInputs {
    /// `(norm(projection · x / √width) + row · √part) / √2`. \[batch, seq, layers, part\]
    pub(super) fn of(&self, config: &Config, x: Tensor<3>, rows: Tensor<3>) -> Tensor<4> {
        let [batch, seq, all] = rows.dims();
        let [part] = self.norm.dims();
        let parts = |x: Tensor<3>| x.reshape([batch, seq, all / part, part]);
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let (row_scale, scale) = ((part as f32).sqrt(), 1.0 / (config.width as f32).sqrt());
        let projected = parts(times(x, self.projection.val())).mul_scalar(scale);
        let normed = rms_norm(projected, self.norm.val(), config.norm_epsilon);
        (normed + parts(rows).mul_scalar(row_scale)).mul_scalar(std::f32::consts::FRAC_1_SQRT_2)
    }
}

impl BurnStreams {
    /// Returns the embedding and its projections, scaled to its length.
    pub(super) fn split(&self, x: &Tensor<3>) -> Vec<Tensor<3>> {
        let projected = |matrix: &Param<Tensor<2>>| to_length(times(x.clone(), matrix.val()), x);
        std::iter::once(x.clone()).chain(self.split.iter().map(projected)).collect()
    }

    /// Returns the mean of the active stream and the others' projections, scaled to its length.
    pub(super) fn join(&self, streams: Vec<Tensor<3>>) -> Option<Tensor<3>> {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let share = 1.0 / streams.len() as f32;
        let mut streams = streams.into_iter();
        let active = streams.next()?;
        let sum = self.join.iter().zip(streams).fold(active.clone(), |sum, (matrix, stream)| {
            sum + to_length(times(stream, matrix.val()), &active)
        });
        Some(sum.mul_scalar(share))
    }
}

impl BurnPerLayer {
    /// `norm(projection · (gelu(gate · x) ⊙ input))`
    pub(super) fn branch(&self, config: &Config, x: Tensor<3>, input: Tensor<3>) -> Tensor<3> {
        let gated = gelu(times(x, self.gate.val())) * input;
        let branch = times(gated, self.projection.val());
        rms_norm(branch, self.post_norm.val(), config.norm_epsilon)
    }
}

impl BurnAltUp {
    /// tanh(router · norm(x) / width). \[batch, seq, streams\]
    fn route(&self, config: &Config, x: Tensor<3>) -> Tensor<3> {
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let share = 1.0 / config.width as f32;
        let read = rms_norm(x, self.router_norm.val(), config.norm_epsilon).mul_scalar(share);
        times(read, self.router.val()).tanh()
    }

    /// Adds to each stream what all of them predict: `xᵢ += Σⱼ C[i·n + j] · xⱼ`.
    pub(super) fn predict(&self, config: &Config, streams: &mut [Tensor<3>]) {
        let Some(active) = streams.first().cloned() else { return };
        let coefficients = times(self.route(config, active), self.predict.val());
        let (old, count) = (streams.to_vec(), streams.len());
        for (i, stream) in streams.iter_mut().enumerate() {
            for (j, old) in old.iter().enumerate() {
                stream.inplace(|sum| sum + old.clone() * column(&coefficients, i * count + j));
            }
        }
    }

    /// Adds to each prediction a share of the first one's error: `xᵢ += (1 + cᵢ)(y − x₀)`.
    pub(super) fn correct(&self, config: &Config, after: Tensor<3>, streams: &mut [Tensor<3>]) {
        let Some(before) = streams.first().cloned() else { return };
        let coefficients = times(self.route(config, after.clone()), self.correct.val());
        let change = after - before;
        for (i, stream) in streams.iter_mut().enumerate() {
            let factor = column(&coefficients, i).add_scalar(1.0_f32);
            stream.inplace(|sum| sum + change.clone() * factor);
        }
    }
}

impl BurnLaurel {
    /// `(x + h + norm(right · left · h)) / √2`
    pub(super) fn merged(&self, config: &Config, x: Tensor<3>, h: Tensor<3>) -> Tensor<3> {
        let low = times(times(h.clone(), self.left.val()), self.right.val());
        let low = rms_norm(low, self.post_norm.val(), config.norm_epsilon);
        (x + h + low).mul_scalar(std::f32::consts::FRAC_1_SQRT_2)
    }
}

/// max(0, x − (mean + deviations · standard deviation)), the deviation of a sample (n − 1).
pub(super) fn cut_below(x: Tensor<3>, deviations: f32) -> Tensor<3> {
    let [_, _, count] = x.dims();
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let sample = count as f32 / (count as f32 - 1.0).max(1.0);
    let apart = x.clone() - x.mean_dim(2);
    let variance = (apart.clone() * apart.clone()).mean_dim(2).mul_scalar(sample);
    (apart - variance.sqrt().mul_scalar(deviations)).clamp_min(0.0_f32)
}

/// Selects one of several values of each token. \[batch, seq, 1\]
fn column(values: &Tensor<3>, at: usize) -> Tensor<3> {
    let [batch, seq, _] = values.dims();
    values.clone().slice([0..batch, 0..seq, at..at + 1])
}

/// y · |x| / |y| for each token.
fn to_length(y: Tensor<3>, x: &Tensor<3>) -> Tensor<3> {
    let squares = |x: Tensor<3>| (x.clone() * x).sum_dim(2);
    let factor = (squares(x.clone()) / squares(y.clone())).sqrt();
    y * factor
}
