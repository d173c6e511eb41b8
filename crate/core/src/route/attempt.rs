//! One running branch: what it has sent so far, and its deadlines.

use super::action::Heard;
use super::health::Probe;
use super::policy::Policy;

/// An attempt in progress.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its number, which is also its index in the trace.
    pub(crate) attempt: usize,
    pub(crate) branch: usize,
    /// Set if the attempt probes whether an open breaker may close.
    pub(crate) probe: Option<Probe>,
    /// The deadline for its first content if its policy has none.
    pub(crate) default_patience_ms: Option<f64>,
    /// Whether it streams: otherwise it cannot miss the deadline for its first content.
    pub(crate) streams: bool,
    pub(crate) wants_reasoning: bool,
    pub(crate) started: f64,
    /// The time of its first content.
    pub(crate) first: Option<f64>,
    /// The time of its last chunk.
    last: f64,
    pub(crate) logprobs: Vec<f64>,
    /// UTF-16 code units of its text.
    pub(crate) text: u64,
    /// Whether it sent anything besides text and reasoning.
    pub(crate) has_other: bool,
    /// Whether it has passed the gate. True from the start if there is no gate.
    pub(crate) is_open: bool,
}

impl Live {
    pub(crate) fn new(attempt: usize, branch: usize, now: f64) -> Self {
        Self {
            attempt,
            branch,
            probe: None,
            default_patience_ms: None,
            streams: false,
            wants_reasoning: false,
            started: now,
            first: None,
            last: now,
            logprobs: Vec::new(),
            text: 0,
            has_other: false,
            is_open: true,
        }
    }

    /// Records a chunk and returns whether it has content.
    pub(crate) fn hear(&mut self, heard: Heard, logprobs: &[f64], now: f64) -> bool {
        self.last = now;
        self.text += u64::from(heard.text);
        self.has_other |= heard.other > 0;
        // A non-finite log-probability counts as not reported.
        self.logprobs.extend(logprobs.iter().filter(|it| !it.is_nan()));
        let has_content = heard.has_content(self.wants_reasoning);
        if has_content {
            self.first.get_or_insert(now);
        }
        has_content
    }

    /// Returns the earliest deadline, and the message of the error when it passes.
    pub(crate) fn deadline(&self, policy: &Policy) -> Option<(f64, &'static str)> {
        let first = match self.first {
            None if self.streams => {
                let patience = policy.first_token_timeout_ms.or(self.default_patience_ms);
                patience.map(|it| self.started + it)
            }
            _ => None,
        };
        let idle = match self.first {
            Some(_) if self.streams => policy.idle_timeout_ms.map(|it| self.last + it),
            _ => None,
        };
        let total = policy.total_timeout_ms.map(|it| self.started + it);
        [
            first.map(|at| (at, "no first token in time")),
            idle.map(|at| (at, "no chunk for too long during the answer")),
            total.map(|at| (at, "no complete answer in time")),
        ]
        .into_iter()
        .flatten()
        .min_by(|a, b| f64::total_cmp(&a.0, &b.0))
    }

    /// Returns when to start the next branch as well, because this one has sent nothing.
    pub(crate) fn hedge_at(&self, policy: &Policy) -> Option<f64> {
        let after = policy.hedge_after_ms.filter(|_| self.first.is_none())?;
        Some(self.started + after)
    }
}
