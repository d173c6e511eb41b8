//! Always the same branches in the same order.

use serde_json::Value;

use crate::Result;
use crate::json::{Fields, FromJson};
use crate::route::decision::Decision;

/// A fixed order.
#[derive(Clone, Debug)]
pub struct FallbackStrategy {
    /// First to last. Duplicates are kept: the branch is tried again.
    pub order: Vec<String>,
}

impl FromJson for FallbackStrategy {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("FallbackStrategy", json)?;
        Ok(Self { order: fields.texts("order")?.unwrap_or_default() })
    }
}

impl FallbackStrategy {
    pub(super) fn decide(&self) -> Decision {
        Decision::order(&self.order)
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_order_is_the_order() {
        check(r#"{"fallback":{"order":["device","cloud"]}}"#, &[], "device cloud");
        check(r#"{"fallback":{"order":["cloud","cloud"]}}"#, &[], "cloud cloud");
    }
}
