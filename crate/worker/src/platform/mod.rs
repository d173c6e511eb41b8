//! The browser's APIs, which no other module names.

mod blob;
mod clock;
#[cfg(feature = "gpu")]
mod subgroups;
mod turn;

pub(crate) use blob::BlobSource;
pub(crate) use clock::milliseconds;
#[cfg(feature = "gpu")]
pub(crate) use subgroups::has_subgroups;
pub(crate) use turn::turn;
