//! The download of one file: decides what to request next and how to treat each response.
//!
//! ```text
//! step() ──► Fetch ─► answered() ─► Take ─► slot(), write, written() … ─► ended() ─┐
//!   ▲                     │  └────► Drop: close the body                            │
//!   │                     └────────────────────── failed() ────────────────────────┤
//!   └──────────────────────────────────────────────────────────────────────────────┘
//! step() ──► Restart: empty the file.   Verify: all is there, digest it.   Done.   Fail.
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::journal::Journal;
use crate::{Error, Status, host};

/// Limits and pauses of a download.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// The maximum number of bytes per request.
    pub piece: u64,
    /// The maximum number of parallel requests.
    pub parallel: usize,
    /// The number of consecutive failures without a new byte that ends the download. If the host
    /// cannot resume, every cut counts, because each further attempt fetches the whole file again.
    pub failures: u32,
    /// The pause after the first failure, doubled after each further one.
    pub pause_ms: u64,
    /// A body that delivers nothing for this long counts as cut.
    pub stall_ms: u64,
}

impl Default for Policy {
    /// Chunks are large enough to hide the round trip and small enough that a cut costs little.
    /// Four at once leaves room in HTTP/1.1's six connections for the page's own requests.
    fn default() -> Self {
        Self { piece: 8 << 20, parallel: 4, failures: 6, pause_ms: 250, stall_ms: 20_000 }
    }
}

/// The longest pause between two attempts.
const LONGEST_PAUSE_MS: u64 = 8_000;
/// How often the download restarts because the file has changed.
const RESTARTS: u32 = 2;
/// How many times in a row, without a new byte, a redirect's target may refuse.
const RESOLVES: u32 = 64;
/// The maximum wait that a host's `Retry-After` can cause before the next request.
const LONGEST_RETRY_AFTER_MS: u64 = 60_000;

/// The caller's expectations of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expected {
    /// The size in bytes.
    pub bytes: Option<u64>,
    /// The digest in hexadecimal, in either case.
    pub sha256: Option<String>,
}

/// The driver's next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Next {
    /// Request the bytes `from..to`, or the whole file if `to` is absent.
    Fetch {
        /// The number of this request.
        flight: u32,
        /// The first byte.
        from: u64,
        /// One past the last byte.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// Wait until a request in flight reports.
    Wait,
    /// Pause, then call `step` again.
    Pause {
        /// The duration of the pause.
        pause_ms: u64,
    },
    /// Stop every request in flight, empty the file, then call `step` again.
    Restart,
    /// All bytes are stored: report the file's digest to [`Transfer::digested`].
    Verify,
    /// The file is complete.
    Done,
    /// The download failed. The bytes that arrived are kept for the next attempt.
    Fail {
        /// The reason.
        error: Error,
    },
}

/// Where received bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The offset of the first byte.
    pub at: u64,
    /// How many of the bytes to write; those beyond were not requested.
    pub length: u64,
    /// Whether the body is complete.
    pub last: bool,
}

/// How a request ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// There was no response, or the connection broke.
    Network,
    /// The body delivered nothing for too long.
    Stalled,
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The bytes that the request may still deliver.
    pub(super) range: Range<u64>,
    /// The number of bytes it delivered, new or not.
    pub(super) brought: u64,
    /// Whether any of the bytes were new: an earlier attempt may have delivered the same ones.
    pub(super) has_progressed: bool,
}

impl Flight {
    pub(super) fn new(range: Range<u64>) -> Self {
        Self { range, brought: 0, has_progressed: false }
    }

    /// Whether the request ended after a small part of its range.
    fn is_poor(&self) -> bool {
        self.brought < (self.range.end - self.range.start) / 8
    }
}

/// The download of one file.
#[derive(Clone, Debug)]
pub struct Transfer {
    policy: Policy,
    pub(super) expected: Expected,
    pub(super) journal: Journal,
    pub(super) flights: BTreeMap<u32, Flight>,
    last_flight: u32,
    /// The highest number of bytes stored since the last restart.
    most_held: u64,
    failures: u32,
    /// Failures of requests up to this one belong to the failure that was counted last.
    counted_up_to: u32,
    /// The number of consecutive requests cut after a small part of their range.
    poor_cuts: u32,
    restarts: u32,
    resolves: u32,
    is_confirmed: bool,
    must_pause: Option<u64>,
    must_restart: bool,
    /// Whether the server sends whole files regardless of the requested range.
    pub(super) is_whole_only: bool,
    pub(super) has_brought: bool,
    refetched: bool,
    outcome: Option<Result<(), Error>>,
}

impl Transfer {
    /// Continues from the state in a journal.
    #[must_use]
    pub fn new(policy: Policy, expected: Expected, journal: Journal) -> Self {
        let differs = |known: Option<u64>| {
            known.is_some_and(|size| expected.bytes.is_some_and(|bytes| bytes != size))
        };
        let is_other = differs(journal.size);
        let done = !is_other && journal.complete && is_digest(&expected, journal.sha256.as_deref());
        Self {
            most_held: journal.held.covered(),
            policy,
            must_restart: is_other,
            outcome: done.then_some(Ok(())),
            expected,
            journal,
            flights: BTreeMap::new(),
            last_flight: 0,
            failures: 0,
            counted_up_to: 0,
            poor_cuts: 0,
            restarts: 0,
            resolves: 0,
            is_confirmed: false,
            must_pause: None,
            is_whole_only: false,
            has_brought: false,
            refetched: false,
        }
    }

    /// Returns the state to store for the next visit.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns how long a body may deliver nothing.
    #[must_use]
    pub fn stall_ms(&self) -> u64 {
        self.policy.stall_ms
    }

    /// Returns the file's size, once known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.journal.size.or(self.expected.bytes)
    }

    /// Returns the file's size, once the host has confirmed it or the caller has given it. The size
    /// in a journal is only a hint: it may be damaged, and a request is cheaper than a wrong
    /// refusal.
    #[must_use]
    pub fn confirmed_size(&self) -> Option<u64> {
        if self.is_confirmed { self.size() } else { self.expected.bytes }
    }

    /// Returns the next step. Call it after every report, until it returns `Wait`.
    pub fn step(&mut self) -> Next {
        match &self.outcome {
            Some(Ok(())) => return Next::Done,
            Some(Err(error)) => return Next::Fail { error: error.clone() },
            None => {}
        }
        if self.must_restart {
            self.must_restart = false;
            self.flights.clear();
            self.journal = Journal::default();
            self.most_held = 0;
            self.is_confirmed = false;
            return Next::Restart;
        }
        if let Some(pause_ms) = self.must_pause.take() {
            return Next::Pause { pause_ms };
        }
        let Some(size) = self.journal.size else {
            // The first response contains the size; further requests have to wait for it.
            if !self.flights.is_empty() {
                return Next::Wait;
            }
            return self.fetch(0..self.policy.piece.max(1));
        };
        if self.journal.held.prefix() == size {
            if !self.flights.is_empty() {
                return Next::Wait;
            }
            return Next::Verify;
        }
        let most = if self.is_whole_only { 1 } else { self.policy.parallel.max(1) };
        if self.flights.len() >= most {
            return Next::Wait;
        }
        match self.next_piece(size) {
            Some(range) => self.fetch(range),
            None => Next::Wait,
        }
    }

    fn fetch(&mut self, range: Range<u64>) -> Next {
        self.last_flight += 1;
        let flight = self.last_flight;
        let (range, to) =
            if self.is_whole_only { (0..u64::MAX, None) } else { (range.clone(), Some(range.end)) };
        let from = range.start;
        self.flights.insert(flight, Flight::new(range));
        Next::Fetch { flight, from, to }
    }

    /// Returns the first missing bytes that no request is fetching, up to a chunk boundary.
    fn next_piece(&self, size: u64) -> Option<Range<u64>> {
        let mut claimed = self.journal.held.clone();
        for flight in self.flights.values() {
            claimed.insert(flight.range.clone());
        }
        let gap = claimed.gaps(size).into_iter().next()?;
        let piece = self.policy.piece.max(1);
        let border = (gap.start / piece + 1).saturating_mul(piece);
        Some(gap.start..gap.end.min(border))
    }

    /// Returns where to write the next `length` bytes of a body. They are recorded only once they
    /// are [written](Self::written).
    #[must_use]
    pub fn slot(&self, flight: u32, length: u64) -> Slot {
        match self.flights.get(&flight) {
            None => Slot { at: 0, length: 0, last: true },
            Some(Flight { range, .. }) => {
                let left = range.end - range.start;
                Slot { at: range.start, length: length.min(left), last: length >= left }
            }
        }
    }

    /// Records that this many bytes of a body were written.
    pub fn written(&mut self, flight: u32, length: u64) {
        let Some(flight) = self.flights.get_mut(&flight) else { return };
        if length == 0 {
            return;
        }
        let end = flight.range.start.saturating_add(length).min(flight.range.end);
        self.journal.held.insert(flight.range.start..end);
        flight.brought += end - flight.range.start;
        flight.range.start = end;
        self.has_brought = true;
        let covered = self.journal.held.covered();
        if covered > self.most_held {
            self.most_held = covered;
            flight.has_progressed = true;
            self.resolves = 0;
            if !self.is_whole_only {
                self.failures = 0;
            }
        }
    }

    /// Handles the end of a body. A short one leaves a gap, which is requested again.
    pub fn ended(&mut self, flight: u32) {
        let Some(ended) = self.land(flight) else { return };
        if ended.range.is_empty() && (ended.has_progressed || !self.has_gaps()) {
            self.poor_cuts = 0;
            return;
        }
        self.cut(
            flight,
            &ended,
            Error::unavailable("the model's host ended an answer before its first new byte")
                .with_code("NETWORK"),
        );
    }

    /// Handles a request that failed.
    pub fn failed(&mut self, flight: u32, fault: Fault) {
        let Some(ended) = self.land(flight) else { return };
        let error = match fault {
            Fault::Network => host::unreachable(),
            Fault::Stalled => {
                Error::unavailable("the model's host stopped sending").with_code("NETWORK")
            }
        };
        self.cut(flight, &ended, error);
    }

    /// Handles a request that ended early. If it delivered new bytes, the rest is requested at
    /// once, or after a pause if cuts are frequent; otherwise it counts as a failure.
    fn cut(&mut self, flight: u32, ended: &Flight, error: Error) {
        if self.is_whole_only && ended.brought > 0 {
            self.count_failure(
                flight,
                Error::unavailable(
                    "the model's host breaks off and cannot resume, because it ignores range requests; use a host that supports them",
                )
                .with_code("RANGES_UNSUPPORTED"),
            );
        } else if !ended.has_progressed {
            self.count_failure(flight, error);
        } else if ended.is_poor() {
            self.poor_cuts += 1;
            if self.poor_cuts > 1 {
                self.pause(self.backoff(self.poor_cuts - 1));
            }
        } else {
            self.poor_cuts = 0;
        }
    }

    fn has_gaps(&self) -> bool {
        self.journal.size.is_none_or(|size| self.journal.held.prefix() < size)
    }

    /// Checks the digest of the file, which `Verify` requested.
    pub fn digested(&mut self, sha256: &str) {
        if is_digest(&self.expected, Some(sha256)) {
            self.journal.sha256 = Some(sha256.to_ascii_lowercase());
            self.complete();
        } else if self.refetched {
            self.must_restart = false;
            self.journal = Journal::default();
            self.fail(
                Error::new(
                    Status::DataLoss,
                    "the file is not the one that was expected: its SHA-256 differs, also after fetching it again",
                )
                .with_code("CHECKSUM_MISMATCH"),
            );
        } else {
            self.refetched = true;
            self.must_restart = true;
        }
    }

    /// Whether the caller gave a digest. If not, [`Self::unchecked`] answers `Verify`.
    #[must_use]
    pub fn wants_digest(&self) -> bool {
        self.expected.sha256.is_some()
    }

    /// Accepts a file whose digest is not known.
    pub fn unchecked(&mut self) {
        if !self.wants_digest() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.journal.complete = true;
        self.outcome = Some(Ok(()));
    }

    pub(super) fn land(&mut self, flight: u32) -> Option<Flight> {
        self.flights.remove(&flight)
    }

    pub(super) fn begin_anew(&mut self, why: &'static str) {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            self.fail(Error::new(Status::DataLoss, why).with_code("MODEL_CHANGED"));
        } else {
            self.must_restart = true;
        }
    }

    /// Counts a failed request. Requests that fail together met the same outage and count once.
    pub(super) fn count_failure(&mut self, flight: u32, error: Error) {
        let is_counted = flight <= self.counted_up_to;
        if !is_counted {
            self.counted_up_to = self.last_flight;
            self.failures += 1;
        }
        if self.failures >= self.policy.failures.max(1) && !is_counted {
            self.fail(error);
            return;
        }
        let asked = error.retry_after_ms.unwrap_or(0).min(LONGEST_RETRY_AFTER_MS);
        self.pause(self.backoff(self.failures).max(asked));
    }

    /// Handles a refusal by a redirect's target. Returns true if the original address may be
    /// requested again.
    pub(super) fn may_resolve(&mut self) -> bool {
        self.resolves += 1;
        self.resolves <= RESOLVES
    }

    fn backoff(&self, times: u32) -> u64 {
        let doubled = self.policy.pause_ms.saturating_mul(1 << times.saturating_sub(1).min(16));
        doubled.min(LONGEST_PAUSE_MS)
    }

    fn pause(&mut self, pause_ms: u64) {
        self.must_pause = Some(self.must_pause.unwrap_or(0).max(pause_ms));
    }

    pub(super) fn confirm(&mut self) {
        self.is_confirmed = true;
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.flights.clear();
        self.outcome = Some(Err(error));
    }
}

fn is_digest(expected: &Expected, found: Option<&str>) -> bool {
    expected
        .sha256
        .as_deref()
        .is_none_or(|sha256| found.is_some_and(|found| found.eq_ignore_ascii_case(sha256.trim())))
}
