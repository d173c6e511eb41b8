//! Puts a model on a device.

use std::cell::RefCell;

use hybridge_core::device::{GpuFacts, Memory, Place, Shape, WASM_LIMIT, Wish, place, takes_gpu};
use hybridge_core::{Error, Result};
use hybridge_gemma::config::Architecture;
use hybridge_gemma::cpu::{Cpu, CpuEmbedder, Precision, bench, memory_of, memory_with_tower};
use hybridge_gemma::vision::VisionModel;
use hybridge_gemma::{Model, Pass, TextEmbedder};

use crate::gpu;
use crate::model::{GpuChoice, Kind, Options};
use crate::pace::pace;
use crate::platform::milliseconds;
use crate::watched::Report;

/// The implementations that run a model.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A model that generates text.
    Generator(Box<dyn Pass>),
    /// A model that embeds texts as vectors.
    Embedder(Box<dyn TextEmbedder>),
}

/// A model on a device.
pub(crate) struct Opened {
    pub(crate) backend: Backend,
    pub(crate) gpu: Option<gpu::OpenGpu>,
    pub(crate) place: Place,
    pub(crate) adapter: Option<String>,
    pub(crate) context_window: usize,
    pub(crate) choice: Option<GpuChoice>,
    pub(crate) gpu_is_wrong: bool,
}

/// Loads a model on the device that the caller requested or the machine allows.
pub(crate) async fn open(
    model: &Model,
    vision: Option<&VisionModel>,
    options: &Options,
    report: &Report,
) -> Result<Opened> {
    check_kind(model.config.architecture, options.kind)?;
    let context_window = options.context_window.min(model.config.context).max(1);
    let machine = look(options).await;
    let speed = match options.device {
        Wish::Auto if !takes_gpu(Wish::Auto, &machine.facts) => {
            Some(whole(bench::estimate(model, options.precision.into(), &milliseconds)?))
        }
        _ => None,
    };
    let chosen = place(options.device, &machine.facts, speed)?;
    let gpu_is_wrong = machine.facts.is_right == Some(false);
    let (mut backend, choice, gpu) = match (chosen, machine.device) {
        (Place::Gpu, Some(gpu)) => {
            let (backend, choice) = gpu.load(model, options, context_window).await?;
            (backend, choice, Some(gpu))
        }
        (Place::Gpu, None) => {
            return Err(Error::internal("a GPU was chosen that was never opened"));
        }
        (Place::Cpu, _) => (on_cpu(model, vision, options, context_window).await?, None, None),
    };
    report("warmup", 0, 1);
    warm_up(&mut backend).await?;
    report("warmup", 1, 1);
    let adapter = gpu.as_ref().map(gpu::OpenGpu::name);
    Ok(Opened { backend, gpu, place: chosen, adapter, context_window, choice, gpu_is_wrong })
}

/// Refuses an unsuitable model before its weights are downloaded, by the first bytes of its file
/// and its size.
pub(crate) async fn admit(head: &[u8], bytes: u64, options: &Options) -> Result<()> {
    let machine = look(options).await;
    let speed = match options.device {
        Wish::Auto if !takes_gpu(Wish::Auto, &machine.facts) => {
            Some(whole(bench::rate(options.precision.into(), &milliseconds)?) / bytes.max(1))
        }
        _ => None,
    };
    let chosen = place(options.device, &machine.facts, speed);
    // The model is opened on the same machine.
    LOOKED.set(Some((options.device, machine)));
    match (chosen?, Shape::peek(head)) {
        (Place::Cpu, Some(shape)) => {
            let context = u32::try_from(options.context_window).unwrap_or(u32::MAX);
            Memory::of(&shape, bytes, context).check(WASM_LIMIT)
        }
        _ => Ok(()),
    }
}

/// Measures how many bytes of weights this machine's CPU processes per second.
pub(crate) fn rate(precision: Precision) -> Result<u64> {
    Ok(whole(bench::rate(precision, &milliseconds)?))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

thread_local! {
    /// Findings about the machine from before a download, so that the GPU isn't opened twice.
    static LOOKED: RefCell<Option<(Wish, Machine)>> = const { RefCell::new(None) };
}

async fn look(options: &Options) -> Machine {
    match LOOKED.take() {
        Some((looked, machine)) if looked == options.device => machine,
        _ => gpu::look(options).await,
    }
}

async fn on_cpu(
    model: &Model,
    vision: Option<&VisionModel>,
    options: &Options,
    context_window: usize,
) -> Result<Backend> {
    let memory = match vision {
        Some(vision) => memory_with_tower(model, context_window, vision),
        None => memory_of(model, context_window),
    };
    memory.check(WASM_LIMIT)?;
    let precision = Precision::from(options.precision);
    Ok(match options.kind {
        Kind::Generator => {
            let pass = Cpu::load(model, context_window, precision).await?;
            let pass = pass.with_budget(memory.spare(WASM_LIMIT));
            Backend::Generator(Box::new(pass.with_pause(pace())))
        }
        Kind::Embedder => {
            let encoder = CpuEmbedder::load(model, precision).await?;
            Backend::Embedder(Box::new(encoder.with_pause(pace())))
        }
    })
}

/// Runs one token through the whole network, so that kernels compile now and non-finite numbers are
/// found before the first request.
async fn warm_up(backend: &mut Backend) -> Result<()> {
    match backend {
        Backend::Generator(pass) => {
            pass.prefill(&[0]).await?;
            pass.choose(&GREEDY).await?;
            pass.forget();
        }
        Backend::Embedder(encoder) => {
            encoder.encode(&[0]).await?;
        }
    }
    Ok(())
}

const GREEDY: hybridge_gemma::sample::Draw<'_> = hybridge_gemma::sample::Draw {
    sampler: hybridge_gemma::sample::Sampler::GREEDY,
    step: 0,
    top: 0,
    allowed: None,
};

fn check_kind(architecture: Architecture, kind: Kind) -> Result<()> {
    let message = match (architecture.writes(), kind) {
        (true, Kind::Generator) | (false, Kind::Embedder) => return Ok(()),
        (false, Kind::Generator) => "this file contains an embedding model: use gemmaEmbedder",
        (true, Kind::Embedder) => "this file contains a model that generates text: use gemmaModel",
    };
    Err(Error::invalid(message).with_code("MODEL_ARCHITECTURE"))
}

/// Facts about the machine's GPU, and the GPU itself if it was opened.
pub(crate) struct Machine {
    pub(crate) facts: GpuFacts,
    pub(crate) device: Option<gpu::OpenGpu>,
}
