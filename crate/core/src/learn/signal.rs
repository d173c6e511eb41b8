//! Signals of correctness from the log-probabilities of an answer's tokens.

use serde_json::Value;

use crate::Confidence;

/// The signal that is compared with a threshold. Higher values mean higher confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Signal {
    /// The mean, which the easy tokens of a long answer dominate.
    Mean,
    /// The minimum.
    Min,
    /// The 10 % quantile: robust against one outlier and against many easy tokens.
    #[default]
    P10,
    /// The 25 % quantile.
    P25,
    /// The median.
    P50,
    /// The first token.
    First,
    /// The margin of the first token over the second choice, if the branch reports it.
    Margin,
    /// The negative mean entropy of the choices, if the branch reports it.
    Entropy,
    /// A weighted sum of the others, as fitted by a calibration.
    Combined([f64; COMBINED]),
}

/// A bias, and a weight for each of [`Signals::features`].
pub const COMBINED: usize = 8;

/// A summary of log-probabilities, from which signals are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signals {
    /// The confidence reported to callers.
    pub confidence: Confidence,
    /// The 25 % quantile, the median and the first value, if individual tokens were reported.
    pub detail: Option<[f64; 3]>,
}

impl Signals {
    /// Summarises log-probabilities; `None` for an empty list.
    #[must_use]
    pub fn of(logprobs: &[f64]) -> Option<Self> {
        let mut sorted = logprobs.to_vec();
        crate::reply::sort(&mut sorted);
        let confidence = Confidence::of_sorted(&sorted)?;
        // Nearest rank, as everywhere.
        let quantile = |parts: usize| {
            let rank = sorted.len().div_ceil(parts).saturating_sub(1);
            sorted.get(rank).copied().unwrap_or_default()
        };
        let first = logprobs.first().copied().unwrap_or_default();
        Some(Self { confidence, detail: Some([quantile(4), quantile(2), first]) })
    }

    /// The signals that a branch reports itself, without tokens.
    #[must_use]
    pub fn reported(confidence: Confidence) -> Self {
        Self { confidence, detail: None }
    }

    /// Returns the weighted sum of a combination; `None` if a part of it is unknown.
    #[must_use]
    pub fn features(&self) -> Option<[f64; COMBINED - 1]> {
        let Confidence { tokens, mean_logprob, min_logprob, p10_logprob, .. } = self.confidence;
        let [p25, p50, first] = self.detail?;
        let short = 1.0 / (tokens.max(1) as f64);
        // A token of probability zero has minus infinity, which would make the sum useless.
        let bounded = |logprob: f64| logprob.max(-25.0);
        Some([
            bounded(mean_logprob),
            bounded(min_logprob),
            bounded(p10_logprob),
            bounded(p25),
            bounded(p50),
            bounded(first),
            short,
        ])
    }
}

impl Signal {
    /// Returns the signal of an answer; `None` if the required values were not reported.
    #[must_use]
    pub fn of(self, signals: &Signals) -> Option<f64> {
        let detail = |at: usize| signals.detail.and_then(|it| it.get(at).copied());
        let confidence = &signals.confidence;
        match self {
            Self::Mean => Some(confidence.mean_logprob),
            Self::Min => Some(confidence.min_logprob),
            Self::P10 => Some(confidence.p10_logprob),
            Self::P25 => detail(0),
            Self::P50 => detail(1),
            Self::First => detail(2),
            Self::Margin => confidence.first_margin,
            Self::Entropy => confidence.mean_entropy.map(|it| -it),
            Self::Combined([bias, weights @ ..]) => {
                let features = signals.features()?;
                let weighted = weights.iter().zip(features);
                Some(weighted.fold(bias, |sum, (weight, feature)| sum + weight * feature))
            }
        }
    }

    /// Reads a signal: its name, or the weights of a combination.
    #[must_use]
    pub fn read(json: &Value) -> Option<Self> {
        if let Some(weights) = json.as_array() {
            let mut combined = [0.0; COMBINED];
            if weights.len() != COMBINED {
                return None;
            }
            for (slot, weight) in combined.iter_mut().zip(weights) {
                *slot = weight.as_f64()?;
            }
            return Some(Self::Combined(combined));
        }
        Some(match json.as_str()? {
            "mean" => Self::Mean,
            "min" => Self::Min,
            "p10" => Self::P10,
            "p25" => Self::P25,
            "p50" => Self::P50,
            "first" => Self::First,
            "margin" => Self::Margin,
            "entropy" => Self::Entropy,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Signal, Signals};
    use crate::Confidence;

    #[test]
    fn signals_use_the_nearest_rank_and_are_absent_if_unknown() {
        let ten: Vec<f64> = [3, 10, 1, 9, 2, 8, 4, 7, 5, 6].map(|it| -f64::from(it)).to_vec();
        let mut reported = Confidence::of(&ten).unwrap();
        reported.first_margin = Some(0.5);
        reported.mean_entropy = Some(2.0);
        let (seen, stated) = (Signals::of(&ten).unwrap(), Signals::reported(reported));
        for (name, of_seen, of_stated) in [
            ("mean", Some(-5.5), Some(-5.5)),
            ("min", Some(-10.0), Some(-10.0)),
            ("p10", Some(-10.0), Some(-10.0)),
            ("p25", Some(-8.0), None),
            ("p50", Some(-6.0), None),
            ("first", Some(-3.0), None),
            ("margin", None, Some(0.5)),
            ("entropy", None, Some(-2.0)),
        ] {
            let signal = Signal::read(&json!(name)).unwrap();
            assert_eq!((signal.of(&seen), signal.of(&stated)), (of_seen, of_stated), "{name}");
        }
        let combined = Signal::read(&json!([1, 0, 0, 0, 0, 0, 2, 10])).unwrap();
        assert_eq!((combined.of(&seen), combined.of(&stated)), (Some(1.0 - 6.0 + 1.0), None));
        assert_eq!(Signals::of(&[]), None);
        for unreadable in [json!("p99"), json!([1]), json!(3), json!([1, 0, 0, 0, 0, 0, 2, "x"])] {
            assert_eq!(Signal::read(&unreadable), None);
        }
    }
}
