//! Errors for a model host's responses that don't contain the model.

use crate::{Error, Status};

/// Returns the error for a permanent status.
pub(crate) fn refusal(status: u16) -> Error {
    match status {
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
            format!("there is no model at this address ({status})"),
        )
        .with_code("MODEL_NOT_FOUND"),
        status => Error::precondition(format!("the model's host answered {status}"))
            .with_code("MODEL_HTTP"),
    }
}

/// Returns the error for a temporary status, with the pause in seconds that the host requests.
pub(crate) fn outage(status: u16, retry_after: Option<u64>) -> Error {
    let error =
        Error::unavailable(format!("the model's host answered {status}")).with_code("MODEL_HTTP");
    match retry_after {
        // A pause of a year would close the branch for the life of the page.
        Some(seconds) => error.with_retry_after_ms(seconds.min(86_400) * 1000),
        None => error,
    }
}

/// Returns the error for an address that returns a web page.
pub(crate) fn web_page() -> Error {
    Error::new(Status::NotFound, "the address answered with a web page, not with a model")
        .with_code("MODEL_NOT_FOUND")
}

/// Returns the error for an empty file.
pub(crate) fn empty_file() -> Error {
    Error::invalid("the model's file is empty").with_code("GGUF_TRUNCATED")
}

/// Returns the error for a host that cannot be reached.
pub(crate) fn unreachable() -> Error {
    Error::unavailable(
        "the model's host cannot be reached; is the network up, and does the host allow this origin (CORS)?",
    )
    .with_code("NETWORK")
}
