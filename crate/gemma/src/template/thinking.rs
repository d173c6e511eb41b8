//! The options for thinking in a request, which are the same for clouds.

use hybridge_core::{Config, Error, Result};
use serde_json::Value;

/// Whether the model thinks before it answers, for how long, and whether thoughts are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Whether it thinks.
    pub is_on: bool,
    /// Whether thoughts are delivered.
    pub is_shown: bool,
    /// The maximum number of tokens of a thought, which is then cut off before the answer begins.
    pub budget: Option<usize>,
}

impl Thinking {
    /// Reads `includeReasoning`, or Gemini's own `thinkingConfig`, which takes precedence. A budget
    /// of 0 disables thinking, one of -1 leaves its length to the model.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a value of another type.
    pub fn of(config: &Config) -> Result<Self> {
        let own = config.extra.get("thinkingConfig").filter(|it| !it.is_null());
        if own.is_some_and(|own| !own.is_object()) {
            return Err(wrong("thinkingConfig", "an object"));
        }
        let of_own = |name: &str| own.and_then(|own| own.get(name)).filter(|it| !it.is_null());
        let shown = of_own("includeThoughts").or_else(|| config.extra.get("includeReasoning"));
        let is_shown = match shown {
            None | Some(Value::Null) => false,
            Some(Value::Bool(shown)) => *shown,
            Some(_) => return Err(wrong("includeReasoning", "true or false")),
        };
        let budget = match of_own("thinkingBudget").map(Value::as_i64) {
            None => None,
            Some(Some(budget)) if budget >= -1 => Some(budget),
            Some(_) => {
                return Err(wrong("thinkingConfig.thinkingBudget", "a whole number from -1"));
            }
        };
        Ok(Self {
            is_on: budget.map_or(is_shown, |budget| budget != 0),
            is_shown,
            // -1 means no limit.
            budget: budget.and_then(|budget| usize::try_from(budget).ok()),
        })
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::invalid(format!("config.{name} must be {expected}"))
}

#[cfg(test)]
mod tests {
    use hybridge_core::Request;

    use super::Thinking;

    #[track_caller]
    fn check(config: &str, expected: Option<(bool, bool, Option<usize>)>) {
        let request = format!(r#"{{"messages":[],"config":{config}}}"#);
        let got = Thinking::of(&Request::parse(&request).unwrap().config);
        let got = got.ok().map(|it| (it.is_on, it.is_shown, it.budget));
        assert_eq!(got, expected, "{config}");
    }

    #[test]
    fn thinking_is_off_unless_requested() {
        check("{}", Some((false, false, None)));
        check(r#"{"includeReasoning":true}"#, Some((true, true, None)));
        check(r#"{"includeReasoning":false}"#, Some((false, false, None)));
        check(r#"{"thinkingConfig":{"includeThoughts":true}}"#, Some((true, true, None)));
        check(
            r#"{"includeReasoning":true,"thinkingConfig":{"includeThoughts":false}}"#,
            Some((false, false, None)),
        );
        check(r#"{"thinkingConfig":{"thinkingBudget":64}}"#, Some((true, false, Some(64))));
        check(r#"{"thinkingConfig":{"thinkingBudget":-1}}"#, Some((true, false, None)));
        check(
            r#"{"includeReasoning":true,"thinkingConfig":{"thinkingBudget":0}}"#,
            Some((false, true, Some(0))),
        );
        for wrong in [
            r#"{"includeReasoning":1}"#,
            r#"{"thinkingConfig":true}"#,
            r#"{"thinkingConfig":{"thinkingBudget":-2}}"#,
            r#"{"thinkingConfig":{"thinkingBudget":"8"}}"#,
        ] {
            check(wrong, None);
        }
    }
}
