//! Loads a model into the forward pass that was asked for.

use hybridge_core::{Error, Result, Status};
use hybridge_gemma::scalar::{Scalar, ScalarEncoder};
use hybridge_gemma::{Encoder, Model, Pass};

use crate::args::Backend;

/// A pass with a cache for `capacity` tokens.
pub(crate) async fn pass(
    backend: Backend,
    model: &Model,
    capacity: usize,
) -> Result<Box<dyn Pass>> {
    match backend {
        Backend::Scalar => Ok(Box::new(Scalar::load(model, capacity).await?)),
        Backend::Burn | Backend::Gpu => Err(not_built(backend)),
    }
}

/// An encoder.
pub(crate) async fn encoder(backend: Backend, model: &Model) -> Result<Box<dyn Encoder>> {
    match backend {
        Backend::Scalar => Ok(Box::new(ScalarEncoder::load(model).await?)),
        Backend::Burn | Backend::Gpu => Err(not_built(backend)),
    }
}

fn not_built(backend: Backend) -> Error {
    let message = format!("this program was built without the backend {backend:?}: use scalar");
    Error::new(Status::Unimplemented, message.to_lowercase())
}
