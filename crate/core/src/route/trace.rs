//! Everything that was tried, for the response, the error and debugging. It never contains a
//! prompt, an answer or a key.

use serde::Serialize;
use serde_json::Value;

use crate::device::Place;
use crate::{Confidence, Status, Usage};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Its answer was returned.
    Answered,
    /// It failed.
    Failed,
    /// It answered, and its answer was rejected.
    Rejected,
    /// It was skipped, because its breaker is open.
    Skipped,
    /// It was stopped: by the caller, or because another was faster.
    Stopped,
}

/// One attempt of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The branch's key.
    pub branch: String,
    /// How it ended; `None` while it runs, which never occurs in a finished trace.
    pub outcome: Option<Outcome>,
    /// The error's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The error's message, or another remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Milliseconds since 1970.
    pub started_at_ms: f64,
    /// From the start to the first content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// From the start to the end.
    pub duration_ms: f64,
    /// The token usage, as far as the branch reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its confidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The device that a local model ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Place>,
    /// The branch's own trace, if it is a router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Value>,
    /// The answer that it continued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued: Option<Continued>,
    /// Why its partial answer was not continued although the caller allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_continued: Option<NotContinued>,
}

/// The continuation of another attempt's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Continued {
    /// The branch that wrote the text before.
    pub from: String,
    /// UTF-16 code units of text before it.
    pub at: u64,
}

/// Why an answer that broke off was not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotContinued {
    /// The failure does not allow another branch.
    Permanent,
    /// JSON was requested, which no branch can continue under a schema.
    Json,
    /// It contains more than text, for example a tool call.
    ToolCall,
    /// No branch is left.
    LastBranch,
    /// No branch that is left may see the request with the text so far.
    NotAllowed,
}

/// The public `RoutingTrace`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The run's ID.
    pub id: String,
    /// The strategy's name.
    pub strategy: String,
    /// The branches to try, after applying the constraint.
    pub order: Vec<String>,
    /// The constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempts, in the order in which they started.
    pub attempts: Vec<Attempt>,
}
