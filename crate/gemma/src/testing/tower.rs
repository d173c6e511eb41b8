//! A tiny random vision tower as an `mmproj` file.

use super::random::Random;
use super::writer::{Entry, Writer};
use crate::quant::Encoding;
use crate::vision::Projector;

/// The shape of a tiny tower. Its weights are generated from its name.
#[derive(Clone, Debug)]
pub struct TinyTower {
    /// Its name in goldens.
    pub name: &'static str,
    /// The kind of tower.
    pub projector: Projector,
    /// Width of a patch's vector.
    pub width: usize,
    /// Inner width of the feed-forward blocks.
    pub hidden: usize,
    /// Number of layers.
    pub layers: usize,
    /// Number of attention heads.
    pub heads: usize,
    /// Pixels along the side of a patch.
    pub patch: usize,
    /// `projector.scale_factor`; no key for `None`.
    pub pool: Option<u32>,
    /// The text network's width.
    pub outputs: usize,
    /// Pixels along the side of a square picture, or positions along each axis.
    pub extent: usize,
    /// Encoding of matrices.
    pub encoding: Encoding,
    /// Whether products are clamped.
    pub is_clamped: bool,
    /// Whether pooled values are standardised.
    pub is_standardised: bool,
    /// Whether the names of the two feed-forward matrices are swapped.
    pub is_exchanged: bool,
}

impl TinyTower {
    /// Returns every tower with a golden.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let of_3 = Self {
            name: "vision_gemma3",
            projector: Projector::Gemma3,
            width: 48,
            hidden: 72,
            layers: 2,
            heads: 4,
            patch: 14,
            pool: None,
            outputs: 64,
            extent: 112,
            encoding: Encoding::F32,
            is_clamped: false,
            is_standardised: false,
            is_exchanged: false,
        };
        let of_4 = Self {
            name: "vision_gemma4",
            projector: Projector::Gemma4,
            patch: 16,
            extent: 64,
            is_clamped: true,
            ..of_3.clone()
        };
        vec![
            Self {
                name: "vision_gemma3_exchanged",
                encoding: Encoding::F16,
                pool: Some(2),
                extent: 84,
                is_exchanged: true,
                ..of_3.clone()
            },
            // As wide as the text network, so that its shape does not show the projection's layout.
            Self { name: "vision_gemma3_square", outputs: 48, ..of_3.clone() },
            Self {
                name: "vision_gemma4_standard",
                encoding: Encoding::F16,
                is_clamped: false,
                is_standardised: true,
                ..of_4.clone()
            },
            Self {
                name: "vision_gemma4_unified",
                projector: Projector::Gemma4Unified,
                layers: 0,
                is_clamped: false,
                ..of_4.clone()
            },
            of_3,
            of_4,
        ]
    }

    /// Returns the file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.writer().bytes()
    }

    /// Returns the complete writer.
    #[must_use]
    pub fn writer(&self) -> Writer {
        let mut writer = Writer::default();
        self.keys(&mut writer);
        let seed = self
            .name
            .bytes()
            .fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut weights = Weights { writer, random: Random(seed), tower: self };
        weights.write();
        weights.writer
    }

    /// Returns pixels of a picture that is the same on every machine. \[height, width, 3\]
    #[must_use]
    pub fn pixels(width: usize, height: usize) -> Vec<u8> {
        let mut random = Random((width * 10_007 + height) as u64);
        // Large blots with some noise, so that neighbouring pixels are similar but not equal.
        let blot = |x: usize, y: usize, channel: usize| {
            (x * (channel + 3) / 4 + y * (5 - channel) / 3 + channel * 60) % 200
        };
        let mut pixels = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let value = blot(x, y, channel) + random.below(56) as usize;
                    pixels.push(u8::try_from(value).unwrap_or(u8::MAX));
                }
            }
        }
        pixels
    }

    fn keys(&self, writer: &mut Writer) {
        let number = |size: usize| Entry::U32(u32::try_from(size).unwrap_or(u32::MAX));
        let text = |text: &str| Entry::Text(text.to_owned());
        let is_gemma3 = self.projector == Projector::Gemma3;
        writer.set("general.architecture", text("clip"));
        writer.set("general.type", text("mmproj"));
        writer.set("clip.has_vision_encoder", Entry::Bool(true));
        if self.is_clamped {
            // As in files that also contain an audio tower.
            writer.set("clip.vision.projector_type", text(self.projector.name()));
        } else {
            writer.set("clip.projector_type", text(self.projector.name()));
        }
        for (key, entry) in [
            ("image_size", number(if is_gemma3 { self.extent } else { 224 })),
            ("patch_size", number(self.patch)),
            ("embedding_length", number(self.width)),
            ("feed_forward_length", number(self.hidden)),
            ("block_count", number(self.layers)),
            ("attention.head_count", number(self.heads)),
            ("attention.layer_norm_epsilon", Entry::F32(1e-6)),
            ("projection_dim", number(self.outputs)),
            ("image_mean", Entry::Floats(vec![if is_gemma3 { 0.5 } else { 0.0 }; 3])),
            ("image_std", Entry::Floats(vec![if is_gemma3 { 0.5 } else { 1.0 }; 3])),
        ] {
            writer.set(&format!("clip.vision.{key}"), entry);
        }
        if let Some(pool) = self.pool {
            writer.set("clip.vision.projector.scale_factor", Entry::U32(pool));
        }
        if is_gemma3 {
            writer.set("clip.use_gelu", Entry::Bool(true));
        }
    }
}

struct Weights<'a> {
    writer: Writer,
    random: Random,
    tower: &'a TinyTower,
}

impl Weights<'_> {
    fn write(&mut self) {
        let TinyTower { projector, width, outputs, patch, extent, layers, .. } = *self.tower;
        let is_gemma3 = projector == Projector::Gemma3;
        let is_unified = projector == Projector::Gemma4Unified;
        let side = if is_unified { 3 * patch } else { patch };
        let pixels = 3 * side * side;
        let shape: &[usize] = if is_unified { &[pixels, width] } else { &[patch, patch, 3, width] };
        self.values("v.patch_embd.weight", shape, Encoding::F32, 0.0, 6.0 / root(pixels));
        if projector != Projector::Gemma4 {
            self.vector("v.patch_embd.bias", width, 0.0, 0.2);
        }
        let places = if is_gemma3 { (extent / patch) * (extent / patch) } else { extent };
        let shape: &[usize] = if is_gemma3 { &[width, places] } else { &[width, places, 2] };
        self.values("v.position_embd.weight", shape, Encoding::F32, 0.0, 0.7);
        for layer in 0..layers {
            self.layer(&format!("v.blk.{layer}"));
        }
        if is_unified {
            self.norm("v.patch_norm.1", pixels);
            self.norm("v.patch_norm.2", width);
            self.norm("v.patch_norm.3", width);
        }
        if is_gemma3 {
            self.norm("v.post_ln", width);
            self.vector("mm.soft_emb_norm.weight", width, 1.0, 0.3);
        }
        if self.tower.is_standardised {
            self.vector("v.std_bias", width, 0.0, 2.0);
            self.vector("v.std_scale", width, 0.6, 0.4);
        }
        let shape = if is_gemma3 { [outputs, width] } else { [width, outputs] };
        let encoding = self.tower.encoding;
        self.values("mm.input_projection.weight", &shape, encoding, 0.0, 1.7 / root(width));
    }

    fn layer(&mut self, name: &str) {
        let TinyTower { projector, width, hidden, heads, .. } = *self.tower;
        let is_gemma3 = projector == Projector::Gemma3;
        for norm in ["ln1", "ln2"] {
            self.norm(&format!("{name}.{norm}"), width);
        }
        for part in ["attn_q", "attn_k", "attn_v", "attn_out"] {
            self.linear(&format!("{name}.{part}"), width, width);
        }
        let exchanged = self.tower.is_exchanged;
        let (up, down) = if exchanged { ("ffn_down", "ffn_up") } else { ("ffn_up", "ffn_down") };
        self.linear(&format!("{name}.{up}"), width, hidden);
        self.linear(&format!("{name}.{down}"), hidden, width);
        if !is_gemma3 {
            self.linear(&format!("{name}.ffn_gate"), width, hidden);
            for norm in ["attn_post_norm", "ffn_post_norm"] {
                self.norm(&format!("{name}.{norm}"), width);
            }
            for norm in ["attn_q_norm", "attn_k_norm"] {
                self.norm(&format!("{name}.{norm}"), width / heads);
            }
        }
    }

    fn linear(&mut self, name: &str, columns: usize, rows: usize) {
        let encoding = self.tower.encoding;
        let shape = [columns, rows];
        self.values(&format!("{name}.weight"), &shape, encoding, 0.0, 2.5 / root(columns));
        if self.tower.projector == Projector::Gemma3 {
            self.vector(&format!("{name}.bias"), rows, 0.0, 0.3);
        }
        if self.tower.is_clamped {
            for (part, limit) in
                [("input_min", -1.4), ("input_max", 1.5), ("output_min", -1.7), ("output_max", 1.6)]
            {
                self.writer.tensor(&format!("{name}.{part}"), &[1], Encoding::F32, &[limit]);
            }
        }
    }

    /// Towers of Gemma 3, and towers of one layer, subtract the mean and have a bias.
    fn norm(&mut self, name: &str, width: usize) {
        self.vector(&format!("{name}.weight"), width, 1.0, 0.4);
        if self.tower.projector != Projector::Gemma4 {
            self.vector(&format!("{name}.bias"), width, 0.0, 0.3);
        }
    }

    fn vector(&mut self, name: &str, width: usize, centre: f32, spread: f32) {
        self.values(name, &[width], Encoding::F32, centre, spread);
    }

    fn values(&mut self, name: &str, shape: &[usize], encoding: Encoding, centre: f32, by: f32) {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| centre + by * self.random.symmetric()).collect();
        self.writer.tensor(name, shape, encoding, &values);
    }
}

#[expect(clippy::cast_precision_loss, reason = "small sizes")]
fn root(size: usize) -> f32 {
    (size as f32).sqrt()
}
