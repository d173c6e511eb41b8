//! Downloads without a socket or a disk: decides what to fetch, what to trust and what to keep.
//!
//! A driver owns the connections and the file. It calls [`Transfer::step`], performs the step and
//! reports the outcome, so tests of every cut and every misbehaving server take microseconds.

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
