//! The GPU half, natively, on whatever Vulkan adapter the loader finds.
#![cfg(feature = "gpu")]

use hybridge_core::Status;
use hybridge_core::device::Shape;
use hybridge_gemma::engine::Pass;
use hybridge_gemma::gpu::{Device, KernelPass, Options, checks, suite};
use hybridge_gemma::testing::find;
use pollster::block_on;

macro_rules! tests {
    ($($name:ident,)*) => {$(
        #[test]
        fn $name() {
            let device = block_on(Device::open()).unwrap();
            if let Err(error) = block_on(suite::$name(&device)) {
                panic!("{error}");
            }
        }
    )*};
}
hybridge_gemma::gpu_suite!(tests);

#[test]
fn a_lost_device_is_told() {
    let device = block_on(Device::open()).unwrap();
    let tiny = find("f32").unwrap();
    let model = block_on(checks::open(&tiny)).unwrap();
    let mut pass = block_on(KernelPass::load(&device, &model, 32, Options::USUAL)).unwrap();
    block_on(pass.prefill(&tiny.prompt(3))).unwrap();
    device.destroy();
    let error = block_on(pass.logits()).unwrap_err();
    assert_eq!(error.status, Status::Unavailable, "{error}");
    assert_eq!(error.code.as_deref(), Some("DEVICE_LOST"), "{error}");
}

#[test]
fn the_first_bytes_of_a_file_tell_what_it_takes() {
    let device = block_on(Device::open()).unwrap();
    for name in ["q8_0", "irregular", "no_window"] {
        let tiny = find(name).unwrap();
        let bytes = tiny.bytes();
        let shape = Shape::peek(&bytes[..bytes.len().min(32 << 10)]).unwrap();
        let model = block_on(checks::open(&tiny)).unwrap();
        let options = Options { chunk: 64, ..Options::USUAL };
        let taken = block_on(KernelPass::load(&device, &model, 300, options)).unwrap().gpu_bytes();
        let predicted = shape.gpu_bytes(model.tensors.bytes(), 300);
        // Tables and padding are left out; they weigh nothing beside the layers of a real model.
        assert!(
            predicted.abs_diff(taken) * 5 < taken,
            "{name}: predicted {predicted}, taken {taken}"
        );
    }
}
