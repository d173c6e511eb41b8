//! Converts every failure of a service to our error.
//!
//! Google sends `{error: {code, message, status, details}}`, the others `{error: {message, type,
//! code}}`,
//! `{error: "…"}`, `{message, code}` or `{detail}`; any of them may come inside an array, from the
//! middle of a stream, or not at all because a proxy answered with a page of HTML.

use serde_json::Value;

use super::HttpHead;
use crate::json::{Look as _, has, parse};
use crate::{Error, Status};

/// The length limit of the service's own message.
const SENTENCE_LIMIT: usize = 300;

/// Messages of services whose context window is too small for the request.
const TOO_LONG: [&str; 7] = [
    "input token count",
    "context_length_exceeded",
    "maximum context length",
    "exceed_context_size",
    "exceeds the available context size",
    "prompt is too long",
    "context window",
];

/// Maps an HTTP status like Genkit, with a few more cases.
#[must_use]
pub fn status_of(http: u16) -> Status {
    match http {
        400 | 405 | 406 | 411 | 413..=417 | 422 | 431 => Status::InvalidArgument,
        401 | 407 => Status::Unauthenticated,
        402 | 412 | 424 | 426 | 428 | 451 => Status::FailedPrecondition,
        403 => Status::PermissionDenied,
        404 | 410 => Status::NotFound,
        408 | 504 | 524 => Status::DeadlineExceeded,
        409 => Status::Aborted,
        429 => Status::ResourceExhausted,
        500 => Status::Internal,
        501 => Status::Unimplemented,
        // 499: the service aborted by itself. CANCELLED is reserved for the caller's signal.
        // Below 400, something other than the service answered.
        100..=399 | 425 | 499 | 502 | 503 | 505..=599 => Status::Unavailable,
        _ => Status::Unknown,
    }
}

/// There was no response: `fetch` itself failed, and browsers hide the reason.
#[must_use]
pub fn no_answer(is_offline: bool) -> Error {
    if is_offline {
        return Error::unavailable("this browser is offline").with_code("OFFLINE");
    }
    Error::unavailable(
        "the service could not be reached: no network, a wrong address, a blocker, \
         or a server that sends this page no CORS headers (then use a proxy of your own)",
    )
    .with_code("NETWORK")
}

/// Converts an error response, from its head and its body.
pub(super) fn failed(head: HttpHead<'_>, body: &[u8]) -> Error {
    let body: Option<Value> = parse(&String::from_utf8_lossy(body), "the error").ok();
    let report = body.as_ref().and_then(|body| Report::of(body, true));
    let is_unexplained = report.is_none();
    let mut error = match report {
        Some(report) => report.into_error(Some(head.status)),
        None => Error::new(
            status_of(head.status),
            format!("the service answered {} and no reason", head.status),
        ),
    };
    if is_unexplained && head.status < 400 {
        error.code = Some("NOT_THE_SERVICE".into());
    }
    if head.status == 413 && error.code.is_none() {
        error.code = Some("REQUEST_TOO_LARGE".into());
    }
    if error.retry_after_ms.is_none() && !error.is_hopeless() {
        error.retry_after_ms = head.retry_after.and_then(milliseconds);
    }
    error
}

/// Returns the error in a JSON value that arrived as, or within, a success.
pub(crate) fn reported(json: &Value) -> Option<Error> {
    Report::of(json, false).map(|report| report.into_error(None))
}

/// The response did not come from the service.
pub(super) fn not_the_service() -> Error {
    Error::unavailable(
        "a web page came back instead of an answer: a proxy, a login page of the network, or a wrong baseUrl",
    )
    .with_code("NOT_THE_SERVICE")
}

/// The common fields of error objects.
struct Report<'a> {
    sentence: &'a str,
    error: &'a Value,
}

impl<'a> Report<'a> {
    /// `is_failure` means that the HTTP status is a failure, so looser formats are accepted.
    fn of(json: &'a Value, is_failure: bool) -> Option<Self> {
        let json = match json {
            Value::Array(list) => list.first()?,
            json => json,
        };
        if let Some(error) = json.some("error") {
            let sentence = error.as_str().or_else(|| error.text("message"));
            return Some(Self { sentence: sentence.unwrap_or_default(), error });
        }
        if is_failure || json.text("object") == Some("error") {
            let sentence = json.text("message").or_else(|| json.text("detail"))?;
            return Some(Self { sentence, error: json });
        }
        None
    }

    fn into_error(self, http: Option<u16>) -> Error {
        let number = self.error.count("code").and_then(|code| u16::try_from(code).ok());
        let (status, code) = self.classified(http.or(number));
        let sentence: String = self
            .sentence
            .chars()
            .filter(|it| !is_invisible(*it))
            .map(|it| if it.is_control() { ' ' } else { it })
            .take(SENTENCE_LIMIT)
            .collect();
        let mut message = String::from("the service answered");
        if let Some(number) = http.or(number) {
            message.push_str(&format!(" {number}"));
        }
        message.push_str(" with ");
        message.push_str(code.unwrap_or(status.as_str()));
        if !sentence.trim().is_empty() {
            message.push_str(": ");
            message.push_str(sentence.trim().trim_end_matches('.'));
        }
        let mut error = Error::new(status, message);
        if let Some(code) = code {
            error = error.with_code(code.to_owned());
        }
        if !error.is_hopeless() {
            error.retry_after_ms = self.retry_delay();
        }
        error
    }

    /// Returns status and code. A status named by the service takes precedence over the HTTP
    /// status.
    fn classified(&self, http: Option<u16>) -> (Status, Option<&'a str>) {
        let sentence = self.sentence.to_ascii_lowercase();
        let word = self.error.text("code").or_else(|| self.error.text("type")).unwrap_or_default();
        let reason = self.detail("ErrorInfo").and_then(|info| info.text("reason"));
        // Only identifiers, so that a service cannot inject text into a message.
        let reason = reason.filter(|word| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !word.is_empty() && word.len() <= 64 && word.bytes().all(is_plain)
        });
        let status = self
            .error
            .text("status")
            .and_then(Status::parse)
            .map(|it| if it == Status::Cancelled { Status::Unavailable } else { it })
            .or_else(|| http.map(status_of))
            .unwrap_or_else(|| status_of_word(word));
        if reason == Some("API_KEY_INVALID")
            || word == "invalid_api_key"
            || sentence.starts_with("api key not valid")
            || sentence.starts_with("api key expired")
        {
            return (Status::Unauthenticated, Some("API_KEY_INVALID"));
        }
        if has(&sentence, "location is not supported") {
            return (Status::FailedPrecondition, Some("LOCATION_UNSUPPORTED"));
        }
        let is_too_long = TOO_LONG.iter().any(|it| has(&sentence, it) || has(word, it));
        if is_too_long && !status.is_transient() {
            return (Status::InvalidArgument, Some("CONTEXT_TOO_LONG"));
        }
        let code = match status {
            Status::ResourceExhausted if self.is_daily() => Some("QUOTA_DAILY"),
            Status::ResourceExhausted if word == "insufficient_quota" => Some("INSUFFICIENT_QUOTA"),
            Status::ResourceExhausted => Some("QUOTA_EXCEEDED"),
            Status::NotFound => Some("MODEL_NOT_FOUND"),
            _ => reason,
        };
        (status, code)
    }

    fn detail(&self, kind: &str) -> Option<&'a Value> {
        let details = self.error.list("details").iter();
        let mut of_kind =
            details.filter(|it| it.text("@type").is_some_and(|name| name.ends_with(kind)));
        of_kind.next()
    }

    /// A daily quota carries a delay of seconds that is meaningless.
    fn is_daily(&self) -> bool {
        let violations = self.detail("QuotaFailure").map_or(&[][..], |it| it.list("violations"));
        violations.iter().any(|it| it.text("quotaId").is_some_and(|id| has(id, "PerDay")))
    }

    fn retry_delay(&self) -> Option<u64> {
        let delay = self.detail("RetryInfo")?.some("retryDelay")?;
        match delay {
            Value::String(text) => milliseconds(text.strip_suffix('s')?),
            // The same duration as an object, as formatted by some proxies.
            delay => {
                let seconds = delay.get("seconds").and_then(|it| match it {
                    Value::String(text) => text.parse().ok(),
                    it => it.as_u64(),
                });
                let nanos = delay.count("nanos").unwrap_or_default();
                let seconds = seconds.unwrap_or_default();
                Some(seconds.saturating_mul(1_000).saturating_add(nanos.div_ceil(1_000_000)))
            }
        }
    }
}

/// Parses seconds with up to nine decimals, rounded up. By hand, because a general float parser
/// adds 16 KB.
fn milliseconds(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.trim().split_once('.').unwrap_or((seconds.trim(), ""));
    if whole.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let whole: u64 = whole.parse().ok()?;
    Some(whole.saturating_mul(1_000).saturating_add(nanos.div_ceil(1_000_000)))
}

/// Whether a character is invisible, or changes how the rest of a line is displayed.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Returns the status for OpenAI's error type, if there is no number.
fn status_of_word(word: &str) -> Status {
    let known = [
        ("rate_limit", Status::ResourceExhausted),
        ("quota", Status::ResourceExhausted),
        ("invalid_request", Status::InvalidArgument),
        ("BadRequest", Status::InvalidArgument),
        ("auth", Status::Unauthenticated),
        ("permission", Status::PermissionDenied),
        ("not_found", Status::NotFound),
        ("overloaded", Status::Unavailable),
        ("unavailable", Status::Unavailable),
        ("timeout", Status::DeadlineExceeded),
    ];
    let found = known.into_iter().find(|(part, _)| has(word, part));
    found.map_or(Status::Internal, |(_, status)| status)
}

#[cfg(test)]
mod tests;
