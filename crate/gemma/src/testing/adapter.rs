//! A tiny random adapter for a tiny model.

use super::random::Random;
use super::writer::{Entry, Writer};
use crate::quant::Encoding;
use crate::weights::{Model, Tensor};

/// The rank of a tiny adapter's products.
const RANK: usize = 4;

/// Creates an adapter that changes every matrix of the model's layers, in the format of
/// `convert_lora_to_gguf`.
#[must_use]
pub fn tiny_adapter(model: &Model, seed: u64) -> Writer {
    let mut random = Random(seed);
    let mut writer = Writer::default();
    let text = |text: &str| Entry::Text(text.to_owned());
    writer.set("general.type", text("adapter"));
    writer.set("general.architecture", text(model.config.architecture.name()));
    writer.set("adapter.type", text("lora"));
    writer.set("adapter.lora.alpha", Entry::F32(6.0));
    for tensor in model.tensors.layers.iter().flat_map(|layer| layer.all()) {
        if tensor.rows > 1 {
            write_product(&mut writer, &mut random, tensor);
        }
    }
    writer
}

fn write_product(writer: &mut Writer, random: &mut Random, tensor: &Tensor) {
    let mut values = |count: usize, size: f32| -> Vec<f32> {
        (0..count).map(|_| size * random.symmetric()).collect()
    };
    #[expect(clippy::cast_precision_loss, reason = "a tiny width")]
    let size = 1.0 / (tensor.columns as f32).sqrt();
    let (name, down, up) =
        (&tensor.name, values(RANK * tensor.columns, size), values(RANK * tensor.rows, 0.5));
    // Both forms used by converters.
    writer.tensor(&format!("{name}.lora_a"), &[tensor.columns, RANK], Encoding::F32, &down);
    writer.tensor(&format!("{name}.lora_b"), &[RANK, tensor.rows], Encoding::F16, &up);
}
