//! Counts the GPU work of a pass, which is the same on every machine, unlike milliseconds.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use hybridge_core::Result;

use crate::config::Span;
use crate::engine::Pass as _;
use crate::gpu::device::launcher::Recorder;
use crate::gpu::judge::checks::{GREEDY, mask, near, open, widened, wrong};
use crate::gpu::kernels::{Shapes, norm};
use crate::gpu::{Counters, Device, KernelPass, Options, Plan};
use crate::sample::{Draw, Sampler};
use crate::scalar::Scalar;
use crate::testing::Tiny;
use crate::weights::Tensor;

/// Checks that a decoded token takes few dispatches, one submission and at most 512 bytes of
/// reading.
///
/// # Errors
///
/// Returns the actual counts.
pub(crate) async fn decoding_is_cheap(device: &Device, tiny: &Tiny) -> Result<()> {
    let rounded = Plan::alone(device.facts()).roundings(device.facts(), true).into_iter().map(Some);
    for plan in std::iter::once(None).chain(rounded) {
        let options = Options { plan, ..Options::USUAL };
        decoding_is_cheap_with(device, tiny, options, 9, 5).await?;
    }
    // Products that compute their vectors themselves. Matrices of several encodings may take more
    // bindings than a browser allows.
    if tiny.name != "q4_0" {
        return Ok(());
    }
    let options = Options { software: Some(false), ..Options::USUAL };
    decoding_is_cheap_with(device, tiny, options, 5, 3).await
}

async fn decoding_is_cheap_with(
    device: &Device,
    tiny: &Tiny,
    options: Options,
    each: u64,
    around: u64,
) -> Result<()> {
    let model = open(tiny).await?;
    let mut pass = KernelPass::load(device, &model, 64, options).await?;
    pass.prefill(&tiny.prompt(5)).await?;
    let sampled = Sampler { temperature: 1.0, top_k: 64, top_p: 0.95, min_p: 0.0, seed: 1 };
    // A mask is one more write, and nothing else.
    let mask = mask(model.config.vocabulary, 3, 0);
    for (sampler, allowed, writes) in [
        (Sampler::GREEDY, None, 0),
        (sampled, None, 1),
        (Sampler::GREEDY, Some(mask.as_slice()), 1),
        (sampled, Some(mask.as_slice()), 2),
    ] {
        let draw = |step| Draw { sampler, step, top: 0, allowed };
        let mut choice = pass.choose(&draw(0)).await?;
        // Choosing twice advanced the GPU's record twice; the first step corrects that.
        choice = pass.step(choice.token, &draw(1)).await?;
        for step in 2..6 {
            let before = pass.counters();
            choice = pass.step(choice.token, &draw(step)).await?;
            let Counters { dispatches, submits, writes: written, bytes_read, .. } =
                pass.counters() - before;
            let most = each * model.config.layers.len() as u64 + around;
            if dispatches > most || submits != 1 || written > writes || bytes_read > 512 {
                return wrong(format!(
                    "{dispatches} dispatches of {most}, {submits} submits, {written} writes, {bytes_read} bytes"
                ));
            }
        }
    }
    Ok(())
}

/// Checks that a token of a newer network takes twelve dispatches per layer with its own inputs,
/// fourteen with several streams, and one submission; only its rows are written. A prompt takes one
/// dispatch per layer less.
///
/// # Errors Returns the actual counts.
pub(crate) async fn newer_costs_are_counted(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let config = &model.config;
    let options = Options { chunk: 20, ..Options::USUAL };
    let mut pass = KernelPass::load(device, &model, 128, options).await?;
    let layers = config.layers.len() as u64;
    let sparse = config.layers.iter().filter(|layer| layer.sparsity.is_some()).count() as u64;
    let streams = config.streams as u64;
    let has_inputs = u64::from(config.per_layer.is_some());
    // Embedding; inputs; a projection for each stream except one, the split and the first
    // prediction, and at the end the projections and their mean.
    let around = 1 + 2 * has_inputs + if streams > 1 { 2 * (streams - 1) + 3 } else { 0 };
    let each = if streams > 1 { 14 } else { 9 + 3 * has_inputs };
    let before = pass.counters();
    pass.prefill(&tiny.prompt(40)).await?;
    let Counters { dispatches, submits, writes, bytes_read, .. } = pass.counters() - before;
    let expected = 2 * (around + (each - 1) * layers + sparse);
    if (dispatches, submits, writes, bytes_read) != (expected, 2, 4 + 2 * has_inputs, 0) {
        return wrong(format!(
            "a prompt: {dispatches} dispatches of {expected}, {submits} submits, {writes} writes"
        ));
    }
    let mut choice = pass.choose(&GREEDY).await?;
    for step in 0..4 {
        let before = pass.counters();
        choice = pass.step(choice.token, &GREEDY).await?;
        let Counters { dispatches, submits, writes, bytes_read, .. } = pass.counters() - before;
        // Head, slices and choice.
        let expected = around + each * layers + sparse + 3;
        let is_as_expected = (dispatches, submits, bytes_read) == (expected, 1, 512);
        if step > 0 && !(is_as_expected && writes == has_inputs) {
            return wrong(format!(
                "{dispatches} dispatches of {expected}, {submits} submits, {writes} writes"
            ));
        }
    }
    Ok(())
}

/// Checks that all weights on the GPU together are little larger than in the file.
///
/// # Errors
///
/// Returns their size.
pub(crate) async fn weights_stay_packed(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let pass = KernelPass::load(device, &model, 64, Options::USUAL).await?;
    let (taken, file) = (pass.weight_bytes(), model.tensors.held().map(Tensor::bytes).sum::<u64>());
    if taken >= file && taken * 100 < file * 105 && taken < pass.gpu_bytes() {
        return Ok(());
    }
    wrong(format!("{taken} bytes on the GPU, {file} in the file"))
}

/// Checks that a device reuses a compiled kernel for the same text.
///
/// # Errors
///
/// Returns that it was compiled again.
pub(crate) async fn kernels_are_compiled_once(device: &Device, tiny: &Tiny) -> Result<()> {
    let (source, _) = norm(&open(tiny).await?.config, Shapes::SOFTWARE.token, None);
    let first = Recorder::new(device.clone()).kernel(&source);
    let second = Recorder::new(device.clone()).kernel(&source);
    if Rc::ptr_eq(&first, &second) { Ok(()) } else { wrong("compiled twice".to_owned()) }
}

/// Checks that a chunk of a prompt takes eight dispatches per layer and one for each shard of the
/// embedding.
///
/// # Errors
///
/// Returns the actual counts.
pub(crate) async fn reading_is_cheap(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let options = Options { chunk: 20, ..Options::USUAL };
    let mut pass = KernelPass::load(device, &model, 64, options).await?;
    let before = pass.counters();
    pass.prefill(&tiny.prompt(40)).await?;
    let Counters { dispatches, submits, writes, bytes_read, .. } = pass.counters() - before;
    let each = 8 * model.config.layers.len() as u64 + 1;
    if (dispatches, submits, writes, bytes_read) == (2 * each, 2, 4, 0) {
        return Ok(());
    }
    wrong(format!("{dispatches} dispatches of {}, {submits} submits, {writes} writes", 2 * each))
}

thread_local! {
    static SECONDS: Cell<f64> = const { Cell::new(0.0) };
}

/// A clock by which everything takes a second.
fn slow() -> f64 {
    SECONDS.set(SECONDS.get() + 1.0);
    1000.0 * SECONDS.get()
}

/// Drops some work if it waits this long; returns whether it was finished before.
pub(crate) async fn dropped_at<T>(wait: u64, work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    let mut waited = 0;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending => {
            waited += 1;
            if waited == wait { Poll::Ready(false) } else { Poll::Pending }
        }
    })
    .await
}

/// Checks that after a prompt's future is dropped nothing more of it is submitted, that an
/// expensive dispatch is submitted alone, and that tokens fed before stay valid.
///
/// # Errors
///
/// Returns what was submitted, or the difference.
pub(crate) async fn stopped_prompts_end(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let prompt = tiny.prompt(150);
    let (begun, rest) = prompt.split_at(40);
    let mut scalar = Scalar::load(&model, 200).await?;
    scalar.prefill(&prompt).await?;
    let exact = widened(&scalar.logits().await?);
    let options = Options { clock: Some(slow), ..Options::USUAL };
    let mut pass = KernelPass::load(device, &model, 200, options).await?;
    for wait in [1, 2, 5, 12] {
        pass.rewind(0);
        // From now on it expects every submission to take a second.
        pass.prefill(begun).await?;
        let before = pass.counters();
        let is_over = dropped_at(wait, pass.prefill(rest)).await;
        let Counters { submits, dispatches, .. } = pass.counters() - before;
        if is_over || submits == 0 || submits > wait || dispatches != submits {
            return wrong(format!("{submits} submits, {dispatches} dispatches after {wait} waits"));
        }
        let missing = prompt.get(pass.position()..).unwrap_or_default();
        pass.prefill(missing).await?;
        near(&format!("stopped at wait {wait}"), &pass.logits().await?, &exact)?;
    }
    Ok(())
}

/// Checks that far into a text only global layers do more work.
///
/// # Errors
///
/// Returns the additional work.
pub(crate) async fn local_layers_are_bounded(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let config = &model.config;
    let mut pass = KernelPass::load(device, &model, 1100, Options::USUAL).await?;
    let mut spent = Vec::new();
    for position in [64, 1024] {
        pass.skip_to(position - 1);
        let before = pass.counters();
        pass.step(5, &GREEDY).await?;
        spent.push((pass.counters() - before).workgroups);
    }
    let global = config.layers.iter().filter(|layer| layer.span == Span::Global).count() as u64;
    let per_group = u64::from(Options::USUAL.shapes(device).key.items());
    let more = (1024_u64.div_ceil(per_group) - 64_u64.div_ceil(per_group))
        * config.widest(|layer| layer.heads) as u64;
    let [near, far] = *spent.as_slice() else { return wrong("two were measured".to_owned()) };
    if far - near == global * more {
        return Ok(());
    }
    wrong(format!("{} more workgroups, {} were expected", far - near, global * more))
}

/// Checks that steps submitted early change neither the text nor rewinding nor the cost of a token.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn looking_ahead_changes_nothing(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let prompt = tiny.prompt(20);
    let sampled = Sampler { temperature: 1.0, top_k: 20, top_p: 1.0, min_p: 0.0, seed: 3 };
    let mut results: Vec<(Vec<u32>, Vec<f32>)> = Vec::new();
    for ahead in [false, true] {
        let mut pass = KernelPass::load(device, &model, 128, Options::USUAL).await?;
        pass.look_ahead(ahead);
        pass.prefill(&prompt).await?;
        let mut ids = vec![pass.choose(&GREEDY).await?.token];
        let mut logits = Vec::new();
        for round in 0..4_u32 {
            let mut last = ids.last().copied().unwrap_or_default();
            for _ in 0..6 {
                last = pass.step(last, &GREEDY).await?.token;
                ids.push(last);
            }
            // Reading logits again, another token than the likeliest, and a rewind.
            ids.push(pass.choose(&GREEDY).await?.token);
            logits.extend(pass.logits().await?);
            // With a mask, no step can be submitted early.
            let mask = mask(model.config.vocabulary, 5, round);
            let masked = Draw { allowed: Some(&mask), ..GREEDY };
            ids.push(pass.choose(&masked).await?.token);
            ids.push(pass.step(9 + round, &masked).await?.token);
            ids.push(pass.step(ids.last().copied().unwrap_or_default(), &GREEDY).await?.token);
            let draw = Draw { sampler: sampled, step: round, top: 3, allowed: None };
            ids.push(pass.step(7 + round, &draw).await?.token);
            ids.push(pass.step(ids.last().copied().unwrap_or_default(), &GREEDY).await?.token);
            let kept = pass.rewind(pass.position() - 3);
            ids.push(u32::try_from(kept).unwrap_or(u32::MAX));
            pass.prefill(prompt.get(..4).unwrap_or_default()).await?;
            ids.push(pass.choose(&GREEDY).await?.token);
        }
        let before = pass.counters();
        let mut last = ids.last().copied().unwrap_or_default();
        for _ in 0..5 {
            last = pass.step(last, &GREEDY).await?.token;
        }
        let Counters { submits, writes, bytes_read, .. } = pass.counters() - before;
        // With the next step already submitted, the first one submits nothing itself.
        if submits != 5 || writes > 1 || bytes_read != 5 * 512 {
            return wrong(format!("{submits} submits, {writes} writes, {bytes_read} bytes"));
        }
        results.push((ids, logits));
    }
    match results.as_slice() {
        [without, with] if without == with => Ok(()),
        other => wrong(format!("{:?}", other.iter().map(|(ids, _)| ids).collect::<Vec<_>>())),
    }
}
