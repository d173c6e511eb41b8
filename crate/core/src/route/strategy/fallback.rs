//! Tries the branches in a fixed order.

use crate::json::Fields;
use crate::route::decision::Decision;

/// A fixed order.
#[derive(Clone, Debug)]
pub struct FallbackStrategy {
    /// The branches, in order. Duplicates are kept: the branch is tried again.
    pub order: Vec<String>,
}

impl FallbackStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self { order: fields.keys("order") }
    }

    pub(super) fn decide(&self) -> Decision {
        Decision::order(&self.order)
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_order_is_fixed() {
        check(r#"{"fallback":{"order":["device","cloud"]}}"#, &[], "device cloud");
        check(r#"{"fallback":{"order":["cloud","cloud"]}}"#, &[], "cloud cloud");
    }
}
