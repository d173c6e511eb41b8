//! The sizes of Gemma 3n and 4 for synthetic files.

use super::synthetic::SyntheticShape;
use super::writer::{Entry, Writer};
use crate::quant::Encoding;

/// Additional sizes of a newer network.
#[derive(Clone, Debug, PartialEq)]
pub struct NewerShape {
    /// Its name in `general.architecture`.
    pub architecture: &'static str,
    /// One in this many layers is global.
    pub period: usize,
    /// Number of layers at the end without their own keys.
    pub shared: usize,
    /// Width of a head on global layers.
    pub global_head: usize,
    /// `feed_forward_length` of the shared layers.
    pub shared_hidden: usize,
    /// Width of each layer's input.
    pub per_layer: usize,
    /// Rank of the low-rank residual; 0 if there is one residual stream.
    pub rank: usize,
    /// Number of layers whose gates are cut.
    pub sparse: usize,
}

const LOCAL_HEAD: usize = 256;
const STREAMS: usize = 4;

impl NewerShape {
    fn is_local(&self, layer: usize) -> bool {
        layer % self.period < self.period - 1
    }

    fn hidden(&self, shape: &SyntheticShape, layer: usize) -> usize {
        if layer < shape.layers - self.shared { shape.hidden } else { self.shared_hidden }
    }

    pub(super) fn keys(&self, shape: &SyntheticShape, writer: &mut Writer) {
        let number = |size: usize| Entry::U32(u32::try_from(size).unwrap_or(u32::MAX));
        let hidden = (0..shape.layers)
            .map(|layer| i32::try_from(self.hidden(shape, layer)).unwrap_or(i32::MAX));
        let local = (0..shape.layers).map(|layer| self.is_local(layer));
        let mut keys = vec![
            ("feed_forward_length", Entry::Integers(hidden.collect())),
            ("attention.key_length", number(self.global_head)),
            ("attention.value_length", number(self.global_head)),
            ("attention.sliding_window_pattern", Entry::Bools(local.collect())),
            ("attention.shared_kv_layers", number(self.shared)),
            ("embedding_length_per_layer_input", number(self.per_layer)),
            ("rope.freq_base_swa", Entry::F32(1e4)),
        ];
        if self.rank > 0 {
            let scale = |layer| if layer < self.sparse { 1.644_853_6 } else { f32::NEG_INFINITY };
            let scales = (0..shape.layers).map(scale).collect();
            keys.push(("activation_sparsity_scale", Entry::Floats(scales)));
            keys.push(("altup.num_inputs", number(STREAMS)));
        } else {
            keys.push(("attention.key_length_swa", number(LOCAL_HEAD)));
            keys.push(("attention.value_length_swa", number(LOCAL_HEAD)));
        }
        for (key, entry) in keys {
            writer.set(&format!("{}.{key}", self.architecture), entry);
        }
    }

    /// Returns every tensor's name and size, the embedding first.
    pub(super) fn tensors(&self, shape: &SyntheticShape) -> Vec<(String, usize, usize, Encoding)> {
        let SyntheticShape { width, layers, body, vocabulary, head, .. } = *shape;
        let parts = self.per_layer * layers;
        let mut all = vec![
            ("token_embd.weight".to_owned(), width, vocabulary, head),
            ("output_norm.weight".to_owned(), width, 1, Encoding::F32),
            ("per_layer_token_embd.weight".to_owned(), parts, vocabulary, body),
            ("per_layer_model_proj.weight".to_owned(), width, parts, Encoding::BF16),
            ("per_layer_proj_norm.weight".to_owned(), self.per_layer, 1, Encoding::F32),
        ];
        if self.rank > 0 {
            for name in ["altup_proj.weight", "altup_unembd_proj.weight"] {
                all.push((name.to_owned(), width, (STREAMS - 1) * width, Encoding::F16));
            }
        }
        for layer in 0..layers {
            let head_dim = if self.is_local(layer) { LOCAL_HEAD } else { self.global_head };
            let hidden = self.hidden(shape, layer);
            let (query, kv) = (shape.heads * head_dim, shape.kv_heads * head_dim);
            let f32s = |part, columns| (part, columns, 1, Encoding::F32);
            let mut these = vec![
                f32s("attn_norm", width),
                f32s("attn_q_norm", head_dim),
                f32s("post_attention_norm", width),
                f32s("ffn_norm", width),
                f32s("post_ffw_norm", width),
                f32s("post_norm", width),
                ("attn_q", width, query, body),
                ("attn_output", query, width, body),
                ("ffn_gate", width, hidden, body),
                ("ffn_up", width, hidden, body),
                ("ffn_down", hidden, width, body),
                ("inp_gate", width, self.per_layer, body),
                ("proj", self.per_layer, width, body),
            ];
            if layer < layers - self.shared {
                these.push(f32s("attn_k_norm", head_dim));
                these.push(("attn_k", width, kv, body));
                these.push(("attn_v", width, kv, body));
            }
            if self.rank > 0 {
                these.extend([
                    f32s("laurel_post_norm", width),
                    f32s("altup_router_norm", width),
                    f32s("altup_correct_scale", width),
                    ("laurel_l", width, self.rank, Encoding::F16),
                    ("laurel_r", self.rank, width, Encoding::F16),
                    ("altup_router", width, STREAMS, Encoding::F16),
                    ("altup_predict_coef", STREAMS, STREAMS * STREAMS, Encoding::F16),
                    ("altup_correct_coef", STREAMS, STREAMS, Encoding::F16),
                ]);
            } else {
                these.push(f32s("layer_output_scale", 1));
            }
            for (part, columns, rows, encoding) in these {
                all.push((format!("blk.{layer}.{part}.weight"), columns, rows, encoding));
            }
        }
        all
    }
}

impl SyntheticShape {
    /// Returns the same with this many layers, of which this many share keys.
    #[must_use]
    pub fn cut(self, layers: usize, shared: usize) -> Self {
        let newer = self.newer.map(|newer| NewerShape { shared, ..newer });
        Self { layers, newer, ..self }
    }

    /// Gemma 4 E2B.
    pub const GEMMA_4_E2B: Self = Self {
        name: "4-e2b",
        layers: 35,
        width: 1536,
        hidden: 6144,
        heads: 8,
        kv_heads: 1,
        newer: Some(NewerShape {
            architecture: "gemma4",
            period: 5,
            shared: 20,
            global_head: 512,
            shared_hidden: 12_288,
            per_layer: 256,
            rank: 0,
            sparse: 0,
        }),
        ..Self::SMALL
    };
    /// Gemma 4 E4B.
    pub const GEMMA_4_E4B: Self = Self {
        name: "4-e4b",
        layers: 42,
        width: 2560,
        hidden: 10_240,
        heads: 8,
        kv_heads: 2,
        newer: Some(NewerShape {
            architecture: "gemma4",
            period: 6,
            shared: 18,
            global_head: 512,
            shared_hidden: 10_240,
            per_layer: 256,
            rank: 0,
            sparse: 0,
        }),
        ..Self::SMALL
    };
    /// Gemma 3n E2B.
    pub const GEMMA_3N_E2B: Self = Self {
        name: "3n-e2b",
        layers: 30,
        width: 2048,
        hidden: 8192,
        heads: 8,
        kv_heads: 2,
        newer: Some(NewerShape {
            architecture: "gemma3n",
            period: 5,
            shared: 10,
            global_head: 256,
            shared_hidden: 8192,
            per_layer: 256,
            rank: 64,
            sparse: 10,
        }),
        ..Self::SMALL
    };
}
