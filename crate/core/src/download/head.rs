//! The head of a server's response.

use std::ops::Range;

use serde::Deserialize;

/// The head of a response, as far as the browser exposes it: a cross-origin server must list `ETag`
/// and `Content-Range` by name.
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
    /// Whether the request went to an address that an earlier redirect led to.
    pub redirected: bool,
}

/// Parses `bytes 0-99/1000` into a range and the total size, if present.
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
    /// Whether the response is a web page instead of a model: a login, or an application's
    /// catch-all route.
    pub(super) fn is_web_page(&self) -> bool {
        self.content_type.as_deref().is_some_and(|kind| kind.trim_start().starts_with("text/html"))
    }
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
