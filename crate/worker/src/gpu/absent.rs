//! A build for the CPU alone: quick to make, for work on everything but the GPU.

use hybridge_core::device::{Gpu, Wish};
use hybridge_core::{Error, Result};
use hybridge_gemma::Model;

use crate::backend::{Backend, Machine};
use crate::model::{GpuChoice, Options};

const REASON: &str = "this build of the engine has no GPU";

/// Nothing.
#[derive(Debug)]
pub(crate) enum OpenGpu {}

impl OpenGpu {
    pub(crate) fn name(&self) -> String {
        match *self {}
    }

    pub(crate) async fn load(
        &self,
        _: &Model,
        _: &Options,
        _: usize,
    ) -> Result<(Backend, Option<GpuChoice>)> {
        match *self {}
    }
}

pub(crate) async fn report(_: bool) -> Result<String> {
    Err(Error::precondition(REASON).with_code("GPU_UNAVAILABLE"))
}

pub(crate) async fn look(_: Wish, _: bool) -> Machine {
    Machine { facts: Gpu { reason: Some(REASON.to_owned()), ..Gpu::default() }, device: None }
}
