//! Steps that were submitted but not read back yet.

use crate::gpu::device::launcher::Progress;

/// A step that was submitted early, with the token that the GPU chose itself. If it is not needed,
/// only the logits are lost: its key is overwritten by the next token's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    /// Unknown until the previous step was read.
    pub(crate) token: Option<u32>,
}

/// The state of the last pass's logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    Nothing,
    /// Hidden states of this many tokens.
    Hidden(u32),
    /// Hidden states of this many rows of a picture.
    Rows(u32),
    Logits,
    /// Overwritten by the logits of a step that was submitted early.
    LogitsOverwritten,
}

/// The known part of the GPU's own record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) progress: Option<Progress>,
    pub(crate) token: Option<u32>,
}
