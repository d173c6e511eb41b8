//! Calls of cloud services, without the network: requests and responses as values.
//!
//! ```text
//! Service + Request ─► Exchange ─► HttpRequest ─ ─(the page's fetch)─ ─► HttpHead, bytes ─►
//! Exchange ─► Next
//! ```
//!
//! Each service is a [`Dialect`]: `gemini` and `openai` define their JSON, and everything common to
//! them (streams, failures, redaction, retries) depends only on the trait. Dependencies run one
//! way:
//!
//! ```text
//! service ─► gemini, openai ─► dialect ─► draft, data_url, continuation
//!    └─────► exchange ────────────┘ └─► sse, failure, redaction
//! ```

mod continuation;
mod data_url;
mod dialect;
mod draft;
mod exchange;
mod failure;
mod gemini;
mod openai;
mod redaction;
mod retry;
mod service;
pub mod sse;

pub use dialect::{Dialect, HttpRequest, Task};
pub use draft::Draft;
pub use exchange::{Exchange, HttpHead, Next};
pub use failure::{no_answer, status_of};
pub use gemini::Gemini;
pub use openai::OpenAi;
pub use retry::retry_delay_ms;
pub use service::Service;
