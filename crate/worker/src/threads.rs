//! Threads of the CPU's passes: the worker leads, and further workers help, all in one memory.

use std::sync::{Arc, OnceLock};

use hybridge_gemma::cpu::Team;
use wasm_bindgen::prelude::wasm_bindgen;

static TEAM: OnceLock<Arc<Team>> = OnceLock::new();

/// Makes the calling worker the leader of this many threads, including itself. Helpers may start
/// later.
#[wasm_bindgen]
pub fn lead_threads(count: usize) {
    TEAM.get_or_init(|| Team::new(count)).lead();
}

/// Helps the leader during the whole life of the calling worker.
#[wasm_bindgen]
pub fn help_leader() {
    if let Some(team) = TEAM.get() {
        team.work();
    }
}

/// Reports that a helper broke off, by whichever thread noticed.
#[wasm_bindgen]
pub fn lose_thread() {
    if let Some(team) = TEAM.get() {
        team.lose();
    }
}

/// Whether the leader stopped because a helper was lost.
#[wasm_bindgen]
pub fn is_thread_lost() -> bool {
    TEAM.get().is_some_and(|team| team.is_lost())
}
