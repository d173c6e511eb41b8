//! Every decision of hybridge, and nothing that touches the world.
//!
//! No I/O, no clock, no task is started here, and neither burn nor JavaScript is named: facts come
//! in as values, decisions go out as values, so that all of it is tested with a bare `cargo test`.

mod base64;
pub mod chat;
pub mod cloud;
pub mod device;
pub mod download;
mod error;
mod host;
mod json;
pub mod learn;
pub mod ledger;
pub mod life;
mod message;
mod order;
mod percent;
pub mod privacy;
pub mod redact;
mod reply;
mod request;
pub mod route;
pub mod schema;

pub use error::{Error, Result, Status};
pub use json::parse as parse_json;
pub use message::{Content, Media, Message, Part, Role, ToolRequest, ToolResponse};
pub use privacy::SensitiveKind;
pub use reply::{Confidence, FinishReason, Piece, Reply, Usage};
pub use request::{Config, Format, Output, Request, ToolChoice, ToolDefinition};
