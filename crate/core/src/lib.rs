//! Every decision of hybridge, without side effects.
//!
//! This crate does no I/O, reads no clock and starts no task, and depends on neither burn nor
//! JavaScript. Facts are passed in as values and decisions returned as values, so a bare `cargo
//! test` covers everything.

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
