//! Evaluates a strategy: asks its questions, one at a time, until there is a decision.

use serde::Serialize;

use super::decision::Decision;
use super::health::Health;
use super::inputs::{Collected, Inputs, Pause, Question};
use super::plan::Plan;
use crate::{Error, Result};

/// A decision in progress.
#[derive(Debug, Default)]
pub struct Deliberation {
    collected: Collected,
    asked: Option<Question>,
}

/// The decision, as `explain()` returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The strategy's name.
    pub strategy: String,
    /// The branches to try, after applying the constraint.
    pub order: Vec<String>,
    /// The constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same order as indices.
    #[serde(skip)]
    pub branches: Vec<usize>,
}

impl Route {
    /// Restricts the request to these branches, whatever the strategy decided. If it chose none of
    /// them, they are tried in the plan's order.
    ///
    /// # Errors
    ///
    /// Returns `FAILED_PRECONDITION` if no branch is left.
    pub(crate) fn constrain(&mut self, keys: &[String], plan: &Plan) -> Result<()> {
        let theirs = self.allow.take();
        let both = |key: &&String| theirs.as_ref().is_none_or(|it| it.contains(key));
        let allow: Vec<String> = keys.iter().filter(both).cloned().collect();
        let is_allowed = |&branch: &usize| allow.iter().any(|it| it == plan.key(branch));
        self.branches.retain(is_allowed);
        if self.branches.is_empty() {
            self.branches = (0..plan.keys.len()).filter(is_allowed).collect();
        }
        if self.branches.is_empty() {
            return Err(Error::precondition(
                "no branch may see this request: the caller's `allow` and the strategy's exclude \
                 one another",
            )
            .with_code("NOTHING_ALLOWED"));
        }
        self.order = self.branches.iter().map(|&it| plan.key(it).to_owned()).collect();
        self.allow = Some(allow);
        Ok(())
    }

    /// Adds the constraint of a later decision about the same request. Branches after `used` that
    /// it excludes are not tried any more; its order is ignored.
    pub(crate) fn narrow(&mut self, again: &Self, used: usize, plan: &Plan) {
        let Some(theirs) = &again.allow else { return };
        let both = |key: &&String| self.allow.as_ref().is_none_or(|it| it.contains(key));
        let allow: Vec<String> = theirs.iter().filter(both).cloned().collect();
        let used = used.min(self.branches.len());
        let mut left = self.branches.split_off(used);
        left.retain(|&branch| allow.iter().any(|it| it == plan.key(branch)));
        self.branches.append(&mut left);
        self.order = self.branches.iter().map(|&it| plan.key(it).to_owned()).collect();
        self.allow = Some(allow);
        if self.reason.as_ref() != again.reason.as_ref() {
            let reasons = [self.reason.take(), again.reason.clone()];
            self.reason = Some(reasons.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
    }

    /// Moves the branch to which the conversation belongs to the front, unless the constraint
    /// excludes it.
    pub(crate) fn stay(&mut self, key: &str, plan: &Plan) {
        let is_allowed = self.allow.as_ref().is_none_or(|allow| allow.iter().any(|it| it == key));
        let Some(branch) = plan.keys.iter().position(|it| it == key).filter(|_| is_allowed) else {
            return;
        };
        self.branches.retain(|it| *it != branch);
        self.branches.insert(0, branch);
        self.order = self.branches.iter().map(|&it| plan.key(it).to_owned()).collect();
    }
}

impl Deliberation {
    /// Records the answer to the last question; anything else is ignored.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for an unreadable answer.
    pub fn answer(&mut self, json: &str) -> Result<()> {
        match self.asked.take() {
            Some(question) => self.collected.take(&question, json),
            None => Ok(()),
        }
    }

    /// Returns the strategy's own decision, before it is checked against the existing branches.
    ///
    /// # Errors
    ///
    /// Returns the next question, or why there will be no decision.
    pub fn opinion(&mut self, plan: &Plan, health: &Health) -> Result<Decision, Pause> {
        let inputs = Inputs { collected: &self.collected, health };
        plan.strategy.decide(inputs, &plan.keys).inspect_err(|pause| {
            if let Pause::Ask(question) = pause {
                self.asked = Some(question.clone());
            }
        })
    }

    /// Returns the decision.
    ///
    /// # Errors
    ///
    /// Returns the next question, or why there will be no decision.
    pub fn route(&mut self, plan: &Plan, health: &Health) -> Result<Route, Pause> {
        let decision = self.opinion(plan, health)?;
        let branches = decision.resolve(&plan.keys)?;
        Ok(Route {
            strategy: plan.strategy_name.clone(),
            order: branches.iter().map(|&it| plan.key(it).to_owned()).collect(),
            allow: decision.allow,
            reason: decision.reason,
            branches,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Deliberation, Health, Plan};
    #[test]
    fn a_callers_constraint_takes_precedence_over_the_strategy() {
        let plan = r#"{"keys":["a","b","c"],"strategyName":"s","strategy":{"fallback":{"order":["a","b"]}}}"#;
        let check = |allow: &[&str], expected: &str| {
            let plan = Plan::parse(plan).unwrap();
            let allow: Vec<String> = allow.iter().map(|&it| it.to_owned()).collect();
            let mut route = Deliberation::default().route(&plan, &Health::new(3)).unwrap();
            let found = match route.constrain(&allow, &plan) {
                Ok(()) => {
                    format!("{} of {}", route.order.join(" "), route.allow.unwrap().join(" "))
                }
                Err(error) => error.code.unwrap_or_default().to_string(),
            };
            assert_eq!(found, expected, "{allow:?}");
        };
        check(&["b"], "b of b");
        check(&["c", "b", "a"], "a b of c b a");
        check(&["c"], "c of c");
        check(&["x"], "NOTHING_ALLOWED");
        check(&[], "NOTHING_ALLOWED");
    }
}
