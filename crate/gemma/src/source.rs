//! Sources of a model's bytes: anything from which ranges can be read.
//!
//! Natively that is memory or a file; in the browser a `Blob`, HTTP ranges or the origin's private
//! file system. Readers request only the ranges that they need.

use std::fmt;

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::{Error, Result, Status};

/// A source of known size that returns ranges of its bytes.
///
/// Futures are not `Send`, because they contain JavaScript values in the browser.
pub trait Source: fmt::Debug {
    /// Returns the size in bytes.
    fn size(&self) -> u64;

    /// Reads exactly `length` bytes from `offset` on, or fails.
    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>>;
}

/// The error of a range outside of the source, for implementors of [`Source`].
#[must_use]
pub fn past_the_end(offset: u64, length: usize, size: u64) -> Error {
    Error::new(
        Status::DataLoss,
        format!("asked for {length} bytes at {offset} of a file of {size} bytes"),
    )
    .with_code("SOURCE_TRUNCATED")
}

/// Bytes in memory, for tests and for a tiny model inside the program.
#[derive(Clone)]
pub struct Memory<B>(pub B);

impl<B> fmt::Debug for Memory<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(..)")
    }
}

impl<B: AsRef<[u8]>> Source for Memory<B> {
    fn size(&self) -> u64 {
        self.0.as_ref().len() as u64
    }

    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.0.as_ref().get(start..)?.get(..length))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| past_the_end(offset, length, self.size()));
        Box::pin(ready(bytes))
    }
}

#[cfg(not(target_family = "wasm"))]
pub use native::File;

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;
    use std::io::{self, Read, Seek, SeekFrom};
    use std::path::Path;

    use futures::future::{LocalBoxFuture, ready};
    use hybridge_core::{Error, Result, Status};

    use super::{Source, past_the_end};

    /// A file on disk.
    #[derive(Debug)]
    pub struct File {
        file: RefCell<std::fs::File>,
        size: u64,
    }

    impl File {
        /// Opens a file for reading.
        pub fn open(path: &Path) -> Result<Self> {
            let file = std::fs::File::open(path).map_err(|error| foreign(&error))?;
            let size = file.metadata().map_err(|error| foreign(&error))?.len();
            Ok(Self { file: RefCell::new(file), size })
        }

        fn read_now(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
            // Checked before the allocation: a length from a damaged header must not exhaust
            // memory.
            if offset.checked_add(length as u64).is_none_or(|end| end > self.size) {
                return Err(past_the_end(offset, length, self.size));
            }
            let mut bytes = vec![0; length];
            let mut file = self.file.borrow_mut();
            file.seek(SeekFrom::Start(offset)).map_err(|error| foreign(&error))?;
            file.read_exact(&mut bytes).map_err(|error| foreign(&error))?;
            Ok(bytes)
        }
    }

    impl Source for File {
        fn size(&self) -> u64 {
            self.size
        }

        fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
            Box::pin(ready(self.read_now(offset, length)))
        }
    }

    fn foreign(error: &io::Error) -> Error {
        let status = match error.kind() {
            io::ErrorKind::NotFound => Status::NotFound,
            io::ErrorKind::PermissionDenied => Status::PermissionDenied,
            io::ErrorKind::UnexpectedEof => Status::DataLoss,
            _ => Status::Unavailable,
        };
        Error::new(status, format!("the model file cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::{Memory, Source};

    #[test]
    fn memory_returns_exactly_the_requested_range() {
        let source = Memory([1, 2, 3, 4]);
        assert_eq!(block_on(source.read(1, 2)).unwrap(), [2, 3]);
        assert_eq!(block_on(source.read(4, 0)).unwrap(), [0; 0]);
        for (offset, length) in [(4, 1), (0, 5), (u64::MAX, 1), (1, usize::MAX)] {
            let error = block_on(source.read(offset, length)).unwrap_err();
            assert_eq!(error.code.as_deref(), Some("SOURCE_TRUNCATED"));
        }
    }
}
