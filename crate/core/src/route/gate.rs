//! The confidence gate: a branch's first tokens are held back while it is judged how sure it is.

use serde_json::Value;

use super::record::Record;
use crate::{Confidence, Result};

/// How sure is sure enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The least score that is shown.
    pub threshold: f64,
    /// What is scored.
    pub score: Score,
    /// How many tokens are held back.
    pub hold_tokens: usize,
}

/// What of the log-probabilities is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Score {
    /// The mean.
    Mean,
    /// The least sure token.
    Min,
    /// The 10 % quantile: not moved by one odd token, not washed out by many easy ones.
    #[default]
    P10,
}

/// How many tokens are held back where nothing is said.
const HOLD_TOKENS: usize = 24;

impl Gate {
    /// Reads a gate.
    pub(crate) fn read(json: &Value) -> Result<Self> {
        let mut record = Record::of("the confidence gate", json);
        let gate = Self {
            threshold: record.number("threshold"),
            score: match record.maybe_text("score").as_deref() {
                Some("mean") => Score::Mean,
                Some("min") => Score::Min,
                _ => Score::P10,
            },
            hold_tokens: match record.value("holdTokens") {
                Some(_) => record.index("holdTokens"),
                None => HOLD_TOKENS,
            },
        };
        record.done(gate)
    }
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Not enough tokens yet.
    Hold,
    /// Show it.
    Sure(Confidence),
    /// Show it, for want of anything to judge by.
    Unreported,
    /// Do not show it.
    Unsure(Confidence),
}

impl Gate {
    /// Judges what was heard so far; `is_over` where nothing follows. Only the first tokens count, however they were cut into chunks.
    pub(crate) fn judge(
        &self,
        logprobs: &[f64],
        is_over: bool,
        told: Option<Confidence>,
    ) -> Verdict {
        let hold = self.hold_tokens.max(1);
        let confidence = match logprobs.get(..hold) {
            Some(first) => Confidence::of(first),
            None if !is_over && !logprobs.is_empty() => return Verdict::Hold,
            None => Confidence::of(logprobs).or(told),
        };
        match confidence {
            None => Verdict::Unreported,
            Some(confidence) if self.score.of(&confidence) < self.threshold => {
                Verdict::Unsure(confidence)
            }
            Some(confidence) => Verdict::Sure(confidence),
        }
    }
}

impl Score {
    fn of(self, confidence: &Confidence) -> f64 {
        match self {
            Self::Mean => confidence.mean_logprob,
            Self::Min => confidence.min_logprob,
            Self::P10 => confidence.p10_logprob,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Score, Verdict};

    #[test]
    fn only_the_first_tokens_are_judged() {
        let ten = [-0.1, -0.1, -0.1, -0.1, -3.0, -0.1, -0.1, -0.1, -0.1, -0.1];
        for (score, threshold, hold, heard, is_over, expected) in [
            (Score::Mean, -0.5, 10, 10, false, "sure"),
            (Score::Mean, -0.3, 10, 10, false, "unsure"),
            (Score::Min, -1.0, 10, 10, false, "unsure"),
            (Score::Min, -1.0, 4, 10, false, "sure"),
            (Score::P10, -1.0, 10, 10, false, "unsure"),
            (Score::P10, -3.0, 10, 10, false, "sure"),
            (Score::Min, -1.0, 10, 9, false, "hold"),
            (Score::Min, -1.0, 10, 9, true, "unsure"),
            (Score::Min, -1.0, 10, 0, false, "unreported"),
            (Score::Min, -1.0, 10, 0, true, "unreported"),
            (Score::Min, -1.0, 0, 1, false, "sure"),
        ] {
            let gate = Gate { threshold, score, hold_tokens: hold };
            let found = match gate.judge(&ten[..heard], is_over, None) {
                Verdict::Hold => "hold",
                Verdict::Sure(_) => "sure",
                Verdict::Unreported => "unreported",
                Verdict::Unsure(_) => "unsure",
            };
            assert_eq!(found, expected, "{gate:?} after {heard} tokens, over: {is_over}");
        }
    }

    #[test]
    fn what_the_branch_tells_counts_where_tokens_tell_nothing() {
        let gate = Gate { threshold: -1.0, score: Score::Mean, hold_tokens: 4 };
        let told = crate::Confidence::of(&[-2.0]);
        assert!(matches!(gate.judge(&[], true, told), Verdict::Unsure(_)));
        assert!(matches!(gate.judge(&[-0.5], true, told), Verdict::Sure(_)));
    }
}
