//! What the metadata says about the network, with every default and quirk settled.

use hybridge_core::{Error, Result, Status};

use crate::gguf::{Gguf, List, Value};

/// Which of the family a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Gemma 3 text, every size.
    Gemma3,
    /// EmbeddingGemma: both directions, no cache, dense layers at the end.
    GemmaEmbedding,
}

impl Architecture {
    /// Its name in `general.architecture`, which begins its keys too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gemma3 => "gemma3",
            Self::GemmaEmbedding => "gemma-embedding",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        [Self::Gemma3, Self::GemmaEmbedding]
            .into_iter()
            .find(|architecture| architecture.name() == name)
            .ok_or_else(|| {
                Error::new(
                    Status::Unimplemented,
                    format!(
                        "the architecture {name} is not built, only gemma3 and gemma-embedding"
                    ),
                )
                .with_code("MODEL_ARCHITECTURE")
            })
    }
}

/// What a layer's attention sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Only positions less than a window away.
    Local,
    /// All positions.
    Global,
}

/// How positions turn pairs of values: by `position · scale · base^(−2j/head_dim)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub base: f64,
    /// What positions are multiplied with; 1/8 where the context was stretched eight times.
    pub scale: f64,
}

impl Rope {
    /// Cosines and sines of one position, `head_dim / 2` of each.
    ///
    /// In f64, rounded once: at position 100 000 an f32 angle is off by a hundredth.
    #[must_use]
    pub fn angles(&self, position: usize, head_dim: usize) -> (Vec<f32>, Vec<f32>) {
        let half = head_dim / 2;
        #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
        let place = position as f64 * self.scale;
        #[expect(clippy::cast_precision_loss, reason = "heads are at most a few hundred wide")]
        let angle = |j: usize| place * self.base.powf(-2.0 * j as f64 / head_dim as f64);
        #[expect(clippy::cast_possible_truncation, reason = "rounding once is the point")]
        (0..half).map(|j| (angle(j).cos() as f32, angle(j).sin() as f32)).unzip()
    }
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// What its attention sees.
    pub span: Span,
    /// How it turns positions.
    pub rope: Rope,
}

/// A network, as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which of the family.
    pub architecture: Architecture,
    /// Its layers, first to last.
    pub layers: Vec<Layer>,
    /// Values of the residual stream (`embedding_length`).
    pub width: usize,
    /// Values inside a feed-forward block.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; query head j uses the one at j / (heads / `kv_heads`).
    pub kv_heads: usize,
    /// Values of one head.
    pub head_dim: usize,
    /// How many tokens the output knows.
    pub vocabulary: usize,
    /// The longest sequence the model was made for.
    pub context: usize,
    /// The window of local layers, counting the position itself; absent if there are none.
    pub window: Option<usize>,
    /// Added under the root of every norm.
    pub norm_epsilon: f32,
    /// What looked-up embeddings are multiplied with.
    pub embedding_scale: f32,
    /// What queries are multiplied with.
    pub query_scale: f32,
    /// Logits become `cap · tanh(logit / cap)`; absent in Gemma 3 as released.
    pub soft_cap: Option<f32>,
}

/// Base of the angles on local layers, where the file does not say: old files never do.
const LOCAL_BASE: f64 = 10_000.0;
/// Base on global layers where the file does not say, as llama.cpp has it.
const FALLBACK_BASE: f64 = 10_000.0;
/// Base that Gemma 3 was trained with on global layers.
const GLOBAL_BASE: f64 = 1_000_000.0;
/// One layer in six is global where the file does not say: old files never do.
const PERIOD: usize = 6;
/// Far above any model; below, products of two sizes fit into 32 bits.
const LARGEST_SIZE: usize = 1 << 24;
const MOST_HEADS: usize = 1 << 12;
const LARGEST_HEAD: usize = 1 << 12;
/// Layers of the 4B, 12B and 27B models.
const LARGE_MODELS: [usize; 3] = [34, 48, 62];
/// Layers of the 27B model, whose query scale is not that of its heads.
const LARGEST_MODEL: usize = 62;

impl Config {
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

    /// Reads the metadata, and the sizes that only tensors tell.
    pub fn read(gguf: &Gguf) -> Result<Self> {
        let name = gguf
            .value("general.architecture")
            .and_then(Value::as_text)
            .ok_or_else(|| missing("general.architecture"))?;
        let architecture = Architecture::parse(name)?;
        let keys = Keys { gguf, prefix: architecture.name() };
        let count = keys.size("block_count")?.ok_or_else(|| keys.missing("block_count"))?;
        if count == 0 || count > 10_000 {
            return Err(keys.wrong("block_count", "is not a number of layers"));
        }
        let required = |key: &str| {
            let value = keys.uniform(key, count)?.ok_or_else(|| keys.missing(key))?;
            match value {
                0 => Err(keys.wrong(key, "is 0")),
                1..=LARGEST_SIZE => Ok(value),
                _ => Err(keys.wrong(key, "is larger than any model's")),
            }
        };
        let width = required("embedding_length")?;
        let hidden = required("feed_forward_length")?;
        let heads = required("attention.head_count")?;
        let kv_heads = keys.uniform("attention.head_count_kv", count)?.unwrap_or(heads);
        if heads > MOST_HEADS || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(keys.wrong("attention.head_count_kv", "does not fit the query heads"));
        }
        let head_dim = head_dim(&keys)?;
        let window = keys.size("attention.sliding_window")?.filter(|window| *window > 0);
        let window = window.map(|window| window.min(LARGEST_SIZE));
        let query_scale = if architecture == Architecture::Gemma3 && count == LARGEST_MODEL {
            inverse_root(width / heads)
        } else {
            inverse_root(head_dim)
        };
        let vocabulary =
            shape_of(gguf, "token_embd.weight").and_then(|shape| shape.get(1).copied());
        Ok(Self {
            architecture,
            layers: layers(&keys, count, window)?,
            width,
            hidden,
            heads,
            kv_heads,
            head_dim,
            vocabulary: vocabulary
                .and_then(|rows| usize::try_from(rows).ok())
                .ok_or_else(|| crate::weights::missing_tensor("token_embd.weight"))?,
            context: keys.size("context_length")?.unwrap_or(2048).clamp(1, LARGEST_SIZE),
            window,
            norm_epsilon: narrow(keys.number("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6)),
            // The f32 root, as llama.cpp has it; the reference code rounds it to bfloat16.
            embedding_scale: narrow(of(width)).sqrt(),
            query_scale,
            soft_cap: keys.number("final_logit_softcapping")?.filter(|cap| *cap > 0.0).map(narrow),
        })
    }
}

/// The keys of one architecture.
struct Keys<'a> {
    gguf: &'a Gguf,
    prefix: &'static str,
}

impl Keys<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.gguf.value(&format!("{}.{key}", self.prefix))
    }

    fn size(&self, key: &str) -> Result<Option<usize>> {
        self.value(key)
            .map(|value| value.as_usize().ok_or_else(|| self.wrong(key, "is not a count")))
            .transpose()
    }

    fn number(&self, key: &str) -> Result<Option<f64>> {
        self.value(key)
            .map(|value| {
                value
                    .as_f64()
                    .filter(|number| number.is_finite())
                    .ok_or_else(|| self.wrong(key, "is not a number"))
            })
            .transpose()
    }

    /// A count that some converters write once, and some for each layer.
    fn uniform(&self, key: &str, layers: usize) -> Result<Option<usize>> {
        let Some(Value::List(list)) = self.value(key) else { return self.size(key) };
        let List::Integers(items) = list else { return Err(self.wrong(key, "is not of counts")) };
        match items.as_slice() {
            [first, rest @ ..] if items.len() >= layers && rest.iter().all(|it| it == first) => {
                usize::try_from(*first).map(Some).map_err(|_| self.wrong(key, "is not a count"))
            }
            _ => Err(self.wrong(key, "differs between layers, which no model of this kind does")),
        }
    }

    fn missing(&self, key: &str) -> Error {
        missing(&format!("{}.{key}", self.prefix))
    }

    fn wrong(&self, key: &str, what: &str) -> Error {
        Error::invalid(format!("the metadata key {}.{key} {what}", self.prefix))
            .with_code("MODEL_KEY_INVALID")
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(format!("the metadata key {key} is missing")).with_code("MODEL_KEY_MISSING")
}

fn shape_of<'a>(gguf: &'a Gguf, name: &str) -> Option<&'a [u64]> {
    gguf.tensor(name).map(|(_, info)| info.shape.as_slice())
}

/// By its key, else by the norm that has one weight for each value of a head.
fn head_dim(keys: &Keys<'_>) -> Result<usize> {
    let told = keys.size("attention.key_length")?;
    let head_dim = match told {
        Some(length) => length,
        None => shape_of(keys.gguf, "blk.0.attn_q_norm.weight")
            .and_then(|shape| usize::try_from(*shape.first()?).ok())
            .unwrap_or(256),
    };
    if !(1..=LARGEST_HEAD).contains(&head_dim) || !head_dim.is_multiple_of(2) {
        return Err(keys.wrong("attention.key_length", "is not the even width of a head"));
    }
    if keys.size("rope.dimension_count")?.is_some_and(|count| count != head_dim) {
        return Err(keys.wrong("rope.dimension_count", "turns a part of a head: not built"));
    }
    if keys.size("attention.value_length")?.is_some_and(|length| length != head_dim) {
        return Err(keys.wrong("attention.value_length", "differs from that of the keys"));
    }
    Ok(head_dim)
}

fn layers(keys: &Keys<'_>, count: usize, window: Option<usize>) -> Result<Vec<Layer>> {
    let global = global_rope(keys, count)?;
    // ollama has a name of its own for this key.
    let local = keys.number("rope.freq_base_swa")?.or(keys.number("rope.local.freq_base")?);
    let local = Rope { base: positive(local).unwrap_or(LOCAL_BASE), scale: 1.0 };
    let spans = match window {
        Some(_) => spans(keys, count)?,
        None => vec![Span::Global; count],
    };
    Ok(spans
        .into_iter()
        .map(|span| Layer { span, rope: if span == Span::Local { local } else { global } })
        .collect())
}

/// A period, or a flag for each layer (true is local), or nothing.
fn spans(keys: &Keys<'_>, count: usize) -> Result<Vec<Span>> {
    const KEY: &str = "attention.sliding_window_pattern";
    let span = |is_local: bool| if is_local { Span::Local } else { Span::Global };
    let flags: Vec<bool> = match keys.value(KEY) {
        Some(Value::List(List::Bools(flags))) => flags.clone(),
        Some(Value::List(List::Integers(flags))) => flags.iter().map(|flag| *flag != 0).collect(),
        Some(Value::List(_)) => return Err(keys.wrong(KEY, "is not of flags")),
        _ => {
            let period = keys.size(KEY)?.unwrap_or(PERIOD);
            // As llama.cpp reads it, 0 makes every layer local and 1 none.
            (0..count).map(|layer| period == 0 || layer % period < period - 1).collect()
        }
    };
    if flags.len() < count {
        return Err(keys.wrong(KEY, "has fewer flags than there are layers"));
    }
    Ok(flags.into_iter().take(count).map(span).collect())
}

fn global_rope(keys: &Keys<'_>, count: usize) -> Result<Rope> {
    let base = positive(keys.number("rope.freq_base")?);
    let factor = keys.number("rope.scaling.factor")?.or(keys.number("rope.scale_linear")?);
    let kind = keys.value("rope.scaling.type").and_then(Value::as_text);
    let told_to_scale = kind.is_some() || factor.is_some();
    // ollama writes no rope keys at all for the larger models.
    if base.is_none() && !told_to_scale && LARGE_MODELS.contains(&count) {
        return Ok(Rope { base: GLOBAL_BASE, scale: 1.0 / 8.0 });
    }
    let scale = match (kind, positive(factor)) {
        (Some("none"), _) | (_, None) => 1.0,
        (Some("linear") | None, Some(factor)) => 1.0 / factor,
        (Some(other), Some(_)) => {
            return Err(Error::new(
                Status::Unimplemented,
                format!("rope scaling of type {other} is not built, only linear"),
            )
            .with_code("MODEL_KEY_INVALID"));
        }
    };
    Ok(Rope { base: base.unwrap_or(FALLBACK_BASE), scale })
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value > 0.0)
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^52")]
fn of(size: usize) -> f64 {
    size as f64
}

fn inverse_root(size: usize) -> f32 {
    narrow(1.0 / of(size.max(1)).sqrt())
}

#[expect(clippy::cast_possible_truncation, reason = "weights and scales are f32 all through")]
fn narrow(value: f64) -> f32 {
    value as f32
}
