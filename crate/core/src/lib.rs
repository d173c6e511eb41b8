//! Every decision of hybridge, and nothing that touches the world.
//!
//! No I/O, no clock, no task is started here, and neither burn nor JavaScript is named: facts come
//! in as values, decisions go out as values, so that all of it is tested with a bare `cargo test`.

mod error;
mod message;

pub use error::{Error, Result, Status};
pub use message::{
    Confidence, Config, Content, FinishReason, Format, Media, Message, Output, Part, Piece, Reply,
    Request, Role, ToolChoice, ToolDefinition, ToolRequest, ToolResponse, Usage,
};
