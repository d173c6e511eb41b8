//! The network as data: its sizes, and what each layer is made of.

use std::sync::Arc;

use hybridge_core::{Error, Result, Status};

use super::keys;
use crate::gguf::Gguf;

/// Which of the family a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Gemma 3 text, every size.
    Gemma3,
    /// Gemma 3n text: four residual streams, low-rank residuals, per-layer inputs.
    Gemma3n,
    /// Gemma 4 text, dense: two head sizes, per-layer inputs, shared caches.
    Gemma4,
    /// EmbeddingGemma: both directions, no cache, dense layers at the end.
    GemmaEmbedding,
}

impl Architecture {
    const ALL: [Self; 4] = [Self::Gemma3, Self::Gemma3n, Self::Gemma4, Self::GemmaEmbedding];

    /// Its name in `general.architecture`, which begins its keys too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gemma3 => "gemma3",
            Self::Gemma3n => "gemma3n",
            Self::Gemma4 => "gemma4",
            Self::GemmaEmbedding => "gemma-embedding",
        }
    }

    /// Whether it answers with text. The others turn a text into a vector.
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

/// A model that needs something the engine does not have.
pub(crate) fn unsupported(message: &str) -> Error {
    Error::new(Status::Unimplemented, message.to_owned()).with_code("MODEL_ARCHITECTURE")
}

/// What a layer's attention sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Only positions less than a window away.
    Local,
    /// All positions.
    Global,
}

/// How positions turn pairs of values: by `position · scale · base^(−2j/head_dim) / divisors[j]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub base: f64,
    /// What positions are multiplied with; 1/8 where the context was stretched eight times.
    pub scale: f64,
    /// What each pair's frequency is divided by, where the file has such a table. Gemma 4 stops the
    /// last three quarters of a global head by huge divisors.
    pub divisors: Option<Arc<[f32]>>,
}

impl Rope {
    /// A rope without divisors.
    #[must_use]
    pub fn new(base: f64, scale: f64) -> Self {
        Self { base, scale, divisors: None }
    }

    /// Cosines and sines of one position, `head_dim / 2` of each.
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
        #[expect(clippy::cast_possible_truncation, reason = "rounding once is the point")]
        (0..half).map(|j| (angle(j).cos() as f32, angle(j).sin() as f32)).unzip()
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What its attention sees.
    pub span: Span,
    /// The window, counting the position itself; absent where it sees everything.
    pub window: Option<usize>,
    /// How it turns positions.
    pub rope: Rope,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; query head j uses the one at j / (heads / `kv_heads`).
    pub kv_heads: usize,
    /// Values of one head.
    pub head_dim: usize,
    /// Values inside the feed-forward block.
    pub hidden: usize,
    /// The earlier layer whose keys and values it reads; absent where it has its own.
    pub source: Option<usize>,
    /// Gates below mean + this · standard deviation are cut to zero; absent where none are.
    pub sparsity: Option<f32>,
}

impl Layer {
    /// Values of all query heads side by side.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Values of all key heads side by side, and of all value heads.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// How many query heads share one key head.
    #[must_use]
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// What the rows of a picture see beyond themselves and what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSight {
    /// Nothing.
    Behind,
    /// All of their picture on local layers (Gemma 4 without per-layer inputs).
    Local,
    /// All of their picture on every layer (Gemma 3).
    Everywhere,
}

/// The logit of a suppressed token: no softmax notices it, and it is finite, since a logit that is
/// not counts as a fault.
pub(crate) const SUPPRESSED: f32 = -1e30;

/// A network, as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which of the family.
    pub architecture: Architecture,
    /// Its layers, first to last.
    pub layers: Vec<Layer>,
    /// Values of the residual stream (`embedding_length`).
    pub width: usize,
    /// How many tokens the output knows.
    pub vocabulary: usize,
    /// The longest sequence the model was made for.
    pub context: usize,
    /// Added under the root of every norm.
    pub norm_epsilon: f32,
    /// What looked-up embeddings are multiplied with.
    pub embedding_scale: f32,
    /// What queries are multiplied with.
    pub query_scale: f32,
    /// Whether values are normed by head, without weights.
    pub norms_values: bool,
    /// Logits become `cap · tanh(logit / cap)`; absent in Gemma 3 as released.
    pub soft_cap: Option<f32>,
    /// Values of the input that each layer gets for each token; absent where layers get none.
    pub per_layer: Option<usize>,
    /// Copies of the residual stream, of which the first one is active (`AltUp`); 1 in most models.
    pub streams: usize,
    /// Tokens that must not be written: pictures and sounds, which the model only reads.
    pub suppressed: Vec<u32>,
}

impl Config {
    /// Reads the metadata, and the sizes that only tensors tell.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        keys::read(gguf)
    }

    /// The window of local layers; absent if there are none.
    #[must_use]
    pub fn window(&self) -> Option<usize> {
        self.layers.iter().filter_map(|layer| layer.window).max()
    }

    /// The layer whose keys and values the layer at `index` reads: itself as a rule.
    #[must_use]
    pub fn cache_of(&self, index: usize) -> usize {
        self.layers.get(index).and_then(|layer| layer.source).unwrap_or(index)
    }

    /// What rows of a picture see. No key says so: Gemma 4's small models, which see nothing ahead,
    /// are those with per-layer inputs.
    #[must_use]
    pub fn picture_sight(&self) -> PictureSight {
        match self.architecture {
            Architecture::Gemma3 => PictureSight::Everywhere,
            Architecture::Gemma4 if self.per_layer.is_none() => PictureSight::Local,
            _ => PictureSight::Behind,
        }
    }

    /// Whether rows of a picture see all of it on a layer.
    #[must_use]
    pub fn sees_ahead(&self, layer: &Layer) -> bool {
        match self.picture_sight() {
            PictureSight::Behind => false,
            PictureSight::Local => layer.span == Span::Local,
            PictureSight::Everywhere => true,
        }
    }

    /// The largest value of a size over all layers.
    #[must_use]
    pub fn widest(&self, size: impl Fn(&Layer) -> usize) -> usize {
        self.layers.iter().map(size).max().unwrap_or(0)
    }

    /// The soft cap and the suppressed tokens, for passes that have all logits in memory.
    pub(crate) fn finish_logits(&self, logits: &mut [f32]) {
        if let Some(cap) = self.soft_cap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        self.suppress(logits);
    }

    /// Makes the suppressed tokens' logits negligible.
    pub(crate) fn suppress(&self, logits: &mut [f32]) {
        for token in &self.suppressed {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = SUPPRESSED;
            }
        }
    }

    /// Refuses a network that answers with vectors, where text is wanted.
    pub(crate) fn require_text(&self) -> Result<()> {
        if self.architecture.writes() {
            return Ok(());
        }
        Err(Error::precondition("this model turns text into vectors and cannot write text")
            .with_code("MODEL_ARCHITECTURE"))
    }
}
