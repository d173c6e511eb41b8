//! Additional settings of Gemma 3n and 4 for a tiny network.

use super::network::{Tiny, Weights};
use super::writer::Entry;
use crate::config::Architecture;
use crate::quant::Encoding;

/// Sizes and features of a newer network. `Tiny::head_dim` is that of global layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Newer {
    /// The period of global layers.
    pub period: usize,
    /// Number of layers at the end without their own keys.
    pub shared: usize,
    /// Width of a head on local layers.
    pub local_head: usize,
    /// Number of key heads on global layers.
    pub global_kv_heads: usize,
    /// `feed_forward_length` of the shared layers.
    pub shared_hidden: usize,
    /// Width of each layer's input; 0 for none.
    pub per_layer: usize,
    /// Number of rotated pairs of a global head.
    pub turned: usize,
    /// Whether global layers derive their values from their keys.
    pub values_are_keys: bool,
    /// Whether each layer scales the residual stream.
    pub scales_output: bool,
    /// Whether the file contains the unused keys of shared layers.
    pub keeps_unused: bool,
    /// Number of layers whose gates are cut (3n).
    pub sparse: usize,
    /// Rank of the low-rank residual (3n).
    pub rank: usize,
}

/// The number of residual streams of 3n.
const STREAMS: usize = 4;

impl Newer {
    fn is_local(&self, layer: usize) -> bool {
        layer % self.period < self.period - 1
    }

    pub(super) fn keys(&self, tiny: &Tiny, set: &mut impl FnMut(&str, Entry)) {
        let number = |size: usize| Entry::U32(u32::try_from(size).unwrap_or(u32::MAX));
        let each = |size: &dyn Fn(usize) -> usize| {
            let sizes = (0..tiny.layers).map(|layer| i32::try_from(size(layer)).unwrap_or(0));
            Entry::Integers(sizes.collect())
        };
        let flags = (0..tiny.layers).map(|layer| self.is_local(layer)).collect();
        set("attention.sliding_window_pattern", Entry::Bools(flags));
        set("rope.freq_base_swa", Entry::F32(1e4));
        if tiny.architecture == Architecture::Gemma3n {
            // The form used by some converters.
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            set("attention.shared_kv_layers", Entry::F32(self.shared as f32));
            let scale = |layer: usize| match layer {
                _ if layer < self.sparse => 1.644_853_6,
                _ if layer == self.sparse => 0.0,
                _ => f32::NEG_INFINITY,
            };
            let scales = (0..tiny.layers).map(scale).collect();
            set("activation_sparsity_scale", Entry::Floats(scales));
            set("altup.num_inputs", number(STREAMS));
            set("altup.active_idx", Entry::U32(0));
        } else {
            set("attention.shared_kv_layers", number(self.shared));
            set("attention.key_length_swa", number(self.local_head));
            set("attention.value_length_swa", number(self.local_head));
            set("rope.dimension_count", number(tiny.head_dim));
            set("rope.dimension_count_swa", number(self.local_head));
            if self.global_kv_heads != tiny.kv_heads {
                set("attention.head_count_kv", each(&|layer| self.kv_heads(tiny, layer)));
            }
            if self.shared_hidden != tiny.hidden {
                set("feed_forward_length", each(&|layer| self.hidden(tiny, layer)));
            }
        }
        set("embedding_length_per_layer_input", number(self.per_layer));
    }

    fn kv_heads(&self, tiny: &Tiny, layer: usize) -> usize {
        if self.is_local(layer) { tiny.kv_heads } else { self.global_kv_heads }
    }

    fn hidden(&self, tiny: &Tiny, layer: usize) -> usize {
        if layer < tiny.layers - self.shared { tiny.hidden } else { self.shared_hidden }
    }

    pub(super) fn layer(&self, weights: &mut Weights<'_>, layer: usize) {
        let tiny = weights.tiny;
        let (width, hidden) = (tiny.width, self.hidden(tiny, layer));
        let is_local = self.is_local(layer);
        let head_dim = if is_local { self.local_head } else { tiny.head_dim };
        let (query, kv) = (tiny.heads * head_dim, self.kv_heads(tiny, layer) * head_dim);
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let has_keys = self.keeps_unused || layer < tiny.layers - self.shared;
        weights.norm(&name("attn_norm"), width, 1.0);
        // Scores are not scaled down here: smaller norms keep the softmax soft.
        weights.norm(&name("attn_q_norm"), head_dim, 0.5);
        weights.norm(&name("post_attention_norm"), width, tiny.residual);
        weights.norm(&name("ffn_norm"), width, 1.0);
        weights.norm(&name("post_ffw_norm"), width, tiny.residual);
        let mut matrices = vec![
            ("attn_q", width, query),
            ("attn_output", query, width),
            ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden),
            ("ffn_down", hidden, width),
        ];
        if has_keys {
            weights.norm(&name("attn_k_norm"), head_dim, 0.5);
            matrices.push(("attn_k", width, kv));
            if is_local || !self.values_are_keys {
                matrices.push(("attn_v", width, kv));
            }
        }
        if self.per_layer > 0 {
            weights.norm(&name("post_norm"), width, tiny.residual);
            matrices.extend([("inp_gate", width, self.per_layer), ("proj", self.per_layer, width)]);
        }
        if tiny.architecture == Architecture::Gemma3n {
            weights.norm(&name("laurel_post_norm"), width, 1.0);
            weights.norm(&name("altup_router_norm"), width, 4.0);
            weights.norm(&name("altup_correct_scale"), width, 1.0);
            matrices.extend([
                ("laurel_l", width, self.rank),
                ("laurel_r", self.rank, width),
                ("altup_router", width, STREAMS),
                ("altup_predict_coef", STREAMS, STREAMS * STREAMS),
                ("altup_correct_coef", STREAMS, STREAMS),
            ]);
        }
        for (part, columns, rows) in matrices {
            let encoding = weights.next_encoding(columns);
            weights.matrix(&name(part), columns, rows, encoding);
        }
        if self.scales_output {
            let scale = 0.7 + 0.3 * weights.random.symmetric();
            weights.writer.tensor(&name("layer_output_scale"), &[1], Encoding::F32, &[scale]);
        }
    }

    /// Adds the tensors that occur once in the file.
    pub(super) fn around(&self, weights: &mut Weights<'_>) {
        let Tiny { width, vocabulary, layers, head_dim, embedding, .. } = *weights.tiny;
        if self.per_layer > 0 {
            let parts = self.per_layer * layers;
            weights.matrix("per_layer_token_embd.weight", parts, vocabulary, embedding);
            weights.matrix("per_layer_model_proj.weight", width, parts, Encoding::BF16);
            weights.norm("per_layer_proj_norm.weight", self.per_layer, 1.0);
        }
        if weights.tiny.architecture == Architecture::Gemma3n {
            for name in ["altup_proj.weight", "altup_unembd_proj.weight"] {
                let size = width * width * (STREAMS - 1);
                let values: Vec<f32> =
                    (0..size).map(|_| weights.random.symmetric() * 0.2).collect();
                let shape = [width, width, STREAMS - 1];
                weights.writer.tensor(name, &shape, Encoding::F16, &values);
            }
        } else {
            let divisors: Vec<f32> =
                (0..head_dim / 2).map(|j| if j < self.turned { 1.0 } else { 1e30 }).collect();
            weights.writer.tensor("rope_freqs.weight", &[head_dim / 2], Encoding::F32, &divisors);
        }
    }
}
