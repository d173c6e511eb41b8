//! Reads the configuration of a tower from an `mmproj` file.

use hybridge_core::{Error, Result, Status};

use super::picture::Budget;
use crate::gguf::{Gguf, List, Value};

/// The limit for sizes, far above any tower: products of two sizes fit into 32 bits, as wasm's
/// integers.
const LARGEST_SIZE: usize = 1 << 16;
const LARGEST_SIDE: usize = 1 << 14;
const LARGEST_PATCH: usize = 1 << 10;
const LARGEST_POOL: usize = 1 << 4;
const MOST_LAYERS: usize = 1000;
/// The default side of a square of patches that Gemma 4 pools.
const POOL_OF_4: usize = 3;
const POOL_OF_3: usize = 4;
const EPSILON: f64 = 1e-6;

/// The kind of tower and projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projector {
    /// `SigLIP` on a square picture, 256 tokens (Gemma 3).
    Gemma3,
    /// A tower with two-dimensional positions for pictures of any shape (Gemma 4).
    Gemma4,
    /// No tower: one patch is one token (Gemma 4 12B).
    Gemma4Unified,
}

impl Projector {
    const ALL: [Self; 3] = [Self::Gemma3, Self::Gemma4, Self::Gemma4Unified];

    /// Returns its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gemma3 => "gemma3",
            Self::Gemma4 => "gemma4v",
            Self::Gemma4Unified => "gemma4uv",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|projector| projector.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            let message = format!("the projector {name} is not supported, only {known}");
            Error::new(Status::Unimplemented, message).with_code("MMPROJ_UNSUPPORTED")
        })
    }
}

/// The sizes of a tower.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// The kind of tower.
    pub projector: Projector,
    /// Width of a patch inside the tower.
    pub width: usize,
    /// Inner width of the feed-forward blocks.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Pixels along the side of a patch.
    pub patch: usize,
    /// Number of patches along the side of the square that becomes one token.
    pub pool: usize,
    /// Width of a row: that of the text network.
    pub outputs: usize,
    /// Pixels along the side of a picture of fixed shape.
    pub side: Option<usize>,
    /// Added to variances.
    pub epsilon: f32,
    /// The mean subtracted from each channel, between 0 and 1.
    pub mean: [f32; 3],
    /// The divisor of each channel after that.
    pub deviation: [f32; 3],
}

impl VisionConfig {
    pub(super) fn read(gguf: &Gguf) -> Result<Self> {
        let keys = Keys { gguf };
        keys.check_kind()?;
        let projector = Projector::parse(keys.projector()?)?;
        let is_gemma3 = projector == Projector::Gemma3;
        let pool = keys.size("projector.scale_factor", LARGEST_POOL)?;
        let pool = match (projector, pool) {
            (Projector::Gemma3, pool) => pool.unwrap_or(POOL_OF_3),
            (_, pool) => pool.unwrap_or(POOL_OF_4),
        };
        let patch = keys.required("patch_size", LARGEST_PATCH)?;
        let width = keys.required("embedding_length", LARGEST_SIZE)?;
        let has_tower = projector != Projector::Gemma4Unified;
        let (layers, heads, hidden) = if has_tower {
            (
                keys.required("block_count", MOST_LAYERS)?,
                keys.required("attention.head_count", LARGEST_SIZE)?,
                keys.required("feed_forward_length", LARGEST_SIZE)?,
            )
        } else {
            (0, 1, 0)
        };
        // Without a tower a patch is as large as the pooled square of the others.
        let (patch, pool) = if has_tower { (patch, pool) } else { (patch * pool, 1) };
        let side = is_gemma3.then(|| keys.required("image_size", LARGEST_SIDE)).transpose()?;
        if side.is_some_and(|side| side % (patch * pool) != 0) {
            return Err(keys.wrong("image_size", "is not a multiple of the pooled patches"));
        }
        if width % heads != 0 || (projector == Projector::Gemma4 && width / heads % 4 != 0) {
            return Err(keys.wrong("attention.head_count", "does not divide the width evenly"));
        }
        let mean = if is_gemma3 { 0.5 } else { 0.0 };
        let deviation = if is_gemma3 { 0.5 } else { 1.0 };
        let deviation = keys.channels("image_std", deviation)?;
        if deviation.iter().any(|deviation| *deviation <= 0.0) {
            return Err(keys.wrong("image_std", "is not above 0"));
        }
        Ok(Self {
            projector,
            width,
            hidden,
            layers,
            heads,
            patch,
            pool,
            outputs: keys.required("projection_dim", LARGEST_SIZE)?,
            side,
            epsilon: keys.epsilon()?,
            mean: keys.channels("image_mean", mean)?,
            deviation,
        })
    }

    /// Returns the width of a head.
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    /// Returns the pixels along the side of the square that becomes one token.
    #[must_use]
    pub fn unit(&self) -> usize {
        self.patch * self.pool
    }

    /// Returns the maximum number of tokens of a picture.
    #[must_use]
    pub fn most_tokens(&self, budget: Budget) -> usize {
        self.side.map_or(budget.tokens(), |side| (side / self.unit()).pow(2))
    }

    /// Returns the number of values in a patch of pixels.
    #[must_use]
    pub fn pixels(&self) -> usize {
        3 * self.patch * self.patch
    }
}

/// Reads the metadata under `clip.vision.`.
struct Keys<'a> {
    gguf: &'a Gguf,
}

impl Keys<'_> {
    fn check_kind(&self) -> Result<()> {
        let architecture = self.gguf.value("general.architecture").and_then(Value::as_text);
        let has_vision =
            self.gguf.value("clip.has_vision_encoder").and_then(Value::as_bool).unwrap_or(false);
        if architecture == Some("clip") && has_vision {
            return Ok(());
        }
        let message = if architecture == Some("clip") {
            "the mmproj file contains no vision tower"
        } else {
            "this file is not an mmproj file: general.architecture must be clip"
        };
        Err(Error::invalid(message.to_owned()).with_code("MMPROJ_INVALID"))
    }

    /// Files that also contain an audio tower have a key for each.
    fn projector(&self) -> Result<&str> {
        ["clip.vision.projector_type", "clip.projector_type"]
            .iter()
            .find_map(|key| self.gguf.value(key).and_then(Value::as_text))
            .ok_or_else(|| missing("clip.projector_type"))
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.gguf.value(&format!("clip.vision.{key}"))
    }

    fn size(&self, key: &str, most: usize) -> Result<Option<usize>> {
        self.value(key)
            .map(|value| {
                value
                    .as_usize()
                    .filter(|size| (1..=most).contains(size))
                    .ok_or_else(|| self.wrong(key, "is not a size"))
            })
            .transpose()
    }

    fn required(&self, key: &str, most: usize) -> Result<usize> {
        self.size(key, most)?.ok_or_else(|| missing(&format!("clip.vision.{key}")))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a small number, computed in f32")]
    fn epsilon(&self) -> Result<f32> {
        const KEY: &str = "attention.layer_norm_epsilon";
        match self.value(KEY) {
            None => Ok(EPSILON as f32),
            Some(value) => value
                .as_f64()
                .filter(|epsilon| epsilon.is_finite() && *epsilon > 0.0)
                .map(|epsilon| epsilon as f32)
                .ok_or_else(|| self.wrong(KEY, "is not above 0")),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "pixels are f32")]
    fn channels(&self, key: &str, default: f32) -> Result<[f32; 3]> {
        match self.value(key) {
            None => Ok([default; 3]),
            Some(Value::List(List::Floats(values)))
                if values.len() == 3 && values.iter().all(|value| value.is_finite()) =>
            {
                let mut channels = [0.0; 3];
                channels.iter_mut().zip(values).for_each(|(to, from)| *to = *from as f32);
                Ok(channels)
            }
            Some(_) => Err(self.wrong(key, "is not three numbers")),
        }
    }

    fn wrong(&self, key: &str, what: &str) -> Error {
        Error::invalid(format!("the metadata key clip.vision.{key} {what}"))
            .with_code("MODEL_KEY_INVALID")
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(format!("the metadata key {key} is missing")).with_code("MODEL_KEY_MISSING")
}
