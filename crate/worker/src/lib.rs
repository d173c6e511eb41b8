//! The worker's wasm: the engine. It converts and forwards; every decision is in `hybridge-gemma` and `hybridge-core`.

use hybridge_core::Error;
use hybridge_gemma::gpu::{Device, self_check};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "a symbol of the linker's; calling it is its purpose")]
mod constructors {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }

    pub(super) fn run() {
        // SAFETY: it takes and returns nothing, and running it more than once is harmless.
        unsafe { __wasm_call_ctors() }
    }
}

/// Runs the static constructors once, by name.
///
/// Without this reference the linker wraps every export in all of them, and each crossing costs milliseconds.
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

/// Opens the GPU and checks a product computed on it. Resolves to a `GpuReport` as JSON, rejects with an error as JSON.
#[wasm_bindgen]
pub async fn self_test() -> Result<String, JsValue> {
    self_test_report().await.map_err(|error| thrown(&error))
}

async fn self_test_report() -> Result<String, Error> {
    let device = Device::open().await?;
    let report = self_check(&device).await?;
    let facts = device.facts();
    let told = serde_json::json!({
        "adapter": facts.name,
        "software": facts.software,
        "maxError": report.max_error,
    });
    Ok(told.to_string())
}

/// Our error as JavaScript sees it: JSON text, which `worker.ts` passes on.
fn thrown(error: &Error) -> JsValue {
    let json = serde_json::to_string(error).unwrap_or_else(|_| {
        r#"{"status":"INTERNAL","message":"an error could not be told"}"#.to_owned()
    });
    JsValue::from_str(&json)
}
