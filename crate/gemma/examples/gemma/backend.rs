//! Loads a model into the requested forward pass.

use hybridge_core::Result;
use hybridge_gemma::cpu::{self, Cpu, CpuEmbedder, Precision, brief};
use hybridge_gemma::scalar::{self, Scalar, ScalarEmbedder};
use hybridge_gemma::vision::{PictureEncoder, VisionModel};
use hybridge_gemma::{Model, Pass, TextEmbedder};

use crate::args::Backend;

/// Loads a pass with a cache for `capacity` tokens.
pub(crate) async fn pass(
    backend: Backend,
    model: &Model,
    capacity: usize,
) -> Result<Box<dyn Pass>> {
    match backend {
        Backend::Scalar => Ok(Box::new(Scalar::load(model, capacity).await?)),
        Backend::Cpu { is_exact } => {
            Ok(Box::new(Cpu::load(model, capacity, precision(is_exact)).await?))
        }
        Backend::Burn | Backend::Gpu => gpu::pass(backend, model, capacity).await,
    }
}

/// Loads an encoder.
pub(crate) async fn encoder(backend: Backend, model: &Model) -> Result<Box<dyn TextEmbedder>> {
    match backend {
        Backend::Scalar => Ok(Box::new(ScalarEmbedder::load(model).await?)),
        Backend::Cpu { is_exact } => {
            Ok(Box::new(CpuEmbedder::load(model, precision(is_exact)).await?))
        }
        Backend::Burn | Backend::Gpu => gpu::encoder(backend, model).await,
    }
}

/// A vision tower.
pub(crate) async fn tower(
    backend: Backend,
    vision: &VisionModel,
) -> Result<Box<dyn PictureEncoder>> {
    match backend {
        Backend::Scalar => scalar::load_tower(vision, brief()).await,
        Backend::Cpu { .. } => cpu::load_tower(vision, brief()).await,
        Backend::Burn | Backend::Gpu => gpu::tower(backend, vision).await,
    }
}

fn precision(is_exact: bool) -> Precision {
    if is_exact { Precision::Exact } else { Precision::Fast }
}

#[cfg(feature = "gpu")]
mod gpu {
    use hybridge_core::Result;
    use hybridge_gemma::burn::{BurnEmbedder, BurnPass, BurnTower};
    use hybridge_gemma::gpu::{Device, KernelEmbedder, KernelPass, KernelTower, Options};
    use hybridge_gemma::vision::{PictureEncoder, VisionModel};
    use hybridge_gemma::{Model, Pass, TextEmbedder};

    use crate::args::Backend;

    /// The context length of EmbeddingGemma; files may state more, which would cost memory.
    const LONGEST_TEXT: usize = 2048;

    pub(super) async fn pass(
        backend: Backend,
        model: &Model,
        capacity: usize,
    ) -> Result<Box<dyn Pass>> {
        let device = Device::open().await?;
        Ok(if backend == Backend::Burn {
            Box::new(BurnPass::load(&device, model, capacity).await?)
        } else {
            Box::new(KernelPass::load(&device, model, capacity, Options::USUAL).await?)
        })
    }

    pub(super) async fn encoder(backend: Backend, model: &Model) -> Result<Box<dyn TextEmbedder>> {
        let device = Device::open().await?;
        Ok(if backend == Backend::Burn {
            Box::new(BurnEmbedder::load(&device, model).await?)
        } else {
            let room = model.config.context.min(LONGEST_TEXT);
            Box::new(KernelEmbedder::load(&device, model, room, Options::USUAL).await?)
        })
    }

    pub(super) async fn tower(
        backend: Backend,
        vision: &VisionModel,
    ) -> Result<Box<dyn PictureEncoder>> {
        let device = Device::open().await?;
        Ok(if backend == Backend::Burn {
            Box::new(BurnTower::load(&device, vision).await?)
        } else {
            Box::new(KernelTower::load(&device, vision))
        })
    }
}

#[cfg(not(feature = "gpu"))]
mod gpu {
    use hybridge_core::{Error, Result, Status};
    use hybridge_gemma::vision::{PictureEncoder, VisionModel};
    use hybridge_gemma::{Model, Pass, TextEmbedder};

    use crate::args::Backend;

    pub(super) async fn pass(backend: Backend, _: &Model, _: usize) -> Result<Box<dyn Pass>> {
        Err(not_built(backend))
    }

    pub(super) async fn encoder(backend: Backend, _: &Model) -> Result<Box<dyn TextEmbedder>> {
        Err(not_built(backend))
    }

    pub(super) async fn tower(
        backend: Backend,
        _: &VisionModel,
    ) -> Result<Box<dyn PictureEncoder>> {
        Err(not_built(backend))
    }

    fn not_built(backend: Backend) -> Error {
        let message =
            format!("this program was built without the backend {backend:?}: use cpu or scalar");
        Error::new(Status::Unimplemented, message.to_lowercase())
    }
}
