//! The strategies: data with callbacks as leaves. One file for each, and one table of tests in it.

mod capability;
mod connectivity;
mod cost;
mod custom;
mod device;
mod fallback;
mod first_match;
mod input_size;
mod latency;
mod privacy;
mod ready;
#[cfg(test)]
mod table;
mod with_fallback;

use serde_json::Value;

use super::decision::Decision;
use super::facts::{Facts, Pause};
use super::record::Record;
use crate::{Error, Result};

pub use capability::CapabilityStrategy;
pub use connectivity::ConnectivityStrategy;
pub use cost::CostStrategy;
pub use custom::CustomStrategy;
pub use device::{DeviceRequirements, DeviceStrategy};
pub use fallback::FallbackStrategy;
pub use first_match::FirstMatch;
pub use input_size::{InputSizeStrategy, Unit};
pub use latency::LatencyStrategy;
pub use privacy::PrivacyStrategy;
pub use ready::ReadyStrategy;
pub use with_fallback::WithFallback;

/// A tree of strategies, as the TypeScript classes describe themselves.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant is documented at its type")]
pub enum Strategy {
    Capability(CapabilityStrategy),
    Connectivity(ConnectivityStrategy),
    Cost(CostStrategy),
    Custom(CustomStrategy),
    Device(DeviceStrategy),
    Fallback(FallbackStrategy),
    FirstMatch(FirstMatch),
    InputSize(InputSizeStrategy),
    Latency(LatencyStrategy),
    Privacy(PrivacyStrategy),
    Ready(ReadyStrategy),
    WithFallback(WithFallback),
}

impl Strategy {
    /// Reads a node: an object with one field, named for the strategy.
    pub(crate) fn read(json: &Value) -> Result<Self> {
        let node = json.as_object().and_then(|it| it.iter().next());
        let Some((kind, data)) = node else {
            return Err(Error::invalid("a strategy must be described by an object"));
        };
        let mut record = Record::of("a strategy", data);
        let it = &mut record;
        let strategy = match kind.as_str() {
            "capability" => Self::Capability(CapabilityStrategy::read(it)),
            "connectivity" => Self::Connectivity(ConnectivityStrategy::read(it)),
            "cost" => Self::Cost(CostStrategy::read(it)),
            "custom" => Self::Custom(CustomStrategy::read(it)),
            "device" => Self::Device(DeviceStrategy::read(it)),
            "fallback" => Self::Fallback(FallbackStrategy::read(it)),
            "firstMatch" => Self::FirstMatch(FirstMatch::read(it)),
            "inputSize" => Self::InputSize(InputSizeStrategy::read(it)),
            "latency" => Self::Latency(LatencyStrategy::read(it)),
            "privacy" => Self::Privacy(PrivacyStrategy::read(it)),
            "ready" => Self::Ready(ReadyStrategy::read(it)),
            "withFallback" => Self::WithFallback(WithFallback::read(it)),
            _ => return Err(Error::invalid("a strategy of this kind is not known")),
        };
        record.done(strategy)
    }

    /// What never has an opinion.
    pub(crate) fn none() -> Self {
        Self::Fallback(FallbackStrategy { order: Vec::new() })
    }

    /// Judges with what is known, or says what must be known first. Called again from the root after each answer:
    /// a strategy holds no state of its own.
    pub(crate) fn decide(&self, facts: Facts<'_>, keys: &[String]) -> Result<Decision, Pause> {
        match self {
            Self::Capability(it) => it.decide(facts),
            Self::Connectivity(it) => it.decide(facts),
            Self::Cost(it) => it.decide(facts),
            Self::Custom(it) => it.decide(facts),
            Self::Device(it) => it.decide(facts, keys),
            Self::Fallback(it) => Ok(it.decide()),
            Self::FirstMatch(it) => it.decide(facts, keys),
            Self::InputSize(it) => it.decide(facts, keys),
            Self::Latency(it) => it.decide(facts, keys),
            Self::Privacy(it) => it.decide(facts),
            Self::Ready(it) => it.decide(facts),
            Self::WithFallback(it) => it.decide(facts, keys),
        }
    }
}
