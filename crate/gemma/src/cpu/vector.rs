//! Norms, activation functions and exponentials, eight values at a time.

use super::lanes::{Kernel, Lanes, run};
use super::team::each_chunk;

/// out = x / √(mean(x²) + ε) · w, or out += the same: norms after a block are added to its
/// input.
pub(super) struct Norm<'a> {
    pub(super) x: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) epsilon: f32,
    pub(super) adds: bool,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Norm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let scale = inverse_root_mean_square(lanes, self.x, self.epsilon);
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            let normed = x * scale * weight;
            *out = if self.adds { *out + normed } else { normed };
        }
    }
}

/// A head of queries or keys, normalised, rotated by its position and scaled in place.
pub(super) struct Turn<'a> {
    pub(super) heads: &'a mut [f32],
    pub(super) head_dim: usize,
    pub(super) weight: &'a [f32],
    pub(super) epsilon: f32,
    /// Cosines and sines of the position, half a head of each.
    pub(super) angles: (&'a [f32], &'a [f32]),
    pub(super) scale: f32,
}

impl Kernel for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for head in self.heads.chunks_exact_mut(self.head_dim) {
            let scale = inverse_root_mean_square(lanes, head, self.epsilon);
            for (x, weight) in head.iter_mut().zip(self.weight) {
                *x = *x * scale * weight;
            }
            let (low, high) = head.split_at_mut(self.head_dim / 2);
            let angles = self.angles.0.iter().zip(self.angles.1);
            for ((x, y), (cosine, sine)) in low.iter_mut().zip(high).zip(angles) {
                let turned = (*x * cosine - *y * sine, *y * cosine + *x * sine);
                (*x, *y) = (turned.0 * self.scale, turned.1 * self.scale);
            }
        }
    }
}

/// Heads, normalised without weights in place.
pub(super) struct Unit<'a> {
    pub(super) heads: &'a mut [f32],
    pub(super) head_dim: usize,
    pub(super) epsilon: f32,
}

impl Kernel for Unit<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for head in self.heads.chunks_exact_mut(self.head_dim) {
            let scale = inverse_root_mean_square(lanes, head, self.epsilon);
            head.iter_mut().for_each(|x| *x *= scale);
        }
    }
}

/// x += factor · y
pub(super) fn plus_scaled(x: &mut [f32], factor: f32, y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += factor * y;
    }
}

/// gate = gelu(gate) · up of each token. \[tokens, width\]
pub(super) fn gelu_each(gate: &mut [f32], up: &[f32], width: usize) {
    each_chunk(gate, width, 16 * width, |token, gate| {
        if let Some(up) = up.get(token * width..token * width + gate.len()) {
            run(Gelu { gate, up });
        }
    });
}

/// x · |y| / |x|
pub(super) fn scale_to(x: &mut [f32], y: &[f32]) {
    let square = |x: &[f32]| x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let factor = (square(y) / square(x)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "rounded once")]
    x.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

/// max(0, x − (mean + deviations · standard deviation)), the deviation of a sample (n − 1).
pub(super) fn cut_below(x: &mut [f32], deviations: f32) {
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^52")]
    let count = x.len() as f64;
    let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let squares: f64 = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let cut = mean + f64::from(deviations) * (squares / (count - 1.0).max(1.0)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "rounded once")]
    x.iter_mut().for_each(|x| *x = (f64::from(*x) - cut).max(0.0) as f32);
}

#[inline(always)]
fn inverse_root_mean_square<L: Lanes>(lanes: L, x: &[f32], epsilon: f32) -> f32 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut sum = lanes.splat(0.0);
    for eight in eights {
        let eight = lanes.load(eight);
        sum = lanes.add(sum, lanes.mul(eight, eight));
    }
    let sum = lanes.total(sum) + rest.iter().map(|x| x * x).sum::<f32>();
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let mean = sum / x.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}

/// gate = gelu(gate) · up, with gelu(x) = x / (1 + exp(−2u)), u = √(2/π)·(x + 0.044715x³):
/// the tanh form with a single exponential.
pub(super) struct Gelu<'a> {
    pub(super) gate: &'a mut [f32],
    pub(super) up: &'a [f32],
}

impl Kernel for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let (gates, gate_rest) = self.gate.as_chunks_mut::<8>();
        let (ups, up_rest) = self.up.as_chunks::<8>();
        for (gate, up) in gates.iter_mut().zip(ups) {
            gelu_times(lanes, gate, up);
        }
        let (mut gate, mut up) = ([0.0; 8], [0.0; 8]);
        for (all, rest) in [(&mut gate, &*gate_rest), (&mut up, up_rest)] {
            for (to, from) in all.iter_mut().zip(rest) {
                *to = *from;
            }
        }
        gelu_times(lanes, &mut gate, &up);
        for (to, from) in gate_rest.iter_mut().zip(gate) {
            *to = from;
        }
    }
}

#[inline(always)]
fn gelu_times<L: Lanes>(lanes: L, gate: &mut [f32; 8], up: &[f32; 8]) {
    const FACTOR: f32 = -2.0 * 0.797_884_6; // −2√(2/π)
    let x = lanes.load(gate);
    let cube = lanes.mul(lanes.mul(x, x), lanes.mul(x, lanes.splat(0.044_715)));
    let power = exp(lanes, lanes.mul(lanes.add(x, cube), lanes.splat(FACTOR)));
    let gelu = lanes.div(x, lanes.add(lanes.splat(1.0), power));
    lanes.store(lanes.mul(gelu, lanes.load(up)), gate);
}

/// eˣ to one or two ulps, with x clamped to ±87: 2ⁿ·eʳ with |r| ≤ ½ ln 2 and a polynomial
/// for eʳ (Cephes' coefficients).
#[inline(always)]
pub(super) fn exp<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    // Adding and subtracting 1.5 · 2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let x = lanes.max(lanes.min(x, lanes.splat(87.0)), lanes.splat(-87.0));
    let scaled = lanes.mul(x, lanes.splat(std::f32::consts::LOG2_E));
    let n = lanes.sub(lanes.add(scaled, lanes.splat(ROUND)), lanes.splat(ROUND));
    // ln 2 in two parts, so that n · ln 2 has more precision than f32.
    let r = lanes.sub(x, lanes.mul(n, lanes.splat(0.693_359_4)));
    let r = lanes.add(r, lanes.mul(n, lanes.splat(2.121_944_4e-4)));
    let mut y = lanes.splat(1.987_569_1e-4);
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        y = lanes.add(lanes.mul(y, r), lanes.splat(coefficient));
    }
    let y = lanes.add(lanes.mul(y, lanes.mul(r, r)), lanes.add(r, lanes.splat(1.0)));
    lanes.mul(y, lanes.power(n))
}

/// Converts scores to weights that sum to 1.
#[inline(always)]
pub(super) fn softmax<L: Lanes>(lanes: L, scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total = exp_of_differences(lanes, scores, most);
    let inverse = 1.0 / total;
    for score in scores {
        *score *= inverse;
    }
}

/// Computes x = exp(x − most), and returns the sum.
#[inline(always)]
fn exp_of_differences<L: Lanes>(lanes: L, x: &mut [f32], most: f32) -> f32 {
    let (eights, rest) = x.as_chunks_mut::<8>();
    let most_of_all = lanes.splat(most);
    let mut sum = lanes.splat(0.0);
    for eight in eights {
        let power = exp(lanes, lanes.sub(lanes.load(eight), most_of_all));
        lanes.store(power, eight);
        sum = lanes.add(sum, power);
    }
    let mut last = [f32::MIN; 8];
    for (to, from) in last.iter_mut().zip(&*rest) {
        *to = *from;
    }
    let powers = lanes.array(exp(lanes, lanes.sub(lanes.load(&last), most_of_all)));
    let mut total = lanes.total(sum);
    for (to, from) in rest.iter_mut().zip(powers) {
        *to = from;
        total += from;
    }
    total
}

/// Returns the largest logit, the first of equal ones, log Σ exp, and the entropy of the softmax
/// in nats; `None` if one is not finite.
pub(super) struct Survey<'a> {
    pub(super) logits: &'a [f32],
}

impl Kernel for Survey<'_> {
    type Output = Option<(f32, f64, f64)>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Option<(f32, f64, f64)> {
        let (eights, rest) = self.logits.as_chunks::<8>();
        let mut most = lanes.splat(f32::MIN);
        // x · 0 is 0 for a finite number, and NaN otherwise.
        let mut zeros = lanes.splat(0.0);
        for eight in eights {
            let eight = lanes.load(eight);
            most = lanes.max(most, eight);
            zeros = lanes.add(zeros, lanes.mul(eight, lanes.splat(0.0)));
        }
        let most = lanes.array(most).into_iter().chain(rest.iter().copied());
        let most = most.fold(f32::MIN, f32::max);
        if lanes.total(zeros) != 0.0 || !rest.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        // f32 within a slice, f64 across slices: 262144 terms in f32 would lose four digits.
        let mut total = 0.0_f64;
        let mut weighted = 0.0_f64;
        for stretch in self.logits.chunks(512) {
            let mut copy = [f32::MIN; 512];
            for (to, from) in copy.iter_mut().zip(stretch) {
                *to = *from;
            }
            if let Some(copy) = copy.get_mut(..stretch.len()) {
                total += f64::from(exp_of_differences(lanes, copy, most));
                weighted += f64::from(sum_of_weighted(lanes, copy, stretch, most));
            }
        }
        // H = −Σ p·ln p, with p = exp(x − most) / total.
        Some((most, f64::from(most) + total.ln(), total.ln() - weighted / total))
    }
}

/// Σ weight · (x − most).
#[inline(always)]
fn sum_of_weighted<L: Lanes>(lanes: L, weights: &[f32], x: &[f32], most: f32) -> f32 {
    let (weights, few_weights) = weights.as_chunks::<8>();
    let (x, few) = x.as_chunks::<8>();
    let most_of_all = lanes.splat(most);
    let mut sum = lanes.splat(0.0);
    for (weight, x) in weights.iter().zip(x) {
        let below = lanes.sub(lanes.load(x), most_of_all);
        sum = lanes.add(sum, lanes.mul(lanes.load(weight), below));
    }
    let few = few_weights.iter().zip(few).map(|(weight, x)| weight * (x - most));
    lanes.total(sum) + few.sum::<f32>()
}

/// Normalises each token's vector. \[tokens, width\]
pub(super) fn norm_each(x: &[f32], weight: &[f32], epsilon: f32, adds: bool, out: &mut [f32]) {
    let width = weight.len();
    each_chunk(out, width, 4 * width, |token, out| {
        if let Some(x) = x.get(token * width..(token + 1) * width) {
            run(Norm { x, weight, epsilon, adds, out });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Gelu, Norm, Survey, exp, run, softmax};
    use crate::cpu::lanes::{Kernel, Lanes};
    use crate::sample::log_sum_exp;

    struct Exp<'a>(&'a mut [f32; 8]);

    impl Kernel for Exp<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            lanes.store(exp(lanes, lanes.load(self.0)), self.0);
        }
    }

    struct Softmax<'a>(&'a mut [f32]);

    impl Kernel for Softmax<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) {
            softmax(lanes, self.0);
        }
    }

    #[test]
    fn exponentials_are_right_to_two_ulps() {
        for step in -860..860 {
            let x = step as f32 * 0.1;
            let mut eight = [x; 8];
            run(Exp(&mut eight));
            let right = f64::from(x).exp();
            let error = (f64::from(eight[7]) / right - 1.0).abs();
            assert!(error < 2.5e-7, "{x}: {} not {right}", eight[7]);
        }
    }

    #[test]
    fn gelu_of_any_length_agrees_with_the_tanh_form() {
        for length in [1, 7, 8, 9, 24] {
            let x: Vec<f32> = (0..length).map(|i| i as f32 * 1.3 - 6.0).collect();
            let mut gate = x.clone();
            run(Gelu { gate: &mut gate, up: &vec![2.0; length] });
            for (x, y) in x.iter().zip(&gate) {
                let x = f64::from(*x);
                let inner = std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x * x * x);
                let right = x * (1.0 + inner.tanh());
                assert!((f64::from(*y) - right).abs() < 1e-6, "{x}: {y} not {right}");
            }
        }
        for (x, right) in [(-1e4_f32, 0.0), (1e4, 1e4)] {
            let mut gate = [x];
            run(Gelu { gate: &mut gate, up: &[1.0] });
            assert!((gate[0] - right).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn weights_sum_to_one_for_any_length() {
        for length in [1, 5, 8, 13, 64] {
            let mut scores: Vec<f32> = (0..length).map(|i| (i % 7) as f32 * 30.0 - 9e3).collect();
            run(Softmax(&mut scores));
            assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn norms_replace_or_add() {
        for (adds, right) in
            [(false, [0.848_528_15, 2.262_741_8]), (true, [1.848_528_1, 3.262_741_8])]
        {
            let mut out = [1.0, 1.0];
            let weight = &[1.0, 2.0];
            run(Norm { x: &[3.0, 4.0], weight, epsilon: 0.0, adds, out: &mut out });
            for (got, right) in out.iter().zip(right) {
                assert!((got - right).abs() < 1e-6, "{out:?}");
            }
        }
    }

    #[test]
    fn a_survey_finds_the_largest_and_any_non_finite_logit() {
        for length in [1, 8, 600, 1009] {
            let logits: Vec<f32> = (0..length).map(|i| ((i * 37) % 101) as f32 * 0.3).collect();
            let (most, sum, entropy) = run(Survey { logits: &logits }).unwrap();
            assert_eq!(most, logits.iter().copied().fold(0.0, f32::max));
            assert!((sum - log_sum_exp(logits.iter().copied())).abs() < 1e-5);
            assert!((entropy - crate::sample::entropy(&logits, sum)).abs() < 1e-4, "{length}");
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for place in [0, length / 2, length - 1] {
                    let mut logits = logits.clone();
                    logits[place] = wrong;
                    assert!(run(Survey { logits: &logits }).is_none(), "{wrong} at {place}");
                }
            }
        }
    }
}
