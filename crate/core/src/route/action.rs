//! A run's inputs and outputs: events and actions.

use serde::Serialize;
use serde_json::Value;

use super::inputs::Question;
use super::trace::Trace;
use crate::device::Place;
use crate::json;
use crate::json::Fields;
use crate::{Confidence, Error, Usage};

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The run begins.
    Started,
    /// The question asked last is answered, as JSON.
    Answered(&'a str),
    /// A branch sent a chunk.
    Spoke {
        /// Which attempt.
        attempt: usize,
        /// How much of what.
        heard: Heard,
        /// Log-probabilities of the tokens in it.
        logprobs: &'a [f64],
    },
    /// A branch gave its whole answer.
    Finished {
        /// Which attempt.
        attempt: usize,
        /// The summary of the answer.
        summary: Summary,
    },
    /// A branch failed.
    Failed {
        /// Which attempt.
        attempt: usize,
        /// How.
        error: Error,
        /// The branch's own trace, where it is a router itself.
        routing: Option<Value>,
    },
    /// `accept` has spoken.
    Judged(bool),
    /// The timer rang.
    Woke,
    /// The caller wants no more: its signal, `break`, `return()`.
    Aborted,
    /// A callback of the caller threw. The caller gets what was thrown; the run only cleans up.
    CallerThrew,
}

/// How much of a chunk is what, in characters for words and in parts for all else. The words
/// themselves stay outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Characters of text.
    pub text: u32,
    /// Characters of thinking.
    pub reasoning: u32,
    /// Parts that are neither.
    pub other: u32,
}

impl Heard {
    /// Whether there is something in it that the caller requested. Empty text is not; thinking only
    /// where it was requested.
    #[must_use]
    pub fn has_content(self, wants_reasoning: bool) -> bool {
        self.text > 0 || self.other > 0 || (wants_reasoning && self.reasoning > 0)
    }
}

/// What is to be known of a whole answer. The answer itself stays outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The usage.
    pub usage: Usage,
    /// The confidence that the branch reports.
    pub confidence: Option<Confidence>,
    /// The device that a local model ran on.
    pub device: Option<Place>,
    /// The branch's own trace, where it is a router itself.
    pub routing: Option<Value>,
}

impl Summary {
    /// Reads a summary. Fields that cannot be read are absent: the answer stays valid.
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

/// Why an attempt is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The caller wants no more.
    Aborted,
    /// It passed a deadline.
    Deadline,
    /// Another was faster, or the run is over.
    Overtaken,
    /// It was not sure enough.
    Unsure,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Find out.
    Ask {
        /// What.
        question: Question,
    },
    /// Run a branch.
    Start {
        /// The attempt's number.
        attempt: usize,
        /// The branch's key.
        branch: String,
        /// Whether it shall stream.
        streaming: bool,
        /// The constraint, which holds for every branch that helps this one too.
        #[serde(skip_serializing_if = "Option::is_none")]
        allow: Option<Vec<String>>,
    },
    /// Stop a branch. Its later events are ignored.
    Stop {
        /// Which attempt.
        attempt: usize,
        /// Why.
        reason: StopReason,
    },
    /// Hand the caller everything that was held back of an attempt.
    Show {
        /// Which attempt.
        attempt: usize,
    },
    /// From now on, questions and branches are about the request with the text that the caller has
    /// seen: the attempt's answer broke off, and another branch may continue it.
    Extend {
        /// Which attempt.
        attempt: usize,
    },
    /// Ask `accept` about an attempt's answer.
    Judge {
        /// Which attempt.
        attempt: usize,
        /// The trace, as if the answer were accepted.
        trace: Trace,
    },
    /// Ring at this time, and forget any other time.
    Wake {
        /// When.
        at: f64,
    },
    /// This attempt's answer is the answer.
    Finish {
        /// Which attempt.
        attempt: usize,
        /// Whether its answer has to be shown whole, because the caller streams and has seen
        /// nothing.
        whole: bool,
        /// How sure it was, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        confidence: Option<Confidence>,
        /// The trace.
        trace: Trace,
    },
    /// There is no answer.
    Fail {
        /// The attempt whose failure it is, where it is one's.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempt: Option<usize>,
        /// The failure.
        error: Error,
        /// The trace.
        trace: Trace,
    },
}
