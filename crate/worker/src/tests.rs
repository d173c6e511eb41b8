//! The engine's GPU tests in a real browser's worker: the very ones that run natively. Decides by capability; without
//! an adapter the error is what is tested.

use hybridge_gemma::gpu::{Device, suite};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// The GPU, or `None` after checking that its absence is told as it must be.
async fn device() -> Option<Device> {
    crate::construct();
    match Device::open().await {
        Ok(device) => Some(device),
        Err(error) => {
            assert_eq!(error.code.as_deref(), Some("GPU_UNAVAILABLE"), "{error}");
            console_log!("SKIP this browser gives no WebGPU adapter");
            None
        }
    }
}

macro_rules! tests {
    ($($name:ident,)*) => {$(
        #[wasm_bindgen_test]
        async fn $name() {
            let Some(device) = device().await else { return };
            if let Err(error) = suite::$name(&device).await {
                panic!("{error}");
            }
        }
    )*};
}
hybridge_gemma::gpu_suite!(tests);
