//! Branches chosen by the boolean of a callback: `ConnectivityStrategy` and `CostStrategy`.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Decides by the result of a callback.
#[derive(Clone, Debug)]
pub struct AskStrategy {
    /// The callback's number.
    pub leaf: usize,
    /// Its name in messages.
    pub callback: &'static str,
    /// The decision for `true`.
    pub yes: Decision,
    /// The decision for `false`.
    pub no: Decision,
}

impl AskStrategy {
    /// `isOnline`: one branch while online, another while offline.
    pub(super) fn connectivity(fields: &mut Fields) -> Self {
        Self {
            leaf: fields.required_index("leaf"),
            callback: "ConnectivityStrategy's isOnline",
            yes: Decision::pick(&fields.required_text("online")).because("online"),
            no: Decision::pick(&fields.required_text("offline")).because("offline"),
        }
    }

    /// `budgetAvailable`: the premium branch with the cheap one as fallback, or only the cheap one.
    pub(super) fn cost(fields: &mut Fields) -> Self {
        let (premium, cheap) = (fields.required_text("premium"), fields.required_text("cheap"));
        Self {
            leaf: fields.required_index("leaf"),
            callback: "CostStrategy's budgetAvailable",
            no: Decision::pick(&cheap).because("no budget left"),
            yes: Decision::order(&[premium, cheap]).because("budget left"),
        }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        let is_yes = inputs.yes(self.leaf, self.callback)?;
        Ok(if is_yes { self.yes.clone() } else { self.no.clone() })
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn connectivity_decides() {
        let tree = r#"{"connectivity":{"leaf":0,"online":"cloud","offline":"device"}}"#;
        check(tree, &[("leaf 0", "true")], "cloud online");
        check(tree, &[("leaf 0", "false")], "device offline");
        check(tree, &[("leaf 0", "null")], "INVALID_ARGUMENT");
    }

    #[test]
    fn the_budget_decides() {
        let tree = r#"{"cost":{"leaf":0,"premium":"cloud","cheap":"device"}}"#;
        check(tree, &[("leaf 0", "true")], "cloud device budget left");
        check(tree, &[("leaf 0", "false")], "device no budget left");
        check(tree, &[("leaf 0", "1")], "INVALID_ARGUMENT");
    }
}
