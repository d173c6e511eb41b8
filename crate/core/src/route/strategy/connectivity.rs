//! One branch while there is a network, another while there is none.

use serde_json::Value;

use super::leaf;
use crate::Result;
use crate::json::{Fields, FromJson};
use crate::route::decision::Decision;
use crate::route::facts::{Facts, Pause};

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

impl FromJson for ConnectivityStrategy {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("ConnectivityStrategy", json)?;
        Ok(Self {
            leaf: leaf(&mut fields)?,
            online: fields.required_text("online")?,
            offline: fields.required_text("offline")?,
        })
    }
}

impl ConnectivityStrategy {
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
