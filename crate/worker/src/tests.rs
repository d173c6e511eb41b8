//! The engine's GPU tests in a real browser's worker, the same as the native ones. Without an
//! adapter, the tests check the error.

use std::cell::RefCell;

use hybridge_gemma::gpu::{Device, suite};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

use crate::platform::has_subgroups;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

thread_local! {
    /// One GPU for all tests, so that compiled kernels, burn's and ours, are reused.
    static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// Requests subgroups as `subgroups.ts` does in a page's worker, so that kernels with subgroups are
/// compiled too.
const ASK_FOR_SUBGROUPS: &str = "
    if (globalThis.GPUAdapter) {
        const { requestDevice } = GPUAdapter.prototype
        GPUAdapter.prototype.requestDevice = function (descriptor) {
            const has = (globalThis.hybridgeHasSubgroups = this.features.has('subgroups'))
            return requestDevice.call(this, has ? { ...descriptor, requiredFeatures: [...(descriptor.requiredFeatures ?? []), 'subgroups'] } : descriptor)
        }
    }";

/// Returns the GPU, or `None` after checking that its absence is reported correctly.
async fn device() -> Option<Device> {
    crate::construct();
    let opened = DEVICE.with_borrow(Clone::clone);
    if opened.is_some() {
        return opened;
    }
    js_sys::eval(ASK_FOR_SUBGROUPS).expect("the JavaScript is valid");
    match Device::open().await {
        Ok(device) => {
            let device = device.with_subgroups(has_subgroups());
            DEVICE.set(Some(device.clone()));
            Some(device)
        }
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
