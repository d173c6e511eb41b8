//! The plan of a hybrid: its branches, strategy, policies and judge. Fixed when the hybrid is
//! created.

use serde_json::{Map, Value};

use super::gate::Gate;
use super::policy::Policy;
use super::strategy::Strategy;
use crate::Result;
use crate::json::{self, Fields, FromJson as _};

/// Default deadline for the first content of a branch behind a network.
const REMOTE_PATIENCE_MS: f64 = 15_000.0;

/// A hybrid, as described by `hybridModel` and related functions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The branches' keys.
    pub keys: Vec<String>,
    /// The strategy.
    pub strategy: Strategy,
    /// The strategy's name, for the trace.
    pub strategy_name: String,
    /// The judge of answers.
    pub acceptance: Acceptance,
    /// Policies, one per branch in the order of the keys.
    pub policies: Vec<Policy>,
    /// The branches behind a network, by key.
    pub remote: Vec<String>,
}

/// Decides whether an answer is good enough. The last branch's answer is always accepted.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Acceptance {
    /// Every answer is accepted.
    #[default]
    None,
    /// The caller's `accept` judges the complete answer.
    Accept,
    /// The confidence gate judges the first tokens.
    Confidence(Gate),
}

impl Plan {
    fn read(json: Value) -> Result<Self> {
        let mut fields = Fields::of("a hybrid", json);
        let keys = fields.keys("keys");
        let policy: Policy = fields.read("policy").unwrap_or_default();
        let mut policies = vec![policy.clone(); keys.len()];
        for mut pair in fields.list("branchPolicies") {
            let own = Policy::from_json(pair.get_mut(1).map(Value::take).unwrap_or_default());
            let key = pair.get(0).and_then(Value::as_str).unwrap_or_default();
            let slot = keys.iter().position(|it| it == key).and_then(|it| policies.get_mut(it));
            if let Some((slot, own)) = slot.zip(fields.inner(own)) {
                *slot = policy.overlaid(Some(&own));
            }
        }
        let strategy = Strategy::from_json(fields.value("strategy").unwrap_or_default());
        let acceptance = match fields.value("judge") {
            None => Ok(Acceptance::None),
            Some(Value::String(it)) if it == "accept" => Ok(Acceptance::Accept),
            Some(gate) => Gate::from_json(gate).map(Acceptance::Confidence),
        };
        let plan = Self {
            strategy: fields.inner(strategy).unwrap_or_else(Strategy::none),
            strategy_name: fields.text("strategyName").unwrap_or_default(),
            acceptance: fields.inner(acceptance).unwrap_or_default(),
            policies,
            remote: fields.keys("remote"),
            keys,
        };
        fields.done(plan)
    }

    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for an invalid plan.
    pub fn parse(json: &str) -> Result<Self> {
        Self::read(json::parse(json, "the routing options")?)
    }

    pub(crate) fn policy(&self, branch: usize) -> &Policy {
        const NOTHING: &Policy = &Policy {
            fallback_on: None,
            first_token_timeout_ms: None,
            idle_timeout_ms: None,
            total_timeout_ms: None,
            hedge_after_ms: None,
            breaker: None,
            continues: None,
        };
        self.policies.get(branch).unwrap_or(NOTHING)
    }

    /// Returns the default deadline for the first content, used if the policy has none and another
    /// branch is left: a network that accepts a request and never answers must not block it for
    /// ever.
    pub(crate) fn default_patience_ms(&self, branch: usize) -> Option<f64> {
        self.remote.iter().any(|key| key == self.key(branch)).then_some(REMOTE_PATIENCE_MS)
    }

    pub(crate) fn key(&self, branch: usize) -> &str {
        self.keys.get(branch).map_or("", String::as_str)
    }
}

/// Whether a request asks a branch for its reasoning: by the common options, unless the branch's
/// own options override it.
pub(crate) fn wants_reasoning(config: &Map<String, Value>, branch: &str) -> bool {
    let own = config.get("branches").and_then(|it| it.get(branch)).and_then(Value::as_object);
    let includes = |config: &Map<String, Value>| {
        let gemini = config.get("thinkingConfig").and_then(|it| it.get("includeThoughts"));
        gemini.or_else(|| config.get("includeReasoning")).and_then(Value::as_bool)
    };
    own.and_then(includes).or_else(|| includes(config)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Plan, wants_reasoning};

    #[test]
    fn an_invalid_plan_is_the_callers_mistake() {
        let strategy = r#""strategy":{"fallback":{"order":["a"]}},"strategyName":"x""#;
        for (json, holds) in [
            (format!(r#"{{"keys":["a"],{strategy}}}"#), true),
            (format!(r#"{{"keys":"a",{strategy}}}"#), false),
            (
                format!(r#"{{"keys":["a"],{strategy},"policy":{{"fallbackOn":["SOMETIMES"]}}}}"#),
                false,
            ),
            (r#"{"keys":["a"],"strategy":{"other":{}},"strategyName":"x"}"#.to_owned(), false),
            // A tree that is too deep is rejected before it exhausts the stack.
            (
                format!(
                    r#"{{"keys":["a"],"strategy":{}{}{},"strategyName":"x"}}"#,
                    r#"{"firstMatch":{"children":["#.repeat(200),
                    r#"{"fallback":{"order":["a"]}}"#,
                    "]}}".repeat(200)
                ),
                false,
            ),
        ] {
            assert_eq!(Plan::parse(&json).is_ok(), holds, "{json}");
        }
    }

    #[test]
    fn reasoning_counts_only_if_requested() {
        for (config, expected) in [
            ("{}", false),
            (r#"{"includeReasoning":true}"#, true),
            (r#"{"thinkingConfig":{"includeThoughts":true}}"#, true),
            (r#"{"thinkingConfig":{"thinkingBudget":9}}"#, false),
            (r#"{"branches":{"cloud":{"includeReasoning":true}}}"#, true),
            (r#"{"branches":{"device":{"includeReasoning":true}}}"#, false),
            (r#"{"includeReasoning":true,"branches":{"cloud":{"includeReasoning":false}}}"#, false),
        ] {
            let value: Value = serde_json::from_str(config).unwrap();
            assert_eq!(wants_reasoning(value.as_object().unwrap(), "cloud"), expected, "{config}");
        }
    }
}
