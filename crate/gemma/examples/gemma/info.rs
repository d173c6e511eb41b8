//! Shows the contents of a file.

use std::collections::BTreeMap;

use hybridge_core::Result;
use hybridge_gemma::Model;
use hybridge_gemma::config::{Config, Layer, Span};
use serde_json::json;

use crate::write::say;

/// Prints the network's sizes and the encodings of its weights.
pub(crate) fn show(model: &Model, is_json: bool) -> Result<()> {
    let config = &model.config;
    let spans: String = config
        .layers
        .iter()
        .map(|layer| if layer.span == Span::Local { 'l' } else { 'G' })
        .collect();
    let mut encodings: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for tensor in model.tensors.all() {
        let entry = encodings.entry(tensor.encoding.name()).or_default();
        *entry = (entry.0 + 1, entry.1 + tensor.bytes());
    }
    let facts = json!({
        "architecture": config.architecture.name(),
        "name": model.gguf().value("general.name").and_then(|value| value.as_text()),
        "chat_template": model.gguf().value("tokenizer.chat_template").is_some(),
        "layers": config.layers.len(),
        "spans": spans,
        "width": config.width,
        "hidden": once(config, |layer| layer.hidden),
        "heads": once(config, |layer| layer.heads),
        "kv_heads": once(config, |layer| layer.kv_heads),
        "head_dim": once(config, |layer| layer.head_dim),
        "cache_of": config.layers.iter().any(|layer| layer.source.is_some()).then(|| {
            (0..config.layers.len()).map(|index| config.cache_of(index)).collect::<Vec<_>>()
        }),
        "per_layer": config.per_layer,
        "streams": config.streams,
        "vocabulary": config.vocabulary,
        "context": config.context,
        "window": config.window(),
        "query_scale": config.query_scale,
        "soft_cap": config.soft_cap,
        "rope": config.layers.iter().map(|it| [it.rope.base, it.rope.scale]).collect::<Vec<_>>(),
        "is_tied": model.tensors.output.is_none(),
        "bytes": model.tensors.bytes(),
        "encodings": encodings.iter().map(|(name, (tensors, bytes))| {
            json!({ "name": name, "tensors": tensors, "bytes": bytes })
        }).collect::<Vec<_>>(),
    });
    if is_json {
        return say(&facts.to_string());
    }
    for (key, value) in facts.as_object().into_iter().flatten() {
        if key != "rope" {
            say(&format!("{key:>14}  {value}"))?;
        }
    }
    Ok(())
}

/// Formats a size of the layers: once if they agree, else for each layer.
fn once(config: &Config, size: impl Fn(&Layer) -> usize) -> serde_json::Value {
    let sizes: Vec<usize> = config.layers.iter().map(size).collect();
    match sizes.as_slice() {
        [first, rest @ ..] if rest.iter().all(|size| size == first) => json!(first),
        _ => json!(sizes),
    }
}
