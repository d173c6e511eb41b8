//! Checks of every GPU pass, as functions that native and browser tests call.
//!
//! A check returns a sentence about what is wrong, or nothing.

use std::rc::Rc;

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::burn::{BurnEmbedder, BurnPass};
use crate::cache::BUDGET;
use crate::engine::{Pass, TextEmbedder};
use crate::gpu::device::launcher::Recorder;
use crate::gpu::judge::suite::IS_NATIVE;
use crate::gpu::kernels::shader::Source;
use crate::gpu::{Device, KernelEmbedder, KernelPass, Options};
use crate::sample::{Draw, Sampler};
use crate::scalar::Scalar;
use crate::source::Memory;
use crate::testing::{Tiny, Trial, golden, turns_agree_with_cold_starts};
use crate::weights::Model;

/// The tolerance in standard deviations of the logits, because f32 sums depend on the order; the
/// requirement is 1e-3. The largest error comes from 62 random layers, which amplify it.
pub const TOLERANCE: f64 = 2e-4;

/// The pass to check.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// burn's plain operations.
    Burn,
    /// The kernels.
    Kernels(Options),
}

impl Kind {
    /// The kernels with default options.
    pub const KERNELS: Self = Self::Kernels(Options::USUAL);

    /// Loads the pass of this kind.
    ///
    /// # Errors
    ///
    /// As for loading it.
    pub async fn load(self, device: &Device, model: &Model, room: usize) -> Result<Box<dyn Pass>> {
        Ok(match self {
            Self::Burn => Box::new(BurnPass::load(device, model, room).await?),
            Self::Kernels(options) => {
                Box::new(KernelPass::load(device, model, room, options).await?)
            }
        })
    }
}

pub(crate) const GREEDY: Draw<'_> =
    Draw { sampler: Sampler::GREEDY, step: 0, top: 0, allowed: None };

/// Opens the model of a tiny network.
///
/// # Errors
///
/// As for opening any model.
pub async fn open(tiny: &Tiny) -> Result<Model> {
    Model::open(vec![Rc::new(Memory(tiny.bytes()))]).await
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.iter().map(|_| 1.0).sum::<f64>();
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Returns the largest difference, in standard deviations.
#[must_use]
pub fn distance(found: &[f32], exact: &[f64]) -> f64 {
    if found.len() != exact.len() {
        return f64::INFINITY;
    }
    let differences = found.iter().zip(exact).map(|(ours, exact)| (f64::from(*ours) - exact).abs());
    differences.fold(0.0, |most: f64, it| if it.is_finite() { most.max(it) } else { f64::INFINITY })
        / deviation(exact)
}

pub(crate) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

pub(crate) fn wrong(what: String) -> Result<()> {
    Err(Error::internal(what))
}

pub(crate) fn near(what: &str, found: &[f32], exact: &[f64]) -> Result<()> {
    let worst = distance(found, exact);
    if worst < TOLERANCE {
        return Ok(());
    }
    wrong(format!("{what}: {worst:.2e} standard deviations off"))
}

/// Compares logits and the greedy continuation with the record.
///
/// # Errors
///
/// Returns the difference.
pub async fn agrees_with_record(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    let record = golden(tiny.name).ok_or_else(|| Error::internal("no record"))?;
    let mut pass = kind.load(device, &open(tiny).await?, 64).await?;
    pass.prefill(&record.prompt).await?;
    near(tiny.name, &pass.logits().await?, &record.logits)?;
    let first = pass.choose(&GREEDY).await?;
    if pass.choose(&GREEDY).await? != first {
        return wrong(format!("{}: a second choice differs", tiny.name));
    }
    let mut ids = vec![first.token];
    let mut last = first.token;
    while ids.len() < record.greedy.len() {
        last = pass.step(last, &GREEDY).await?.token;
        ids.push(last);
    }
    if ids == record.greedy { Ok(()) } else { wrong(format!("{}: {ids:?}", tiny.name)) }
}

/// Compares embeddings with the record.
///
/// # Errors
///
/// Returns the difference.
pub async fn vector_agrees_with_record(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    let record = golden(tiny.name).ok_or_else(|| Error::internal("no record"))?;
    let model = open(tiny).await?;
    let vector = match kind {
        Kind::Burn => BurnEmbedder::load(device, &model).await?.encode(&record.prompt).await?,
        Kind::Kernels(options) => {
            let mut encoder = KernelEmbedder::load(device, &model, 64, options).await?;
            // A short text first: leftovers of an earlier text must not matter.
            encoder.encode(record.prompt.get(..3).unwrap_or_default()).await?;
            encoder.encode(&record.prompt).await?
        }
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let vector = widened(&vector);
    let cosine = dot(&vector, &record.vector) / dot(&vector, &vector).sqrt();
    if cosine > 1.0 - 1e-7 { Ok(()) } else { wrong(format!("{}: cosine {cosine}", tiny.name)) }
}

/// Checks that chunks of any size give the same result.
///
/// # Errors
///
/// Returns the difference.
pub async fn chunks_do_not_matter(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let prompt = tiny.prompt(40);
    let mut scalar = Scalar::load(&model, 64).await?;
    scalar.prefill(&prompt).await?;
    let exact = widened(&scalar.logits().await?);
    let mut pass = kind.load(device, &model, 64).await?;
    for size in [1, 2, 7, 39, 40] {
        pass.rewind(0);
        for chunk in prompt.chunks(size) {
            pass.prefill(chunk).await?;
        }
        near(&format!("chunks of {size}"), &pass.logits().await?, &exact)?;
    }
    Ok(())
}

/// Checks that rewinding keeps the requested tokens, even if a ring has wrapped.
///
/// # Errors
///
/// Returns the difference.
pub async fn rewinding_forgets_the_end(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    const LONG: usize = 150;
    let model = open(tiny).await?;
    let prompt = tiny.prompt(LONG);
    let other = tiny.prompt(LONG + 9).split_off(LONG);
    let mut pass = kind.load(device, &model, 200).await?;
    for keep in [LONG - 4, 90, 20, 0] {
        let length = pass.rewind(0);
        if length != 0 {
            return wrong(format!("rewinding to 0 left {length}"));
        }
        pass.prefill(&prompt).await?;
        let kept = pass.rewind(keep);
        if kept != keep {
            return wrong(format!("rewinding to {keep} left {kept}"));
        }
        let head = prompt.get(..keep).unwrap_or_default();
        pass.prefill(head.get(kept..).unwrap_or_default()).await?;
        pass.prefill(&other).await?;
        let mut scalar = Scalar::load(&model, 200).await?;
        scalar.prefill(&[head, &other].concat()).await?;
        let exact = widened(&scalar.logits().await?);
        near(&format!("after rewinding to {keep}"), &pass.logits().await?, &exact)?;
    }
    Ok(())
}

/// Checks that random alternating conversations give the results of a cold start of the scalar
/// pass.
///
/// # Errors
///
/// Returns the first turn that differs.
pub async fn conversations_go_on(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let (room, turns) = if IS_NATIVE { (200, 8) } else { (120, 5) };
    for (seed, saved) in [(1, u64::MAX), (2, 60_000)] {
        let kind = match kind {
            Kind::Kernels(options) => Kind::Kernels(Options { saved: Some(saved), ..options }),
            Kind::Burn => Kind::Burn,
        };
        let mut pass = kind.load(device, &model, room).await?;
        let mut cold = Scalar::load(&model, room).await?;
        let has_room = saved == u64::MAX || matches!(kind, Kind::Burn);
        let trial = Trial { seed, turns, chunk: 40, most: TOLERANCE, has_room };
        turns_agree_with_cold_starts(&mut *pass, &mut cold, trial).await?;
        let reuse = pass.reuse();
        if reuse.saved_bytes > saved.max(BUDGET) || reuse.reused == 0 {
            return wrong(format!("{reuse:?} in {saved}"));
        }
    }
    Ok(())
}

/// A mask that allows one token of this many.
pub(crate) fn mask(vocabulary: usize, share: usize, step: u32) -> Vec<u32> {
    let mut words = vec![0; vocabulary.div_ceil(32)];
    for (token, bit) in (0..vocabulary).zip((0..32).cycle()) {
        if let Some(word) = words.get_mut(token / 32) {
            *word |= u32::from((token + 3 * step as usize).is_multiple_of(share)) << bit;
        }
    }
    words
}

/// Checks that the same seed gives the same text as the scalar pass, with every sampler.
///
/// # Errors
///
/// Returns the difference.
pub async fn draws_are_the_same(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let prompt = tiny.prompt(9);
    let mild = Sampler { temperature: 0.7, top_k: 40, top_p: 0.9, min_p: 0.02, seed: 11 };
    for sampler in [
        Sampler::GREEDY,
        mild,
        Sampler { top_k: 64, top_p: 1.0, min_p: 0.0, seed: 1 << 40, ..mild },
        Sampler { top_k: 0, ..mild },
        Sampler { top_k: 0, top_p: 1.0, min_p: 0.0, temperature: 2.0, ..mild },
    ] {
        let mut scalar = Scalar::load(&model, 64).await?;
        let mut pass = kind.load(device, &model, 64).await?;
        // Every token is allowed, then one in seven, then fewer than are kept or returned,
        // different ones at each step.
        for share in [1, 7, 400] {
            scalar.rewind(0);
            pass.rewind(0);
            scalar.prefill(&prompt).await?;
            pass.prefill(&prompt).await?;
            for step in 0..16 {
                let mask = mask(model.config.vocabulary, share, step);
                let draw =
                    Draw { sampler, step, top: 5, allowed: (share > 1).then_some(mask.as_slice()) };
                let (expected, found) = (scalar.choose(&draw).await?, pass.choose(&draw).await?);
                let apart = (expected.logprob - found.logprob).abs();
                let tops = expected.top.iter().zip(&found.top).all(|(a, b)| a.0 == b.0);
                let as_many = expected.top.len() == found.top.len();
                if found.token != expected.token || apart > 1e-3 || !tops || !as_many {
                    return wrong(format!(
                        "{sampler:?}, one of {share}, step {step}: {found:?} not {expected:?}"
                    ));
                }
                let again = pass.step(found.token, &draw).await?;
                if again.token != scalar.step(found.token, &draw).await?.token {
                    return wrong(format!("{sampler:?}, one of {share}: a step differs"));
                }
            }
        }
    }
    Ok(())
}

/// Checks that a network with non-finite results returns an error.
///
/// # Errors
///
/// Returns what happened instead.
pub async fn what_is_no_number_is_told(device: &Device, kind: Kind, tiny: &Tiny) -> Result<()> {
    // Finite in the file, or it would be rejected there; beyond f32 after the first layer.
    let endless = Tiny { residual: 2e38, ..tiny.clone() };
    let mut pass = kind.load(device, &open(&endless).await?, 32).await?;
    pass.prefill(&endless.prompt(4)).await?;
    match pass.choose(&GREEDY).await {
        Err(error) if error.code.as_deref() == Some("NUMERIC") => Ok(()),
        other => wrong(format!("{other:?}")),
    }
}

/// Checks that a vocabulary matrix that exceeds one binding is split, with the same results.
///
/// # Errors
///
/// Returns the difference.
pub async fn shards_do_not_matter(device: &Device, tiny: &Tiny) -> Result<()> {
    let options = Options { binding_limit: Some(100_000), ..Options::USUAL };
    agrees_with_record(device, Kind::Kernels(options), tiny).await
}

/// Checks that an impossible cache is refused with a code, and that the device still works.
///
/// # Errors
///
/// Returns what happened instead.
pub async fn too_much_memory_is_refused(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    match KernelPass::load(device, &model, 1 << 28, Options::USUAL).await {
        Err(error) if error.code.as_deref() == Some("OUT_OF_MEMORY") => {}
        Err(error) => return Err(error),
        Ok(_) => return wrong("a cache of 2^28 tokens was made".to_owned()),
    }
    agrees_with_record(device, Kind::KERNELS, tiny).await
}

/// Checks that a kernel that does not compile fails the next wait, and that the device stays
/// usable.
///
/// # Errors
///
/// Returns what was reported instead.
pub(crate) async fn what_cannot_be_made_is_told(device: &Device, tiny: &Tiny) -> Result<()> {
    let recorder = Recorder::new(device.clone());
    let source = Source::plain("nonsense", "fn main( {".to_owned(), Vec::new());
    for _ in 0..2 {
        // The second time it must not be found among the compiled ones.
        recorder.kernel(&source);
        match device.idle().await {
            Err(error) if error.message.starts_with("the kernel nonsense: ") => {}
            other => return wrong(format!("{other:?}")),
        }
        device.idle().await?;
    }
    agrees_with_record(device, Kind::KERNELS, tiny).await
}

/// Checks that an error that arrives after its request has ended drops the cache, and fails no
/// other request.
///
/// # Errors
///
/// Returns what happened instead.
pub(crate) async fn a_late_error_fails_no_other_request(
    device: &Device,
    tiny: &Tiny,
) -> Result<()> {
    let model = open(tiny).await?;
    let mut pass = KernelPass::load(device, &model, 64, Options::USUAL).await?;
    let prompt = tiny.prompt(20);
    for is_late in [false, true] {
        pass.resume(prompt.get(..19).unwrap_or_default());
        pass.prefill(prompt.get(pass.position()..).unwrap_or_default()).await?;
        pass.logits().await?;
        if is_late {
            // A buffer of an impossible size, whose error no caller awaits.
            drop(device.wgpu().create_buffer(&wgpu::BufferDescriptor {
                label: Some("nonsense"),
                size: 16,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE,
                mapped_at_creation: false,
            }));
            device.arrived().await;
        }
        let kept = pass.resume(prompt.get(..10).unwrap_or_default());
        if kept != if is_late { 0 } else { 10 } {
            return wrong(format!("{kept} tokens were kept"));
        }
    }
    pass.prefill(&prompt).await?;
    let mut scalar = Scalar::load(&model, 64).await?;
    scalar.prefill(&prompt).await?;
    near("after a late error", &pass.logits().await?, &widened(&scalar.logits().await?))
}

/// Checks that a model's weights agree with its file for every division into shards, and not with
/// another file.
///
/// # Errors
///
/// Returns what was found instead.
pub(crate) async fn a_loaded_model_is_held_to_its_file(device: &Device, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let other = open(&Tiny { name: "another", ..tiny.clone() }).await?;
    for binding_limit in [None, Some(200_000)] {
        for software in [true, false] {
            let software = Some(software);
            let options = Options { binding_limit, software, ..Options::USUAL };
            let mut pass = KernelPass::load(device, &model, 64, options).await?;
            pass.verify(&model).await?;
            match pass.verify(&other).await {
                Err(error) if error.code.as_deref() == Some("GPU_WRONG_RESULTS") => {}
                found => return wrong(format!("{}: {found:?} of another file", tiny.name)),
            }
        }
    }
    Ok(())
}
