//! A run's inputs and outputs: events and actions.

use serde::Serialize;
use serde_json::Value;

use super::inputs::Question;
use super::trace::Trace;
use crate::device::Place;
use crate::json;
use crate::json::Fields;
use crate::{Confidence, Error, Usage};

/// An event.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The run begins.
    Started,
    /// The last question is answered, as JSON.
    Answered(&'a str),
    /// A branch sent a chunk.
    Spoke {
        /// The attempt's number.
        attempt: usize,
        /// The sizes of the chunk's content.
        heard: Heard,
        /// Log-probabilities of the tokens in it.
        logprobs: &'a [f64],
    },
    /// A branch returned its complete answer.
    Finished {
        /// The attempt's number.
        attempt: usize,
        /// The summary of the answer.
        summary: Summary,
    },
    /// A branch failed.
    Failed {
        /// The attempt's number.
        attempt: usize,
        /// The error.
        error: Error,
        /// The branch's own trace, if it is a router.
        routing: Option<Value>,
    },
    /// `accept` has returned.
    Judged(bool),
    /// The timer fired.
    Woke,
    /// The caller aborted: by its signal, `break` or `return()`.
    Aborted,
    /// A callback of the caller threw. The exception goes to the caller; the run only cleans up.
    CallerThrew,
}

/// The sizes of a chunk's content: text in characters, everything else in parts. The content itself
/// stays outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Characters of text.
    pub text: u32,
    /// Characters of reasoning.
    pub reasoning: u32,
    /// Other parts.
    pub other: u32,
}

impl Heard {
    /// Whether it contains content that the caller requested. Empty text does not count; reasoning
    /// counts only if it was requested.
    #[must_use]
    pub fn has_content(self, wants_reasoning: bool) -> bool {
        self.text > 0 || self.other > 0 || (wants_reasoning && self.reasoning > 0)
    }
}

/// The summary of a complete answer. The answer itself stays outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The token usage.
    pub usage: Usage,
    /// The confidence that the branch reports.
    pub confidence: Option<Confidence>,
    /// The device that a local model ran on.
    pub device: Option<Place>,
    /// The branch's own trace, if it is a router.
    pub routing: Option<Value>,
}

impl Summary {
    /// Reads a summary. Unreadable fields are absent, so that the answer stays valid.
    #[must_use]
    pub fn parse(json: &str) -> Self {
        let json = json::parse(json, "the summary").unwrap_or_default();
        let mut fields = Fields::of("the summary", json);
        let mut usage = Fields::of("usage", fields.value("usage").unwrap_or_default());
        let confidence = fields.value("confidence").and_then(|json| {
            let mut fields = Fields::of("confidence", json);
            let confidence = Confidence {
                tokens: fields.count("tokens").unwrap_or_default(),
                mean_logprob: fields.required_number("meanLogprob"),
                min_logprob: fields.required_number("minLogprob"),
                p10_logprob: fields.required_number("p10Logprob"),
                first_margin: fields.number("firstMargin"),
                mean_entropy: fields.number("meanEntropy"),
            };
            fields.done(confidence).ok()
        });
        Self {
            usage: Usage {
                input_tokens: usage.count("inputTokens"),
                output_tokens: usage.count("outputTokens"),
                total_tokens: usage.count("totalTokens"),
                thoughts_tokens: usage.count("thoughtsTokens"),
                cached_content_tokens: usage.count("cachedContentTokens"),
            },
            confidence,
            device: fields.text("device").and_then(|it| Place::parse(&it)),
            routing: fields.value("routing"),
        }
    }
}

/// The reason why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The caller aborted.
    Aborted,
    /// A deadline passed.
    Deadline,
    /// Another branch was faster, or the run is over.
    Overtaken,
    /// Its confidence was too low.
    Unsure,
}

/// An action for the driver.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Answer a question.
    Ask {
        /// The question.
        question: Question,
    },
    /// Run a branch.
    Start {
        /// The attempt's number.
        attempt: usize,
        /// The branch's key.
        branch: String,
        /// Whether to stream.
        streaming: bool,
        /// The constraint, which also applies to every branch that helps this one.
        #[serde(skip_serializing_if = "Option::is_none")]
        allow: Option<Vec<String>>,
    },
    /// Stop a branch. Its later events are ignored.
    Stop {
        /// The attempt's number.
        attempt: usize,
        /// The reason.
        reason: StopReason,
    },
    /// Show the caller everything that was held back of an attempt.
    Show {
        /// The attempt's number.
        attempt: usize,
    },
    /// From now on, use the request with the text shown so far for questions and branches: the
    /// attempt's answer broke off, and another branch may continue it.
    Extend {
        /// The attempt's number.
        attempt: usize,
    },
    /// Call `accept` with an attempt's answer.
    Judge {
        /// The attempt's number.
        attempt: usize,
        /// The trace, as if the answer were accepted.
        trace: Trace,
    },
    /// Set the timer to this time, replacing any other.
    Wake {
        /// The time.
        at: f64,
    },
    /// Return this attempt's answer.
    Finish {
        /// The attempt's number.
        attempt: usize,
        /// Whether its answer has to be shown as a whole, because the caller streams and has seen
        /// nothing.
        whole: bool,
        /// Its confidence, if known.
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<Confidence>,
        /// The trace.
        trace: Trace,
    },
    /// Fail the request.
    Fail {
        /// The attempt that failed, if the failure is an attempt's.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<usize>,
        /// The error.
        error: Error,
        /// The trace.
        trace: Trace,
    },
}
