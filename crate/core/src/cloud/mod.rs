//! Calls of cloud services, without the network: requests and responses as values.
//!
//! ```text
//! Service + Request ─► Exchange ─► HttpRequest ─ ─(the page's fetch)─ ─► HttpHead, bytes ─►
//! Exchange ─► Next
//! ```
//!
//! Each service is a [`Dialect`]: `gemini` and `openai` know their JSON, and everything that is
//! the same for all of them (streams, failures, redaction, retries) knows only the trait. Arrows
//! run one way:
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
