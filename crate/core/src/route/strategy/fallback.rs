//! Always the same branches in the same order.

use serde::Deserialize;

use crate::route::decision::Decision;

/// A fixed order.
#[derive(Clone, Debug, Deserialize)]
pub struct FallbackStrategy {
    /// First to last. Duplicates are kept: the branch is tried again.
    pub order: Vec<String>,
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
