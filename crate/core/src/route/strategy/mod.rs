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
use crate::json::{Fields, FromJson};
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

/// A node is an object with one field, named for the strategy.
impl FromJson for Strategy {
    fn from_json(json: Value) -> Result<Self> {
        let Value::Object(node) = json else {
            return Err(Error::invalid("a strategy must be described by an object"));
        };
        let Some((kind, data)) = node.into_iter().next() else {
            return Err(Error::invalid("a strategy is described by nothing"));
        };
        Ok(match kind.as_str() {
            "capability" => Self::Capability(FromJson::from_json(data)?),
            "connectivity" => Self::Connectivity(FromJson::from_json(data)?),
            "cost" => Self::Cost(FromJson::from_json(data)?),
            "custom" => Self::Custom(FromJson::from_json(data)?),
            "device" => Self::Device(FromJson::from_json(data)?),
            "fallback" => Self::Fallback(FromJson::from_json(data)?),
            "firstMatch" => Self::FirstMatch(FromJson::from_json(data)?),
            "inputSize" => Self::InputSize(FromJson::from_json(data)?),
            "latency" => Self::Latency(FromJson::from_json(data)?),
            "privacy" => Self::Privacy(FromJson::from_json(data)?),
            "ready" => Self::Ready(FromJson::from_json(data)?),
            "withFallback" => Self::WithFallback(FromJson::from_json(data)?),
            _ => return Err(Error::invalid("a strategy of this kind is not known")),
        })
    }
}

/// The number of a callback.
fn leaf(fields: &mut Fields) -> Result<usize> {
    let number = fields.small_count("leaf")?;
    number.map(|it| it as usize).ok_or_else(|| fields.wrong("leaf", "a callback's number"))
}

impl Strategy {
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
