//! Downloads without a socket or a disk: what to fetch, what to believe, what to keep.
//!
//! A driver owns the connections and the file. It asks [`Transfer::step`], does it, and reports.
//! So every cut, lie and restart is a test that takes microseconds.

mod answer;
mod head;
mod journal;
mod ranges;
#[cfg(test)]
mod tests;
mod transfer;

pub use answer::Body;
pub use head::Head;
pub use journal::Journal;
pub use ranges::Ranges;
pub use transfer::{Expected, Fault, Next, Policy, Slot, Transfer};
