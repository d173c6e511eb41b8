//! The configuration of a network: its sizes, and the structure of each layer.

use std::sync::Arc;

use hybridge_core::{Error, Result, Status};

use super::keys;
use crate::gguf::Gguf;

/// The model family of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Gemma 3 text, every size.
    Gemma3,
    /// Gemma 3n text: four residual streams, low-rank residuals, per-layer inputs.
    Gemma3n,
    /// Gemma 4 text, dense: two head sizes, per-layer inputs, shared caches.
    Gemma4,
    /// EmbeddingGemma: bidirectional, no cache, dense layers at the end.
    GemmaEmbedding,
}

impl Architecture {
    const ALL: [Self; 4] = [Self::Gemma3, Self::Gemma3n, Self::Gemma4, Self::GemmaEmbedding];

    /// Returns its name in `general.architecture`, which is also the prefix of its keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gemma3 => "gemma3",
            Self::Gemma3n => "gemma3n",
            Self::Gemma4 => "gemma4",
            Self::GemmaEmbedding => "gemma-embedding",
        }
    }

    /// Whether it generates text. The others embed a text as a vector.
    #[must_use]
    pub fn writes(self) -> bool {
        self != Self::GemmaEmbedding
    }

    pub(super) fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            unsupported(&format!("the architecture {name} is not supported, only {known}"))
        })
    }
}

/// The error of a model that requires something the engine does not support.
pub(crate) fn unsupported(message: &str) -> Error {
    Error::new(Status::Unimplemented, message.to_owned()).with_code("MODEL_ARCHITECTURE")
}

/// The positions to which a layer attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Only positions less than a window away.
    Local,
    /// All positions.
    Global,
}

/// Rotary position embedding: pairs of values are rotated by `position · scale ·
/// base^(−2j/head_dim) / divisors[j]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub base: f64,
    /// The factor of positions; 1/8 if the context was extended eightfold.
    pub scale: f64,
    /// The divisor of each pair's frequency, if the file has such a table. Gemma 4 disables
    /// rotation of the last three quarters of a global head by huge divisors.
    pub divisors: Option<Arc<[f32]>>,
}

impl Rope {
    /// Creates a rope without divisors.
    #[must_use]
    pub fn new(base: f64, scale: f64) -> Self {
        Self { base, scale, divisors: None }
    }

    /// Returns cosines and sines of one position, `head_dim / 2` of each.
    ///
    /// In f64, rounded once: at position 100 000 an f32 angle is off by a hundredth.
    #[must_use]
    pub fn angles(&self, position: usize, head_dim: usize) -> (Vec<f32>, Vec<f32>) {
        let half = head_dim / 2;
        #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
        let place = position as f64 * self.scale;
        let divisor = |j: usize| {
            let divisor = self.divisors.as_ref().and_then(|all| all.get(j).copied());
            f64::from(divisor.unwrap_or(1.0))
        };
        #[expect(clippy::cast_precision_loss, reason = "heads are at most a few hundred wide")]
        let angle =
            |j: usize| place * self.base.powf(-2.0 * j as f64 / head_dim as f64) / divisor(j);
        #[expect(clippy::cast_possible_truncation, reason = "rounding once is intended")]
        (0..half).map(|j| (angle(j).cos() as f32, angle(j).sin() as f32)).unzip()
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The positions to which it attends.
    pub span: Span,
    /// The window, including the position itself; `None` on global layers.
    pub window: Option<usize>,
    /// Its rotary position embedding.
    pub rope: Rope,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads; query head j uses the one at j / (heads / `kv_heads`).
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the feed-forward block.
    pub hidden: usize,
    /// The earlier layer whose keys and values it reads; `None` if it has its own.
    pub source: Option<usize>,
    /// Gates below mean + this · standard deviation are set to zero; `None` if all are kept.
    pub sparsity: Option<f32>,
}

impl Layer {
    /// Returns the width of all query heads together.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Returns the width of all key heads together, which is also that of all value heads.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Returns how many query heads share one key head.
    #[must_use]
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// The positions to which rows of a picture attend, in addition to their own and earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSight {
    /// None.
    Behind,
    /// All rows of their picture, on local layers (Gemma 4 without per-layer inputs).
    Local,
    /// All rows of their picture, on every layer (Gemma 3).
    Everywhere,
}

/// The logit of a suppressed token: negligible in every softmax, but finite, because a non-finite
/// logit counts as a fault.
pub(crate) const SUPPRESSED: f32 = -1e30;

/// A network as described by its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The model family.
    pub architecture: Architecture,
    /// Its layers, in order.
    pub layers: Vec<Layer>,
    /// Width of the residual stream (`embedding_length`).
    pub width: usize,
    /// Size of the vocabulary.
    pub vocabulary: usize,
    /// The maximum context length.
    pub context: usize,
    /// Added under the square root of every norm.
    pub norm_epsilon: f32,
    /// The factor of looked-up embeddings.
    pub embedding_scale: f32,
    /// The factor of queries.
    pub query_scale: f32,
    /// Whether values are normalised by head, without weights.
    pub norms_values: bool,
    /// Logits become `cap · tanh(logit / cap)`; absent in Gemma 3 as released.
    pub soft_cap: Option<f32>,
    /// Width of the per-token input of each layer; `None` if layers have none.
    pub per_layer: Option<usize>,
    /// The number of residual streams, of which the first is active (`AltUp`); 1 in most models.
    pub streams: usize,
    /// Tokens that must not be generated: markers of pictures and audio, which the model only
    /// reads.
    pub suppressed: Vec<u32>,
}

impl Config {
    /// Reads the metadata, and the sizes that only tensors show.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        keys::read(gguf)
    }

    /// Returns the window of local layers; `None` if there are none.
    #[must_use]
    pub fn window(&self) -> Option<usize> {
        self.layers.iter().filter_map(|layer| layer.window).max()
    }

    /// Returns the layer whose keys and values the layer at `index` reads: usually itself.
    #[must_use]
    pub fn cache_of(&self, index: usize) -> usize {
        self.layers.get(index).and_then(|layer| layer.source).unwrap_or(index)
    }

    /// Returns the positions to which a picture's rows attend. No key states it: Gemma 4's small
    /// models, with causal attention only, are those with per-layer inputs.
    #[must_use]
    pub fn picture_sight(&self) -> PictureSight {
        match self.architecture {
            Architecture::Gemma3 => PictureSight::Everywhere,
            Architecture::Gemma4 if self.per_layer.is_none() => PictureSight::Local,
            _ => PictureSight::Behind,
        }
    }

    /// Whether a picture's rows attend to all of it on this layer.
    #[must_use]
    pub fn sees_ahead(&self, layer: &Layer) -> bool {
        match self.picture_sight() {
            PictureSight::Behind => false,
            PictureSight::Local => layer.span == Span::Local,
            PictureSight::Everywhere => true,
        }
    }

    /// Returns the maximum of a size over all layers.
    #[must_use]
    pub fn widest(&self, size: impl Fn(&Layer) -> usize) -> usize {
        self.layers.iter().map(size).max().unwrap_or(0)
    }

    /// Applies the soft cap and suppresses tokens, for passes that have all logits in memory.
    pub(crate) fn finish_logits(&self, logits: &mut [f32]) {
        if let Some(cap) = self.soft_cap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        self.suppress(logits);
    }

    /// Makes the logits of suppressed tokens negligible.
    pub(crate) fn suppress(&self, logits: &mut [f32]) {
        for token in &self.suppressed {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = SUPPRESSED;
            }
        }
    }

    /// Rejects an embedding model, where a text model is required.
    pub(crate) fn require_text(&self) -> Result<()> {
        if self.architecture.writes() {
            return Ok(());
        }
        Err(Error::precondition("this model embeds texts and cannot generate text")
            .with_code("MODEL_ARCHITECTURE"))
    }
}
