//! Isotonic regression by pooling adjacent violators: maps a signal to the probability that an
//! answer is right.

/// A block of signals, from `from` up to the next block, with the same probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// The lowest signal of the block.
    pub from: f64,
    /// The probability that an answer in it is right.
    pub right: f64,
    /// The number of samples in it.
    pub count: usize,
}

/// A rising step function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Isotonic {
    /// By increasing signal.
    pub blocks: Vec<Block>,
}

impl Isotonic {
    /// Fits an increasing function to pairs of a signal and whether the answer was right, by least
    /// squares.
    #[must_use]
    pub fn fit(pairs: &[(f64, bool)]) -> Self {
        let mut sorted = pairs.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        // (lowest signal, right, count): counts are integers, so that means do not depend on the
        // order of additions.
        let mut pools: Vec<(f64, usize, usize)> = Vec::new();
        let mut last = None;
        for (signal, is_right) in sorted {
            let right = usize::from(is_right);
            match pools.last_mut().filter(|_| last == Some(signal)) {
                // Equal signals cannot be distinguished, so they form one pool.
                Some(pool) => (pool.1, pool.2) = (pool.1 + right, pool.2 + 1),
                None => {
                    merge(&mut pools);
                    pools.push((signal, right, 1));
                }
            }
            last = Some(signal);
        }
        merge(&mut pools);
        let block = |(from, right, count): (f64, usize, usize)| Block {
            // JSON has no infinity, but a token of probability 0 has an infinite signal.
            from: from.clamp(f64::MIN, f64::MAX),
            right: right as f64 / count as f64,
            count,
        };
        Self { blocks: pools.into_iter().map(block).collect() }
    }

    /// Returns the probability that an answer with this signal is right; `None` before fitting.
    #[must_use]
    pub fn at(&self, signal: f64) -> Option<f64> {
        let below = self.blocks.iter().rev().find(|it| it.from <= signal);
        below.or(self.blocks.first()).map(|it| it.right)
    }
}

/// Merges the last block with earlier ones while they are not lower.
fn merge(pools: &mut Vec<(f64, usize, usize)>) {
    while let [.., before, last] = pools.as_mut_slice() {
        if before.1 * last.2 < last.1 * before.2 {
            return;
        }
        (before.1, before.2) = (before.1 + last.1, before.2 + last.2);
        pools.pop();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert, proptest};

    use super::Isotonic;

    /// The fit by its formula: at each position the maximum over all starts of the minimum over all
    /// ends of the mean.
    fn by_definition(pairs: &[(f64, bool)], signal: f64) -> f64 {
        let mut values: Vec<f64> = pairs.iter().map(|it| it.0).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let mean = |low: f64, high: f64| {
            let inside: Vec<bool> =
                pairs.iter().filter(|it| it.0 >= low && it.0 <= high).map(|it| it.1).collect();
            inside.iter().filter(|it| **it).count() as f64 / inside.len() as f64
        };
        let starts = values.iter().filter(|it| **it <= signal);
        starts
            .map(|low| {
                let ends = values.iter().filter(|it| **it >= signal);
                ends.map(|high| mean(*low, *high)).fold(f64::INFINITY, f64::min)
            })
            .fold(f64::NEG_INFINITY, f64::max)
    }

    proptest! {
        #[test]
        fn fitting_agrees_with_its_slow_twin(pairs in vec((-6_i32..6, any::<bool>()), 1..40)) {
            let pairs: Vec<(f64, bool)> =
                pairs.into_iter().map(|(signal, is_right)| (f64::from(signal), is_right)).collect();
            let fit = Isotonic::fit(&pairs);
            prop_assert!(fit.blocks.is_sorted_by(|a, b| a.from < b.from && a.right < b.right));
            for (signal, _) in &pairs {
                let expected = by_definition(&pairs, *signal);
                prop_assert!((fit.at(*signal).unwrap() - expected).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn signals_outside_the_observed_range_use_the_nearest() {
        let fit = Isotonic::fit(&[(-2.0, false), (-1.0, true)]);
        for (signal, expected) in [(-9.0, 0.0), (-2.0, 0.0), (-1.5, 0.0), (-1.0, 1.0), (9.0, 1.0)] {
            assert_eq!(fit.at(signal), Some(expected), "{signal}");
        }
        assert_eq!(Isotonic::fit(&[]).at(0.0), None);
    }
}
