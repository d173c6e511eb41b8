//! One file on its way: what to ask for next, and what to make of each answer.
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

/// How hard to try.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// The most bytes to ask for at once.
    pub piece: u64,
    /// How many requests at once.
    pub parallel: usize,
    /// How many failures in a row, without a new byte in between, end it. Where the host cannot
    /// resume, every cut counts, because each further attempt fetches the whole file again.
    pub failures: u32,
    /// The pause after the first failure; doubled after each further one.
    pub pause_ms: u64,
    /// A body that brings nothing for so long counts as cut.
    pub stall_ms: u64,
}

impl Default for Policy {
    /// Pieces large enough that a round trip does not count, small enough that a cut costs little.
    /// Four at once is what HTTP/1.1 leaves room for beside the page's own requests.
    fn default() -> Self {
        Self { piece: 8 << 20, parallel: 4, failures: 6, pause_ms: 250, stall_ms: 20_000 }
    }
}

/// The longest pause between two attempts.
const LONGEST_PAUSE_MS: u64 = 8_000;
/// How often a file that turns out to be another one is begun anew.
const RESTARTS: u32 = 2;
/// How often in a row, without a new byte in between, a redirect's target may refuse.
const RESOLVES: u32 = 64;
/// The longest wait that a host's `Retry-After` can cause before the next request.
const LONGEST_RETRY_AFTER_MS: u64 = 60_000;

/// The caller's expectations of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expected {
    /// Its size.
    pub bytes: Option<u64>,
    /// Its digest in hexadecimal, of either case.
    pub sha256: Option<String>,
}

/// The driver's next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Next {
    /// Ask for the bytes of `from..to`, or for the whole file where `to` is absent.
    Fetch {
        /// A name for this request.
        flight: u32,
        /// The first byte.
        from: u64,
        /// Past the last byte.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
    },
    /// Nothing until a request in flight reports.
    Wait,
    /// Nothing for a while, then ask again.
    Pause {
        /// How long.
        pause_ms: u64,
    },
    /// Stop every request in flight, empty the file, then ask again.
    Restart,
    /// All bytes are there: report the file's digest to [`Transfer::digested`].
    Verify,
    /// The file is whole.
    Done,
    /// It cannot be had. What arrived stays for the next time.
    Fail {
        /// Why.
        error: Error,
    },
}

/// Where some received bytes belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Where the first of them goes.
    pub at: u64,
    /// How many of them count; what is beyond was not requested.
    pub length: u64,
    /// Whether the body has nothing more to bring.
    pub last: bool,
}

/// How a request ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// No answer, or the connection broke.
    Network,
    /// Nothing came for too long.
    Stalled,
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    /// The bytes that it may still deliver.
    pub(super) range: Range<u64>,
    /// How many bytes it brought, new or not.
    pub(super) brought: u64,
    /// Whether any of them was new: an earlier attempt may have brought the same ones.
    pub(super) has_progressed: bool,
}

impl Flight {
    pub(super) fn new(range: Range<u64>) -> Self {
        Self { range, brought: 0, has_progressed: false }
    }

    /// Whether it ended after a small part of what it was to bring.
    fn is_poor(&self) -> bool {
        self.brought < (self.range.end - self.range.start) / 8
    }
}

/// One file on its way.
#[derive(Clone, Debug)]
pub struct Transfer {
    policy: Policy,
    pub(super) expected: Expected,
    pub(super) journal: Journal,
    pub(super) flights: BTreeMap<u32, Flight>,
    last_flight: u32,
    /// The most bytes that were there at any time since the file was last begun anew.
    most_held: u64,
    failures: u32,
    /// Requests up to this one that fail belong to the failure that was counted last.
    counted_up_to: u32,
    /// How many requests in a row were cut after a small part of what they were to bring.
    poor_cuts: u32,
    restarts: u32,
    resolves: u32,
    is_confirmed: bool,
    must_pause: Option<u64>,
    must_restart: bool,
    /// The server sends whole files whatever is requested.
    pub(super) is_whole_only: bool,
    pub(super) has_brought: bool,
    refetched: bool,
    outcome: Option<Result<(), Error>>,
}

impl Transfer {
    /// Continues from the state that a journal records.
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

    /// The state to store for the next visit.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How long a body may bring nothing.
    #[must_use]
    pub fn stall_ms(&self) -> u64 {
        self.policy.stall_ms
    }

    /// The file's size, once known.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.journal.size.or(self.expected.bytes)
    }

    /// The file's size, once the host has confirmed it or the caller has named it. What a journal
    /// claims is only a hint: it may be damaged, and a request is cheaper than a wrong refusal.
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
            // The first answer contains the size; no other request makes sense before it.
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

    /// The first missing bytes that no request is fetching, up to a border between pieces.
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

    /// Where the next `length` bytes of a body go. Nothing is noted until they are
    /// [written](Self::written).
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

    /// The file now has this many bytes of a body.
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

    /// A body ended. Short ones leave a gap, which is requested again.
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

    /// A request broke.
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

    /// A request ended before its time. One that brought new bytes is a cut, and the rest is asked
    /// for at once, or after a pause where cuts come thick; any other one is a failure.
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

    /// The digest of the file, which `Verify` asked for.
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

    /// Whether anybody requested a digest; where not, `Verify` is answered by [`Self::unchecked`].
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

    /// A request failed. Several that were in progress together met the same outage, and count
    /// once.
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

    /// A redirect's target refused. True where the address that led to it may be asked again.
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
