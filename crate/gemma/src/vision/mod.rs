//! Pictures for a text network: a second file (`mmproj`) with a vision tower and a projection.
//!
//! ```text
//! Picture ──prepare──► Prepared: the size the tower was trained with, in bytes
//!                         │  patches of pixels
//!                         ▼
//!          PictureEncoder: tower, pooling, projection
//!                         │
//!                         ▼
//!          PictureRows: one row of the text network's width for each token
//! ```
//!
//! The tower is written once ([`tower`]) over an arithmetic: an obvious one judges the fast one.

mod config;
mod norm;
mod picture;
mod resize;
mod tensors;
pub(crate) mod tower;

use std::fmt;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

pub use config::{Projector, VisionConfig};
pub use picture::{Budget, Picture, Prepared};
pub use tensors::VisionModel;

use crate::config::Config;

/// What stands for a picture among embedded tokens. Rows are not scaled as embeddings are.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureRows {
    /// The text network's width.
    pub width: usize,
    /// \[tokens, width\]
    pub values: Vec<f32>,
}

impl PictureRows {
    /// How many tokens the picture takes.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// A vision tower, wherever it runs.
pub trait PictureEncoder: fmt::Debug {
    /// Its sizes.
    fn config(&self) -> &VisionConfig;

    /// The rows of a picture. `report` receives the share of the work that is done, from 0 to 1.
    ///
    /// Dropping the future stops the work within some milliseconds.
    fn encode<'a>(
        &'a self,
        picture: &'a Prepared,
        report: &'a mut dyn FnMut(f32),
    ) -> LocalBoxFuture<'a, Result<PictureRows>>;
}

/// Refuses a tower whose rows are not as wide as the text network.
///
/// # Errors
/// `INVALID_ARGUMENT` with code `MMPROJ_MISMATCH`.
pub fn check_widths(vision: &VisionConfig, text: &Config) -> Result<()> {
    if vision.outputs == text.width {
        return Ok(());
    }
    let message = format!(
        "the mmproj file makes rows of {} values and the model takes {}: use the mmproj file of this model",
        vision.outputs, text.width
    );
    Err(Error::invalid(message).with_code("MMPROJ_MISMATCH"))
}
