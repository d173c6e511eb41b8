//! What a server answered, before its body.

use std::ops::Range;

use serde::Deserialize;

use crate::{Error, Status};

/// The head of an answer, as far as the browser shows it: across origins a server must
/// expose `ETag` and `Content-Range` by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Range`
    pub content_range: Option<String>,
    /// `Content-Length`
    pub content_length: Option<u64>,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `ETag`
    pub etag: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// Whether an address was asked that an earlier redirect led to.
    pub redirected: bool,
}

/// `bytes 0-99/1000`, as a range and the whole size where it is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) range: Option<Range<u64>>,
    pub(super) size: Option<u64>,
}

impl ContentRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (range, size) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let range = match range.trim() {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u64, u64) =
                    (first.trim().parse().ok()?, last.trim().parse().ok()?);
                Some(first..last.checked_add(1).filter(|end| *end > first)?)
            }
        };
        let size = match size.trim() {
            "*" => None,
            size => Some(size.parse().ok()?),
        };
        Some(Self { range, size })
    }
}

impl Head {
    /// The error of a status that no waiting heals.
    pub(crate) fn refusal(&self) -> Error {
        match self.status {
            401 => Error::new(
                Status::Unauthenticated,
                "the model's host requires authentication (401): accept the model's licence on its page, and pass a token with `headers`",
            )
            .with_code("MODEL_GATED"),
            403 => Error::new(
                Status::PermissionDenied,
                "the model's host refuses access (403): accept the model's licence on its page, and pass a token that may read it with `headers`",
            )
            .with_code("MODEL_GATED"),
            404 | 410 => Error::new(
                Status::NotFound,
                format!("there is no model at this address ({})", self.status),
            )
            .with_code("MODEL_NOT_FOUND"),
            status => Error::precondition(format!("the model's host answered {status}"))
                .with_code("MODEL_HTTP"),
        }
    }

    /// The error of a status that may heal.
    pub(crate) fn outage(&self) -> Error {
        let error = Error::unavailable(format!("the model's host answered {}", self.status))
            .with_code("MODEL_HTTP");
        match self.retry_after {
            // A year would shut the branch for the life of the page.
            Some(seconds) => error.with_retry_after_ms(seconds.min(86_400) * 1000),
            None => error,
        }
    }

    /// A page for people where a model should be: a login, or an application's catch-all.
    pub(super) fn is_web_page(&self) -> bool {
        self.content_type.as_deref().is_some_and(|kind| kind.trim_start().starts_with("text/html"))
    }
}

/// The error of an address that leads to a page for people.
pub(crate) fn web_page() -> Error {
    Error::new(Status::NotFound, "the address answered with a web page, not with a model")
        .with_code("MODEL_NOT_FOUND")
}

/// The error of a file without a byte.
pub(crate) fn empty_file() -> Error {
    Error::invalid("the model's file is empty").with_code("GGUF_TRUNCATED")
}

/// The error of a host that gives no answer at all.
pub(crate) fn unreachable() -> Error {
    Error::unavailable(
        "the model's host cannot be reached; is the network up, and does the host allow this origin (CORS)?",
    )
    .with_code("NETWORK")
}

#[cfg(test)]
mod tests {
    use super::ContentRange;

    #[test]
    fn content_ranges() {
        for (text, expected) in [
            ("bytes 0-99/1000", Some((Some(0..100), Some(1000)))),
            ("bytes 5-5/*", Some((Some(5..6), None))),
            ("bytes */1000", Some((None, Some(1000)))),
            ("bytes 9-5/10", None),
            ("items 0-1/2", None),
            ("bytes 0-18446744073709551615/3", None),
            ("bytes", None),
            ("", None),
        ] {
            let expected = expected.map(|(range, size)| ContentRange { range, size });
            assert_eq!(ContentRange::parse(text), expected, "{text}");
        }
    }
}
