//! A tiny random network as a GGUF file.

use super::newer::Newer;
use super::random::Random;
use super::vocabulary::Vocabulary;
use super::writer::{Entry, Writer};
use crate::config::Architecture;
use crate::quant::Encoding;
use crate::tools::Dialect;

/// The shape of a tiny network. Its weights are generated from the seed.
#[derive(Clone, Debug)]
pub struct Tiny {
    /// Its name in goldens.
    pub name: &'static str,
    /// The model family.
    pub architecture: Architecture,
    /// Number of layers.
    pub layers: usize,
    /// `embedding_length`.
    pub width: usize,
    /// `feed_forward_length`.
    pub hidden: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the embedding, at least 700.
    pub vocabulary: usize,
    /// `sliding_window`; no key for `None`.
    pub window: Option<u32>,
    /// `sliding_window_pattern`; no key for `None`.
    pub pattern: Option<Entry>,
    /// Linear scaling of positions on global layers.
    pub rope_factor: Option<f32>,
    /// Encodings of the layers' matrices, cyclically.
    pub encodings: &'static [Encoding],
    /// Encoding of the embedding.
    pub embedding: Encoding,
    /// Whether the output has its own matrix.
    pub is_untied: bool,
    /// `final_logit_softcapping`.
    pub soft_cap: Option<f32>,
    /// The factor of post-norms: large ones make the residual stream exceed f16's range.
    pub residual: f32,
    /// Inner width of the dense layers.
    pub dense: Option<usize>,
    /// The dialect of its vocabulary's markers.
    pub dialect: Dialect,
    /// Additional settings of Gemma 3n and 4.
    pub newer: Option<Newer>,
}

impl Tiny {
    /// Returns the complete writer, for tests that modify it before writing.
    #[must_use]
    pub fn writer(&self) -> Writer {
        let mut writer = Writer::default();
        self.keys(&mut writer);
        Vocabulary::new(self.vocabulary).of(self.dialect).write(&mut writer);
        let mut weights = Weights { writer, random: Random(self.seed()), turn: 0, tiny: self };
        weights.write();
        weights.writer
    }

    /// The same with the markers around pictures in its vocabulary.
    #[must_use]
    pub fn seeing_writer(&self) -> Writer {
        let mut writer = self.writer();
        let vocabulary = Vocabulary::new(self.vocabulary).of(self.dialect);
        vocabulary.with_picture_marks(self.dialect).write(&mut writer);
        writer
    }

    /// Returns the file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.writer().bytes()
    }

    /// Returns a prompt of `length` IDs that begins as usual.
    #[must_use]
    pub fn prompt(&self, length: usize) -> Vec<u32> {
        let mut random = Random(self.seed() ^ 0x5eed);
        let vocabulary = u32::try_from(self.vocabulary).unwrap_or(u32::MAX);
        // IDs from 107 on: an end of turn in the middle of a prompt is valid but unusual.
        let others = (1..length).map(|_| 107 + random.below(vocabulary - 107));
        std::iter::once(2).chain(others).collect()
    }

    fn seed(&self) -> u64 {
        let mix = |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
        self.name.bytes().fold(0, mix)
    }

    fn keys(&self, writer: &mut Writer) {
        let architecture = self.architecture.name();
        writer.set("general.architecture", Entry::Text(architecture.to_owned()));
        writer.set("general.name", Entry::Text(self.name.to_owned()));
        let mut set = |key: &str, entry| writer.set(&format!("{architecture}.{key}"), entry);
        for (key, size) in [
            ("context_length", 2048),
            ("embedding_length", self.width),
            ("block_count", self.layers),
            ("feed_forward_length", self.hidden),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("attention.key_length", self.head_dim),
            ("attention.value_length", self.head_dim),
        ] {
            set(key, Entry::U32(u32::try_from(size).unwrap_or(u32::MAX)));
        }
        set("attention.layer_norm_rms_epsilon", Entry::F32(1e-6));
        set("rope.freq_base", Entry::F32(1e6));
        if let Some(newer) = &self.newer {
            newer.keys(self, &mut set);
        }
        if let Some(window) = self.window {
            set("attention.sliding_window", Entry::U32(window));
        }
        if let Some(pattern) = &self.pattern {
            set("attention.sliding_window_pattern", pattern.clone());
        }
        if let Some(factor) = self.rope_factor {
            set("rope.scaling.type", Entry::Text("linear".to_owned()));
            set("rope.scaling.factor", Entry::F32(factor));
        }
        if let Some(cap) = self.soft_cap {
            set("final_logit_softcapping", Entry::F32(cap));
        }
        if let Some(middle) = self.dense {
            let (width, middle) =
                (u32::try_from(self.width).unwrap_or(0), u32::try_from(middle).unwrap_or(0));
            set("pooling_type", Entry::U32(1));
            set("dense_2_feat_in", Entry::U32(width));
            set("dense_2_feat_out", Entry::U32(middle));
            set("dense_3_feat_in", Entry::U32(middle));
            set("dense_3_feat_out", Entry::U32(width));
        }
    }
}

pub(super) struct Weights<'a> {
    pub(super) writer: Writer,
    pub(super) random: Random,
    turn: usize,
    pub(super) tiny: &'a Tiny,
}

impl Weights<'_> {
    fn write(&mut self) {
        let Tiny { width, hidden, head_dim, vocabulary, embedding, residual, .. } = *self.tiny;
        let (query, kv) = (self.tiny.heads * head_dim, self.tiny.kv_heads * head_dim);
        self.matrix("token_embd.weight", width, vocabulary, embedding);
        self.norm("output_norm.weight", width, 1.0);
        if self.tiny.is_untied {
            self.matrix("output.weight", width, vocabulary, embedding);
        }
        for layer in 0..self.tiny.layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            if let Some(newer) = self.tiny.newer.clone() {
                newer.layer(self, layer);
                continue;
            }
            self.norm(&name("attn_norm"), width, 1.0);
            self.norm(&name("attn_q_norm"), head_dim, 1.5);
            self.norm(&name("attn_k_norm"), head_dim, 1.5);
            self.norm(&name("post_attention_norm"), width, residual);
            self.norm(&name("ffn_norm"), width, 1.0);
            self.norm(&name("post_ffw_norm"), width, residual);
            for (part, columns, rows) in [
                ("attn_q", width, query),
                ("attn_k", width, kv),
                ("attn_v", width, kv),
                ("attn_output", query, width),
                ("ffn_gate", width, hidden),
                ("ffn_up", width, hidden),
                ("ffn_down", hidden, width),
            ] {
                let encoding = self.next_encoding(columns);
                self.matrix(&name(part), columns, rows, encoding);
            }
        }
        if let Some(newer) = self.tiny.newer.clone() {
            newer.around(self);
        }
        if let Some(middle) = self.tiny.dense {
            let encoding = self.next_encoding(width);
            self.matrix("dense_2.weight", width, middle, encoding);
            let encoding = self.next_encoding(middle);
            self.matrix("dense_3.weight", middle, width, encoding);
        }
    }

    /// Returns the next encoding whose blocks fit, like llama.cpp's fallback for odd widths.
    pub(super) fn next_encoding(&mut self, columns: usize) -> Encoding {
        let encodings = self.tiny.encodings;
        let encoding = encodings.get(self.turn % encodings.len().max(1)).copied();
        self.turn += 1;
        encoding
            .filter(|encoding| columns.is_multiple_of(encoding.block_values()))
            .unwrap_or(Encoding::F32)
    }

    /// Returns values scaled so that outputs are as large as inputs.
    pub(super) fn matrix(&mut self, name: &str, columns: usize, rows: usize, encoding: Encoding) {
        #[expect(clippy::cast_precision_loss, reason = "tiny")]
        let size = (3.0 / columns as f32).sqrt();
        let values: Vec<f32> =
            (0..columns * rows).map(|_| self.random.symmetric() * size).collect();
        self.writer.tensor(name, &[columns, rows], encoding, &values);
    }

    pub(super) fn norm(&mut self, name: &str, width: usize, size: f32) {
        let values: Vec<f32> =
            (0..width).map(|_| (1.0 + 0.3 * self.random.symmetric()) * size).collect();
        self.writer.tensor(name, &[width], Encoding::F32, &values);
    }
}
