//! The strategies: data with callbacks as leaves. Each has its own file with one table of tests.

mod ask;
mod capability;
mod custom;
mod device;
mod fallback;
mod first_match;
mod input_size;
mod latency;
mod privacy;
mod ready;
mod sensitivity;
#[cfg(test)]
mod table;
mod window;
mod with_fallback;

use serde_json::Value;

use super::decision::Decision;
use super::inputs::{Inputs, Pause};
use crate::json::{Fields, FromJson};
use crate::{Error, Result};

pub use ask::AskStrategy;
pub use capability::CapabilityStrategy;
pub use custom::CustomStrategy;
pub use device::{DeviceRequirements, DeviceStrategy};
pub use fallback::FallbackStrategy;
pub use first_match::FirstMatch;
pub use input_size::{InputSizeStrategy, Unit};
pub use latency::LatencyStrategy;
pub use privacy::PrivacyStrategy;
pub use ready::ReadyStrategy;
pub use sensitivity::SensitivityStrategy;
pub use window::WindowStrategy;
pub use with_fallback::WithFallback;

/// A tree of strategies, as described by the TypeScript classes.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant is documented at its type")]
pub enum Strategy {
    Ask(AskStrategy),
    Capability(CapabilityStrategy),
    Custom(CustomStrategy),
    Device(DeviceStrategy),
    Fallback(FallbackStrategy),
    FirstMatch(FirstMatch),
    InputSize(InputSizeStrategy),
    Latency(LatencyStrategy),
    Privacy(PrivacyStrategy),
    Ready(ReadyStrategy),
    Sensitivity(SensitivityStrategy),
    Window(WindowStrategy),
    WithFallback(WithFallback),
}

impl FromJson for Strategy {
    /// Reads a node: an object with one field, the strategy's name.
    fn from_json(json: Value) -> Result<Self> {
        let node = match json {
            Value::Object(node) => node.into_iter().next(),
            _ => None,
        };
        let Some((kind, data)) = node else {
            return Err(Error::invalid("a strategy must be described by an object"));
        };
        let mut fields = Fields::of("a strategy", data);
        let it = &mut fields;
        let strategy = match kind.as_str() {
            "capability" => Self::Capability(CapabilityStrategy::read(it)),
            "connectivity" => Self::Ask(AskStrategy::connectivity(it)),
            "cost" => Self::Ask(AskStrategy::cost(it)),
            "custom" => Self::Custom(CustomStrategy::read(it)),
            "device" => Self::Device(DeviceStrategy::read(it)),
            "fallback" => Self::Fallback(FallbackStrategy::read(it)),
            "firstMatch" => Self::FirstMatch(FirstMatch::read(it)),
            "inputSize" => Self::InputSize(InputSizeStrategy::read(it)),
            "latency" => Self::Latency(LatencyStrategy::read(it)),
            "privacy" => Self::Privacy(PrivacyStrategy::read(it)),
            "ready" => Self::Ready(ReadyStrategy::read(it)),
            "sensitivity" => Self::Sensitivity(SensitivityStrategy::read(it)),
            "window" => Self::Window(WindowStrategy::read(it)),
            "withFallback" => Self::WithFallback(WithFallback::read(it)),
            _ => return Err(Error::invalid("a strategy of this kind is not known")),
        };
        fields.done(strategy)
    }
}

impl Strategy {
    /// Returns an empty decision.
    pub(crate) fn none() -> Self {
        Self::Fallback(FallbackStrategy { order: Vec::new() })
    }

    /// Evaluates the strategy with the inputs so far, or returns the next question. Called again
    /// from the root after each answer: strategies have no state.
    pub(crate) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        match self {
            Self::Ask(it) => it.decide(inputs),
            Self::Capability(it) => it.decide(inputs),
            Self::Custom(it) => it.decide(inputs),
            Self::Device(it) => it.decide(inputs, keys),
            Self::Fallback(it) => Ok(it.decide()),
            Self::FirstMatch(it) => it.decide(inputs, keys),
            Self::InputSize(it) => it.decide(inputs, keys),
            Self::Latency(it) => it.decide(inputs, keys),
            Self::Privacy(it) => it.decide(inputs),
            Self::Ready(it) => it.decide(inputs),
            Self::Sensitivity(it) => it.decide(inputs),
            Self::Window(it) => it.decide(inputs),
            Self::WithFallback(it) => it.decide(inputs, keys),
        }
    }
}
