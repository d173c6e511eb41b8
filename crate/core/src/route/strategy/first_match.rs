//! Uses the first child that decides.

use super::Strategy;
use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Evaluates its children in turn. If a child only constrains, or its whole order is excluded by
/// then, the next one decides within the constraint.
#[derive(Clone, Debug)]
pub struct FirstMatch {
    /// The strategies, in order.
    pub children: Vec<Strategy>,
}

impl FirstMatch {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self { children: fields.each("children") }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        let mut heard = Decision::none();
        let mut forbidden = Vec::new();
        for child in &self.children {
            let opinion = child.decide(inputs, keys)?;
            heard.take_on(&opinion);
            if opinion.order.iter().any(|key| heard.allows(key)) {
                return Ok(Decision { order: opinion.order, ..heard });
            }
            if forbidden.is_empty() {
                forbidden = opinion.order;
            }
        }
        Ok(Decision { order: forbidden, ..heard })
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    const TREE: &str = r#"{"firstMatch":{"children":[
        {"custom":{"leaf":0,"name":"a"}},{"custom":{"leaf":1,"name":"b"}},{"fallback":{"order":["device"]}}]}}"#;

    #[test]
    fn the_first_decision_counts() {
        check(TREE, &[("leaf 0", r#""cloud""#)], "cloud");
        check(TREE, &[("leaf 0", "null"), ("leaf 1", r#""cloud""#)], "cloud");
        check(TREE, &[("leaf 0", "null"), ("leaf 1", "[]")], "device");
        check(r#"{"firstMatch":{"children":[]}}"#, &[], "");
    }

    #[test]
    fn a_mere_constraint_is_kept() {
        let pinned = r#"{"allow":["device"],"reason":"private"}"#;
        check(TREE, &[("leaf 0", pinned), ("leaf 1", "null")], "device [device] private");
        check(TREE, &[("leaf 0", pinned), ("leaf 1", r#""cloud""#)], "device [device] private");
        check(
            TREE,
            &[("leaf 0", pinned), ("leaf 1", r#"{"allow":["cloud"]}"#)],
            "device [] private",
        );
    }
}
