//! Decides whether and where a machine can run a model. Facts are passed in and verdicts returned.

mod availability;
mod limits;
mod memory;
mod place;
mod shape;

pub use availability::{
    Availability, AvailabilityFacts, AvailabilityStatus, Fault, Look, judge, quota_exceeded,
};
pub use limits::Limits;
pub use memory::{Memory, WASM_LIMIT};
pub use place::{GpuFacts, Place, Wish, place, takes_gpu, wrong_results};
pub use shape::Shape;
