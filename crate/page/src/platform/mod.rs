//! What only a browser has. Nothing outside this folder names `web_sys`.

mod fetch;

pub(crate) use fetch::{Connection, Interrupted};
