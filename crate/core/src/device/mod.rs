//! What a machine can do with a model: facts come in, a verdict goes out.

mod availability;
mod limits;
mod place;
mod shape;

pub use availability::{Availability, Facts, Status, judge, quota_exceeded};
pub use limits::Limits;
pub use place::{Gpu, Place, Wish, cpu_tokens_per_second, place, wrong_results};
pub use shape::Shape;
