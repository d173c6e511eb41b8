//! Statistics with confidence intervals.

use super::arithmetic::Random;

/// The quantile of a normal distribution that leaves 2.5 % on each side.
const Z: f64 = 1.959_963_984_540_054;

/// An estimate with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Returns the share of `hits` in `count` with Wilson's score interval, which is 0 to 1 for a count
/// of 0.
#[must_use]
pub fn wilson(hits: usize, count: usize) -> Interval {
    if count == 0 {
        return Interval { mean: 0.0, low: 0.0, high: 1.0 };
    }
    let n = count as f64;
    let p = hits as f64 / n;
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    let low = if hits == 0 { 0.0 } else { (centre - spread) / scale };
    let high = if hits >= count { 1.0 } else { (centre + spread) / scale };
    Interval { mean: p, low: low.max(0.0), high: high.min(1.0) }
}

/// Returns the probability that a right answer has a higher signal than a wrong one (AUROC); ties
/// count half. `None` if all answers are right, or all wrong.
#[must_use]
pub fn auroc(pairs: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut wrong, mut right, mut doubled) = (0_u64, 0_u64, 0_u64);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let hits = ties.iter().filter(|it| it.1).count() as u64;
        let misses = ties.len() as u64 - hits;
        doubled += hits * (2 * wrong + misses);
        right += hits;
        wrong += misses;
    }
    (right > 0 && wrong > 0).then(|| doubled as f64 / (2 * right * wrong) as f64)
}

/// The number of bootstrap samples.
const DRAWS: usize = 2000;

/// Returns the mean difference of two branches on the same cases, by the bootstrap over cases.
#[must_use]
pub fn paired_difference(differences: &[f64]) -> Interval {
    let count = differences.len();
    if count == 0 {
        return Interval { mean: 0.0, low: 0.0, high: 0.0 };
    }
    let mean_of = |sum: f64| sum / count as f64;
    let mut random = Random(0x5eed);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn = (0..count).map(|_| differences.get(random.below(count)));
            mean_of(drawn.fold(0.0, |sum, it| sum + it.copied().unwrap_or_default()))
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |rank: usize| means.get(rank).copied().unwrap_or_default();
    let mean = mean_of(differences.iter().fold(0.0, |sum, it| sum + it));
    Interval { mean, low: at(DRAWS / 40), high: at(DRAWS - 1 - DRAWS / 40) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::{auroc, paired_difference, wilson};

    fn auroc_by_definition(pairs: &[(f64, bool)]) -> Option<f64> {
        let (mut wins, mut count) = (0.0, 0.0);
        for right in pairs.iter().filter(|it| it.1) {
            for wrong in pairs.iter().filter(|it| !it.1) {
                count += 1.0;
                wins += if right.0 > wrong.0 { 1.0 } else { 0.0 };
                wins += if right.0 == wrong.0 { 0.5 } else { 0.0 };
            }
        }
        (count > 0.0).then(|| wins / count)
    }

    proptest! {
        #[test]
        fn auroc_agrees_with_its_definition(pairs in vec((-9_i32..9, any::<bool>()), 0..60)) {
            let pairs: Vec<(f64, bool)> =
                pairs.into_iter().map(|(signal, is_right)| (f64::from(signal), is_right)).collect();
            match (auroc(&pairs), auroc_by_definition(&pairs)) {
                (Some(ours), Some(twin)) => prop_assert!((ours - twin).abs() < 1e-12),
                (ours, twin) => prop_assert_eq!(ours, twin),
            }
        }

        #[test]
        fn intervals_contain_their_means(hits in 0_usize..50, misses in 0_usize..50) {
            let interval = wilson(hits, hits + misses);
            prop_assert!(0.0 <= interval.low && interval.low <= interval.mean);
            prop_assert!(interval.mean <= interval.high && interval.high <= 1.0);
        }
    }

    #[test]
    fn wilsons_interval_agrees_with_the_textbook() {
        // 8 of 10, and none of 10: the published ends of the interval.
        for (hits, low, high) in [(8, 0.4902, 0.9433), (0, 0.0, 0.2775), (10, 0.7225, 1.0)] {
            let found = wilson(hits, 10);
            assert!(
                (found.low - low).abs() < 5e-5 && (found.high - high).abs() < 5e-5,
                "{found:?}"
            );
        }
    }

    #[test]
    fn real_differences_are_significant_and_others_are_not() {
        let worse: Vec<f64> = (0..100).map(|at| if at % 5 == 0 { -1.0 } else { 0.0 }).collect();
        let found = paired_difference(&worse);
        assert!(found.high < -0.1 && found.low > -0.3 && (found.mean + 0.2).abs() < 1e-12);
        let same: Vec<f64> = (0..100).map(|at| [1.0, -1.0, 0.0, 0.0][at % 4]).collect();
        let found = paired_difference(&same);
        assert!(found.low < 0.0 && found.high > 0.0);
        assert_eq!(paired_difference(&[]).mean.to_bits(), 0);
    }
}
