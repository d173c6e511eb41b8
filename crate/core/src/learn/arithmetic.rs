//! Arithmetic with the same results on every machine and in every language.

/// Returns eˣ for -40 ≤ x ≤ 40, and the value at the nearest bound otherwise.
///
/// The platform's exponential differs in the last bit between machines, and so would everything
/// trained with it.
pub(super) fn exp(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = x.clamp(-40.0, 40.0);
    // eˣ = 2ᵏ eʳ with |r| ≤ ln 2 / 2.
    let k = (x / std::f64::consts::LN_2 + 0.5).floor();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Taylor series by Horner's rule; the first omitted term is below 2⁻⁵⁸.
    let mut sum = 1.0;
    for n in (1..=13).rev() {
        sum = 1.0 + sum * r / f64::from(n);
    }
    let (factor, steps) = if k < 0.0 { (0.5, -k) } else { (2.0, k) };
    let mut step = 0.0;
    while step < steps {
        sum *= factor;
        step += 1.0;
    }
    sum
}

/// Converts scores to probabilities, in place.
pub(super) fn softmax(scores: &mut [f64]) {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - highest);
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Random numbers from a seed: mulberry32, which needs only 32-bit arithmetic.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u32);

impl Random {
    /// Returns the next number.
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x6d2b_79f5);
        let mut t = self.0;
        t = (t ^ (t >> 15)).wrapping_mul(t | 1);
        t ^= t.wrapping_add((t ^ (t >> 7)).wrapping_mul(t | 61));
        t ^ (t >> 14)
    }

    /// Returns a number below `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let scaled = (u128::from(self.next()) * (bound as u128)) >> 32;
        usize::try_from(scaled).unwrap_or_default()
    }

    /// Shuffles a list.
    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let other = self.below(end + 1);
            list.swap(end, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, exp, softmax};

    #[test]
    fn the_exponential_agrees_with_the_library() {
        for step in -400..=400 {
            let x = f64::from(step) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14, "at {x}");
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(exp(-1e9).to_bits(), exp(-40.0).to_bits());
    }

    #[test]
    fn probabilities_sum_to_one() {
        for scores in [vec![0.0, 0.0], vec![1000.0, -1000.0, 3.0], vec![5.0]] {
            let mut found = scores.clone();
            softmax(&mut found);
            assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{scores:?}: {found:?}");
        }
    }

    #[test]
    fn random_numbers_cover_the_range_below_their_bound() {
        let mut random = Random(1);
        let mut seen = [0_usize; 7];
        for _ in 0..700 {
            seen[random.below(7)] += 1;
        }
        assert!(seen.iter().all(|it| (50..150).contains(it)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
