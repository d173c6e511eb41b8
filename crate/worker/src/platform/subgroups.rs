//! Whether the last GPU device has subgroups: `subgroups.ts` requests them and stores the result.

use js_sys::{Reflect, global};

/// Returns whether the last device has subgroups.
pub(crate) fn has_subgroups() -> bool {
    Reflect::get(&global(), &"hybridgeHasSubgroups".into()).is_ok_and(|it| it.is_truthy())
}
