//! Steps submitted but not yet read back.

use crate::gpu::device::launcher::Progress;

/// A step that was sent before anybody asked for it, with the token that the GPU chose itself.
/// Nothing but the logits is lost when it is not wanted: its key is overwritten by the next
/// token's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    /// Unknown until the step before was read.
    pub(crate) token: Option<u32>,
}

/// How far the logits of the last pass have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    Nothing,
    /// Hidden states of so many tokens.
    Hidden(u32),
    Logits,
    /// Others stand in their place: those of a step that was sent ahead.
    LogitsOverwritten,
}

/// The GPU's own record, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) progress: Option<Progress>,
    pub(crate) token: Option<u32>,
}
