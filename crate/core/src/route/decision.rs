//! A strategy's decision: the order of branches, and which ones are allowed.

use serde::Serialize;
use serde_json::Value;

use crate::json::{Fields, texts};
use crate::{Error, Result};

/// A strategy's decision. An empty order means that it does not decide about the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The branches to try, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// A constraint: no other branch may ever see the request, however strategies are composed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// The reason, in a few words for the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Decision {
    /// Returns an empty decision.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Returns a decision for these branches, in this order.
    #[must_use]
    pub fn order(order: &[String]) -> Self {
        Self { order: order.to_vec(), ..Self::default() }
    }

    /// Returns a decision for this branch. The empty key means an empty decision.
    #[must_use]
    pub fn pick(key: &str) -> Self {
        let order = if key.is_empty() { Vec::new() } else { vec![key.to_owned()] };
        Self { order, ..Self::default() }
    }

    /// Returns the decision with a reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Reads the return value of a custom strategy.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for an invalid value. The message never quotes it.
    pub fn parse(spoken: &Value, strategy: &str) -> Result<Self> {
        let decision = match spoken {
            Value::Null => Some(Self::none()),
            Value::String(key) => Some(Self::pick(key)),
            Value::Array(list) => {
                let order = texts(list);
                (order.len() == list.len()).then(|| Self { order, ..Self::none() })
            }
            Value::Object(fields) => Self::spelt_out(spoken).filter(|_| {
                fields.keys().all(|key| matches!(key.as_str(), "order" | "allow" | "reason"))
            }),
            Value::Bool(_) | Value::Number(_) => None,
        };
        decision.ok_or_else(|| {
            Error::invalid(format!(
                "strategy {strategy} returned something that is no decision; expected a branch key, \
                 a list of them, {{ order, allow, reason }} or nothing"
            ))
        })
    }

    /// Reads the object form. Unknown fields are rejected: a misspelt `allow` must not be ignored.
    fn spelt_out(spoken: &Value) -> Option<Self> {
        let mut fields = Fields::of("a decision", spoken.clone());
        let decision = Self {
            order: fields.keys("order"),
            allow: fields.texts("allow"),
            reason: fields.text("reason"),
        };
        fields.done(decision).ok()
    }

    /// Whether the constraint allows this branch.
    #[must_use]
    pub fn allows(&self, key: &str) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.iter().any(|it| it == key))
    }

    /// Adds another decision's constraint and reason: a branch excluded by either is excluded.
    pub fn take_on(&mut self, other: &Self) {
        if let Some(theirs) = &other.allow {
            self.allow = Some(match self.allow.take() {
                None => theirs.clone(),
                Some(ours) => ours.into_iter().filter(|it| theirs.contains(it)).collect(),
            });
        }
        if let Some(theirs) = &other.reason {
            self.reason = Some(match self.reason.take() {
                None => theirs.clone(),
                Some(ours) => format!("{ours}; {theirs}"),
            });
        }
    }

    /// Returns the branches to try. The whole order is checked before anything runs, so that a typo
    /// in a rarely used fallback is found at the first request.
    ///
    /// # Errors
    ///
    /// Returns `FAILED_PRECONDITION` for an empty order, for an unknown key, and if the constraint
    /// allows none of the branches.
    pub fn resolve(&self, keys: &[String]) -> Result<Vec<usize>> {
        let known = || keys.join(", ");
        let mut order = Vec::with_capacity(self.order.len());
        for key in self.order.iter().chain(self.allow.iter().flatten()) {
            if !keys.contains(key) {
                return Err(Error::precondition(format!(
                    "the strategy named a branch that does not exist{}; there are: {}",
                    quoted(key),
                    known()
                ))
                .with_code("UNKNOWN_BRANCH"));
            }
        }
        if self.order.is_empty() {
            return Err(Error::precondition(format!(
                "the strategy named no branch; there are: {}",
                known()
            ))
            .with_code("NO_BRANCH"));
        }
        for key in self.order.iter().filter(|key| self.allows(key)) {
            order.extend(keys.iter().position(|it| it == key));
        }
        if order.is_empty() {
            return Err(Error::precondition(
                "the strategy's constraint (`allow`) leaves none of the branches it named",
            )
            .with_code("NOTHING_ALLOWED"));
        }
        Ok(order)
    }
}

/// Quotes the key in a message if it looks like one: a wrong return value of a strategy could be
/// anything, even the prompt.
fn quoted(key: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
    let is_key = !key.is_empty() && key.len() <= 40 && key.chars().all(is_plain);
    if is_key { format!(" (`{key}`)") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Decision;

    #[track_caller]
    fn check(spoken: &serde_json::Value, keys: &str, expected: &str) {
        let keys: Vec<String> = keys.split(' ').map(str::to_owned).collect();
        let found = Decision::parse(spoken, "mine")
            .and_then(|decision| decision.resolve(&keys))
            .map(|order| order.iter().map(|&it| keys[it].clone()).collect::<Vec<_>>().join(" "))
            .unwrap_or_else(|error| error.to_string());
        assert!(found.starts_with(expected), "{spoken}: expected {expected}, found {found}");
    }

    #[test]
    fn decisions_have_four_forms() {
        check(&json!("a"), "a b", "a");
        check(&json!(["a", "b"]), "a b", "a b");
        check(&json!(["a", "b", "a"]), "a b", "a b a");
        check(&json!({"order": ["a", "b"]}), "a b", "a b");
        check(&json!({"order": ["a", "b"], "reason": "so"}), "a b", "a b");
        check(&json!({"order": ["a", "b"], "allow": ["b"]}), "a b", "b");
        check(&json!({"order": ["a", "b"], "allow": null}), "a b", "a b");
    }

    #[test]
    fn an_empty_decision_fails() {
        for spoken in [json!(null), json!(""), json!([]), json!({}), json!({"allow": ["a"]})] {
            check(
                &spoken,
                "a b",
                "FAILED_PRECONDITION: the strategy named no branch; there are: a, b",
            );
        }
    }

    #[test]
    fn an_unknown_key_fails_and_the_message_lists_the_known_ones() {
        let unknown = "FAILED_PRECONDITION: the strategy named a branch that does not exist";
        for spoken in [json!("c"), json!(["a", "c"]), json!({"order": ["a"], "allow": ["c"]})] {
            check(&spoken, "a b", &format!("{unknown} (`c`); there are: a, b"));
        }
        for spoken in [json!([""]), json!("what the person typed")] {
            check(&spoken, "a b", &format!("{unknown}; there are: a, b"));
        }
    }

    #[test]
    fn a_constraint_that_allows_no_branch_fails() {
        check(
            &json!({"order": ["a"], "allow": ["b"]}),
            "a b",
            "FAILED_PRECONDITION: the strategy's constraint",
        );
        check(
            &json!({"order": ["a"], "allow": []}),
            "a b",
            "FAILED_PRECONDITION: the strategy's constraint",
        );
    }

    #[test]
    fn an_invalid_return_value_is_the_callers_mistake() {
        for spoken in
            [json!(7), json!(true), json!([1]), json!({"alow": ["a"]}), json!({"order": "a"})]
        {
            check(&spoken, "a b", "INVALID_ARGUMENT: strategy mine returned something");
        }
    }

    #[test]
    fn constraints_only_ever_narrow() {
        let allow = |keys: &[&str]| Decision {
            allow: Some(keys.iter().map(|&it| it.to_owned()).collect()),
            ..Decision::default()
        };
        let mut both = allow(&["a", "b"]);
        both.take_on(&allow(&["b", "c"]));
        both.take_on(&Decision::none());
        assert_eq!(both, allow(&["b"]));
    }
}
