//! The norms of a tower.

/// `(x − mean) / deviation · weight + bias`, or `x / root mean square · weight`.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    /// With a mean to subtract.
    pub(crate) is_centred: bool,
    pub(crate) weight: Option<Vec<f32>>,
    pub(crate) bias: Option<Vec<f32>>,
    pub(crate) epsilon: f32,
}

impl Norm {
    /// The root mean square only.
    pub(crate) fn plain(epsilon: f32) -> Self {
        Self { is_centred: false, weight: None, bias: None, epsilon }
    }

    /// Normalises vectors in place, each of `width` values.
    pub(crate) fn apply(&self, x: &mut [f32], width: usize) {
        for x in x.chunks_exact_mut(width.max(1)) {
            self.one(x);
        }
    }

    /// Sums are in f64, because a tower's activations have large outliers.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "widths are far below 2^52; the result is rounded once"
    )]
    fn one(&self, x: &mut [f32]) {
        let count = x.len() as f64;
        let mean = if self.is_centred {
            x.iter().map(|x| f64::from(*x)).sum::<f64>() / count
        } else {
            0.0
        };
        let square = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
        let factor = 1.0 / (square + f64::from(self.epsilon)).sqrt();
        for x in &mut *x {
            *x = ((f64::from(*x) - mean) * factor) as f32;
        }
        if let Some(weight) = &self.weight {
            x.iter_mut().zip(weight).for_each(|(x, weight)| *x *= weight);
        }
        if let Some(bias) = &self.bias {
            x.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
        }
    }
}
