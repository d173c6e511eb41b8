//! Conversations: what fits a branch's context window, and which tool calls still lack a result.
//!
//! The full history is the caller's and is never shortened; these functions decide what one
//! request carries.

mod calls;
mod window;

pub use calls::{Dangling, dangling_calls};
pub use window::{Budget, Entry, Fit, fit};
