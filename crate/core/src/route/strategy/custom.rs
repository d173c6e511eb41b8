//! A custom strategy: a function, or a class with `route()`.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Calls the custom strategy. Also used for `PreRoutingStrategy`.
#[derive(Clone, Debug)]
pub struct CustomStrategy {
    /// The callback's number.
    pub leaf: usize,
    /// Its name in messages.
    pub name: String,
}

impl CustomStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self { leaf: fields.required_index("leaf"), name: fields.required_text("name") }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        Ok(Decision::parse(inputs.leaf(self.leaf)?, &self.name)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_custom_strategy_decides() {
        let mine = r#"{"custom":{"leaf":0,"name":"mine"}}"#;
        for (answer, expected) in [
            (r#""cloud""#, "cloud"),
            (r#""""#, ""),
            ("null", ""),
            (r#"["device","cloud"]"#, "device cloud"),
            (r#"{"order":["device"],"allow":["device"],"reason":"mine"}"#, "device [device] mine"),
            ("7", "INVALID_ARGUMENT"),
        ] {
            check(mine, &[("leaf 0", answer)], expected);
        }
    }
}
