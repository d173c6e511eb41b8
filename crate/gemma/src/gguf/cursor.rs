//! Reads little-endian values from a prefix of a file of known size.

use hybridge_core::Error;

use super::fault;

/// No vocabulary is this large, so a length beyond it means that the file is damaged.
const LARGEST_HEADER: u64 = 256 << 20;

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The prefix is too short: at least this many bytes of the file are needed.
    NeedMore(u64),
    /// The file is invalid.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A position in the prefix.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    prefix: &'a [u8],
    at: usize,
    file_size: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(prefix: &'a [u8], file_size: u64) -> Self {
        Self { prefix, at: 0, file_size }
    }

    /// Returns the position.
    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    /// Rejects a length that exceeds the rest of the file, before anything is allocated for it.
    pub(super) fn expect(&self, count: u64, each: u64, what: &str) -> Result<(), Stop> {
        let needed = count
            .checked_mul(each)
            .and_then(|bytes| bytes.checked_add(self.position()))
            .unwrap_or(u64::MAX);
        if needed > self.file_size {
            return Err(fault::truncated(what, needed, self.file_size).into());
        }
        if needed > LARGEST_HEADER {
            return Err(fault::invalid(format!(
                "{what} makes the header larger than {LARGEST_HEADER} bytes"
            ))
            .into());
        }
        Ok(())
    }

    /// Returns the next `count` bytes.
    pub(super) fn take(&mut self, count: u64, what: &str) -> Result<&'a [u8], Stop> {
        self.expect(count, 1, what)?;
        let needed = self.position() + count;
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| self.prefix.get(self.at..)?.get(..count))
            .ok_or(Stop::NeedMore(needed))?;
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Stop> {
        let bytes = self.take(N as u64, what)?;
        <[u8; N]>::try_from(bytes).map_err(|_| Stop::NeedMore(self.position()))
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, Stop> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Returns the bytes of a string.
    pub(super) fn bytes(&mut self, what: &str) -> Result<&'a [u8], Stop> {
        let length = self.u64(what)?;
        self.take(length, what)
    }

    /// Returns a string that must be valid UTF-8, because it is looked up by name.
    pub(super) fn name(&mut self, what: &str) -> Result<&'a str, Stop> {
        let bytes = self.bytes(what)?;
        std::str::from_utf8(bytes)
            .map_err(|_| fault::invalid(format!("{what} is not UTF-8")).into())
    }
}
