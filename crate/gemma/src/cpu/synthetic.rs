//! Generates random weights of real sizes for measuring speed.

use half::f16;
use hybridge_core::Result;

use super::block::{Block, Extras, Keys};
use super::matrix::Matrix;
use super::network::Network;
use super::pack::{Lift, block_size};
use super::pass::CHUNK;
use super::{Cpu, Precision};
use crate::config::{Architecture, Config, Layer, Rope, Span};
use crate::quant::Encoding;

/// A small random generator (xorshift64*, Vigna 2016): a model has hundreds of millions of bytes.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Creates a random matrix whose products are about as large as its inputs.
pub(super) fn matrix(encoding: Encoding, rows: usize, columns: usize, seed: u64) -> Result<Matrix> {
    let mut bits = Bits(seed.wrapping_mul(2) | 1);
    let mut matrix = Matrix::empty(encoding, rows, columns, Lift::Lifted)?;
    let (size, width) = block_size(encoding);
    // Codes are uniform in their range, so their root mean square is about half of it.
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let unit = 1.0 / (columns as f32).sqrt();
    let (scale, minimum) = match encoding {
        Encoding::Q4_0 => (unit / 4.6, 0.0),
        Encoding::Q4_1 => (unit / 4.6, -7.5 * unit / 4.6),
        Encoding::Q5_0 => (unit / 9.2, 0.0),
        Encoding::Q5_1 => (unit / 9.2, -15.5 * unit / 9.2),
        Encoding::Q8_0 => (unit / 74.0, 0.0),
        Encoding::Q4K => (unit / 150.0, 7.5 * unit / 150.0),
        Encoding::Q5K => (unit / 300.0, 15.5 * unit / 300.0),
        Encoding::Q6K => (unit / 1370.0, 0.0),
        Encoding::F32 | Encoding::F16 | Encoding::BF16 => (unit, 0.0),
    };
    let half = |value: f32| {
        let [low, high] = f16::from_f32(value * 1024.0).to_le_bytes();
        std::array::from_fn(|byte| if byte % 2 == 0 { low } else { high })
    };
    let has_minimum = minimum != 0.0;
    for _ in 0..rows.div_ceil(8) * columns.div_ceil(width) {
        for index in 0..size {
            let (low, high) = (bits.next(), bits.next());
            let noise = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
            matrix.push_chunk(match (encoding, index) {
                (Encoding::F32, _) => fours(noise, scale),
                (Encoding::F16, _) => {
                    twos(noise, |value| f16::from_f32(value * 1024.0).to_bits(), scale)
                }
                (Encoding::BF16, _) => {
                    twos(noise, |value| half::bf16::from_f32(value).to_bits(), scale)
                }
                (_, 0) => half(scale),
                (_, 1) if has_minimum => half(minimum),
                (Encoding::Q4K | Encoding::Q5K, 2..10) => noise.map(|byte| byte & 63),
                _ => noise,
            });
        }
    }
    Ok(matrix)
}

/// Returns uniform numbers from −1.7 to 1.7 times the scale, with a variance of 1.
fn number(word: u16, scale: f32) -> f32 {
    (f32::from(word) / 32_768.0 - 1.0) * 1.7 * scale
}

fn fours(noise: [u8; 16], scale: f32) -> [u8; 16] {
    let mut chunk = [0; 16];
    let (words, _) = noise.as_chunks::<4>();
    for (to, [a, b, ..]) in chunk.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = number(u16::from_le_bytes([*a, *b]), scale).to_le_bytes();
    }
    chunk
}

fn twos(noise: [u8; 16], form: impl Fn(f32) -> u16, scale: f32) -> [u8; 16] {
    let mut chunk = [0; 16];
    let (words, _) = noise.as_chunks::<2>();
    for (to, word) in chunk.as_chunks_mut::<2>().0.iter_mut().zip(words) {
        *to = form(number(u16::from_le_bytes(*word), scale)).to_le_bytes();
    }
    chunk
}

/// The shape of Gemma 3 270M.
#[must_use]
pub fn shape_270m() -> Config {
    let layer = |number: usize| {
        let is_global = number.is_multiple_of(6);
        Layer {
            span: if is_global { Span::Global } else { Span::Local },
            window: (!is_global).then_some(512),
            rope: Rope::new(if is_global { 1e6 } else { 1e4 }, 1.0),
            heads: 4,
            kv_heads: 1,
            head_dim: 256,
            hidden: 2048,
            source: None,
            sparsity: None,
        }
    };
    Config {
        architecture: Architecture::Gemma3,
        layers: (1..=18).map(layer).collect(),
        width: 640,
        vocabulary: 262_144,
        context: 32_768,
        norm_epsilon: 1e-6,
        embedding_scale: 640.0_f32.sqrt(),
        query_scale: 1.0 / 16.0,
        norms_values: false,
        soft_cap: None,
        per_layer: None,
        streams: 1,
        suppressed: Vec::new(),
    }
}

impl Cpu {
    /// Creates a random network for measuring speed.
    pub fn synthetic(
        config: Config,
        body: Encoding,
        head: Encoding,
        capacity: usize,
        precision: Precision,
    ) -> Result<Self> {
        let Config { width, vocabulary, .. } = config;
        let mut seed = 0;
        let mut make = |rows, columns| {
            seed += 1;
            matrix(body, rows, columns, seed)
        };
        let mut layers = Vec::new();
        for layer in &config.layers {
            let Layer { hidden, head_dim, .. } = *layer;
            let (query, kv) = (layer.query_width(), layer.kv_width());
            layers.push(Block {
                attn_norm: vec![1.0; width],
                query: make(query, width)?,
                query_norm: vec![1.0; head_dim],
                own: Some(Keys {
                    key: make(kv, width)?,
                    value: Some(make(kv, width)?),
                    key_norm: vec![1.0; head_dim],
                }),
                output: make(width, query)?,
                post_attention_norm: vec![1.0; width],
                ffn_norm: vec![1.0; width],
                gate: make(hidden, width)?,
                up: make(hidden, width)?,
                down: make(width, hidden)?,
                post_ffw_norm: vec![1.0; width],
                extras: Extras::default(),
            });
        }
        let embedding = matrix(head, vocabulary, width, 0x5eed)?;
        let output_norm = vec![1.0; width];
        let network = Network {
            config,
            precision,
            embedding,
            layers,
            output_norm,
            inputs: None,
            streams: None,
        };
        Self::assemble(network, None, capacity, CHUNK)
    }
}
