//! Replies: streamed chunks, complete answers, and their metadata.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::{Message, Part};

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// The answer is complete, or reached a stop sequence.
    #[default]
    Stop,
    /// The answer reached `maxOutputTokens` or the end of the context window.
    Length,
    /// The service blocked the prompt or the answer.
    Blocked,
    /// The model waits for the caller, for example for a tool result.
    Interrupted,
    /// The caller stopped it.
    Aborted,
    /// Another reason.
    Other,
    /// The branch gave no reason.
    Unknown,
}

/// The token usage of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Prompt tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Generated tokens, including reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// The sum of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// Reasoning tokens, a part of the generated ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thoughts_tokens: Option<u64>,
    /// Prompt tokens that were cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_content_tokens: Option<u64>,
}

/// The model's confidence, from the log-probabilities of the tokens it chose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confidence {
    /// The number of tokens.
    pub tokens: u64,
    /// The mean log-probability.
    pub mean_logprob: f64,
    /// The minimum.
    pub min_logprob: f64,
    /// The 10 % quantile.
    pub p10_logprob: f64,
    /// The margin of the first token's log-probability over the second choice, if the branch
    /// reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_margin: Option<f64>,
    /// The mean entropy of the choices in nats, if the branch reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_entropy: Option<f64>,
}

impl Confidence {
    /// Summarises log-probabilities. Returns `None` for an empty list.
    #[must_use]
    pub fn of(logprobs: &[f64]) -> Option<Self> {
        let mut sorted = logprobs.to_vec();
        sort(&mut sorted);
        Self::of_sorted(&sorted)
    }

    /// The same for log-probabilities in rising order.
    pub(crate) fn of_sorted(sorted: &[f64]) -> Option<Self> {
        let &min_logprob = sorted.first()?;
        // Nearest rank: the smallest value that at least a tenth of all values don't exceed.
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

/// Shellsort in ascending order: the standard library's sort would add five kilobytes to every
/// page's download.
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

/// One streamed chunk of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Piece {
    /// The new parts.
    pub content: Vec<Part>,
    /// Log-probabilities of its tokens, if the runtime reports them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f64>>,
}

/// A branch's complete answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// The model's message.
    pub message: Message,
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// The provider's own name for the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_message: Option<String>,
    /// The token usage.
    pub usage: Usage,
    /// The model's confidence.
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
        fn sorts_like_the_standard_library(numbers in vec(any::<f64>(), 0..200)) {
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
