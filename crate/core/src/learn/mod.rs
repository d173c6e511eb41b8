//! Learned routing: a text classifier small enough to train in the page, and calibrated confidence.
//!
//! Training and calibration are deterministic to the last bit: they use only the basic operations
//! of IEEE 754, with their own random number generator and exponential. `crate/npm/src/learn`
//! computes the same numbers in TypeScript, because a second wasm file would be several times
//! larger; `tests/learn/golden.json`, which is recorded here, tests both.

mod arithmetic;
mod calibration;
mod classifier;
mod features;
mod head;
mod isotonic;
mod signal;
mod statistics;
#[cfg(test)]
mod tests;

pub use calibration::{
    Calibration, Estimate, Judged, Observed, Target, calibrate, calibrate_signal,
};
pub use classifier::{Classifier, Input, MAX_LABELS, Sample};
pub use features::{Features, Term};
pub use isotonic::{Block, Isotonic};
pub use signal::{COMBINED, Signal, Signals};
pub use statistics::{Interval, auroc, paired_difference, wilson};
