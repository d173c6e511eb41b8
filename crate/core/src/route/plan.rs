//! What a hybrid is: its branches, its strategy, its policies, its judge. Fixed when it is made.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::gate::Gate;
use super::policy::Policy;
use super::strategy::Strategy;
use crate::{Error, Result};

/// A hybrid, as `hybridModel` and its sisters describe it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", from = "Spoken")]
pub struct Plan {
    /// The branches' keys.
    pub keys: Vec<String>,
    /// Who decides.
    pub strategy: Strategy,
    /// Its name for the trace.
    pub strategy_name: String,
    /// Who judges answers.
    pub judge: Judge,
    /// One for each branch, in the order of the keys.
    pub policies: Vec<Policy>,
}

/// Who judges whether an answer is good enough. The last branch's answer always is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Judge {
    /// Nobody.
    #[default]
    None,
    /// The caller's `accept`, by the whole answer.
    Accept,
    /// The log-probabilities of the first tokens.
    Confidence(Gate),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spoken {
    keys: Vec<String>,
    strategy: Strategy,
    strategy_name: String,
    #[serde(default)]
    judge: Judge,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    branch_policies: Vec<(String, Policy)>,
}

impl From<Spoken> for Plan {
    fn from(spoken: Spoken) -> Self {
        let own = |key: &String| spoken.branch_policies.iter().find(|(it, _)| it == key);
        let policies =
            spoken.keys.iter().map(|key| spoken.policy.overlaid(own(key).map(|it| &it.1)));
        Self {
            policies: policies.collect(),
            keys: spoken.keys,
            strategy: spoken.strategy,
            strategy_name: spoken.strategy_name,
            judge: spoken.judge,
        }
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where something in it is not as it must be.
    pub fn parse(json: &str) -> Result<Self> {
        let plan: Self = serde_json::from_str(json).map_err(|error| {
            Error::invalid(format!("the routing options cannot be read: {error}"))
        })?;
        if plan.keys.is_empty() {
            return Err(Error::invalid("a hybrid needs at least one branch"));
        }
        Ok(plan)
    }

    pub(crate) fn policy(&self, branch: usize) -> &Policy {
        const NOTHING: &Policy = &Policy {
            fallback_on: None,
            first_token_timeout_ms: None,
            idle_timeout_ms: None,
            total_timeout_ms: None,
            hedge_after_ms: None,
            breaker: None,
        };
        self.policies.get(branch).unwrap_or(NOTHING)
    }

    pub(crate) fn key(&self, branch: usize) -> &str {
        self.keys.get(branch).map_or("", String::as_str)
    }
}

/// Whether a request asks a branch for its thinking: by the common options, unless the branch's own say otherwise.
pub(crate) fn wants_reasoning(config: &Map<String, Value>, branch: &str) -> bool {
    let own = config.get("branches").and_then(|it| it.get(branch)).and_then(Value::as_object);
    let told = |config: &Map<String, Value>| {
        let gemini = config.get("thinkingConfig").and_then(|it| it.get("includeThoughts"));
        gemini.or_else(|| config.get("includeReasoning")).and_then(Value::as_bool)
    };
    own.and_then(told).or_else(|| told(config)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Plan, wants_reasoning};

    #[test]
    fn a_plan_that_makes_no_sense_is_the_callers_mistake() {
        let strategy = r#""strategy":{"fallback":{"order":["a"]}},"strategyName":"x""#;
        for (json, holds) in [
            (format!(r#"{{"keys":["a"],{strategy}}}"#), true),
            (format!(r#"{{{strategy}}}"#), false),
            (
                format!(r#"{{"keys":["a"],{strategy},"policy":{{"fallbackOn":["SOMETIMES"]}}}}"#),
                false,
            ),
            (r#"{"keys":["a"],"strategy":{"other":{}},"strategyName":"x"}"#.to_owned(), false),
            // A tree deeper than anybody means is refused, not followed until the stack ends.
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
    fn thinking_counts_only_where_it_was_asked_for() {
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
