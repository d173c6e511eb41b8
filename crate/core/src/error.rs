//! The error type of hybridge: a status for code and a message for people.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::{self, Fields};

/// The kind of failure, with the sixteen status names of Genkit. Code branches on it; people read
/// the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The caller stopped the request. No other branch is tried.
    Cancelled,
    /// No more specific status applies.
    Unknown,
    /// The request itself is invalid.
    InvalidArgument,
    /// The deadline passed before an answer arrived.
    DeadlineExceeded,
    /// The model or file does not exist.
    NotFound,
    /// The object already exists.
    AlreadyExists,
    /// The key or the origin lacks permission.
    PermissionDenied,
    /// The key is missing or wrong.
    Unauthenticated,
    /// Quota, rate limit or memory is exhausted for now.
    ResourceExhausted,
    /// The system is not in the state that the request requires, and waiting will not change that.
    FailedPrecondition,
    /// Another operation took precedence.
    Aborted,
    /// The value is past the end of the valid range.
    OutOfRange,
    /// Not implemented, or not available here.
    Unimplemented,
    /// A bug in hybridge or in a branch.
    Internal,
    /// Not reachable for now.
    Unavailable,
    /// Bytes are lost or damaged.
    DataLoss,
}

impl Status {
    /// Every status, in the order of the public type.
    pub const ALL: [Self; 16] = [
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::Unauthenticated,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
    ];

    /// The statuses after which another branch is tried, unless a policy names others.
    pub const TRANSIENT: [Self; 4] =
        [Self::Unavailable, Self::DeadlineExceeded, Self::ResourceExhausted, Self::Internal];

    /// Whether another branch may succeed.
    #[must_use]
    pub fn is_transient(self) -> bool {
        Self::TRANSIENT.contains(&self)
    }

    /// The public spelling, for example `"UNAVAILABLE"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
        }
    }

    /// Reads the public spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// The error type of every module. The message never contains prompt text, answer text or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", status.as_str())]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// The status, for code.
    pub status: Status,
    /// The message, for people: what was expected, what was found, what to do.
    pub message: Cow<'static, str>,
    /// A more specific code, for example `"API_KEY_INVALID"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// How long to wait before another attempt, as requested by the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A result with hybridge's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error from a status and a message.
    pub fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(status, message.into())
    }

    // Converted here once, not at each of the hundreds of call sites.
    #[inline(never)]
    fn made(status: Status, message: Cow<'static, str>) -> Self {
        Self { status, message, code: None, retry_after_ms: None }
    }

    /// Reads an error. An unreadable one becomes `INTERNAL`.
    #[must_use]
    pub fn parse(json: &str) -> Self {
        let read = || -> Result<Self> {
            let mut fields = Fields::of("an error", json::parse(json, "an error")?);
            let status = Status::parse(&fields.required_text("status"));
            if status.is_none() {
                fields.wrong("status", "a status");
            }
            let error = Self {
                status: status.unwrap_or(Status::Internal),
                message: fields.required_text("message").into(),
                code: fields.text("code").map(Cow::Owned),
                retry_after_ms: fields.count("retryAfterMs"),
            };
            fields.done(error)
        };
        read().unwrap_or_else(|_| Self::internal("an error that could not be read"))
    }

    /// Whether a short pause cannot help: a daily quota, or an account without credit.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        matches!(self.code.as_deref(), Some("QUOTA_DAILY" | "INSUFFICIENT_QUOTA"))
    }

    /// Returns the error with a more specific code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.set_code(code.into());
        self
    }

    #[inline(never)]
    fn set_code(&mut self, code: Cow<'static, str>) {
        self.code = Some(code);
    }

    /// Returns the error with the pause that the service requested.
    #[must_use]
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// `INVALID_ARGUMENT`: the request itself is invalid.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::InvalidArgument, message)
    }

    /// `FAILED_PRECONDITION`: the system is not in the state that the request requires.
    pub fn precondition(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::FailedPrecondition, message)
    }

    /// `UNAVAILABLE`: not reachable for now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::Unavailable, message)
    }

    /// `INTERNAL`: a bug in hybridge or in a branch.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::Internal, message)
    }

    /// `CANCELLED`: stopped by the caller.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Status::Cancelled, "stopped by the caller")
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Status};

    #[test]
    fn every_status_reads_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(
                serde_json::to_string(&status).unwrap(),
                format!("\"{}\"", status.as_str()),
                "serde and as_str must agree"
            );
        }
        assert_eq!(Status::parse("unavailable"), None);
    }

    #[test]
    fn an_error_travels_as_json() {
        let error = Error::unavailable("no network").with_code("OFFLINE").with_retry_after_ms(50);
        let json = serde_json::to_string(&error).unwrap();
        assert_eq!(
            json,
            r#"{"status":"UNAVAILABLE","message":"no network","code":"OFFLINE","retryAfterMs":50}"#
        );
        assert_eq!(serde_json::from_str::<Error>(&json).unwrap(), error);
        assert_eq!(Error::parse(&json), error);
        for nonsense in ["", "7", r#"{"status":"SOMETIMES","message":""}"#] {
            assert_eq!(Error::parse(nonsense).status, Status::Internal);
        }
    }
}
