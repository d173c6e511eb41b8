//! One branch while there is a network, another while there is none.

use crate::route::decision::Decision;
use crate::route::facts::{Facts, Pause};
use crate::route::record::Record;

/// By what `isOnline` says.
#[derive(Clone, Debug)]
pub struct ConnectivityStrategy {
    /// The number of `isOnline`.
    pub leaf: usize,
    /// The branch with a network.
    pub online: String,
    /// The branch without.
    pub offline: String,
}

impl ConnectivityStrategy {
    pub(super) fn read(record: &mut Record<'_>) -> Self {
        Self {
            leaf: record.index("leaf"),
            online: record.text("online"),
            offline: record.text("offline"),
        }
    }

    pub(super) fn decide(&self, facts: Facts<'_>) -> Result<Decision, Pause> {
        Ok(if facts.yes(self.leaf, "ConnectivityStrategy's isOnline")? {
            Decision::pick(&self.online).because("online")
        } else {
            Decision::pick(&self.offline).because("offline")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_network_decides() {
        let tree = r#"{"connectivity":{"leaf":0,"online":"cloud","offline":"device"}}"#;
        check(tree, &[("leaf 0", "true")], "cloud online");
        check(tree, &[("leaf 0", "false")], "device offline");
        check(tree, &[("leaf 0", "null")], "INVALID_ARGUMENT");
    }
}
