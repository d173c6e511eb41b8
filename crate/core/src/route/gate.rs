//! The confidence gate: holds back a branch's first tokens until their confidence is known.

use serde_json::Value;

use crate::json::{Fields, FromJson};
use crate::learn::{Signal, Signals};
use crate::{Confidence, Result};

/// The settings of the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The minimum score to show an answer.
    pub threshold: f64,
    /// The score to compare.
    pub score: Signal,
    /// The number of tokens to hold back.
    pub hold_tokens: usize,
}

/// The default number of tokens to hold back.
const HOLD_TOKENS: usize = 24;

impl FromJson for Gate {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the confidence gate", json);
        let gate = Self {
            threshold: fields.required_number("threshold"),
            score: match fields.value("score").map(|it| Signal::read(&it)) {
                None => Signal::P10,
                Some(Some(score)) => score,
                Some(None) => {
                    fields.wrong("score", "a known score, or the weights of a combination");
                    Signal::P10
                }
            },
            hold_tokens: fields.index("holdTokens").unwrap_or(HOLD_TOKENS),
        };
        fields.done(gate)
    }
}

/// The gate's verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Not enough tokens yet.
    Hold,
    /// Show the answer.
    Sure(Confidence),
    /// Show the answer, because there is no score to compare.
    Unreported,
    /// Reject the answer.
    Unsure(Confidence),
}

impl Gate {
    /// Judges the tokens so far; `is_over` is set after the last. Only the first tokens count,
    /// however they were cut into chunks.
    pub(crate) fn judge(
        &self,
        logprobs: &[f64],
        is_over: bool,
        reported: Option<Confidence>,
    ) -> Verdict {
        let hold = self.hold_tokens.max(1);
        let mut signals = match logprobs.get(..hold) {
            Some(first) => Signals::of(first),
            None if !is_over && !logprobs.is_empty() => return Verdict::Hold,
            None => Signals::of(logprobs).or(reported.map(Signals::reported)),
        };
        // Margin and entropy cannot be computed from tokens: only the branch can report them.
        if let (Some(seen), Some(reported)) = (&mut signals, reported) {
            seen.confidence.first_margin = reported.first_margin;
            seen.confidence.mean_entropy = reported.mean_entropy;
        }
        let judged = signals.and_then(|it| Some((self.score.of(&it)?, it.confidence)));
        match judged {
            None => Verdict::Unreported,
            Some((signal, confidence)) if signal < self.threshold => Verdict::Unsure(confidence),
            Some((_, confidence)) => Verdict::Sure(confidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, Verdict};
    use crate::json::FromJson as _;
    use crate::learn::Signal;

    #[test]
    fn only_the_first_tokens_are_judged() {
        let ten = [-0.1, -0.1, -0.1, -0.1, -3.0, -0.1, -0.1, -0.1, -0.1, -0.1];
        for (score, threshold, hold, heard, is_over, expected) in [
            (Signal::Mean, -0.5, 10, 10, false, "sure"),
            (Signal::Mean, -0.3, 10, 10, false, "unsure"),
            (Signal::Min, -1.0, 10, 10, false, "unsure"),
            (Signal::Min, -1.0, 4, 10, false, "sure"),
            (Signal::P10, -1.0, 10, 10, false, "unsure"),
            (Signal::P10, -3.0, 10, 10, false, "sure"),
            (Signal::Min, -1.0, 10, 9, false, "hold"),
            (Signal::Min, -1.0, 10, 9, true, "unsure"),
            (Signal::Min, -1.0, 10, 0, false, "unreported"),
            (Signal::Min, -1.0, 10, 0, true, "unreported"),
            (Signal::Min, -1.0, 0, 1, false, "sure"),
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
    fn a_reported_score_is_used_if_tokens_have_none() {
        let gate = Gate { threshold: -1.0, score: Signal::Mean, hold_tokens: 4 };
        let reported = crate::Confidence::of(&[-2.0]);
        assert!(matches!(gate.judge(&[], true, reported), Verdict::Unsure(_)));
        assert!(matches!(gate.judge(&[-0.5], true, reported), Verdict::Sure(_)));
    }

    #[test]
    fn values_reported_by_the_branch_are_judged_at_the_end() {
        let gate = Gate { threshold: 0.5, score: Signal::Margin, hold_tokens: usize::MAX };
        let margin = |first_margin| {
            let reported = crate::Confidence::of(&[-2.0]).unwrap();
            Some(crate::Confidence { first_margin, ..reported })
        };
        assert!(matches!(gate.judge(&[-2.0; 99], false, None), Verdict::Hold));
        assert!(matches!(gate.judge(&[-2.0], true, margin(Some(0.6))), Verdict::Sure(_)));
        assert!(matches!(gate.judge(&[-2.0], true, margin(Some(0.4))), Verdict::Unsure(_)));
        assert!(matches!(gate.judge(&[-2.0], true, margin(None)), Verdict::Unreported));
    }

    #[test]
    fn an_invalid_gate_is_rejected() {
        for (json, holds) in [
            (r#"{"threshold":-1}"#, true),
            (r#"{"threshold":-1,"score":"p25","holdTokens":4294967295}"#, true),
            (r#"{"threshold":-1,"score":[1,2,3,4,5,6,7,8]}"#, true),
            (r#"{"threshold":-1,"score":"p99"}"#, false),
            (r#"{"threshold":-1,"score":[1]}"#, false),
            (r#"{"score":"mean"}"#, false),
        ] {
            assert_eq!(
                Gate::from_json(serde_json::from_str(json).unwrap()).is_ok(),
                holds,
                "{json}"
            );
        }
    }
}
