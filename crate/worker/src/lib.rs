//! The worker's wasm: the engine. It converts and forwards; every decision is made in
//! `hybridge-gemma` and `hybridge-core`.

mod backend;
mod boundary;
mod download;
mod generation;
mod gpu;
mod model;
mod pace;
mod picture;
mod platform;
#[cfg(all(test, target_family = "wasm", feature = "gpu"))]
mod tests;
#[cfg(feature = "threads")]
mod threads;
mod watched;

pub use download::{Digest, Download};
pub use generation::Generation;
pub use gpu::self_test;
pub use model::{Model, cpu_rate};
#[cfg(feature = "threads")]
pub use threads::{help_leader, is_thread_lost, lead_threads, lose_thread};
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the linker defines this function")]
mod constructors {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    pub(super) fn run() {
        // SAFETY: the function takes and returns nothing, and running it more than once is
        // harmless.
        unsafe { __wasm_call_ctors() }
    }
}

/// Runs the static constructors once, explicitly.
///
/// Without this call the linker wraps every export in all of them, and each crossing costs
/// milliseconds.
pub fn construct() {
    #[cfg(target_family = "wasm")]
    constructors::run();
}

/// Runs once when the wasm is instantiated.
#[wasm_bindgen(start)]
fn start() {
    construct();
    console_error_panic_hook::set_once();
}
