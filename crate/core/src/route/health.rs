//! The health of each branch: consecutive failures, open breakers, measured speeds. Kept across
//! requests.

use serde::Serialize;
use serde_json::Value;

use super::branch::BranchFacts;
use super::policy::Breaker;
use crate::json;
use crate::{Error, Usage};

/// Default cool-down after a lost GPU or an exhausted daily quota, if the error has no
/// `retryAfterMs`.
const LOST_GPU_MS: f64 = 30_000.0;
const DAILY_QUOTA_MS: f64 = 3_600_000.0;

/// The maximum time for which a service's delay can open a breaker: a day.
const LONGEST_PAUSE_MS: f64 = 86_400_000.0;

/// The number of remembered first-token times: enough for a linear fit, few enough to follow a
/// change of network.
const SAMPLES: usize = 16;

/// The weight of the newest speed.
const NEWEST: f64 = 0.3;

/// The health of one hybrid's branches.
#[derive(Debug)]
pub struct Health {
    records: Vec<BranchRecord>,
    /// The number of probes started, which numbers them.
    probes: u64,
}

/// The number of the attempt that probes whether a branch has recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe(u64);

#[derive(Debug, Default)]
struct BranchRecord {
    failures_in_row: u32,
    open: Option<Open>,
    /// Attempts in progress.
    live: u32,
    /// (input tokens, milliseconds to the first token), newest last.
    first_tokens: Vec<(f64, f64)>,
    tokens_per_second: Option<f64>,
    prefill_tokens_per_second: Option<f64>,
}

#[derive(Debug)]
struct Open {
    until: f64,
    /// The error that opened the breaker.
    cause: Error,
    /// The attempt that is probing whether the branch has recovered.
    probe: Option<Probe>,
}

/// The public health report of a branch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchHealth {
    /// `ready`, `loading`, `absent`, `open` or `failed`.
    pub state: &'static str,
    /// The number of failures since its last answer.
    pub failures_in_row: u32,
    /// The time until which it is skipped, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_until: Option<f64>,
    /// Mean time to the first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// Decode speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Prefill speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill_tokens_per_second: Option<f64>,
    /// The number of requests waiting in the model's own queue; attempts in progress if it has
    /// none.
    pub queued: u32,
}

/// The fields of a public report that affect decisions.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    /// Mean time to the first token.
    pub first_token_ms: Option<f64>,
    /// Decode speed.
    pub tokens_per_second: Option<f64>,
    /// Prefill speed.
    pub prefill_tokens_per_second: Option<f64>,
}

impl Recalled {
    /// Reads the reports of several branches: `[[key, health], …]`. Unreadable ones are skipped.
    #[must_use]
    pub fn list(json: &str) -> Vec<(String, Self)> {
        let Ok(Value::Array(list)) = json::parse(json, "the branches' health") else {
            return Vec::new();
        };
        let recalled = list.into_iter().filter_map(|pair| {
            let number = |key: &str| pair.get(1)?.get(key)?.as_f64();
            let report = Self {
                first_token_ms: number("firstTokenMs"),
                tokens_per_second: number("tokensPerSecond"),
                prefill_tokens_per_second: number("prefillTokensPerSecond"),
            };
            Some((pair.get(0)?.as_str()?.to_owned(), report))
        });
        recalled.collect()
    }
}

/// The times of a successful attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From the start to the first content, if it streamed.
    pub(crate) first_token_ms: Option<f64>,
    /// From the start to the end.
    pub(crate) duration_ms: f64,
    pub(crate) usage: Usage,
    /// Tokens counted during the stream, if there is no usage.
    pub(crate) tokens_heard: u64,
}

impl Health {
    /// Creates an empty record for all branches.
    #[must_use]
    pub fn new(branches: usize) -> Self {
        Self { records: (0..branches).map(|_| BranchRecord::default()).collect(), probes: 0 }
    }

    /// Restores a branch's health from a public report, for a strategy that is evaluated on its
    /// own.
    pub fn recall(&mut self, branch: usize, report: &Recalled) {
        let Some(record) = self.records.get_mut(branch) else { return };
        record.first_tokens.extend(report.first_token_ms.map(|it| (0.0, it)));
        record.tokens_per_second = report.tokens_per_second;
        record.prefill_tokens_per_second = report.prefill_tokens_per_second;
    }

    /// Returns why the branch is paused now, and for how long; `None` if it may be tried. Once the
    /// time is over, one request probes whether it has recovered, and the others still skip it.
    pub(crate) fn closed_by(&self, branch: usize, now: f64) -> Option<Error> {
        let open = self.records.get(branch)?.open.as_ref()?;
        if now >= open.until && open.probe.is_none() {
            return None;
        }
        let wait = whole((open.until - now).max(0.0));
        let mut error = Error::new(
            open.cause.status,
            format!("paused for another {wait} ms after a failure: {}", open.cause.message),
        );
        error.code = open.cause.code.clone();
        error.retry_after_ms = Some(wait);
        Some(error)
    }

    /// Records the start of an attempt. If the breaker is open, the attempt is its probe.
    pub(crate) fn started(&mut self, branch: usize) -> Option<Probe> {
        let record = self.records.get_mut(branch)?;
        record.live += 1;
        let open = record.open.as_mut()?;
        self.probes += 1;
        open.probe = Some(Probe(self.probes));
        open.probe
    }

    /// Records the end of an attempt. One that began before the breaker opened does not affect the
    /// probe.
    pub(crate) fn stopped(&mut self, branch: usize, probe: Option<Probe>) {
        let Some(record) = self.records.get_mut(branch) else { return };
        record.live = record.live.saturating_sub(1);
        if let Some(open) = record.open.as_mut().filter(|open| open.probe == probe) {
            open.probe = None;
        }
    }

    pub(crate) fn answered(&mut self, branch: usize, probe: Option<Probe>, pace: Pace) {
        self.stopped(branch, probe);
        let Some(record) = self.records.get_mut(branch) else { return };
        record.failures_in_row = 0;
        record.open = None;
        let first = pace.first_token_ms;
        if let (Some(first), Some(input)) = (first.filter(|&it| it > 0.0), pace.usage.input_tokens)
        {
            mix(&mut record.prefill_tokens_per_second, approximate(input) * 1000.0 / first);
        }
        if let Some(first) = first {
            if record.first_tokens.len() == SAMPLES {
                record.first_tokens.remove(0);
            }
            let input = pace.usage.input_tokens.map_or(0.0, approximate);
            record.first_tokens.push((input, first));
        }
        // The time until the first token is prefill, not decode.
        let tokens = pace.usage.output_tokens.unwrap_or(pace.tokens_heard);
        let (tokens, time) = match first {
            Some(first) => (tokens.saturating_sub(1), pace.duration_ms - first),
            None => (tokens, pace.duration_ms),
        };
        if tokens > 0 && time > 0.0 {
            mix(&mut record.tokens_per_second, approximate(tokens) * 1000.0 / time);
        }
    }

    /// Opens the breaker if necessary. `counts` is whether this kind of failure counts.
    pub(crate) fn failed(
        &mut self,
        (branch, probe): (usize, Option<Probe>),
        error: &Error,
        counts: bool,
        breaker: Option<&Breaker>,
        now: f64,
    ) {
        self.stopped(branch, probe);
        let Some(record) = self.records.get_mut(branch) else { return };
        if counts {
            record.failures_in_row = record.failures_in_row.saturating_add(1);
        }
        let in_row = record.failures_in_row;
        #[expect(clippy::cast_precision_loss, reason = "pauses are far shorter than 2^52 ms")]
        let reported = error.retry_after_ms.map(|it| (it as f64).min(LONGEST_PAUSE_MS));
        let cooldown = breaker.map(|it| it.cooldown_ms);
        let tripped = breaker.filter(|it| counts && in_row >= it.failures.max(1));
        let pauses = [
            reported,
            // A daily quota carries a retry delay of seconds, which is meaningless.
            error.is_hopeless().then(|| reported.unwrap_or(0.0).max(DAILY_QUOTA_MS)),
            (error.code.as_deref() == Some("DEVICE_LOST")).then(|| cooldown.unwrap_or(LOST_GPU_MS)),
            tripped.map(|it| it.cooldown_ms),
        ];
        if let Some(pause) = pauses.into_iter().flatten().reduce(f64::max) {
            record.open = Some(Open { until: now + pause, cause: error.clone(), probe: None });
        }
    }

    /// Predicts the time to the first token for an input of this size; `None` without measurements.
    /// A linear fit: the network's share does not grow with the prompt, prefill does.
    pub(crate) fn predicted_first_token_ms(&self, branch: usize, tokens: u64) -> Option<f64> {
        let samples = &self.records.get(branch)?.first_tokens;
        let count = approximate(samples.len() as u64);
        if samples.is_empty() {
            return None;
        }
        let mean = |value: fn(&(f64, f64)) -> f64| samples.iter().map(value).sum::<f64>() / count;
        let (mean_size, mean_time) = (mean(|it| it.0), mean(|it| it.1));
        let spread: f64 = samples.iter().map(|it| (it.0 - mean_size).powi(2)).sum();
        let joint: f64 = samples.iter().map(|it| (it.0 - mean_size) * (it.1 - mean_time)).sum();
        let slope = if spread > 0.0 { (joint / spread).max(0.0) } else { 0.0 };
        Some((mean_time + slope * (approximate(tokens) - mean_size)).max(0.0))
    }

    pub(crate) fn tokens_per_second(&self, branch: usize) -> Option<f64> {
        self.records.get(branch)?.tokens_per_second
    }

    /// Returns the public report of a branch.
    #[must_use]
    pub fn report(&self, branch: usize, facts: &BranchFacts, now: f64) -> BranchHealth {
        let nothing = BranchRecord::default();
        let record = self.records.get(branch).unwrap_or(&nothing);
        let is_open = self.closed_by(branch, now).is_some();
        let state = match facts.state.as_deref() {
            _ if is_open => "open",
            None | Some("ready") => "ready",
            Some("loading") => "loading",
            Some("failed") => "failed",
            Some(_) => "absent",
        };
        let count = approximate(record.first_tokens.len() as u64);
        let total: f64 = record.first_tokens.iter().map(|it| it.1).sum();
        BranchHealth {
            state,
            failures_in_row: record.failures_in_row,
            open_until: record.open.as_ref().filter(|_| is_open).map(|it| it.until),
            first_token_ms: (count > 0.0).then(|| total / count),
            tokens_per_second: record.tokens_per_second,
            prefill_tokens_per_second: record.prefill_tokens_per_second,
            queued: facts.queued.unwrap_or(record.live),
        }
    }
}

fn mix(mean: &mut Option<f64>, newest: f64) {
    *mean = Some(mean.map_or(newest, |it| it + NEWEST * (newest - it)));
}

#[expect(clippy::cast_precision_loss, reason = "no prompt has 2^52 tokens")]
fn approximate(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates, and pauses are not negative"
)]
fn whole(milliseconds: f64) -> u64 {
    milliseconds.ceil() as u64
}
