//! Talking to a service over HTTP, without the talking: requests and answers as values.
//!
//! ```text
//! Service + Request ─► Exchange ─► HttpRequest ─ ─(the page's fetch)─ ─► Head, bytes ─► Exchange ─► Step
//! ```
//!
//! A dialect (`gemini`, `openai`) knows its JSON; everything that is the same for all of them is here.

mod data_url;
mod draft;
mod exchange;
mod failure;
mod redaction;
mod retry;

pub use exchange::{Exchange, Service, Step, Task};
pub use failure::{no_answer, status_of};
pub use retry::retry_delay_ms;

pub(crate) use data_url::{DataUrl, percent_decoded};
pub(crate) use draft::Draft;

/// What is sent. The key is not in it: whoever sends it adds the key in the header named here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The full address. It never carries a key.
    pub url: String,
    /// The header that carries the key.
    pub key_header: &'static str,
    /// What stands before the key in it.
    pub key_prefix: &'static str,
    /// JSON, sent by POST as `application/json`: the one header a dialect needs besides the key.
    pub body: String,
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `content-type`, empty where there is none.
    pub content_type: &'a str,
    /// `retry-after`, where the service sent one and lets a page read it.
    pub retry_after: Option<&'a str>,
}
