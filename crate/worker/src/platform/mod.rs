//! What the browser gives: named here and nowhere else.

mod blob;
mod clock;
mod turn;

pub(crate) use blob::BlobSource;
pub(crate) use clock::milliseconds;
pub(crate) use turn::turn;
