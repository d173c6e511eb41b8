//! Recorded results of llama.cpp and `NumPy` for the tiny models, created by `tests/oracle`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The recorded results of one tiny model.
#[derive(Clone, Debug, Deserialize)]
pub struct Golden {
    /// The model's name.
    pub model: String,
    /// The fingerprint of the file, as computed by [`fingerprint`].
    pub fingerprint: String,
    /// The token IDs that were fed.
    pub prompt: Vec<u32>,
    /// The exact logits after the last of them: f64 on dequantised weights. Empty for vector
    /// models.
    #[serde(default)]
    pub logits: Vec<f64>,
    /// The exact greedy continuation.
    #[serde(default)]
    pub greedy: Vec<u32>,
    /// The margin of each of these over the next best, in standard deviations of the logits.
    #[serde(default)]
    pub margins: Vec<f64>,
    /// A prompt longer than the windows of local layers. Empty for most models.
    #[serde(default)]
    pub long_prompt: Vec<u32>,
    /// The exact logits after the last of it.
    #[serde(default)]
    pub long_logits: Vec<f64>,
    /// The exact normalised vector. Empty for text models.
    #[serde(default)]
    pub vector: Vec<f64>,
    /// Results of llama.cpp; empty for networks that it does not support.
    #[serde(default)]
    pub llama: Llama,
    /// For Gemma 3n and 4: the effect of each known mistake on a logit, in standard deviations.
    #[serde(default)]
    pub mistakes: BTreeMap<String, f64>,
}

/// Results of llama.cpp. It rounds activations, so its logits are not a reference.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Llama {
    /// Its own greedy continuation.
    pub greedy: Vec<u32>,
    /// The difference of its logits from the exact ones, in standard deviations.
    pub worst: f64,
    /// The cosine of its vector and the exact one.
    pub cosine: f64,
}

/// Computes FNV-1a over a file.
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

/// Returns the record of a tiny model; `None` for an unknown name or a damaged record.
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
