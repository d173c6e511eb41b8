//! How the model of a branch is: its state, and what it does to a request.

use serde_json::Value;

use crate::json::{self, Fields};
use crate::{Result, SensitiveKind};

/// How a branch's model is, where it has such a thing as a state.
#[derive(Clone, Debug, Default)]
pub struct BranchFacts {
    /// Its key.
    pub key: String,
    /// Its state in the words of `OnDeviceModel`; absent for models that are always there.
    pub state: Option<String>,
    /// Whether it counts tokens itself.
    pub counts_tokens: bool,
    /// The tokens of its context window, where that is known.
    pub window: Option<u64>,
    /// How many requests wait in its own line, where it has one.
    pub queued: Option<u32>,
    /// The kinds of data that it replaces before its model sees a request; none where it does not.
    pub redacts: Vec<String>,
}

impl BranchFacts {
    /// Reads the facts of all branches. What cannot be read is a model that is always there.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where they are no JSON.
    pub fn list(json: &str) -> Result<Vec<Self>> {
        let Value::Array(list) = json::parse(json, "the branches' facts")? else {
            return Ok(Vec::new());
        };
        let mut branches = Vec::new();
        for json in list {
            let mut fields = Fields::of("a branch's facts", json);
            branches.push(Self {
                key: fields.required_text("key"),
                state: fields.text("state"),
                counts_tokens: fields.flag("countsTokens").unwrap_or_default(),
                queued: fields.count("queued").and_then(|it| it.try_into().ok()),
                window: fields.count("window"),
                redacts: fields.keys("redacts"),
            });
        }
        Ok(branches)
    }

    /// Whether it can answer now. A model without a state always can.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state.as_deref().is_none_or(|state| state == "ready")
    }

    /// Whether it replaces data of all these kinds.
    #[must_use]
    pub fn hides(&self, kinds: &[SensitiveKind]) -> bool {
        kinds.iter().all(|kind| self.redacts.iter().any(|it| it == kind.word()))
    }
}
