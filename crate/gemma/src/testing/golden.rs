//! What llama.cpp and `NumPy` said about the tiny models; `tests/oracle` records it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What is known about one tiny model.
#[derive(Clone, Debug, Deserialize)]
pub struct Golden {
    /// Which one.
    pub model: String,
    /// Of the file that was judged, as [`fingerprint`] takes it.
    pub fingerprint: String,
    /// The ids that were fed.
    pub prompt: Vec<u32>,
    /// After the last of them, exactly: f64 on dequantised weights. Empty for vector models.
    #[serde(default)]
    pub logits: Vec<f64>,
    /// The greedy continuation, exactly.
    #[serde(default)]
    pub greedy: Vec<u32>,
    /// By how many standard deviations of the logits each of these beat the next best.
    #[serde(default)]
    pub margins: Vec<f64>,
    /// A prompt of which local layers have forgotten the beginning. Empty for most models.
    #[serde(default)]
    pub long_prompt: Vec<u32>,
    /// After the last of it, exactly.
    #[serde(default)]
    pub long_logits: Vec<f64>,
    /// The normalised vector, exactly. Empty for text models.
    #[serde(default)]
    pub vector: Vec<f64>,
    /// What llama.cpp said; empty for networks that it does not read.
    #[serde(default)]
    pub llama: Llama,
    /// For Gemma 3n and 4: how far each known mistake moves a logit, in standard deviations.
    #[serde(default)]
    pub mistakes: BTreeMap<String, f64>,
}

/// What llama.cpp said. It rounds activations, so that its logits judge nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Llama {
    /// Its own greedy continuation.
    pub greedy: Vec<u32>,
    /// How far its logits are from the exact ones, in standard deviations.
    pub worst: f64,
    /// How near its vector is to the exact one.
    pub cosine: f64,
}

/// FNV-1a over a file.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

macro_rules! goldens {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../../../tests/oracle/goldens/", $name, ".json")))),*]
    };
}

/// What was recorded for a tiny model; `None` for an unknown name or a damaged record.
#[must_use]
pub fn golden(name: &str) -> Option<Golden> {
    let all = goldens![
        "f32",
        "f16",
        "bf16",
        "q4_0",
        "q4_1",
        "q5_0",
        "q5_1",
        "q8_0",
        "q4_k",
        "q5_k",
        "q6_k",
        "mixed",
        "head_256",
        "rope_scaled",
        "no_window",
        "irregular",
        "period_2",
        "untied",
        "soft_cap",
        "large_residual",
        "sixty_two",
        "embedding",
        "embedding_q8_0",
        "embedding_q4_0",
        "gemma4",
        "gemma4_q4_0",
        "gemma4_unused",
        "gemma4_dense",
        "gemma3n",
        "gemma3n_q8_0",
        "adapted_f32",
        "adapted_q4_k",
        "adapted_gemma4_q4_0",
        "adapted_gemma3n",
    ];
    let (_, json) = all.into_iter().find(|(have, _)| *have == name)?;
    serde_json::from_str(json).ok()
}
