//! Prefers the first branch whose predicted time to the first token is short enough.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};
use crate::route::rounded;

/// Decides by the predicted time to the first token. A branch without measurements counts as within
/// the budget.
#[derive(Clone, Debug)]
pub struct LatencyStrategy {
    /// The maximum time to the first token.
    pub first_token_budget_ms: f64,
    /// The branches, in order of preference.
    pub order: Vec<String>,
}

impl LatencyStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self {
            first_token_budget_ms: fields.required_number("firstTokenBudgetMs"),
            order: fields.keys("order"),
        }
    }

    /// The first branch within the budget moves to the front; if there is none, the order is by
    /// speed. The others stay as fallbacks.
    pub(super) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        let tokens = inputs.estimated_tokens()?;
        let predicted = |key: &String| {
            let branch = keys.iter().position(|it| it == key)?;
            inputs.health.predicted_first_token_ms(branch, tokens)
        };
        let mut order = self.order.clone();
        let budget = rounded(self.first_token_budget_ms);
        let is_soon = |it: f64| it <= self.first_token_budget_ms;
        let within = order.iter().position(|key| predicted(key).is_none_or(is_soon));
        let Some(first) = within else {
            let order = by_speed(order, |key| predicted(key).unwrap_or(0.0));
            return Ok(
                Decision::order(&order).because(format!("none within {budget} ms, by speed"))
            );
        };
        let key = order.remove(first);
        let reason = match predicted(&key) {
            Some(time) => format!("{} ms predicted, {budget} ms allowed", rounded(time)),
            None => "not measured yet".to_owned(),
        };
        order.insert(0, key);
        Ok(Decision::order(&order).because(reason))
    }
}

/// The fastest first; among equals the preferred one. Implemented by hand, because the standard
/// sort adds five kilobytes and these are a few keys.
fn by_speed(mut keys: Vec<String>, time: impl Fn(&String) -> f64) -> Vec<String> {
    let mut sorted = Vec::with_capacity(keys.len());
    while !keys.is_empty() {
        let mut quickest = 0;
        for (at, key) in keys.iter().enumerate() {
            if keys.get(quickest).is_some_and(|best| time(key) < time(best)) {
                quickest = at;
            }
        }
        sorted.push(keys.remove(quickest));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check_measured;

    #[test]
    fn measured_speed_decides() {
        let tree = r#"{"latency":{"firstTokenBudgetMs":500,"order":["device","cloud"]}}"#;
        for (device, cloud, expected) in [
            (None, None, "device cloud not measured yet"),
            (Some(400.0), Some(100.0), "device cloud 400 ms predicted, 500 ms allowed"),
            (Some(500.0), Some(100.0), "device cloud 500 ms predicted, 500 ms allowed"),
            (Some(900.0), Some(100.0), "cloud device 100 ms predicted, 500 ms allowed"),
            (Some(900.0), None, "cloud device not measured yet"),
            (Some(900.0), Some(700.0), "cloud device none within 500 ms, by speed"),
            (Some(600.0), Some(700.0), "device cloud none within 500 ms, by speed"),
        ] {
            check_measured(tree, &[device, cloud], expected);
        }
    }
}
