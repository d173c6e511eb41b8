//! The one error of hybridge: a status to branch on, a sentence to read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::json::{self, Fields};

/// What went wrong, in Genkit's sixteen words. Code branches on this; people read the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Stopped by the caller. Never a reason to try another branch.
    Cancelled,
    /// No more specific status applies.
    Unknown,
    /// The request itself is wrong.
    InvalidArgument,
    /// No answer in time.
    DeadlineExceeded,
    /// No such model or file.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// The key or the origin may not do this.
    PermissionDenied,
    /// The key is missing or wrong.
    Unauthenticated,
    /// Quota, rate limit or memory is used up for now.
    ResourceExhausted,
    /// The world is not as the request needs it, and waiting will not heal that.
    FailedPrecondition,
    /// Overtaken by another operation.
    Aborted,
    /// Past the end of what is valid.
    OutOfRange,
    /// Not built, here or at all.
    Unimplemented,
    /// A bug, ours or a branch's.
    Internal,
    /// Out of reach for now.
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

    /// Whether another branch may do better.
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

/// An error of any part. The message never holds prompt text, answer text or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", status.as_str())]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// The status, for code.
    pub status: Status,
    /// The message, for people: what was expected, what was found, what to do.
    pub message: Cow<'static, str>,
    /// A finer word for code, for example `"API_KEY_INVALID"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// How long to wait before another try, by the service's request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// A result of any part.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with nothing but its essentials.
    pub fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self::made(status, message.into())
    }

    // Once, and not at each of the hundreds of places that fail.
    #[inline(never)]
    fn made(status: Status, message: Cow<'static, str>) -> Self {
        Self { status, message, code: None, retry_after_ms: None }
    }

    /// Reads an error. One that cannot be read is `INTERNAL`.
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

    /// Whether no pause of seconds mends it: a day's quota, or an account without credit.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        matches!(self.code.as_deref(), Some("QUOTA_DAILY" | "INSUFFICIENT_QUOTA"))
    }

    /// The same error with a finer word for code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.set_code(code.into());
        self
    }

    #[inline(never)]
    fn set_code(&mut self, code: Cow<'static, str>) {
        self.code = Some(code);
    }

    /// The same error with the pause the service requested.
    #[must_use]
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// `INVALID_ARGUMENT`: the request itself is wrong.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::InvalidArgument, message)
    }

    /// `FAILED_PRECONDITION`: the world is not as the request needs it.
    pub fn precondition(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::FailedPrecondition, message)
    }

    /// `UNAVAILABLE`: out of reach for now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::Unavailable, message)
    }

    /// `INTERNAL`: a bug, ours or a branch's.
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
