//! Reads a network's configuration from metadata, with all defaults and converter quirks.

use hybridge_core::{Error, Result, Status};

use super::config::{Architecture, Config, Layer, Rope, Span, unsupported};
use super::weights::missing_tensor;
use crate::gguf::{Gguf, List, Value};

/// The default base of the angles on local layers, which old files never state.
const LOCAL_BASE: f64 = 10_000.0;
/// The default base on global layers, as in llama.cpp.
const FALLBACK_BASE: f64 = 10_000.0;
/// The base with which Gemma 3 was trained on global layers.
const GLOBAL_BASE: f64 = 1_000_000.0;
/// By default one layer in six is global; old files never state it.
const PERIOD: usize = 6;
/// The same for Gemma 3n.
const PERIOD_3N: usize = 5;
/// Far above any model; below it, products of two sizes fit into 32 bits.
const LARGEST_SIZE: usize = 1 << 24;
const MOST_LAYERS: usize = 10_000;
const MOST_HEADS: usize = 1 << 12;
/// The width of Gemma's widest head. Kernels keep a head in registers, and much wider ones would
/// take minutes to compile.
const LARGEST_HEAD: usize = 512;
/// The number of layers of the 4B, 12B and 27B models.
const LARGE_MODELS: [usize; 3] = [34, 48, 62];
/// The number of layers of the 27B model, whose query scale is not that of its heads.
const LARGEST_MODEL: usize = 62;
/// The default number of layers of Gemma 3n with their own keys and values.
const OWN_CACHES_3N: usize = 20;
/// The default number of layers of Gemma 3n whose gates are cut, and the quantile of 0.95.
const SPARSE_3N: usize = 10;
const SPARSITY_3N: f32 = 1.644_853_6;
/// The default cap of logits in Gemma 3n and 4.
const SOFT_CAP: f64 = 30.0;
/// The default width of per-layer inputs in Gemma 3n, if neither the file nor a tensor shows it.
const PER_LAYER_3N: usize = 256;
/// The default number of residual streams in Gemma 3n.
const STREAMS_3N: usize = 4;
const MOST_STREAMS: usize = 8;

/// Reads a network from the metadata, and the sizes that only tensors show.
pub(super) fn read(gguf: &Gguf) -> Result<Config> {
    let name = gguf
        .value("general.architecture")
        .and_then(Value::as_text)
        .ok_or_else(|| missing("general.architecture"))?;
    let architecture = Architecture::parse(name)?;
    let keys = Keys { gguf, prefix: architecture.name() };
    let count = keys.size("block_count")?.ok_or_else(|| keys.missing("block_count"))?;
    if count == 0 || count > MOST_LAYERS {
        return Err(keys.wrong("block_count", "is not a number of layers"));
    }
    refuse_experts(&keys)?;
    let width = keys.required("embedding_length")?;
    let layers = match architecture {
        Architecture::Gemma3 | Architecture::GemmaEmbedding => layers_of_3(&keys, count)?,
        Architecture::Gemma3n => layers_of_3n(&keys, count, width)?,
        Architecture::Gemma4 => layers_of_4(&keys, count, width)?,
    };
    let is_newer = matches!(architecture, Architecture::Gemma3n | Architecture::Gemma4);
    let query_scale = match layers.first() {
        _ if is_newer => 1.0,
        Some(layer) if architecture == Architecture::Gemma3 && count == LARGEST_MODEL => {
            inverse_root(width / layer.heads)
        }
        Some(layer) => inverse_root(layer.head_dim),
        None => 1.0,
    };
    let vocabulary = shape_of(gguf, "token_embd.weight").and_then(|shape| shape.get(1).copied());
    let default_cap = is_newer.then_some(SOFT_CAP);
    Ok(Config {
        architecture,
        layers,
        width,
        vocabulary: vocabulary
            .and_then(|rows| usize::try_from(rows).ok())
            .ok_or_else(|| missing_tensor("token_embd.weight"))?,
        context: keys.size("context_length")?.unwrap_or(2048).clamp(1, LARGEST_SIZE),
        norm_epsilon: narrow(keys.positive("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6)),
        // The square root in f32, as in llama.cpp; the reference code rounds it to bfloat16.
        embedding_scale: narrow(of(width)).sqrt(),
        query_scale,
        norms_values: is_newer,
        soft_cap: keys
            .number("final_logit_softcapping")?
            .or(default_cap)
            .filter(|cap| *cap > 0.0)
            .map(narrow),
        per_layer: per_layer(&keys, architecture)?,
        streams: streams(&keys, architecture)?,
        suppressed: suppressed(gguf),
    })
}

/// Rejects mixtures of experts: no pass reads the weights of the experts, so the answers would be
/// wrong.
fn refuse_experts(keys: &Keys<'_>) -> Result<()> {
    let has_experts = keys.size("expert_count")?.is_some_and(|count| count > 0)
        || keys.gguf.tensor("blk.0.ffn_gate_inp.weight").is_some();
    if has_experts {
        return Err(unsupported("a mixture of experts (MoE) is not supported, only dense models"));
    }
    Ok(())
}

fn layers_of_3(keys: &Keys<'_>, count: usize) -> Result<Vec<Layer>> {
    let hidden = keys.each("feed_forward_length", count)?;
    let (heads, kv_heads) = keys.heads(count)?;
    for (key, all) in [
        ("feed_forward_length", &hidden),
        ("attention.head_count", &heads),
        ("attention.head_count_kv", &kv_heads),
    ] {
        if all.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err(keys.wrong(key, "differs between layers, which no model of this kind does"));
        }
    }
    let head_dim = head_dim(keys)?;
    let window = keys.window()?;
    let global = global_rope(keys, count)?;
    // ollama uses a different name for this key.
    let local = match keys.positive("rope.freq_base_swa")? {
        Some(base) => base,
        None => keys.positive("rope.local.freq_base")?.unwrap_or(LOCAL_BASE),
    };
    let local = Rope::new(local, 1.0);
    let spans = match window {
        Some(_) => spans(keys, count, Some(PERIOD))?,
        None => vec![Span::Global; count],
    };
    Ok(spans
        .into_iter()
        .zip(hidden)
        .zip(heads.into_iter().zip(kv_heads))
        .map(|((span, hidden), (heads, kv_heads))| Layer {
            span,
            window: window.filter(|_| span == Span::Local),
            rope: if span == Span::Local { local.clone() } else { global.clone() },
            heads,
            kv_heads,
            head_dim,
            hidden,
            source: None,
            sparsity: None,
        })
        .collect())
}

/// Reads the common settings of Gemma 3n and 4: unscaled heads, ropes by layer kind, shared caches.
fn newer_layers(
    keys: &Keys<'_>,
    count: usize,
    spans: Vec<Span>,
    [local, global]: [usize; 2],
    shared: usize,
) -> Result<Vec<Layer>> {
    let hidden = keys.each("feed_forward_length", count)?;
    let (heads, kv_heads) = keys.heads(count)?;
    let window = keys.window()?.ok_or_else(|| keys.missing("attention.sliding_window"))?;
    if shared >= count {
        return Err(keys.wrong("attention.shared_kv_layers", "leaves no layer with its own cache"));
    }
    let base = |key: &str| Ok(keys.positive(key)?.unwrap_or(FALLBACK_BASE));
    let ropes = [base("rope.freq_base_swa")?, base("rope.freq_base")?];
    let mut layers: Vec<Layer> = Vec::with_capacity(count);
    let sizes = spans.into_iter().zip(hidden).zip(heads.into_iter().zip(kv_heads));
    for (index, ((span, hidden), (heads, kv_heads))) in sizes.enumerate() {
        let is_local = span == Span::Local;
        let head_dim = if is_local { local } else { global };
        let mut layer = Layer {
            span,
            window: is_local.then_some(window),
            rope: Rope::new(if is_local { ropes[0] } else { ropes[1] }, 1.0),
            heads,
            kv_heads,
            head_dim,
            hidden,
            source: None,
            sparsity: None,
        };
        if index >= count - shared {
            let own = layers.get(..count - shared).unwrap_or_default();
            layer.source = own.iter().rposition(|own| own.span == span);
            let fits = layer.source.and_then(|source| own.get(source)).is_some_and(|own| {
                own.kv_width() == layer.kv_width() && own.head_dim == layer.head_dim
            });
            if !fits {
                return Err(keys.wrong(
                    "attention.shared_kv_layers",
                    "leaves a layer without an earlier one of its kind to share keys with",
                ));
            }
        }
        layers.push(layer);
    }
    Ok(layers)
}

fn layers_of_3n(keys: &Keys<'_>, count: usize, width: usize) -> Result<Vec<Layer>> {
    let head_dim = keys.head_or_share("attention.key_length", "attention.value_length", width)?;
    let shared = keys.size("attention.shared_kv_layers")?;
    let shared = shared.unwrap_or_else(|| count.saturating_sub(OWN_CACHES_3N));
    let spans = spans(keys, count, Some(PERIOD_3N))?;
    let mut layers = newer_layers(keys, count, spans, [head_dim; 2], shared)?;
    let sparsity = keys.sparsity(count)?;
    for (layer, sparsity) in layers.iter_mut().zip(sparsity) {
        layer.sparsity = sparsity;
    }
    Ok(layers)
}

fn layers_of_4(keys: &Keys<'_>, count: usize, width: usize) -> Result<Vec<Layer>> {
    let global = keys.head_or_share("attention.key_length", "attention.value_length", width)?;
    let local = keys
        .head("attention.key_length_swa", "attention.value_length_swa")?
        .ok_or_else(|| keys.missing("attention.key_length_swa"))?;
    for (key, head_dim) in [("rope.dimension_count", global), ("rope.dimension_count_swa", local)] {
        if keys.size(key)?.is_some_and(|count| count != head_dim) {
            return Err(
                keys.wrong(key, "is not the width of a head: partial ropes are not supported")
            );
        }
    }
    let shared = keys.size("attention.shared_kv_layers")?.unwrap_or(0);
    let spans = spans(keys, count, None)?;
    newer_layers(keys, count, spans, [local, global], shared)
}

/// Returns the size by its key, else from a tensor of that width.
fn per_layer(keys: &Keys<'_>, architecture: Architecture) -> Result<Option<usize>> {
    if !matches!(architecture, Architecture::Gemma3n | Architecture::Gemma4) {
        return Ok(None);
    }
    let key = "embedding_length_per_layer_input";
    let width = match keys.size(key)? {
        Some(width) => width,
        None => shape_of(keys.gguf, "per_layer_proj_norm.weight")
            .and_then(|shape| usize::try_from(*shape.first()?).ok())
            .unwrap_or(if architecture == Architecture::Gemma3n { PER_LAYER_3N } else { 0 }),
    };
    if width > LARGEST_SIZE {
        return Err(keys.wrong(key, "is larger than any model's"));
    }
    Ok((width > 0).then_some(width))
}

fn streams(keys: &Keys<'_>, architecture: Architecture) -> Result<usize> {
    if architecture != Architecture::Gemma3n {
        return Ok(1);
    }
    if keys.size("altup.active_idx")?.is_some_and(|index| index != 0) {
        return Err(keys.wrong("altup.active_idx", "is not 0, the only active stream supported"));
    }
    let streams = keys.size("altup.num_inputs")?.unwrap_or(STREAMS_3N);
    if !(2..=MOST_STREAMS).contains(&streams) {
        return Err(keys.wrong("altup.num_inputs", "is not a number of residual streams"));
    }
    Ok(streams)
}

fn suppressed(gguf: &Gguf) -> Vec<u32> {
    match gguf.value("tokenizer.ggml.suppress_tokens") {
        Some(Value::List(List::Integers(ids))) => {
            ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect()
        }
        _ => Vec::new(),
    }
}

/// Reads the keys of one architecture.
struct Keys<'a> {
    gguf: &'a Gguf,
    prefix: &'static str,
}

impl Keys<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.gguf.value(&format!("{}.{key}", self.prefix))
    }

    /// Reads a count. Some converters write integers as floats.
    fn size(&self, key: &str) -> Result<Option<usize>> {
        self.value(key)
            .map(|value| whole(value).ok_or_else(|| self.wrong(key, "is not a count")))
            .transpose()
    }

    fn required(&self, key: &str) -> Result<usize> {
        let value = self.size(key)?.ok_or_else(|| self.missing(key))?;
        self.in_range(key, value)
    }

    fn in_range(&self, key: &str, value: usize) -> Result<usize> {
        match value {
            0 => Err(self.wrong(key, "is 0")),
            1..=LARGEST_SIZE => Ok(value),
            _ => Err(self.wrong(key, "is larger than any model's")),
        }
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

    /// Reads a base, a factor or an epsilon, which must be positive.
    fn positive(&self, key: &str) -> Result<Option<f64>> {
        match self.number(key)? {
            Some(number) if number <= 0.0 => Err(self.wrong(key, "is not above 0")),
            number => Ok(number),
        }
    }

    /// Reads a count that converters write once or for each layer.
    fn each(&self, key: &str, layers: usize) -> Result<Vec<usize>> {
        let all = self.optional_each(key, layers)?.ok_or_else(|| self.missing(key))?;
        all.into_iter().map(|value| self.in_range(key, value)).collect()
    }

    fn optional_each(&self, key: &str, layers: usize) -> Result<Option<Vec<usize>>> {
        let Some(Value::List(list)) = self.value(key) else {
            return Ok(self.size(key)?.map(|value| vec![value; layers]));
        };
        let List::Integers(items) = list else { return Err(self.wrong(key, "is not of counts")) };
        if items.len() < layers {
            return Err(self.wrong(key, "has fewer counts than there are layers"));
        }
        let count =
            |item: &i64| usize::try_from(*item).map_err(|_| self.wrong(key, "is not a count"));
        items.iter().take(layers).map(count).collect::<Result<_>>().map(Some)
    }

    /// Returns query heads and key heads of each layer.
    fn heads(&self, layers: usize) -> Result<(Vec<usize>, Vec<usize>)> {
        let heads = self.each("attention.head_count", layers)?;
        let kv_heads = self.optional_each("attention.head_count_kv", layers)?;
        let kv_heads = kv_heads.unwrap_or_else(|| heads.clone());
        for (heads, kv_heads) in heads.iter().zip(&kv_heads) {
            if *heads > MOST_HEADS || *kv_heads == 0 || !heads.is_multiple_of(*kv_heads) {
                return Err(self.wrong("attention.head_count_kv", "does not fit the query heads"));
            }
        }
        Ok((heads, kv_heads))
    }

    /// Returns the width of a head from two keys, which must agree.
    fn head(&self, key: &str, value_key: &str) -> Result<Option<usize>> {
        let Some(width) = self.size(key)? else { return Ok(None) };
        if self.size(value_key)?.is_some_and(|length| length != width) {
            return Err(self.wrong(value_key, "differs from that of the keys"));
        }
        self.checked_head(key, width).map(Some)
    }

    /// The same; by default an equal share of the residual stream.
    fn head_or_share(&self, key: &str, value_key: &str, width: usize) -> Result<usize> {
        if let Some(width) = self.head(key, value_key)? {
            return Ok(width);
        }
        let (heads, _) = self.heads(1)?;
        self.checked_head(key, width / heads.first().copied().unwrap_or(1))
    }

    fn checked_head(&self, key: &str, width: usize) -> Result<usize> {
        if !(1..=LARGEST_HEAD).contains(&width) || !width.is_multiple_of(2) {
            let what = format!("is {width}, not the even width of a head up to {LARGEST_HEAD}");
            return Err(self.wrong(key, &what));
        }
        Ok(width)
    }

    fn window(&self) -> Result<Option<usize>> {
        let window = self.size("attention.sliding_window")?.filter(|window| *window > 0);
        Ok(window.map(|window| window.min(LARGEST_SIZE)))
    }

    /// Returns the cut of each layer's gates, as quantiles of the normal distribution. For layers
    /// without a cut, converters write −∞ or 0.
    fn sparsity(&self, layers: usize) -> Result<Vec<Option<f32>>> {
        const KEY: &str = "activation_sparsity_scale";
        let cut = |scale: f64| (scale.is_finite() && scale > 0.0).then(|| narrow(scale));
        match self.value(KEY) {
            None => {
                Ok((0..layers).map(|index| (index < SPARSE_3N).then_some(SPARSITY_3N)).collect())
            }
            Some(Value::List(List::Floats(scales))) if scales.len() >= layers => {
                Ok(scales.iter().take(layers).map(|scale| cut(*scale)).collect())
            }
            Some(Value::List(_)) => Err(self.wrong(KEY, "is not a number for each layer")),
            Some(value) => {
                let scale = value.as_f64().ok_or_else(|| self.wrong(KEY, "is not a number"))?;
                Ok(vec![cut(scale); layers])
            }
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

fn whole(value: &Value) -> Option<usize> {
    match value {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an integer from 0 to LARGEST_SIZE"
        )]
        Value::Float(number)
            if number.fract() == 0.0 && (0.0..=of(LARGEST_SIZE)).contains(number) =>
        {
            Some(*number as usize)
        }
        _ => value.as_usize(),
    }
}

fn missing(key: &str) -> Error {
    Error::invalid(format!("the metadata key {key} is missing")).with_code("MODEL_KEY_MISSING")
}

fn shape_of<'a>(gguf: &'a Gguf, name: &str) -> Option<&'a [u64]> {
    gguf.tensor(name).map(|(_, info)| info.shape.as_slice())
}

/// Returns the width by its key, else from the norm with one weight for each value of a head.
fn head_dim(keys: &Keys<'_>) -> Result<usize> {
    let head_dim = match keys.size("attention.key_length")? {
        Some(length) => length,
        None => shape_of(keys.gguf, "blk.0.attn_q_norm.weight")
            .and_then(|shape| usize::try_from(*shape.first()?).ok())
            .unwrap_or(256),
    };
    keys.checked_head("attention.key_length", head_dim)?;
    if keys.size("rope.dimension_count")?.is_some_and(|count| count != head_dim) {
        return Err(
            keys.wrong("rope.dimension_count", "rotates a part of a head, which is not supported")
        );
    }
    if keys.size("attention.value_length")?.is_some_and(|length| length != head_dim) {
        return Err(keys.wrong("attention.value_length", "differs from that of the keys"));
    }
    Ok(head_dim)
}

/// A period, or a flag for each layer (true is local); `None` if there is a default.
fn spans(keys: &Keys<'_>, count: usize, default: Option<usize>) -> Result<Vec<Span>> {
    const KEY: &str = "attention.sliding_window_pattern";
    let span = |is_local: bool| if is_local { Span::Local } else { Span::Global };
    let flags: Vec<bool> = match keys.value(KEY) {
        Some(Value::List(List::Bools(flags))) => flags.clone(),
        Some(Value::List(List::Integers(flags))) => flags.iter().map(|flag| *flag != 0).collect(),
        Some(Value::List(_)) => return Err(keys.wrong(KEY, "is not of flags")),
        _ => {
            let period = keys.size(KEY)?.or(default).ok_or_else(|| keys.missing(KEY))?;
            // As in llama.cpp, 0 makes every layer local and 1 none.
            (0..count).map(|layer| period == 0 || layer % period < period - 1).collect()
        }
    };
    if flags.len() < count {
        return Err(keys.wrong(KEY, "has fewer flags than there are layers"));
    }
    Ok(flags.into_iter().take(count).map(span).collect())
}

fn global_rope(keys: &Keys<'_>, count: usize) -> Result<Rope> {
    let base = keys.positive("rope.freq_base")?;
    let factor = match keys.positive("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => keys.positive("rope.scale_linear")?,
    };
    let kind = keys.value("rope.scaling.type").and_then(Value::as_text);
    let is_scaled = kind.is_some() || factor.is_some();
    // ollama writes no rope keys for the larger models.
    if base.is_none() && !is_scaled && LARGE_MODELS.contains(&count) {
        return Ok(Rope::new(GLOBAL_BASE, 1.0 / 8.0));
    }
    let scale = match (kind, factor) {
        (Some("none"), _) | (_, None) => 1.0,
        (Some("linear") | None, Some(factor)) => 1.0 / factor,
        (Some(other), Some(_)) => {
            return Err(Error::new(
                Status::Unimplemented,
                format!("rope scaling of type {other} is not supported, only linear"),
            )
            .with_code("MODEL_KEY_INVALID"));
        }
    };
    Ok(Rope::new(base.unwrap_or(FALLBACK_BASE), scale))
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^52")]
fn of(size: usize) -> f64 {
    size as f64
}

fn inverse_root(size: usize) -> f32 {
    narrow(1.0 / of(size.max(1)).sqrt())
}

#[expect(clippy::cast_possible_truncation, reason = "weights and scales are f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
