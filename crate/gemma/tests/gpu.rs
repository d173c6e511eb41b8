//! The GPU half, natively, on whatever Vulkan adapter the loader finds.
#![cfg(feature = "gpu")]
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic")]

use hybridge_core::{Result, Status};
use hybridge_gemma::config::Architecture;
use hybridge_gemma::engine::Pass;
use hybridge_gemma::gpu::checks::{self, Kind};
use hybridge_gemma::gpu::{Device, KernelPass, Options, self_check};
use hybridge_gemma::testing::{Tiny, find, tiny_models};
use pollster::block_on;

/// The kernels for real GPUs, whose barriers CPU adapters are slow at.
const BARRIERS: Kind =
    Kind::Kernels(Options { chunk: 8, software: Some(false), binding_limit: None });
/// The kernels for CPU adapters.
const NO_BARRIERS: Kind =
    Kind::Kernels(Options { chunk: 16, software: Some(true), binding_limit: None });

/// Checks the tiny models that `take` takes, and names all that fail.
#[track_caller]
fn check(take: impl Fn(&Tiny) -> bool, each: &impl AsyncFn(&Device, &Tiny) -> Result<()>) {
    let device = block_on(Device::open()).unwrap();
    let mut failures = Vec::new();
    for tiny in tiny_models().iter().filter(|tiny| take(tiny)) {
        if let Err(error) = block_on(each(&device, tiny)) {
            failures.push(format!("{}: {error}", tiny.name));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

fn writes(tiny: &Tiny) -> bool {
    tiny.architecture == Architecture::Gemma3
}

fn embeds(tiny: &Tiny) -> bool {
    tiny.architecture == Architecture::GemmaEmbedding
}

fn one_of(names: &'static [&'static str]) -> impl Fn(&Tiny) -> bool {
    move |tiny| names.contains(&tiny.name)
}

#[test]
fn the_device_computes_right() {
    let report = block_on(async { self_check(&Device::open().await?).await }).unwrap();
    assert!(report.max_error < 1e-4, "{report:?}");
}

#[test]
fn kernels_without_barriers_agree_with_the_record() {
    check(writes, &async |device, tiny| {
        checks::agrees_with_record(device, NO_BARRIERS, tiny).await
    });
}

#[test]
fn kernels_with_barriers_agree_with_the_record() {
    check(one_of(&["q4_0", "q6_k", "mixed", "head_256", "irregular"]), &async |device, tiny| {
        checks::agrees_with_record(device, BARRIERS, tiny).await
    });
}

#[test]
fn burn_agrees_with_the_record() {
    check(writes, &async |device, tiny| checks::agrees_with_record(device, Kind::Burn, tiny).await);
}

#[test]
fn vectors_agree_with_the_record() {
    check(embeds, &async |device, tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::vector_agrees_with_record(device, kind, tiny).await?;
        }
        Ok(())
    });
}

#[test]
fn chunks_do_not_matter() {
    check(one_of(&["q8_0", "irregular"]), &async |device, tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::chunks_do_not_matter(device, kind, tiny).await?;
        }
        Ok(())
    });
}

#[test]
fn rewinding_forgets_the_end() {
    check(one_of(&["q8_0", "no_window"]), &async |device, tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::rewinding_forgets_the_end(device, kind, tiny).await?;
        }
        Ok(())
    });
}

#[test]
fn draws_are_the_same() {
    check(one_of(&["q4_0"]), &async |device, tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::draws_are_the_same(device, kind, tiny).await?;
        }
        Ok(())
    });
}

#[test]
fn decoding_is_cheap() {
    check(one_of(&["q4_0", "mixed"]), &checks::decoding_is_cheap);
}

#[test]
fn what_is_no_number_is_told() {
    check(one_of(&["f32"]), &async |device, tiny| {
        for kind in [Kind::Burn, NO_BARRIERS] {
            checks::what_is_no_number_is_told(device, kind, tiny).await?;
        }
        Ok(())
    });
}

#[test]
fn shards_do_not_matter() {
    check(one_of(&["f32", "untied"]), &checks::shards_do_not_matter);
}

#[test]
fn too_much_memory_is_refused() {
    check(one_of(&["f32"]), &checks::too_much_memory_is_refused);
}

#[test]
fn a_lost_device_is_told() {
    let device = block_on(Device::open()).unwrap();
    let tiny = find("f32").unwrap();
    let model = block_on(checks::open(&tiny)).unwrap();
    let mut pass = block_on(KernelPass::load(&device, &model, 32, Options::default())).unwrap();
    block_on(pass.prefill(&tiny.prompt(3))).unwrap();
    device.destroy();
    let error = block_on(pass.logits()).unwrap_err();
    assert_eq!(error.status, Status::Unavailable, "{error}");
    assert_eq!(error.code.as_deref(), Some("DEVICE_LOST"), "{error}");
}
