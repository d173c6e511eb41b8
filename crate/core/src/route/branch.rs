//! Facts about a branch: its model's state, and whether it modifies requests.

use serde_json::Value;

use crate::json::{self, Fields};
use crate::{Result, SensitiveKind};

/// Facts about a branch.
#[derive(Clone, Debug, Default)]
pub struct BranchFacts {
    /// Its key.
    pub key: String,
    /// Its state, as in `OnDeviceModel`; `None` for models that are always available.
    pub state: Option<String>,
    /// Whether it can count tokens.
    pub counts_tokens: bool,
    /// The size of its context window in tokens, if known.
    pub window: Option<u64>,
    /// The length of its own queue, if it has one.
    pub queued: Option<u32>,
    /// The kinds of data that it redacts before its model sees a request; `None` if it doesn't
    /// redact.
    pub redacts: Vec<String>,
}

impl BranchFacts {
    /// Reads the facts of all branches. A branch with unreadable facts counts as always available.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for invalid JSON.
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

    /// Whether it redacts all these kinds.
    #[must_use]
    pub fn hides(&self, kinds: &[SensitiveKind]) -> bool {
        kinds.iter().all(|kind| self.redacts.iter().any(|it| it == kind.word()))
    }
}
