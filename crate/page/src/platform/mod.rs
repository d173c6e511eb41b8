//! Browser APIs. Nothing outside this folder names `web_sys`.

mod fetch;

pub(crate) use fetch::{Connection, Interrupted};
