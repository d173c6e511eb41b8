//! The worker's wasm: the engine. It converts and forwards; every decision is in `hybridge-gemma` and `hybridge-core`.

use hybridge_core::Error;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[cfg(target_family = "wasm")]
unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the static constructors once, by name.
///
/// Without this reference the linker wraps every export in all of them, and each crossing costs milliseconds.
#[expect(unsafe_code, reason = "a symbol of the linker's; calling it is its purpose")]
pub fn construct() {
    #[cfg(target_family = "wasm")]
    // SAFETY: it takes and returns nothing, and running it more than once is harmless.
    unsafe {
        __wasm_call_ctors();
    }
}
