//! Misbehaving hosts, simulated by a host, a disk and a driver that fit on a page.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Body, Expected, Fault, Head, Journal, Next, Policy, Transfer};
use crate::Status;

/// Deterministic pseudo-random numbers.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// A simulated host and its faults.
#[derive(Clone)]
struct Host {
    file: Vec<u8>,
    etag: Option<&'static str>,
    knows_ranges: bool,
    shows_headers: bool,
    /// How many of the next responses are faulty, and how.
    moods: Vec<Mood>,
    /// The fault of all further responses.
    lasting: Option<fn(&mut Dice) -> Mood>,
    dice: Dice,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    None,
    Refuse(u16),
    Unreachable,
    /// The body ends after this many bytes.
    Cut(usize),
    /// The range begins this many bytes too late.
    Shifted(u64),
    /// The body is longer than announced.
    Overlong(usize),
    /// The size in `Content-Range` is wrong by this much.
    Lies(i64),
    /// A part of this many bytes whose `Content-Range` ends in `/*`, whatever was requested.
    Unstated(usize),
    /// A part of this many bytes, whatever range was requested.
    PartOnly(usize),
    Swapped(&'static str, u8),
    Page,
    Corrupt,
}

enum Answer {
    None,
    Some(Head, Vec<u8>),
}

impl Host {
    fn good(size: usize) -> Self {
        let file = (0..size).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect();
        Self {
            file,
            etag: Some("\"one\""),
            knows_ranges: true,
            shows_headers: true,
            moods: vec![],
            lasting: None,
            dice: Dice(0x2545_f491_4f6c_dd1d),
        }
    }

    fn answer(&mut self, from: u64, to: Option<u64>) -> Answer {
        let mood = if self.moods.is_empty() {
            self.lasting.map(|mood| mood(&mut self.dice))
        } else {
            Some(self.moods.remove(0))
        };
        match mood {
            Some(Mood::Unreachable) => return Answer::None,
            Some(Mood::Refuse(status)) => {
                return Answer::Some(Head { status, ..Head::default() }, vec![]);
            }
            Some(Mood::Page) => {
                let content_type = Some("text/html; charset=utf-8".into());
                return Answer::Some(Head { status: 200, content_type, ..Head::default() }, vec![]);
            }
            Some(Mood::Unstated(length) | Mood::PartOnly(length)) => {
                let size = self.file.len();
                let body = self.file[..length.min(size)].to_vec();
                let stated = if matches!(mood, Some(Mood::Unstated(_))) {
                    "*".into()
                } else {
                    size.to_string()
                };
                let content_range = Some(format!("bytes 0-{}/{stated}", body.len() - 1));
                let head = Head { status: 206, content_range, ..Head::default() };
                return Answer::Some(head, body);
            }
            Some(Mood::Swapped(etag, byte)) => {
                self.etag = Some(etag);
                self.file.fill(byte);
            }
            _ => {}
        }
        let size = self.file.len() as u64;
        let shift = if let Some(Mood::Shifted(by)) = mood { by } else { 0 };
        let range = match to {
            Some(to) if self.knows_ranges => {
                if from >= size {
                    return Answer::Some(Head { status: 416, ..Head::default() }, vec![]);
                }
                let start = (from + shift).min(size - 1);
                start..to.min(size).max(start + 1)
            }
            _ => 0..size,
        };
        let [start, end] = [range.start, range.end].map(|it| usize::try_from(it).unwrap());
        let mut body = self.file[start..end].to_vec();
        let stated =
            size.checked_add_signed(if let Some(Mood::Lies(by)) = mood { by } else { 0 }).unwrap();
        let is_part = to.is_some() && self.knows_ranges;
        let content_range = (is_part && self.shows_headers)
            .then(|| format!("bytes {}-{}/{stated}", range.start, range.end - 1));
        let head = Head {
            status: if is_part { 206 } else { 200 },
            content_range,
            content_length: Some(body.len() as u64),
            etag: self.etag.filter(|_| self.shows_headers).map(str::to_owned),
            ..Head::default()
        };
        match mood {
            Some(Mood::Cut(at)) => body.truncate(at),
            Some(Mood::Overlong(by)) => body.extend(vec![0xee; by]),
            Some(Mood::Corrupt) => body.iter_mut().for_each(|byte| *byte ^= 0xff),
            _ => {}
        }
        Answer::Some(head, body)
    }
}

/// The state that a visit left behind.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    journal: String,
    asked: Vec<Range<u64>>,
    paused: Vec<u64>,
    arrived: u64,
}

/// A stand-in for SHA-256: any digest that distinguishes files will do.
fn digest(bytes: &[u8]) -> String {
    let sum =
        bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("{sum:064x}")
}

const POLICY: Policy = Policy { piece: 100, parallel: 4, failures: 4, pause_ms: 10, stall_ms: 1 };

/// Simulates one visit. `crash_at` ends it abruptly after that many bytes.
fn visit(
    host: &mut Host,
    disk: &mut Disk,
    expected: &Expected,
    dice: &mut Dice,
    parallel: usize,
    crash_at: Option<u64>,
) -> Option<Result<(), crate::Error>> {
    let mut transfer = Transfer::new(
        Policy { parallel, ..POLICY },
        expected.clone(),
        Journal::read(&disk.journal),
    );
    let mut bodies: BTreeMap<u32, (Vec<u8>, usize)> = BTreeMap::new();
    let arrived = disk.arrived;
    for _ in 0..100_000 {
        match transfer.step() {
            Next::Done => return Some(Ok(())),
            Next::Fail { error } => return Some(Err(error)),
            Next::Pause { pause_ms } => disk.paused.push(pause_ms),
            Next::Restart => {
                bodies.clear();
                disk.bytes.clear();
            }
            Next::Verify => transfer.digested(&digest(&disk.bytes)),
            Next::Fetch { flight, from, to } => {
                disk.asked.push(from..to.unwrap_or(u64::MAX));
                match host.answer(from, to) {
                    Answer::None => transfer.failed(flight, Fault::Network),
                    Answer::Some(head, body) => {
                        if transfer.answered(flight, &head) == Body::Take {
                            bodies.insert(flight, (body, 0));
                        }
                    }
                }
            }
            Next::Wait => {
                let names: Vec<u32> = bodies.keys().copied().collect();
                assert!(!names.is_empty(), "it waits for nothing");
                let flight = names[usize::try_from(dice.below(names.len() as u64)).unwrap()];
                let (body, at) = bodies.get_mut(&flight).unwrap();
                let length = usize::try_from(1 + dice.below(40)).unwrap().min(body.len() - *at);
                let slot = transfer.slot(flight, length as u64);
                let [to, count] = [slot.at, slot.length].map(|it| usize::try_from(it).unwrap());
                disk.bytes.resize(disk.bytes.len().max(to + count), 0);
                disk.bytes[to..to + count].copy_from_slice(&body[*at..*at + count]);
                transfer.written(flight, slot.length);
                disk.arrived += slot.length;
                *at += length;
                if *at == body.len() || slot.last {
                    bodies.remove(&flight);
                    transfer.ended(flight);
                }
            }
        }
        disk.journal = transfer.journal().write();
        if crash_at.is_some_and(|bytes| disk.arrived - arrived >= bytes) {
            return None;
        }
    }
    panic!("the run does not end");
}

#[test]
fn a_thousand_crashes_and_cuts_lead_to_the_same_bytes_and_fetch_none_twice() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..1000 {
        let size = 1 + dice.below(2_000);
        let mut host = Host::good(usize::try_from(size).unwrap());
        let mut disk = Disk::default();
        let whole = Expected { bytes: None, sha256: Some(digest(&host.file)) };
        let mut crashes = 0;
        loop {
            let mut moods = vec![];
            for _ in 0..dice.below(4) {
                moods.push(Mood::Cut(usize::try_from(1 + dice.below(90)).unwrap()));
            }
            host.moods = moods;
            let crash_at = (crashes < 5).then(|| 1 + dice.below(size));
            match visit(&mut host, &mut disk, &whole, &mut dice, 4, crash_at) {
                None => crashes += 1,
                Some(outcome) => break assert_eq!(outcome, Ok(()), "round {round}"),
            }
        }
        assert_eq!(disk.bytes, host.file, "round {round}");
        assert_eq!(disk.arrived, size, "round {round}: no byte is fetched twice");
    }
}

/// Downloads 450 bytes from a faulty host and returns the outcome and the number of bytes sent.
#[track_caller]
fn check(moods: &[Mood], tweak: impl FnOnce(&mut Host, &mut Expected), outcome: &str) -> Disk {
    let mut host = Host::good(450);
    let mut expected = Expected::default();
    tweak(&mut host, &mut expected);
    host.moods = moods.to_vec();
    let mut disk = Disk::default();
    let ended = visit(&mut host, &mut disk, &expected, &mut Dice(7), 1, None);
    let found = match ended {
        Some(Ok(())) => {
            assert_eq!(disk.bytes, host.file);
            format!("whole after {} bytes in {} requests", disk.arrived, disk.asked.len())
        }
        Some(Err(error)) => format!("{} {}", error.status.as_str(), error.code.unwrap_or_default()),
        None => "crashed".into(),
    };
    assert_eq!(found, outcome);
    disk
}

/// Downloads 450 bytes from a host that fails in the same way every time.
#[track_caller]
fn check_lasting(mood: fn(&mut Dice) -> Mood, knows_ranges: bool, outcome: &str) -> Disk {
    check(&[], |host, _| (host.lasting, host.knows_ranges) = (Some(mood), knows_ranges), outcome)
}

fn as_it_is(_: &mut Host, _: &mut Expected) {}

#[test]
fn a_good_host() {
    check(&[], as_it_is, "whole after 450 bytes in 5 requests");
    check(&[], |_, expected| expected.bytes = Some(450), "whole after 450 bytes in 5 requests");
    check(
        &[],
        |host, expected| expected.sha256 = Some(digest(&host.file).to_uppercase()),
        "whole after 450 bytes in 5 requests",
    );
}

#[test]
fn a_host_without_ranges_sends_the_whole_once() {
    check(&[], |host, _| host.knows_ranges = false, "whole after 450 bytes in 1 requests");
    check(
        &[Mood::Cut(200)],
        |host, _| host.knows_ranges = false,
        "whole after 650 bytes in 2 requests",
    );
    check(
        &[Mood::Cut(200)],
        |host, _| (host.knows_ranges, host.etag) = (false, None),
        "whole after 650 bytes in 2 requests",
    );
}

#[test]
fn a_host_that_cannot_resume_is_given_up_after_a_few_whole_files() {
    for etag in [None, Some("\"one\"")] {
        let never_whole = |host: &mut Host, _: &mut Expected| {
            (host.knows_ranges, host.etag) = (false, etag);
            host.lasting = Some(|_| Mood::Cut(400));
        };
        let disk = check(&[], never_whole, "UNAVAILABLE RANGES_UNSUPPORTED");
        assert_eq!(disk.asked.len(), 4);
        assert_eq!(disk.paused, [10, 20, 40], "and every attempt after the first waits");
        // The same holds if each attempt gets a little further.
        let ever_further: Vec<Mood> = (0..40).map(|step| Mood::Cut(200 + step)).collect();
        check(&ever_further, |host, _| (host.knows_ranges, host.etag) = (false, etag), {
            "UNAVAILABLE RANGES_UNSUPPORTED"
        });
    }
}

#[test]
fn a_size_that_is_never_stated_ends_in_a_clear_error() {
    check_lasting(|_| Mood::Unstated(100), true, "FAILED_PRECONDITION MODEL_SIZE_UNKNOWN");
    check_lasting(|_| Mood::Unstated(450), true, "DATA_LOSS RANGE_MISMATCH");
    // Such a host fails even if the caller names the size.
    let named = |host: &mut Host, expected: &mut Expected| {
        expected.bytes = Some(450);
        host.lasting = Some(|_| Mood::Unstated(100));
    };
    check(&[], named, "DATA_LOSS RANGE_MISMATCH");
    check_lasting(|_| Mood::PartOnly(100), true, "DATA_LOSS RANGE_MISMATCH");
    check_lasting(|_| Mood::PartOnly(1), false, "DATA_LOSS RANGE_MISMATCH");
}

#[test]
fn frequent_cuts_are_slowed_down() {
    let disk = check_lasting(|_| Mood::Cut(1), true, "whole after 450 bytes in 450 requests");
    assert!(disk.paused.len() > 300, "{} pauses", disk.paused.len());
    let disk = check_lasting(|_| Mood::Cut(60), true, "whole after 450 bytes in 9 requests");
    assert!(disk.paused.is_empty(), "there is no pause after a cut that delivered much");
}

#[test]
fn retry_after_is_respected_up_to_a_minute() {
    for (seconds, pause) in [(None, 10), (Some(0), 10), (Some(3), 3000), (Some(u64::MAX), 60_000)] {
        let mut transfer = Transfer::new(POLICY, Expected::default(), Journal::default());
        for (round, doubled) in [10, 20, 40].into_iter().enumerate() {
            let Next::Fetch { flight, .. } = transfer.step() else { panic!("expected a fetch") };
            let head = Head { status: 503, retry_after: seconds, ..Head::default() };
            assert_eq!(transfer.answered(flight, &head), Body::Drop);
            let pause_ms = pause.max(doubled);
            assert_eq!(transfer.step(), Next::Pause { pause_ms }, "{seconds:?}, round {round}");
        }
        let Next::Fetch { flight, .. } = transfer.step() else { panic!("expected a fetch") };
        transfer.answered(flight, &Head { status: 503, retry_after: seconds, ..Head::default() });
        let Next::Fail { error } = transfer.step() else { panic!("expected a failure") };
        let expected = seconds.map(|seconds| seconds.min(86_400) * 1000);
        assert_eq!(error.retry_after_ms, expected, "a day at most");
    }
}

#[test]
fn requests_that_fail_together_count_as_one_failure() {
    let journal = Journal::read(r#"{"version":1,"size":1000}"#);
    let mut transfer = Transfer::new(POLICY, Expected::default(), journal);
    let mut rounds = 0;
    'rounds: loop {
        let mut flights = vec![];
        loop {
            match transfer.step() {
                Next::Fetch { flight, .. } => flights.push(flight),
                Next::Wait => break,
                Next::Pause { .. } => {}
                Next::Fail { .. } => break 'rounds,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(flights.len(), 4);
        flights.into_iter().for_each(|flight| transfer.failed(flight, Fault::Network));
        rounds += 1;
    }
    assert_eq!(rounds, 4);
}

#[test]
fn a_recorded_size_is_believed_only_once_the_host_confirms_it() {
    let journal = Journal::read(r#"{"version":1,"size":549755813888,"held":[[0,40]]}"#);
    let mut transfer = Transfer::new(POLICY, Expected::default(), journal.clone());
    assert_eq!(transfer.confirmed_size(), None);
    let named = Expected { bytes: Some(450), ..Expected::default() };
    assert_eq!(Transfer::new(POLICY, named, journal.clone()).confirmed_size(), Some(450));
    let Next::Fetch { flight, .. } = transfer.step() else { panic!("expected a fetch") };
    let head =
        Head { status: 206, content_range: Some("bytes 40-99/450".into()), ..Head::default() };
    assert_eq!(transfer.answered(flight, &head), Body::Drop);
    assert_eq!(transfer.step(), Next::Restart);
    assert_eq!(transfer.confirmed_size(), None);

    // A record that is wrong about the file corrects itself.
    let mut host = Host::good(450);
    let mut disk = Disk { bytes: vec![0; 40], journal: journal.write(), ..Disk::default() };
    let ended = visit(&mut host, &mut disk, &Expected::default(), &mut Dice(3), 4, None);
    assert_eq!((ended, disk.bytes == host.file), (Some(Ok(())), true));
}

/// Whatever a host does, a visit ends after a bounded number of requests and bytes, and a file
/// reported as complete is complete.
#[test]
fn a_download_ends_with_every_host() {
    fn any(dice: &mut Dice) -> Mood {
        let at = usize::try_from(dice.below(400)).unwrap();
        match dice.below(16) {
            0 => Mood::Refuse(503),
            1 => Mood::Unreachable,
            2 => Mood::Shifted(1 + at as u64),
            3 => Mood::Overlong(at),
            4 => Mood::Lies(i64::try_from(at).unwrap()),
            5 => Mood::Unstated(1 + at),
            6 => Mood::PartOnly(1 + at),
            7 | 8 => Mood::None,
            _ => Mood::Cut(at),
        }
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let [mut whole, mut failed] = [0, 0];
    for round in 0..3000 {
        let size = 1 + dice.below(900);
        let mut host = Host::good(usize::try_from(size).unwrap());
        host.lasting = Some(any);
        host.dice = Dice(1 + dice.below(u64::MAX));
        host.knows_ranges = dice.below(2) == 0;
        host.shows_headers = dice.below(3) != 0;
        host.etag = host.etag.filter(|_| dice.below(2) == 0);
        let mut disk = Disk::default();
        let expected = Expected { bytes: None, sha256: Some(digest(&host.file)) };
        let parallel = usize::try_from(1 + dice.below(4)).unwrap();
        match visit(&mut host, &mut disk, &expected, &mut dice, parallel, None) {
            Some(Ok(())) => {
                assert_eq!(disk.bytes, host.file, "round {round}");
                whole += 1;
            }
            Some(Err(_)) => failed += 1,
            None => panic!("round {round}: it crashed"),
        }
        assert!(disk.arrived <= size * 10, "round {round}: {} of {size}", disk.arrived);
        assert!(disk.asked.len() as u64 <= size * 4 + 100, "round {round}: {}", disk.asked.len());
    }
    assert!(whole > 300 && failed > 300, "{whole} whole, {failed} failed");
}

#[test]
fn a_host_may_hide_its_headers() {
    // The size of the first response cannot be read, so the whole file is requested.
    check(&[], |host, _| host.shows_headers = false, "whole after 450 bytes in 2 requests");
}

#[test]
fn false_headers_are_caught() {
    check(&[Mood::Shifted(3)], as_it_is, "whole after 450 bytes in 6 requests");
    check(&[Mood::Shifted(3); 4], as_it_is, "DATA_LOSS RANGE_MISMATCH");
    check(&[Mood::Overlong(50); 5], as_it_is, "whole after 450 bytes in 5 requests");
    // A size that is too large is corrected by the next response, at the cost of a fresh start.
    check(&[Mood::Lies(100)], as_it_is, "whole after 550 bytes in 7 requests");
    check(&[Mood::Lies(-400)], as_it_is, "whole after 450 bytes in 6 requests");
    check(&[Mood::Page], as_it_is, "NOT_FOUND MODEL_NOT_FOUND");
    check(&[], |_, expected| expected.bytes = Some(451), "DATA_LOSS SIZE_MISMATCH");
}

#[test]
fn outages_are_waited_out() {
    let disk = check(
        &[Mood::Unreachable, Mood::Refuse(503), Mood::Refuse(429)],
        as_it_is,
        "whole after 450 bytes in 8 requests",
    );
    assert_eq!(disk.paused, [10, 20, 40]);
    check(&[Mood::Unreachable; 4], as_it_is, "UNAVAILABLE NETWORK");
    check(&[Mood::Refuse(500); 4], as_it_is, "UNAVAILABLE MODEL_HTTP");
    check(&[Mood::Cut(0); 4], as_it_is, "UNAVAILABLE NETWORK");
    check(&[Mood::Cut(1); 40], as_it_is, "whole after 450 bytes in 45 requests");
}

#[test]
fn refusals_are_reported_at_once() {
    check(&[Mood::Refuse(401)], as_it_is, "UNAUTHENTICATED MODEL_GATED");
    check(&[Mood::Refuse(403)], as_it_is, "PERMISSION_DENIED MODEL_GATED");
    check(&[Mood::Refuse(404)], as_it_is, "NOT_FOUND MODEL_NOT_FOUND");
    check(&[Mood::Refuse(400)], as_it_is, "FAILED_PRECONDITION MODEL_HTTP");
    // Once bytes have arrived, a refusal means an expired link.
    check(&[Mood::Cut(50), Mood::Refuse(403)], as_it_is, "whole after 450 bytes in 7 requests");
}

#[test]
fn an_empty_file_is_reported_as_empty() {
    check(&[Mood::Refuse(416)], as_it_is, "INVALID_ARGUMENT GGUF_TRUNCATED");
    check(&[Mood::None, Mood::Refuse(416)], as_it_is, "whole after 550 bytes in 7 requests");
}

#[test]
fn another_file_at_the_same_address_restarts_the_download() {
    check(
        &[Mood::Cut(50), Mood::Swapped("\"two\"", 9)],
        as_it_is,
        "whole after 500 bytes in 7 requests",
    );
}

#[test]
fn a_wrong_digest_is_fetched_again_once() {
    let with_digest =
        |host: &mut Host, expected: &mut Expected| expected.sha256 = Some(digest(&host.file));
    check(&[Mood::Corrupt], with_digest, "whole after 900 bytes in 10 requests");
    let disk = check(&[Mood::Corrupt; 10], with_digest, "DATA_LOSS CHECKSUM_MISMATCH");
    assert_eq!(Journal::read(&disk.journal), Journal::default(), "no wrong bytes are kept");
}

#[test]
fn an_expired_redirect_is_resolved_without_counting() {
    let mut transfer = Transfer::new(POLICY, Expected::default(), Journal::default());
    for _ in 0..20 {
        let Next::Fetch { flight, .. } = transfer.step() else { panic!("expected a fetch") };
        let head = Head { status: 403, redirected: true, ..Head::default() };
        assert_eq!(transfer.answered(flight, &head), Body::Resolve);
    }
}

#[test]
fn a_redirect_whose_target_always_refuses_is_given_up() {
    let mut transfer = Transfer::new(POLICY, Expected::default(), Journal::default());
    let mut requests = 0;
    let error = loop {
        match transfer.step() {
            Next::Fetch { flight, .. } => {
                requests += 1;
                let head = Head { status: 403, redirected: true, ..Head::default() };
                transfer.answered(flight, &head);
            }
            Next::Fail { error } => break error,
            _ => {}
        }
    };
    assert_eq!((error.code.as_deref(), requests), (Some("MODEL_GATED"), 65));
}

#[test]
fn a_whole_file_needs_no_request() {
    let mut host = Host::good(300);
    let mut disk = Disk::default();
    let expected = Expected { bytes: Some(300), sha256: Some(digest(&host.file)) };
    assert_eq!(visit(&mut host, &mut disk, &expected, &mut Dice(1), 4, None), Some(Ok(())));
    disk.asked.clear();
    assert_eq!(visit(&mut host, &mut disk, &expected, &mut Dice(1), 4, None), Some(Ok(())));
    assert_eq!(disk.asked, []);
    // A caller who gives another digest or size does not get the old file.
    let other = Expected { sha256: Some("00".into()), ..expected };
    let error = visit(&mut host, &mut disk, &other, &mut Dice(1), 4, None).unwrap().unwrap_err();
    assert_eq!(
        (error.status, error.code.as_deref()),
        (Status::DataLoss, Some("CHECKSUM_MISMATCH"))
    );
}
