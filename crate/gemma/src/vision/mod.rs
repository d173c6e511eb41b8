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
//! The tower is written once ([`tower`]) for any arithmetic: the fast one is tested against a plain
//! one.

mod config;
mod gallery;
mod norm;
mod picture;
pub(crate) mod pooling;
mod resize;
pub(crate) mod tensors;
pub(crate) mod tower;

use std::fmt;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

pub use config::{Projector, VisionConfig};
pub use gallery::{Gallery, LoadTower, Shown};
pub use picture::{Budget, Incoming, Picture, Prepared, tokens_of};
pub use tensors::VisionModel;

use crate::config::{Architecture, Config};
use crate::{Model, Tokenizer};

/// The rows of a picture among embedded tokens. They are not scaled like embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureRows {
    /// Width of the text network.
    pub width: usize,
    /// \[tokens, width\]
    pub values: Vec<f32>,
}

impl PictureRows {
    /// Returns the number of tokens of the picture.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.values.len() / self.width.max(1)
    }
}

/// A vision tower, on any device.
pub trait PictureEncoder: fmt::Debug {
    /// Returns its sizes.
    fn config(&self) -> &VisionConfig;

    /// Returns the rows of a picture. `report` is called with the progress, from 0 to 1.
    ///
    /// Dropping the future stops the work within some milliseconds.
    fn encode<'a>(
        &'a self,
        picture: &'a Prepared,
        report: &'a mut dyn FnMut(f32),
    ) -> LocalBoxFuture<'a, Result<PictureRows>>;
}

/// Tokens that mark pictures and audio, which a model reads and must not generate.
const MARKS: [&str; 10] = [
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
    "<|image>",
    "<image|>",
    "<|image|>",
    "<|audio>",
    "<audio|>",
    "<|audio|>",
    "<|video|>",
];

/// Prepares the model for pictures of this tower: with room for their rows, and with the markers
/// around them suppressed.
///
/// # Errors
///
/// Returns `INVALID_ARGUMENT` with code `MMPROJ_MISMATCH`.
pub fn attach(
    mut model: Model,
    vision: &VisionConfig,
    budget: Budget,
    tokenizer: Option<&Tokenizer>,
) -> Result<Model> {
    check_match(vision, &model.config)?;
    for id in MARKS.iter().filter_map(|mark| tokenizer?.control(mark).ok()) {
        if !model.config.suppressed.contains(&id) {
            model.config.suppressed.push(id);
        }
    }
    Ok(model.with_pictures(vision.most_tokens(budget)))
}

/// Rejects a tower that was not made for the text network.
///
/// # Errors
///
/// Returns `INVALID_ARGUMENT` with code `MMPROJ_MISMATCH`.
pub fn check_match(vision: &VisionConfig, text: &Config) -> Result<()> {
    let family = match vision.projector {
        Projector::Gemma3 => Architecture::Gemma3,
        Projector::Gemma4 | Projector::Gemma4Unified => Architecture::Gemma4,
    };
    let message = if family != text.architecture {
        format!("is of a {} model and the model is a {}", family.name(), text.architecture.name())
    } else if vision.outputs != text.width {
        format!("makes rows of {} values and the model takes {}", vision.outputs, text.width)
    } else {
        return Ok(());
    };
    let message = format!("the mmproj file {message}: use the mmproj file of this model");
    Err(Error::invalid(message).with_code("MMPROJ_MISMATCH"))
}
