//! The GPU half, natively, on whatever Vulkan adapter the loader finds.
#![cfg(feature = "gpu")]

use hybridge_gemma::gpu::{Device, self_check};
use pollster::block_on;

#[test]
fn the_device_computes_right() {
    let report = block_on(async { self_check(&Device::open().await?).await }).unwrap();
    assert!(report.max_error < 1e-4, "{report:?}");
}
