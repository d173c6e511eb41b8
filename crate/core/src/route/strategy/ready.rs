//! Uses the cloud until the device's model is ready.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{Inputs, Pause};

/// Decides by the state of a branch's model.
#[derive(Clone, Debug)]
pub struct ReadyStrategy {
    /// The branch to use once it is ready.
    pub ready: String,
    /// The branch until then.
    pub otherwise: String,
}

impl ReadyStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        Self { ready: fields.required_text("ready"), otherwise: fields.required_text("otherwise") }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>) -> Result<Decision, Pause> {
        let branch = inputs.branches()?.iter().find(|it| it.key == self.ready);
        // An unknown key is returned, so that the order's check reports it.
        Ok(match branch {
            Some(branch) if !branch.is_ready() => {
                let state = branch.state.as_deref().unwrap_or_default();
                Decision::pick(&self.otherwise).because(format!("{} is {state}", self.ready))
            }
            _ => Decision::pick(&self.ready).because(format!("{} is ready", self.ready)),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_models_state_decides() {
        let tree = r#"{"ready":{"ready":"device","otherwise":"cloud"}}"#;
        for (branches, expected) in [
            (r#"[{"key":"device","state":"ready"}]"#, "device device is ready"),
            (r#"[{"key":"device","state":"loading"}]"#, "cloud device is loading"),
            (r#"[{"key":"device","state":"absent"}]"#, "cloud device is absent"),
            (r#"[{"key":"device","state":"failed"}]"#, "cloud device is failed"),
            (r#"[{"key":"device","state":"disposed"}]"#, "cloud device is disposed"),
            (r#"[{"key":"device"}]"#, "device device is ready"),
            ("[]", "device device is ready"),
        ] {
            check(tree, &[("branches", branches)], expected);
        }
    }
}
