//! Extends a strategy by fallbacks.

use super::Strategy;
use crate::json::{Fields, FromJson as _};
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Uses the inner order, followed by the missing branches of the fallback order. Without an inner
/// decision, the fallback order is used. The inner constraint applies to all of them.
#[derive(Clone, Debug)]
pub struct WithFallback {
    /// The inner strategy.
    pub inner: Box<Strategy>,
    /// The branches to append.
    pub fallback_order: Vec<String>,
}

impl WithFallback {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let inner = Strategy::from_json(fields.value("inner").unwrap_or_default());
        let inner = fields.inner(inner).unwrap_or_else(Strategy::none);
        Self { inner: Box::new(inner), fallback_order: fields.keys("fallbackOrder") }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        let mut decision = self.inner.decide(inputs, keys)?;
        for key in &self.fallback_order {
            if !decision.order.contains(key) {
                decision.order.push(key.clone());
            }
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn missing_branches_are_appended() {
        let tree = r#"{"withFallback":{"inner":{"custom":{"leaf":0,"name":"a"}},"fallbackOrder":["device","cloud","device"]}}"#;
        for (inner, expected) in [
            (r#""cloud""#, "cloud device"),
            (r#"["cloud","cloud"]"#, "cloud cloud device"),
            ("null", "device cloud"),
            (r#"{"allow":["device"]}"#, "device cloud [device]"),
            (r#"{"order":["device"],"allow":["device"]}"#, "device cloud [device]"),
        ] {
            check(tree, &[("leaf 0", inner)], expected);
        }
    }
}
