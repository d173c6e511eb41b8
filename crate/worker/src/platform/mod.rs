//! What the browser gives: named here and nowhere else.

mod blob;
mod turn;

pub(crate) use blob::BlobSource;
pub(crate) use turn::turn;
