//! GPU tests, natively, on any Vulkan adapter that the loader finds.
#![cfg(feature = "gpu")]

use hybridge_core::Status;
use hybridge_core::device::Shape;
use hybridge_gemma::engine::Pass;
use hybridge_gemma::gpu::{Device, KernelPass, Options, checks, suite};
use std::rc::Rc;

use hybridge_gemma::Model;
use hybridge_gemma::adapter::Adapter;
use hybridge_gemma::source::{Memory, Source};
use hybridge_gemma::testing::{Synthetic, SyntheticShape, find, golden, tiny_adapter};
use hybridge_gemma::weights::Tensor;
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
fn a_lost_device_is_reported() {
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
fn adapted_models_agree_with_the_record() {
    let device = block_on(Device::open()).unwrap();
    for name in ["q4_k", "gemma4_q4_0", "gemma3n"] {
        let tiny = find(name).unwrap();
        let golden = golden(&format!("adapted_{name}")).unwrap();
        let plain = block_on(checks::open(&tiny)).unwrap();
        let adapter = vec![Rc::new(Memory(tiny_adapter(&plain, 17).bytes())) as Rc<dyn Source>];
        let adapter = block_on(Adapter::open(adapter)).unwrap();
        let sources = vec![Rc::new(Memory(tiny.bytes())) as Rc<dyn Source>];
        let model = block_on(Model::open_adapted(sources, &[adapter])).unwrap();
        let mut pass = block_on(KernelPass::load(&device, &model, 64, Options::USUAL)).unwrap();
        block_on(pass.prefill(&golden.prompt)).unwrap();
        let logits = block_on(pass.logits()).unwrap();
        let mean = golden.logits.iter().sum::<f64>() / golden.logits.len() as f64;
        let square = golden.logits.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
        let deviation = (square / golden.logits.len() as f64).sqrt();
        for (ours, exact) in logits.iter().zip(&golden.logits) {
            assert!((f64::from(*ours) - exact).abs() < 1e-3 * deviation, "{name}");
        }
    }
}

/// A network as wide as Gemma 4 E2B, with fewer layers and tokens.
#[test]
fn the_table_of_inputs_is_never_on_the_gpu() {
    let device = block_on(Device::open()).unwrap();
    let shape = SyntheticShape { vocabulary: 65_536, ..SyntheticShape::GEMMA_4_E2B.cut(12, 6) };
    let model = block_on(Model::open(vec![Rc::new(Synthetic::new(&shape))])).unwrap();
    let mut pass = block_on(KernelPass::load(&device, &model, 512, Options::USUAL)).unwrap();
    let body: u64 = model.tensors.held().map(Tensor::bytes).sum();
    let table = model.tensors.inputs.as_ref().unwrap().token_embd.bytes();
    let cache: usize = 8
        * 512
        * model
            .config
            .layers
            .iter()
            .filter(|layer| layer.source.is_none())
            .map(|layer| layer.kv_width())
            .sum::<usize>();
    let (taken, least) = (pass.gpu_bytes(), body + cache as u64);
    assert!(taken * 100 <= least * 103, "{taken} bytes, {body} of weights, {cache} of keys");
    assert!(table > least / 10 && taken < body + table);
    block_on(pass.prefill(&[1, 2, 3])).unwrap();
    assert!(block_on(pass.logits()).unwrap().iter().all(|logit| logit.is_finite()));
}

#[test]
fn the_first_bytes_of_a_file_show_its_memory() {
    let device = block_on(Device::open()).unwrap();
    for name in ["q8_0", "irregular", "no_window", "gemma4"] {
        let tiny = find(name).unwrap();
        let bytes = tiny.bytes();
        let shape = Shape::peek(&bytes[..bytes.len().min(32 << 10)]).unwrap();
        let model = block_on(checks::open(&tiny)).unwrap();
        let options = Options { chunk: 64, ..Options::USUAL };
        let taken = block_on(KernelPass::load(&device, &model, 300, options)).unwrap().gpu_bytes();
        let predicted = shape.gpu_bytes(model.tensors.bytes(), 300);
        // Tables and padding are left out; they are negligible beside the layers of a real model.
        assert!(
            predicted.abs_diff(taken) * 5 < taken,
            "{name}: predicted {predicted}, taken {taken}"
        );
    }
}
