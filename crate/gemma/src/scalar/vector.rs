//! Arithmetic on vectors of activations.

/// Rounds an f64 result once to the precision of activations.
#[expect(clippy::cast_possible_truncation, reason = "rounding once is intended")]
pub(super) fn rounded(value: f64) -> f32 {
    value as f32
}

/// Σ aᵢ·bᵢ
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    // Four partial sums: a single one would wait for each addition before the next.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let product = |a: &f32, b: &f32| f64::from(*a) * f64::from(*b);
    let mut sums = [0.0_f64; 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += product(a, b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| product(a, b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// x / √(mean(x²) + ε) · w. The file's weights already are 1 + the trained ones.
pub(super) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^52")]
    let mean = dot(x, x) / x.len() as f64;
    let scale = 1.0 / (mean + f64::from(epsilon)).sqrt();
    x.iter().zip(weight).map(|(x, w)| rounded(f64::from(*x) * scale * f64::from(*w))).collect()
}

/// x / √(mean(x²) + ε)
pub(super) fn rms_only(x: &[f32], epsilon: f32) -> Vec<f32> {
    rms_norm(x, &vec![1.0; x.len()], epsilon)
}

/// √Σx²
pub(super) fn length(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

/// x · factor
pub(super) fn scaled(x: &[f32], factor: f32) -> Vec<f32> {
    x.iter().map(|x| x * factor).collect()
}

/// x += factor · y
pub(super) fn plus_scaled(x: &mut [f32], factor: f32, y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += factor * y;
    }
}

/// max(0, x − (mean + deviations · standard deviation)), the deviation of a sample (n − 1).
pub(super) fn cut_below(x: &mut [f32], deviations: f32) {
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^52")]
    let count = x.len() as f64;
    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let squares: f64 = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
    let cut = mean + f64::from(deviations) * deviation;
    x.iter_mut().for_each(|x| *x = rounded((f64::from(*x) - cut).max(0.0)));
}

/// x += y
pub(super) fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// ½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))
pub(super) fn gelu(x: f32) -> f32 {
    let x = f64::from(x);
    let inner = std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x);
    rounded(0.5 * x * (1.0 + inner.tanh()))
}

/// Rotates the pairs (x[j], x[j + half]) of a head by the angles of its position.
pub(super) fn rotate(head: &mut [f32], cosines: &[f32], sines: &[f32]) {
    let (low, high) = head.split_at_mut(cosines.len());
    for ((x, y), (cos, sin)) in low.iter_mut().zip(high).zip(cosines.iter().zip(sines)) {
        (*x, *y) = (*x * cos - *y * sin, *y * cos + *x * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::{dot, gelu, rms_norm, rotate};

    #[test]
    fn dot_counts_every_value() {
        for length in 0..9 {
            let ones = vec![1.0; length];
            assert_eq!(dot(&ones, &ones), length as f64);
        }
    }

    #[test]
    fn norm_and_gelu_follow_their_formulas() {
        assert_eq!(rms_norm(&[3.0, 4.0], &[1.0, 2.0], 0.0), [0.848_528_15, 2.262_741_8]);
        for (x, y) in [(0.0, 0.0), (1.0, 0.841_192), (-1.0, -0.158_808), (100.0, 100.0)] {
            assert!((gelu(x) - y).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn a_quarter_turn_swaps_the_halves() {
        let mut head = [1.0, 2.0, 3.0, 4.0];
        rotate(&mut head, &[0.0, 1.0], &[1.0, 0.0]);
        assert_eq!(head, [-3.0, 2.0, 1.0, 4.0]);
    }
}
