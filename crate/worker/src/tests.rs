//! The engine in a real browser's worker. Decides by capability; without an adapter the error is what is tested.

use hybridge_gemma::gpu::{Device, self_check};
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

#[wasm_bindgen_test]
async fn a_product_on_the_gpu_is_right() {
    let Some(device) = device().await else { return };
    let report = self_check(&device).await.unwrap();
    console_log!("adapter {}: off by {} at most", report.adapter, report.max_error);
    assert!(report.max_error < 1e-4);
}
