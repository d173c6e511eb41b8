//! Tables and twins: what is written must be valid, what is invalid must be refused.

mod adversarial;
mod answers;
mod keywords;
mod refusals;
mod support;
