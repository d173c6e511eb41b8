//! Policies of a branch: deadlines, fallback statuses, hedging, and the circuit breaker.

use serde_json::Value;

use crate::json::{Fields, FromJson};
use crate::{Result, Status};

/// The public `HybridPolicy`. Absent fields are disabled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Statuses after which the next branch is tried.
    pub fallback_on: Option<Vec<Status>>,
    /// The deadline for the first content.
    pub first_token_timeout_ms: Option<f64>,
    /// The maximum pause between chunks.
    pub idle_timeout_ms: Option<f64>,
    /// The deadline for the complete answer.
    pub total_timeout_ms: Option<f64>,
    /// The delay after which the next branch starts as well, if there was no content.
    pub hedge_after_ms: Option<f64>,
    /// The circuit breaker.
    pub breaker: Option<Breaker>,
    /// Whether another branch may continue an answer of this one that broke off.
    pub continues: Option<bool>,
}

/// Settings of the circuit breaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// The number of consecutive failures that opens it.
    pub failures: u32,
    /// How long it stays open.
    pub cooldown_ms: f64,
}

impl FromJson for Policy {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("a policy", json);
        let fallback_on = fields.texts("fallbackOn").map(|words| {
            let statuses: Vec<_> = words.iter().filter_map(|it| Status::parse(it)).collect();
            if statuses.len() != words.len() {
                fields.wrong("fallbackOn", "a list of statuses");
            }
            statuses
        });
        let policy = Self {
            fallback_on,
            first_token_timeout_ms: fields.number("firstTokenTimeoutMs"),
            idle_timeout_ms: fields.number("idleTimeoutMs"),
            total_timeout_ms: fields.number("totalTimeoutMs"),
            hedge_after_ms: fields.number("hedgeAfterMs"),
            breaker: fields.read("breaker"),
            continues: fields.text("continueFrom").map(|_| true),
        };
        fields.done(policy)
    }
}

impl FromJson for Breaker {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("breaker", json);
        let failures = u32::try_from(fields.required_index("failures")).unwrap_or(u32::MAX);
        let cooldown_ms = fields.required_number("cooldownMs");
        fields.done(Self { failures, cooldown_ms })
    }
}

impl Policy {
    /// Returns this policy with the branch's own fields taking precedence.
    #[must_use]
    pub fn overlaid(&self, own: Option<&Self>) -> Self {
        let Some(own) = own else { return self.clone() };
        Self {
            fallback_on: own.fallback_on.clone().or_else(|| self.fallback_on.clone()),
            first_token_timeout_ms: own.first_token_timeout_ms.or(self.first_token_timeout_ms),
            idle_timeout_ms: own.idle_timeout_ms.or(self.idle_timeout_ms),
            total_timeout_ms: own.total_timeout_ms.or(self.total_timeout_ms),
            hedge_after_ms: own.hedge_after_ms.or(self.hedge_after_ms),
            breaker: own.breaker.clone().or_else(|| self.breaker.clone()),
            continues: own.continues.or(self.continues),
        }
    }

    /// Whether a failure with this status moves on to the next branch. A cancelled request never
    /// does, whatever is listed.
    #[must_use]
    pub fn falls_back_on(&self, status: Status) -> bool {
        let listed = self.fallback_on.as_deref().unwrap_or(&Status::TRANSIENT);
        status != Status::Cancelled && listed.contains(&status)
    }

    /// Whether the branch has to stream for this policy, even if the caller does not.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.first_token_timeout_ms.is_some()
            || self.idle_timeout_ms.is_some()
            || self.hedge_after_ms.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::Policy;
    use crate::Status;
    use crate::json::FromJson as _;

    #[test]
    fn a_branch_overrides_field_by_field() {
        let policy = |json: &str| Policy::from_json(serde_json::from_str(json).unwrap()).unwrap();
        let base = policy(
            r#"{"totalTimeoutMs":9,"idleTimeoutMs":3,"breaker":{"failures":2,"cooldownMs":5}}"#,
        );
        let own = policy(r#"{"idleTimeoutMs":4,"fallbackOn":["NOT_FOUND"]}"#);
        let both = base.overlaid(Some(&own));
        assert_eq!((both.total_timeout_ms, both.idle_timeout_ms), (Some(9.0), Some(4.0)));
        assert_eq!(both.breaker, base.breaker);
        assert!(both.falls_back_on(Status::NotFound) && !both.falls_back_on(Status::Unavailable));
    }

    #[test]
    fn a_cancelled_request_never_falls_back() {
        for status in Status::ALL {
            let policy = Policy { fallback_on: Some(vec![status]), ..Policy::default() };
            assert_eq!(policy.falls_back_on(status), status != Status::Cancelled);
            assert_eq!(Policy::default().falls_back_on(status), status.is_transient());
        }
    }
}
