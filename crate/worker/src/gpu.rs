//! The GPU, if this build supports one.

#[cfg(not(feature = "gpu"))]
mod absent;
#[cfg(feature = "gpu")]
mod present;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[cfg(not(feature = "gpu"))]
pub(crate) use absent::{OpenGpu, look, report, tower_loader};
#[cfg(feature = "gpu")]
pub(crate) use present::{OpenGpu, look, report, tower_loader};

use crate::boundary::thrown;

/// Opens the GPU and checks what the engine's kernels compute there; with `burn` also a product on
/// burn's queue, which no model needs. Resolves to a `GpuReport` as JSON, rejects with an error as
/// JSON.
#[wasm_bindgen]
pub async fn self_test(burn: bool) -> Result<String, JsValue> {
    report(burn).await.map_err(|error| thrown(&error))
}
