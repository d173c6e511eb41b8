//! What a file holds.

use std::collections::BTreeMap;

use hybridge_core::Result;
use hybridge_gemma::Model;
use hybridge_gemma::config::Span;
use serde_json::json;

use crate::write::say;

/// Shows the network's sizes and how its weights are stored.
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
        "layers": config.layers.len(),
        "spans": spans,
        "width": config.width,
        "hidden": config.hidden,
        "heads": config.heads,
        "kv_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "vocabulary": config.vocabulary,
        "context": config.context,
        "window": config.window,
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
