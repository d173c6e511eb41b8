//! The file: a header, then records that are only ever appended.
//!
//! ```text
//! header   "hybstore" version length checksum | salt promise dimensions encoding embedder
//! record   magic kind head-length body-length head-sum body-sum frame-sum | head | body
//! ```
//!
//! Opening reads the heads only and leaves the bodies, which contain the texts, on disk. A record
//! is valid once it is completely on disk, so only the last one can be torn: its body is checked as
//! well, and an incomplete record is cut off. Damage further ahead is skipped up to the next
//! record.

use crate::bytes::{Reader, checksum, put_text, short};
use crate::error::{Damaged, Error};
use crate::vectors::{Encoding, MOST_DIMENSIONS};

const FILE_MAGIC: &[u8; 8] = b"hybstore";
const RECORD_MAGIC: [u8; 4] = *b"rec\x01";
/// The format version that is written, and the highest that can be read.
const VERSION: u32 = 1;
/// Magic, version, length and checksum: they have the same offsets in all versions.
const HEADER_START: usize = 24;
/// The number of bytes read to find the header, which is shorter.
pub(crate) const LONGEST_HEADER: usize = 4096;
/// The size of a record before its head.
const FRAME: usize = 40;
/// The window size when searching for the record after a damaged one.
const SEARCH: u64 = 1 << 16;

/// A file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// A seed that makes the checksums of this file differ from those of any other.
    pub(crate) salt: u64,
    /// A compacted file is complete only if it has this many bytes.
    pub(crate) promise: u64,
    pub(crate) dimensions: usize,
    pub(crate) encoding: Encoding,
    pub(crate) embedder: String,
}

impl Header {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        rest.extend(self.salt.to_le_bytes());
        rest.extend(self.promise.to_le_bytes());
        rest.extend(short(self.dimensions).to_le_bytes());
        rest.push(u8::from(self.encoding == Encoding::Int8));
        put_text(&mut rest, &self.embedder);
        let mut bytes = FILE_MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(short(HEADER_START + rest.len()).to_le_bytes());
        bytes.extend(checksum(u64::from(VERSION), &rest).to_le_bytes());
        bytes.extend(rest);
        bytes
    }

    /// Parses the header of a file of this size from its first bytes. Returns `None` if the file
    /// was never completed and is empty.
    pub(crate) fn read(first: &[u8], size: u64) -> Result<Option<(Self, u64)>, Error> {
        let read = |bytes: &mut Reader<'_>| -> Result<(u32, u32, u64), Damaged> {
            if bytes.take(8)? != FILE_MAGIC {
                return Err(Damaged);
            }
            Ok((bytes.word()?, bytes.word()?, bytes.long()?))
        };
        let Ok((version, length, sum)) = read(&mut Reader::new(first)) else {
            let is_empty = size < HEADER_START as u64 || first.iter().all(|byte| *byte == 0);
            return if is_empty { Ok(None) } else { Err(Error::Header) };
        };
        if version > VERSION {
            return Err(Error::Newer { found: version });
        }
        if u64::from(length) > size {
            return Ok(None);
        }
        let rest = first.get(HEADER_START..length as usize).ok_or(Error::Header)?;
        if checksum(u64::from(version), rest) != sum {
            return Err(Error::Header);
        }
        let header = Self::read_rest(&mut Reader::new(rest)).map_err(|_| Error::Header)?;
        Ok(Some((header, u64::from(length))))
    }

    fn read_rest(rest: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (salt, promise) = (rest.long()?, rest.long()?);
        let dimensions = rest.word()? as usize;
        let encoding = match rest.byte()? {
            0 => Encoding::Float32,
            1 => Encoding::Int8,
            _ => return Err(Damaged),
        };
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(Damaged);
        }
        Ok(Self { salt, promise, dimensions, encoding, embedder: rest.text()?.to_owned() })
    }
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Put,
    Delete,
}

/// Returns a complete record for the position `at`.
pub(crate) fn record(salt: u64, at: u64, kind: Kind, head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME + head.len() + body.len());
    bytes.extend(RECORD_MAGIC);
    bytes.extend(u32::from(kind == Kind::Delete).to_le_bytes());
    bytes.extend(short(head.len()).to_le_bytes());
    bytes.extend(short(body.len()).to_le_bytes());
    bytes.extend(checksum(salt, head).to_le_bytes());
    bytes.extend(checksum(salt, body).to_le_bytes());
    // The checksum includes the position, so a record stored inside a text isn't recognised as one.
    let sum = checksum(salt ^ at, &bytes);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(head);
    bytes.extend(body);
    bytes
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: Kind,
    head: u32,
    body: u32,
    head_sum: u64,
    body_sum: u64,
}

impl Frame {
    fn read(salt: u64, at: u64, bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reader = Reader::new(bytes);
        let covered = Reader::new(bytes).take(FRAME - 8)?;
        if reader.take(4)? != RECORD_MAGIC {
            return Err(Damaged);
        }
        let kind = match reader.word()? {
            0 => Kind::Put,
            1 => Kind::Delete,
            _ => return Err(Damaged),
        };
        let (head, body) = (reader.word()?, reader.word()?);
        let (head_sum, body_sum) = (reader.long()?, reader.long()?);
        if reader.long()? == checksum(salt ^ at, covered) {
            Ok(Self { kind, head, body, head_sum, body_sum })
        } else {
            Err(Damaged)
        }
    }

    fn end(&self, at: u64) -> u64 {
        at + FRAME as u64 + u64::from(self.head) + u64::from(self.body)
    }
}

/// A record that was found complete.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) head: Vec<u8>,
    pub(crate) body_at: u64,
}

/// Reads records one after the other. It does no I/O itself: [`wanted`](Self::wanted) returns the
/// bytes to read, and [`feed`](Self::feed) takes them.
#[derive(Debug)]
pub(crate) struct Scan {
    salt: u64,
    size: u64,
    /// The position of the current frame, or of the record whose head is read.
    at: u64,
    state: State,
    /// The previous record, until another one follows or its body is checked.
    held: Option<Held>,
    end: u64,
    damaged: u64,
}

#[derive(Debug)]
struct Held {
    frame: Frame,
    head: Vec<u8>,
    at: u64,
}

#[derive(Debug)]
enum State {
    Frame,
    Head(Frame),
    /// The position of the previous record.
    Body {
        at: u64,
        length: u64,
    },
    Search {
        from: u64,
    },
    Done,
}

impl Scan {
    /// Creates a scan of the bytes from `start` to `size`; `start` is the end of a record or of the
    /// header.
    pub(crate) fn new(salt: u64, start: u64, size: u64) -> Self {
        let state = State::Done;
        let mut scan = Self { salt, size, at: start, state, held: None, end: start, damaged: 0 };
        scan.next(start);
        scan
    }

    /// Returns the end of the last complete record. Everything after it is cut off.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the number of bytes skipped before complete records.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Returns offset and length of the bytes to feed next, or `None` at the end.
    pub(crate) fn wanted(&self) -> Option<(u64, u64)> {
        match &self.state {
            State::Frame => Some((self.at, FRAME as u64)),
            State::Head(frame) => Some((self.at + FRAME as u64, u64::from(frame.head))),
            State::Body { at, length } => Some((*at, *length)),
            State::Search { from } => Some((*from, SEARCH.min(self.size - from))),
            State::Done => None,
        }
    }

    /// Takes exactly the requested bytes. Returns a record once its checks have passed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Option<Found> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Frame => match Frame::read(self.salt, self.at, bytes) {
                Ok(frame) => {
                    // A record cannot be longer than the file.
                    if frame.end(self.at) <= self.size {
                        self.state = State::Head(frame);
                    }
                    self.release()
                }
                Err(Damaged) => {
                    self.check_held();
                    None
                }
            },
            State::Head(frame) => {
                if checksum(self.salt, bytes) == frame.head_sum {
                    self.held = Some(Held { frame, head: bytes.to_vec(), at: self.at });
                }
                self.next(frame.end(self.at));
                None
            }
            State::Body { .. } => {
                let is_whole = self
                    .held
                    .as_ref()
                    .is_some_and(|held| checksum(self.salt, bytes) == held.frame.body_sum);
                if !is_whole {
                    self.held = None;
                }
                let found = self.release();
                self.search(self.at + 1);
                found
            }
            State::Search { from } => {
                let places = bytes.windows(FRAME).enumerate();
                let found = places
                    .filter(|(_, window)| window.starts_with(&RECORD_MAGIC))
                    .find_map(|(offset, window)| {
                        let at = from + offset as u64;
                        let frame = Frame::read(self.salt, at, window).ok()?;
                        (frame.end(at) <= self.size).then_some((at, frame))
                    });
                match found {
                    Some((at, frame)) => {
                        self.at = at;
                        self.state = State::Head(frame);
                    }
                    None if from + (bytes.len() as u64) < self.size => {
                        self.search(from + bytes.len() as u64 - (FRAME as u64 - 1));
                    }
                    None => {}
                }
                None
            }
            State::Done => None,
        }
    }

    /// Returns the previous record, which is valid from now on.
    fn release(&mut self) -> Option<Found> {
        let Held { frame, head, at } = self.held.take()?;
        self.damaged += at - self.end;
        self.end = frame.end(at);
        Some(Found { kind: frame.kind, head, body_at: self.end - u64::from(frame.body) })
    }

    fn next(&mut self, at: u64) {
        self.at = at;
        if at + FRAME as u64 <= self.size {
            self.state = State::Frame;
        } else {
            self.check_held();
        }
    }

    /// No record follows, so the previous one may be torn.
    fn check_held(&mut self) {
        match &self.held {
            Some(Held { frame, at, .. }) => {
                let length = u64::from(frame.body);
                self.state = State::Body { at: frame.end(*at) - length, length };
            }
            None => self.search(self.at + 1),
        }
    }

    fn search(&mut self, from: u64) {
        let has_room = from + FRAME as u64 <= self.size;
        self.state = if has_room { State::Search { from } } else { State::Done };
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_possible_truncation, reason = "files in tests are short")]
    use super::*;

    const SALT: u64 = 0x1234_5678_9abc_def0;

    fn header() -> Header {
        Header {
            salt: SALT,
            promise: 77,
            dimensions: 3,
            encoding: Encoding::Int8,
            embedder: "embedder".to_owned(),
        }
    }

    /// Returns heads and body positions that a scan finds, and where it ends.
    fn scan(file: &[u8], start: usize) -> (Vec<(Vec<u8>, u64)>, u64, u64) {
        let mut scan = Scan::new(SALT, start as u64, file.len() as u64);
        let mut all = Vec::new();
        let mut reads = 0;
        while let Some((at, length)) = scan.wanted() {
            reads += 1;
            assert!(reads < 1000, "the scan does not end");
            let bytes = &file[at as usize..(at + length) as usize];
            all.extend(scan.feed(bytes).map(|it| (it.head, it.body_at)));
        }
        (all, scan.end(), scan.damaged())
    }

    /// Returns three records after 10 bytes of header, and the end of each.
    fn three() -> (Vec<u8>, Vec<usize>) {
        let mut file = vec![9; 10];
        let mut ends = vec![10];
        for (head, body) in [("one", "body"), ("second", ""), ("", "the third body")] {
            let at = file.len() as u64;
            file.extend(record(SALT, at, Kind::Put, head.as_bytes(), body.as_bytes()));
            ends.push(file.len());
        }
        (file, ends)
    }

    #[test]
    fn a_header_round_trips() {
        let bytes = header().to_bytes();
        let length = bytes.len() as u64;
        assert_eq!(Header::read(&bytes, length), Ok(Some((header(), length))));
        for cut in 0..bytes.len() {
            assert_eq!(Header::read(&bytes[..cut], cut as u64), Ok(None), "cut {cut}");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let found = Header::read(&other, 5000);
            assert!(matches!(found, Err(_) | Ok(None)), "byte {at}: {found:?}");
        }
        assert_eq!(Header::read(&[0; 90], 90), Ok(None));
        assert_eq!(Header::read(&[1; 90], 90), Err(Error::Header));
    }

    #[test]
    fn a_newer_version_is_refused_whatever_follows() {
        let mut bytes = header().to_bytes();
        bytes[8] = 2;
        assert_eq!(Header::read(&bytes, 5000), Err(Error::Newer { found: 2 }));
    }

    #[test]
    fn any_truncation_costs_only_the_torn_record() {
        let (file, ends) = three();
        for cut in 10..=file.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (found, end, damaged) = scan(&file[..cut], 10);
            assert_eq!((found.len(), end as usize, damaged), (whole, ends[whole], 0), "cut {cut}");
        }
    }

    #[test]
    fn a_tail_of_zeros_or_noise_is_cut_off() {
        let (file, ends) = three();
        for from in ends[2]..file.len() {
            for byte in [0, 0xff, RECORD_MAGIC[0]] {
                let mut torn = file.clone();
                torn[from..].fill(byte);
                torn.resize(file.len() + 100, byte);
                assert_eq!(scan(&torn, 10).1 as usize, ends[2], "from {from}");
            }
        }
    }

    #[test]
    fn damage_in_the_middle_costs_one_record() {
        let (file, ends) = three();
        for at in ends[1]..ends[2] {
            let mut other = file.clone();
            other[at] ^= 0x10;
            let (found, end, damaged) = scan(&other, 10);
            let heads: Vec<&[u8]> = found.iter().map(|(head, _)| head.as_slice()).collect();
            assert_eq!(heads, [&b"one"[..], b""], "byte {at}");
            assert_eq!((end as usize, damaged as usize), (file.len(), ends[2] - ends[1]));
        }
    }

    #[test]
    fn a_search_continues_across_its_windows() {
        let mut file = vec![9; 10];
        file.extend(record(SALT, 10, Kind::Put, &vec![7; 200_000], b""));
        let at = file.len();
        file.extend(record(SALT, at as u64, Kind::Delete, b"last", b""));
        file[12] ^= 1;
        let (found, end, damaged) = scan(&file, 10);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_slice(), end as usize), (&b"last"[..], file.len()));
        assert_eq!(damaged as usize, at - 10);
    }

    #[test]
    fn a_record_inside_a_text_is_ignored() {
        let inner = record(SALT, 10, Kind::Put, b"inner", b"");
        let mut file = vec![9; 10];
        file.extend(record(SALT, 10, Kind::Put, b"outer", &inner));
        let at = file.len() as u64;
        file.extend(record(SALT, at, Kind::Put, b"after", b""));
        file[11] ^= 1;
        let (found, ..) = scan(&file, 10);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, b"after");
    }
}
