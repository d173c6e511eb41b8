//! The GGUF container: a header of metadata and tensor descriptions, then the tensors.
//!
//! ```text
//! "GGUF" · version · tensor count · key count
//! key, type, value          × key count
//! name, shape, type, offset × tensor count
//! padding to the alignment, then the tensors
//! ```
//!
//! Nothing in a file is trusted: every count and length is compared with the remaining bytes before
//! anything is allocated for it.

mod cursor;
mod fault;
mod file;
mod header;
mod parts;
mod value;

pub use file::Gguf;
pub use header::{Header, Parsed, TensorInfo};
pub use parts::part_names;
pub use value::{List, Strings, Value};
