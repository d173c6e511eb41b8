//! The costs of answers, in integers only, so that sums are exact in any order and across tabs.
//!
//! `crate/npm/src/learn/ledger-rows.ts` computes the same in the page; `tests/learn/golden.json`
//! tests both.

use crate::Usage;

/// The largest integer that JavaScript represents exactly. Sums saturate there.
pub const MOST: u64 = (1 << 53) - 1;

/// The prices of a branch, in any currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Per million input tokens.
    pub input_per_million: f64,
    /// Per million output tokens, including reasoning.
    pub output_per_million: f64,
    /// Per million cached input tokens; by default like other input.
    pub cached_input_per_million: Option<f64>,
    /// Per request.
    pub per_request: f64,
}

/// The totals of one branch for one feature on one day. Money is in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Attempts with any usage.
    pub attempts: u64,
    /// Attempts whose answer was used.
    pub answers: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// The cost.
    pub cost: u64,
    /// The cost of the same answers from the baseline.
    pub baseline: u64,
}

impl Price {
    /// Returns the cost of this usage, in billionths.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    pub fn of(&self, usage: &Usage) -> u64 {
        let count = |it: Option<u64>| it.filter(|it| *it <= MOST).unwrap_or_default();
        let (input, output) = (count(usage.input_tokens), count(usage.output_tokens));
        let cached = count(usage.cached_content_tokens).min(input);
        // Some services include reasoning in the output, some count it separately: the total shows
        // which.
        let thoughts = count(usage.thoughts_tokens);
        let beside = match usage.total_tokens {
            None => thoughts,
            Some(_) => {
                thoughts.min(count(usage.total_tokens).saturating_sub(input).saturating_sub(output))
            }
        };
        let cached_price = self.cached_input_per_million.unwrap_or(self.input_per_million);
        let thousandths = (input - cached) as f64 * self.input_per_million
            + cached as f64 * cached_price
            + (output + beside) as f64 * self.output_per_million;
        let billionths = (thousandths * 1000.0 + self.per_request * 1e9 + 0.5).floor();
        (billionths as u64).min(MOST)
    }
}

impl Row {
    /// Returns the sum of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = |a: u64, b: u64| (a + b).min(MOST);
        Self {
            attempts: sum(self.attempts, other.attempts),
            answers: sum(self.answers, other.answers),
            input_tokens: sum(self.input_tokens, other.input_tokens),
            output_tokens: sum(self.output_tokens, other.output_tokens),
            cost: sum(self.cost, other.cost),
            baseline: sum(self.baseline, other.baseline),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::{MOST, Price, Row};
    use crate::Usage;

    fn usage([input, output, total, thoughts, cached]: [Option<u64>; 5]) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: output,
            total_tokens: total,
            thoughts_tokens: thoughts,
            cached_content_tokens: cached,
        }
    }

    #[test]
    fn tokens_are_charged_once() {
        let price = Price {
            input_per_million: 1.0,
            output_per_million: 10.0,
            cached_input_per_million: Some(0.25),
            per_request: 0.001,
        };
        for (counts, expected) in [
            ([None; 5], 1_000_000),
            ([Some(1000), Some(100), None, None, None], 3_000_000),
            // Reasoning separate from the output, within it, and without a total.
            ([Some(1000), Some(100), Some(1150), Some(50), None], 3_500_000),
            ([Some(1000), Some(100), Some(1100), Some(50), None], 3_000_000),
            ([Some(1000), Some(100), None, Some(50), None], 3_500_000),
            ([Some(1000), Some(100), None, None, Some(400)], 2_700_000),
            ([Some(1000), None, None, None, Some(9999)], 1_250_000),
            ([Some(u64::MAX), None, None, None, None], 1_000_000),
            ([Some(MOST), None, None, None, None], MOST),
        ] {
            assert_eq!(price.of(&usage(counts)), expected, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_the_same_in_any_order(costs in proptest::collection::vec(any::<u32>(), 0..20)) {
            let row = |cost: &u32| Row { cost: u64::from(*cost), ..Row::default() };
            let forward = costs.iter().map(row).fold(Row::default(), Row::and);
            let back = costs.iter().rev().map(row).fold(Row::default(), Row::and);
            prop_assert_eq!(forward, back);
            prop_assert_eq!(forward.cost, costs.iter().map(|it| u64::from(*it)).sum::<u64>());
        }
    }

    #[test]
    fn sums_saturate_at_the_largest_integer() {
        let most = Row { cost: MOST, ..Row::default() };
        assert_eq!(most.and(most).cost, MOST);
    }
}
