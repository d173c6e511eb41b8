//! Errors of reading a file, each with its own code.

use hybridge_core::{Error, Status};

/// The file is shorter than it states.
pub(super) fn truncated(what: &str, needed: u64, size: u64) -> Error {
    Error::new(
        Status::DataLoss,
        format!("the file ends inside {what}: {needed} bytes are needed, it has {size}"),
    )
    .with_code("GGUF_TRUNCATED")
}

/// The file is empty.
pub(super) fn empty() -> Error {
    Error::new(Status::DataLoss, "the file is empty: download it again").with_code("GGUF_TRUNCATED")
}

/// The file violates its format.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with_code("GGUF_INVALID")
}

/// The file's kind is not supported.
pub(super) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(Status::Unimplemented, message.into()).with_code("GGUF_UNSUPPORTED")
}

/// The parts of a split file do not belong together.
pub(super) fn split(message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with_code("GGUF_SPLIT")
}
