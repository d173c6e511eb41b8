//! The tiny models of the goldens: every encoding, and every unusual shape once.

use super::network::Tiny;
use super::newer::Newer;
use super::writer::Entry;
use crate::config::Architecture;
use crate::quant::Encoding;
use crate::tools::Dialect;

/// Returns seven layers: five local, one global, one local at the end.
const PLAIN: Tiny = Tiny {
    name: "f32",
    architecture: Architecture::Gemma3,
    layers: 7,
    width: 64,
    hidden: 96,
    heads: 4,
    kv_heads: 2,
    head_dim: 32,
    vocabulary: 1009,
    window: Some(8),
    pattern: None,
    rope_factor: None,
    encodings: &[Encoding::F32],
    embedding: Encoding::F32,
    is_untied: false,
    soft_cap: None,
    residual: 2.0,
    dense: None,
    dialect: Dialect::JsonCall,
    newer: None,
};

/// Returns a model with FunctionGemma's dialect. Its weights are those of another, so there is no
/// golden for it.
pub const FUNCTION_GEMMA: Tiny =
    Tiny { name: "function_gemma", layers: 3, dialect: Dialect::FunctionGemma, ..PLAIN };

/// Returns a Gemma 4 with Gemma 4's tokenizer, without a golden.
pub const CHAT_GEMMA_4: Tiny = Tiny { name: "gemma4_chat", dialect: Dialect::Gemma4, ..GEMMA_4 };

/// Returns a model with 256-value blocks, which require rows of 256.
const WIDE: Tiny =
    Tiny { layers: 3, width: 256, hidden: 256, heads: 2, kv_heads: 1, head_dim: 128, ..PLAIN };

/// Returns a vector model, whose last layer is global.
const EMBEDDING: Tiny = Tiny {
    name: "embedding",
    architecture: Architecture::GemmaEmbedding,
    layers: 6,
    heads: 3,
    kv_heads: 1,
    dense: Some(128),
    ..PLAIN
};

/// Returns a Gemma 4 like E2B: per-layer inputs, two head sizes, shared caches, wider shared
/// layers.
const GEMMA_4: Tiny = Tiny {
    name: "gemma4",
    architecture: Architecture::Gemma4,
    layers: 9,
    head_dim: 64,
    soft_cap: Some(3.0),
    residual: 0.7,
    newer: Some(NEWER_4),
    ..PLAIN
};

const NEWER_4: Newer = Newer {
    period: 3,
    shared: 3,
    local_head: 32,
    global_kv_heads: 2,
    shared_hidden: 160,
    per_layer: 32,
    turned: 8,
    values_are_keys: false,
    scales_output: true,
    keeps_unused: false,
    sparse: 0,
    rank: 0,
};

/// Returns a Gemma 3n with fewer layers.
const GEMMA_3N: Tiny = Tiny {
    name: "gemma3n",
    architecture: Architecture::Gemma3n,
    layers: 12,
    soft_cap: Some(3.0),
    residual: 0.7,
    newer: Some(Newer {
        period: 5,
        shared: 4,
        shared_hidden: 96,
        turned: 0,
        scales_output: false,
        keeps_unused: true,
        sparse: 4,
        rank: 8,
        ..NEWER_4
    }),
    ..PLAIN
};

macro_rules! of_encoding {
    ($base:ident, $name:literal, $encoding:ident) => {
        Tiny {
            name: $name,
            encodings: &[Encoding::$encoding],
            embedding: Encoding::$encoding,
            ..$base
        }
    };
}

/// Returns every tiny model.
#[must_use]
pub fn tiny_models() -> Vec<Tiny> {
    let irregular = [true, false, false, true, true, false, true];
    vec![
        PLAIN,
        of_encoding!(PLAIN, "f16", F16),
        of_encoding!(PLAIN, "bf16", BF16),
        of_encoding!(PLAIN, "q4_0", Q4_0),
        of_encoding!(PLAIN, "q4_1", Q4_1),
        of_encoding!(PLAIN, "q5_0", Q5_0),
        of_encoding!(PLAIN, "q5_1", Q5_1),
        of_encoding!(PLAIN, "q8_0", Q8_0),
        of_encoding!(WIDE, "q4_k", Q4K),
        of_encoding!(WIDE, "q5_k", Q5K),
        of_encoding!(WIDE, "q6_k", Q6K),
        Tiny {
            name: "mixed",
            encodings: &[
                Encoding::Q5_0,
                Encoding::Q4K,
                Encoding::Q6K,
                Encoding::Q4_0,
                Encoding::Q8_0,
                Encoding::F16,
                Encoding::Q4_1,
                Encoding::Q5K,
            ],
            embedding: Encoding::Q6K,
            heads: 4,
            kv_heads: 4,
            head_dim: 64,
            ..WIDE
        },
        Tiny { name: "head_256", layers: 6, heads: 1, kv_heads: 1, head_dim: 256, ..PLAIN },
        Tiny { name: "rope_scaled", rope_factor: Some(8.0), heads: 8, kv_heads: 2, ..PLAIN },
        Tiny { name: "no_window", layers: 3, window: None, ..PLAIN },
        Tiny {
            name: "irregular",
            pattern: Some(Entry::Bools(irregular.to_vec())),
            window: Some(5),
            vocabulary: 1024,
            ..PLAIN
        },
        Tiny { name: "period_2", layers: 4, pattern: Some(Entry::U32(2)), ..PLAIN },
        Tiny { name: "untied", layers: 3, is_untied: true, embedding: Encoding::Q8_0, ..PLAIN },
        Tiny { name: "soft_cap", layers: 3, soft_cap: Some(1.5), ..PLAIN },
        Tiny {
            name: "large_residual",
            encodings: &[Encoding::Q8_0],
            embedding: Encoding::Q8_0,
            residual: 4e4,
            ..PLAIN
        },
        Tiny {
            name: "sixty_two",
            layers: 62,
            width: 32,
            hidden: 32,
            heads: 2,
            kv_heads: 1,
            ..PLAIN
        },
        EMBEDDING,
        of_encoding!(EMBEDDING, "embedding_q8_0", Q8_0),
        Tiny { name: "embedding_q4_0", encodings: &[Encoding::Q4_0], window: Some(7), ..EMBEDDING },
        GEMMA_4,
        of_encoding!(GEMMA_4, "gemma4_q4_0", Q4_0),
        Tiny {
            name: "gemma4_unused",
            encodings: &[Encoding::Q8_0, Encoding::F16],
            embedding: Encoding::Q8_0,
            newer: Some(Newer { keeps_unused: true, shared_hidden: 96, ..NEWER_4 }),
            ..GEMMA_4
        },
        Tiny {
            name: "gemma4_dense",
            layers: 6,
            newer: Some(Newer {
                shared: 0,
                global_kv_heads: 1,
                shared_hidden: 96,
                per_layer: 0,
                turned: 16,
                values_are_keys: true,
                ..NEWER_4
            }),
            ..GEMMA_4
        },
        GEMMA_3N,
        of_encoding!(GEMMA_3N, "gemma3n_q8_0", Q8_0),
    ]
}

/// Returns the tiny model of a name.
#[must_use]
pub fn find(name: &str) -> Option<Tiny> {
    tiny_models().into_iter().find(|tiny| tiny.name == name)
}
