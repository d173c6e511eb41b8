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
    /// Its answer is the answer.
    Answered,
    /// It failed.
    Failed,
    /// It answered, and its answer was not good enough.
    Rejected,
    /// It was skipped: its breaker is open.
    Skipped,
    /// It was stopped: by the caller, or because another was faster.
    Stopped,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The branch's key.
    pub branch: String,
    /// How it ended; `None` while it runs, which no finished trace shows.
    pub outcome: Option<Outcome>,
    /// The error's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The error's message, or what else is worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Milliseconds since 1970.
    pub started_at_ms: f64,
    /// From the start to the first content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// From the start to the end.
    pub duration_ms: f64,
    /// The usage, as far as the branch reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How sure it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The device that a local model ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Place>,
    /// The branch's own trace, where it is a router itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Value>,
    /// Whose answer it continued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued: Option<Continued>,
    /// Why its answer, which broke off, was not continued although the caller allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_continued: Option<NotContinued>,
}

/// Where an attempt continues the answer of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Continued {
    /// The branch that wrote before.
    pub from: String,
    /// UTF-16 code units of text before it.
    pub at: u64,
}

/// Why an answer that broke off was not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotContinued {
    /// The failure is one after which no other branch is tried.
    Permanent,
    /// JSON was requested: no branch can be held to a schema from the middle on.
    Json,
    /// It holds more than text, for example a call of a tool.
    ToolCall,
    /// No branch is left.
    LastBranch,
    /// No branch that is left may see the request with the text so far.
    NotAllowed,
}

/// The public `RoutingTrace`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// The run's name.
    pub id: String,
    /// The strategy's name.
    pub strategy: String,
    /// The branches that were to be tried, after the constraint.
    pub order: Vec<String>,
    /// The constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempts, in the order of their starts.
    pub attempts: Vec<Attempt>,
}
