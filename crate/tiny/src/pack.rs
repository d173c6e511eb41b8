//! Writes the network as a GGUF file.

use std::ops::Range;
use std::rc::Rc;

use hybridge_gemma::quant::Encoding;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Entry, Vocabulary, Writer};
use hybridge_gemma::{Config, Model};

use crate::Result;
use crate::learning::weights::Layout;
use crate::shape::{PERIOD, WINDOW};

/// Gemma 3's own template, for engines that read it from the file.
const TEMPLATE: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set prefix = messages[0]['content'] + '\\n\\n' %}{% set rest = messages[1:] %}{% else %}{% set prefix = '' %}{% set rest = messages %}{% endif %}{% for message in rest %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else '') + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

/// Returns the whole file, with matrices in the given encoding and norms in f32.
pub(crate) fn pack(
    weights: &[f32],
    layout: &Layout,
    config: &Config,
    vocabulary: &Vocabulary,
    encoding: Encoding,
) -> Vec<u8> {
    let mut writer = Writer::default();
    header(&mut writer, config, vocabulary);
    let mut norm = |name: String, range: &Range<usize>| {
        writer.tensor(
            &format!("{name}.weight"),
            &[range.len()],
            Encoding::F32,
            &weights[range.clone()],
        );
    };
    norm("output_norm".to_owned(), &layout.norm);
    for (index, layer) in layout.layers.iter().enumerate() {
        for (part, range) in [
            ("attn_norm", &layer.attn_norm),
            ("attn_q_norm", &layer.query_norm),
            ("attn_k_norm", &layer.key_norm),
            ("post_attention_norm", &layer.post_attention_norm),
            ("ffn_norm", &layer.ffn_norm),
            ("post_ffw_norm", &layer.post_ffw_norm),
        ] {
            norm(format!("blk.{index}.{part}"), range);
        }
    }
    let (width, hidden) = (config.width, config.layers[0].hidden);
    let (query, kv) = (config.layers[0].query_width() * width, config.layers[0].kv_width() * width);
    // The contiguous dimension comes first in GGUF.
    let mut matrix = |name: String, start: usize, length: usize, columns: usize| {
        let shape = [columns, length / columns];
        writer.tensor(&format!("{name}.weight"), &shape, encoding, &weights[start..start + length]);
    };
    matrix("token_embd".to_owned(), layout.embedding.start, layout.embedding.len(), width);
    for (index, layer) in layout.layers.iter().enumerate() {
        let (qkv, gate) = (layer.qkv.start, layer.gate_up.start);
        for (part, start, length, columns) in [
            ("attn_q", qkv, query, width),
            ("attn_k", qkv + query, kv, width),
            ("attn_v", qkv + query + kv, kv, width),
            ("attn_output", layer.output.start, query, config.layers[0].query_width()),
            ("ffn_gate", gate, hidden * width, width),
            ("ffn_up", gate + hidden * width, hidden * width, width),
            ("ffn_down", layer.down.start, hidden * width, hidden),
        ] {
            matrix(format!("blk.{index}.{part}"), start, length, columns);
        }
    }
    writer.bytes()
}

/// Re-encodes the matrices of a file.
pub(crate) fn repack(bytes: &[u8], vocabulary: &Vocabulary, encoding: Encoding) -> Result<Vec<u8>> {
    let model = pollster::block_on(Model::open(vec![Rc::new(Memory(bytes.to_vec()))]))?;
    let mut writer = Writer::default();
    header(&mut writer, &model.config, vocabulary);
    for tensor in model.tensors.all() {
        let values = pollster::block_on(model.values(tensor))?;
        // A norm has one row, and stays in f32.
        if tensor.rows == 1 {
            writer.tensor(&tensor.name, &[tensor.columns], Encoding::F32, &values);
        } else {
            writer.tensor(&tensor.name, &[tensor.columns, tensor.rows], encoding, &values);
        }
    }
    Ok(writer.bytes())
}

fn header(writer: &mut Writer, config: &Config, vocabulary: &Vocabulary) {
    keys(writer, config);
    vocabulary.write(writer);
    writer.set("tokenizer.ggml.eot_token_id", Entry::U32(106));
    writer.set("tokenizer.chat_template", Entry::Text(TEMPLATE.to_owned()));
}

fn keys(writer: &mut Writer, config: &Config) {
    for (key, text) in [
        ("general.architecture", "gemma3"),
        ("general.name", "hybridge tiny"),
        ("general.license", "mit OR apache-2.0"),
        ("general.description", "A demonstration model over a closed little world"),
    ] {
        writer.set(key, Entry::Text(text.to_owned()));
    }
    for (key, size) in [
        ("context_length", config.context),
        ("embedding_length", config.width),
        ("block_count", config.layers.len()),
        ("feed_forward_length", config.layers[0].hidden),
        ("attention.head_count", config.layers[0].heads),
        ("attention.head_count_kv", config.layers[0].kv_heads),
        ("attention.key_length", config.layers[0].head_dim),
        ("attention.value_length", config.layers[0].head_dim),
        ("attention.sliding_window", WINDOW),
        ("attention.sliding_window_pattern", PERIOD),
    ] {
        writer.set(&format!("gemma3.{key}"), Entry::U32(u32::try_from(size).unwrap_or(u32::MAX)));
    }
    writer.set("gemma3.attention.layer_norm_rms_epsilon", Entry::F32(1e-6));
    writer.set("gemma3.rope.freq_base", Entry::F32(1e6));
}
