//! Tests of a device: the self-test and the choice of a plan at load time, and the test suite.

#[cfg(any(test, feature = "testing"))]
pub mod bench;
#[cfg(any(test, feature = "testing"))]
pub mod checks;
pub(crate) mod choice;
#[cfg(any(test, feature = "testing"))]
mod costs;
#[cfg(any(test, feature = "testing"))]
mod cuts;
mod loaded;
#[cfg(any(test, feature = "testing"))]
pub mod roofline;
#[cfg(any(test, feature = "testing"))]
pub mod rounding;
#[cfg(any(test, feature = "testing"))]
pub mod seeing;
pub(crate) mod self_check;
#[cfg(any(test, feature = "testing"))]
pub mod suite;
#[cfg(any(test, feature = "testing"))]
mod suppressed;
