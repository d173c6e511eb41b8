//! The good branch while there is a budget, the cheap one always.

use crate::route::decision::Decision;
use crate::route::facts::{Facts, Pause};
use crate::route::record::Record;

/// By what `budgetAvailable` says.
#[derive(Clone, Debug)]
pub struct CostStrategy {
    /// The number of `budgetAvailable`.
    pub leaf: usize,
    /// The branch that costs.
    pub premium: String,
    /// The branch that does not, or less.
    pub cheap: String,
}

impl CostStrategy {
    pub(super) fn read(record: &mut Record<'_>) -> Self {
        Self {
            leaf: record.index("leaf"),
            premium: record.text("premium"),
            cheap: record.text("cheap"),
        }
    }

    pub(super) fn decide(&self, facts: Facts<'_>) -> Result<Decision, Pause> {
        Ok(if facts.yes(self.leaf, "CostStrategy's budgetAvailable")? {
            Decision::order(&[self.premium.clone(), self.cheap.clone()]).because("budget left")
        } else {
            Decision::pick(&self.cheap).because("no budget left")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_budget_decides() {
        let tree = r#"{"cost":{"leaf":0,"premium":"cloud","cheap":"device"}}"#;
        check(tree, &[("leaf 0", "true")], "cloud device budget left");
        check(tree, &[("leaf 0", "false")], "device no budget left");
        check(tree, &[("leaf 0", "1")], "INVALID_ARGUMENT");
    }
}
