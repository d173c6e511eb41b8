//! Replies: pieces on their way, whole answers, and what is known of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Message, Part};

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// It was complete, or met a stop sequence.
    #[default]
    Stop,
    /// It reached `maxOutputTokens` or the context's end.
    Length,
    /// The service refused the prompt or the answer.
    Blocked,
    /// It waits for the caller, for example for a tool.
    Interrupted,
    /// It was stopped.
    Aborted,
    /// A known reason with no word here.
    Other,
    /// No reason was given.
    Unknown,
}

/// The usage of an answer, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Tokens read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens written, thoughts among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Tokens thought, a part of those written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thoughts_tokens: Option<u64>,
    /// Tokens that did not have to be read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_content_tokens: Option<u64>,
}

/// How sure the model was, from the log-probabilities of the tokens it chose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confidence {
    /// Over how many tokens.
    pub tokens: u64,
    /// Their mean.
    pub mean_logprob: f64,
    /// The least sure one.
    pub min_logprob: f64,
    /// The 10 % quantile.
    pub p10_logprob: f64,
    /// By how much the first token was likelier than the second choice, where a branch reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_margin: Option<f64>,
    /// The mean entropy of the choices in nats, where a branch reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_entropy: Option<f64>,
}

impl Confidence {
    /// Summarises log-probabilities; `None` for none.
    #[must_use]
    pub fn of(logprobs: &[f64]) -> Option<Self> {
        let mut sorted = logprobs.to_vec();
        sort(&mut sorted);
        Self::of_sorted(&sorted)
    }

    /// The same for log-probabilities in rising order.
    pub(crate) fn of_sorted(sorted: &[f64]) -> Option<Self> {
        let &min_logprob = sorted.first()?;
        // Nearest rank: the smallest value with at least a tenth of all at or below it.
        let rank = sorted.len().div_ceil(10).saturating_sub(1);
        let p10_logprob = sorted.get(rank).copied().unwrap_or(min_logprob);
        #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
        let mean_logprob = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Some(Self {
            tokens: sorted.len() as u64,
            mean_logprob,
            min_logprob,
            p10_logprob,
            first_margin: None,
            mean_entropy: None,
        })
    }
}

/// The least first, by Shell's method: the library's sort is five kilobytes of every page's
/// download.
pub(crate) fn sort(numbers: &mut [f64]) {
    let mut gap = numbers.len();
    while gap > 1 {
        gap = (gap * 5 / 11).max(1);
        for end in gap..numbers.len() {
            let mut at = end;
            while let (Some(before), Some(here)) = (at.checked_sub(gap), numbers.get(at))
                && numbers.get(before).is_some_and(|it| it.total_cmp(here).is_gt())
            {
                numbers.swap(before, at);
                at = before;
            }
        }
    }
}

/// One piece of an answer on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Piece {
    /// The new parts.
    pub content: Vec<Part>,
    /// Log-probabilities of its tokens, where the runtime reports them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f64>>,
}

/// A branch's whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The model's message.
    pub message: Message,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The provider's own word for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_message: Option<String>,
    /// The usage.
    pub usage: Usage,
    /// How sure the model was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The service's reply, unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::{Confidence, sort};

    proptest! {
        #[test]
        fn it_sorts_as_the_library_does(numbers in vec(any::<f64>(), 0..200)) {
            let (mut ours, mut theirs) = (numbers.clone(), numbers);
            sort(&mut ours);
            theirs.sort_unstable_by(f64::total_cmp);
            let bits = |list: Vec<f64>| list.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            prop_assert_eq!(bits(ours), bits(theirs));
        }
    }

    #[test]
    fn confidence_is_by_nearest_rank() {
        assert_eq!(Confidence::of(&[]), None);
        let twenty: Vec<f64> = (1..=20).map(|it| -f64::from(it)).collect();
        let confidence = Confidence::of(&twenty).unwrap();
        assert_eq!(
            (confidence.tokens, confidence.min_logprob, confidence.p10_logprob),
            (20, -20.0, -19.0)
        );
        assert!((confidence.mean_logprob + 10.5).abs() < 1e-12);
    }
}
