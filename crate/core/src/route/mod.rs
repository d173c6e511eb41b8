//! Routing: which branch answers a request, and what happens if it fails.
//!
//! Nothing here waits or calls out. A [`Run`] takes events and returns actions; each event includes
//! the time. The driver owns the branches, the callbacks and the single timer.
//!
//! ```text
//!            deciding ── all questions answered ──► running ── finished ──► answered
//!               │                                   │  ▲ │
//! no branch, │                     fallback, hedge, │ ├── the judge says no ──► next branch, or
//! the last one's answer
//!  unknown key  ▼                     next in order └──┘ │
//!             failed ◄── permanent, none left, committed ┘        anywhere: aborted ──► cancelled
//! ```

mod action;
mod attempt;
mod branch;
mod decision;
mod deliberation;
mod gate;
mod health;
mod inputs;
mod plan;
mod policy;
mod run;
mod seam;
mod strategy;
#[cfg(test)]
mod tests;
mod trace;

pub use action::{Action, Event, Heard, StopReason, Summary};
pub use branch::BranchFacts;
pub use decision::Decision;
pub use deliberation::{Deliberation, Route};
pub use gate::Gate;
pub use health::{BranchHealth, Health, Recalled};
pub use inputs::{Battery, Collected, DeviceFacts, Inputs, Pause, Question, WebGpu};
pub use plan::{Acceptance, Plan};
pub use policy::{Breaker, Policy};
pub use run::{Run, RunOptions};
pub use seam::Seam;
pub use strategy::{
    AskStrategy, CapabilityStrategy, CustomStrategy, DeviceRequirements, DeviceStrategy,
    FallbackStrategy, FirstMatch, InputSizeStrategy, LatencyStrategy, PrivacyStrategy,
    ReadyStrategy, SensitivityStrategy, Strategy, Unit, WindowStrategy, WithFallback,
};
pub use trace::{Attempt, Continued, NotContinued, Outcome, Trace};

/// Formats a number for people. Formatting a float would add six kilobytes of digit tables to every
/// page.
#[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}
