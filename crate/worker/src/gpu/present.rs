//! The GPU, through `hybridge_gemma::gpu`.

use futures::future::ready;
use hybridge_core::Result;
use hybridge_core::device::{GpuFacts, Wish};
use hybridge_gemma::Model;
use hybridge_gemma::burn::burn_check;
use hybridge_gemma::cpu::load_tower;
use hybridge_gemma::gpu::{
    Device, KernelEmbedder, KernelPass, KernelTower, Options as Layout, PlanChoice, choose,
    self_check,
};
use hybridge_gemma::vision::{LoadTower, PictureEncoder};

use crate::backend::{Backend, Machine};
use crate::model::{GpuChoice, Kind, Options, Precision};
use crate::pace::pace;
use crate::platform::{has_subgroups, milliseconds};

/// An open GPU. Dropping it frees every buffer on it at once, without waiting for garbage
/// collection.
#[derive(Debug)]
pub(crate) struct OpenGpu(Device);

impl OpenGpu {
    async fn open() -> Result<Self> {
        let device = Device::open().await?;
        Ok(Self(device.with_subgroups(has_subgroups())))
    }

    pub(crate) fn name(&self) -> String {
        self.0.facts().name.clone()
    }

    pub(crate) async fn load(
        &self,
        model: &Model,
        options: &Options,
        capacity: usize,
    ) -> Result<(Backend, Option<GpuChoice>)> {
        let device = &self.0;
        let layout = Layout { clock: Some(milliseconds), ..Layout::USUAL };
        if options.kind == Kind::Embedder {
            let encoder = KernelEmbedder::load(device, model, capacity, layout).await?;
            return Ok((Backend::Embedder(Box::new(encoder)), None));
        }
        let may_round = options.precision == Precision::Fast;
        let PlanChoice { plan, tried } =
            choose(device, &options.gpu_plan, may_round, milliseconds).await?;
        let layout = Layout { plan: Some(plan), ..layout };
        let mut pass = KernelPass::load(device, model, capacity, layout).await?;
        pass.verify(model).await?;
        let choice = GpuChoice { gpu_plan: plan.name(), gpu_plans_tried: tried };
        Ok((Backend::Generator(Box::new(pass)), Some(choice)))
    }
}

/// Returns the loader of vision towers: on the GPU if the model runs there, else on the CPU.
pub(crate) fn tower_loader(gpu: Option<&OpenGpu>) -> LoadTower {
    let Some(device) = gpu.map(|gpu| gpu.0.clone()) else {
        return Box::new(|vision| Box::pin(load_tower(vision, pace())));
    };
    Box::new(move |vision| {
        let tower: Box<dyn PictureEncoder> = Box::new(KernelTower::load(&device, vision));
        Box::pin(ready(Ok(tower)))
    })
}

impl Drop for OpenGpu {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

/// Returns a `GpuReport` as JSON.
pub(crate) async fn report(with_burn: bool) -> Result<String> {
    let gpu = OpenGpu::open().await?;
    let report = self_check(&gpu.0).await?;
    let facts = gpu.0.facts();
    // burn requires timestamps, and no model requires burn.
    let runs_burn = with_burn && facts.timestamp_query;
    let burn = if runs_burn { burn_check(&gpu.0).await?.max_error } else { 0.0 };
    let told = serde_json::json!({
        "adapter": facts.name,
        "software": facts.software,
        "maxError": report.max_error.max(burn),
    });
    Ok(told.to_string())
}

/// Opens the machine's GPU, unless the caller doesn't want one, and runs the self-test, unless it
/// has passed before.
pub(crate) async fn look(options: &Options) -> Machine {
    let none = |reason: Option<String>| Machine {
        facts: GpuFacts { reason, ..GpuFacts::default() },
        device: None,
    };
    if options.device == Wish::Cpu {
        return none(None);
    }
    match open(options.gpu_is_right == Some(true)).await {
        Ok((device, is_right)) => Machine {
            facts: GpuFacts {
                available: true,
                reason: None,
                software: device.0.facts().software,
                is_right: Some(is_right),
            },
            device: Some(device),
        },
        Err(error) => none(Some(error.message.into_owned())),
    }
}

async fn open(is_known_right: bool) -> Result<(OpenGpu, bool)> {
    let gpu = OpenGpu::open().await?;
    if is_known_right {
        return Ok((gpu, true));
    }
    match self_check(&gpu.0).await {
        Ok(_) => Ok((gpu, true)),
        // The results were wrong, not merely missing.
        Err(error) if error.code.as_deref() == Some("GPU_WRONG_RESULTS") => Ok((gpu, false)),
        Err(error) => Err(error),
    }
}
