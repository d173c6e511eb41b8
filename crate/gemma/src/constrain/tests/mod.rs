//! Tables and twins: accepted texts must be valid, and invalid ones must be rejected.

mod adversarial;
mod answers;
mod keywords;
mod refusals;
mod support;
