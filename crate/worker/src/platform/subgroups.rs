//! Whether the browser gave the last device subgroups: `subgroups.ts` asks for them and leaves
//! word.

use js_sys::{Reflect, global};

/// Whether it did.
pub(crate) fn has_subgroups() -> bool {
    Reflect::get(&global(), &"hybridgeHasSubgroups".into()).is_ok_and(|it| it.is_truthy())
}
