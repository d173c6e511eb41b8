//! The GPU through `hybridge_gemma::gpu`.

use hybridge_core::device::{Gpu, Wish};
use hybridge_core::{Error, Result, Status};
use hybridge_gemma::Model;
use hybridge_gemma::gpu::{Device, self_check};

use crate::backend::{Backend, Machine};
use crate::model::Options;

/// An open GPU, given back to the system with its last buffer when this goes.
#[derive(Debug)]
pub(crate) struct OpenGpu(Device);

impl OpenGpu {
    pub(crate) fn name(&self) -> String {
        self.0.facts().name.clone()
    }

    pub(crate) async fn load(&self, _: &Model, _: Options, _: usize) -> Result<Backend> {
        Err(Error::new(
            Status::Unimplemented,
            "no forward pass runs on the GPU yet; use device: 'cpu'",
        )
        .with_code("GPU_UNSUPPORTED"))
    }
}

/// A `GpuReport` as JSON.
pub(crate) async fn report() -> Result<String> {
    let device = Device::open().await?;
    let report = self_check(&device).await?;
    let facts = device.facts();
    let told = serde_json::json!({
        "adapter": facts.name,
        "software": facts.software,
        "maxError": report.max_error,
    });
    Ok(told.to_string())
}

/// Looks at the machine's GPU, unless the caller wants none.
pub(crate) async fn look(wish: Wish) -> Machine {
    let none =
        |reason: Option<String>| Machine { facts: Gpu { reason, ..Gpu::default() }, device: None };
    if wish == Wish::Cpu {
        return none(None);
    }
    match open().await {
        Ok((device, is_right)) => Machine {
            facts: Gpu {
                available: true,
                reason: None,
                software: device.facts().software,
                is_right: Some(is_right),
            },
            device: Some(OpenGpu(device)),
        },
        Err(error) => none(Some(error.message.into_owned())),
    }
}

async fn open() -> Result<(Device, bool)> {
    let device = Device::open().await?;
    match self_check(&device).await {
        Ok(_) => Ok((device, true)),
        // Wrong numbers, and not merely no answer.
        Err(error) if matches!(error.code.as_deref(), Some("GPU_WRONG_RESULTS" | "GPU_WRONG")) => {
            Ok((device, false))
        }
        Err(error) => Err(error),
    }
}
