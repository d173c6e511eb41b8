//! A vision tower in burn's plain operations: the slow twin of [`crate::gpu::KernelTower`].
//!
//! In wasm its operations take 0.4 MB gzip without products and 0.9 MB more with them, of the
//! engine's 2 MB, so it is for tests only.

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device as BurnDevice, Tensor, TensorData};
use futures::future::LocalBoxFuture;
use hybridge_core::Result;

use super::model::{gelu, rms_only, times};
use super::pass::read;
use crate::gguf::Gguf;
use crate::gpu::Device;
use crate::vision::tensors::{LinearTensors, NormTensors, TowerLayerTensors, TowerTensors};
use crate::vision::tower::{Places, ROPE_BASE, UNIFIED_EPSILON, read_clamp};
use crate::vision::{PictureEncoder, PictureRows, Prepared, Projector, VisionConfig, VisionModel};
use crate::weights::Tensor as Stored;

/// A tower in burn.
#[derive(Debug)]
pub struct BurnTower {
    config: VisionConfig,
    model: VisionModel,
    burn: BurnDevice,
    /// Layers, in order.
    layers: Vec<BurnTowerLayer>,
}

/// One layer.
#[derive(Module, Debug)]
pub struct BurnTowerLayer {
    /// Norm before attention.
    pub attention_norm: BurnNorm,
    /// \[width, width\]
    pub query: BurnLinear,
    /// \[width, width\]
    pub key: BurnLinear,
    /// \[width, width\]
    pub value: BurnLinear,
    /// \[width, width\]
    pub output: BurnLinear,
    /// Norm of each query head.
    pub query_norm: Option<BurnNorm>,
    /// Norm of each key head.
    pub key_norm: Option<BurnNorm>,
    /// Norm of the output of attention.
    pub after_attention: Option<BurnNorm>,
    /// Norm before the feed-forward block.
    pub ffn_norm: BurnNorm,
    /// \[hidden, width\]
    pub gate: Option<BurnLinear>,
    /// \[hidden, width\]
    pub up: BurnLinear,
    /// \[width, hidden\]
    pub down: BurnLinear,
    /// Norm of the output of the feed-forward block.
    pub after_ffn: Option<BurnNorm>,
}

/// `clamp(W · clamp(x) + b)`, where bias and clamps are optional.
#[derive(Module, Debug)]
pub struct BurnLinear {
    /// \[outputs, inputs\]
    pub weight: Param<Tensor<2>>,
    /// \[outputs\]
    pub bias: Option<Param<Tensor<1>>>,
    /// Minimum and maximum of the input, minimum and maximum of the output.
    #[module(skip)]
    pub clamp: Option<[f32; 4]>,
}

/// `(x − mean) / deviation · weight + bias`, or without a bias `x / root mean square · weight`.
#[derive(Module, Debug)]
pub struct BurnNorm {
    /// \[width\]
    pub weight: Param<Tensor<1>>,
    /// \[width\]
    pub bias: Option<Param<Tensor<1>>>,
    /// Added to the variance.
    #[module(skip)]
    pub epsilon: f32,
}

/// Cosines and sines of each patch's angles. \[1, patches, 2 (column, row), 1, pairs\]
#[derive(Clone, Debug)]
struct Angles {
    cosines: Tensor<5>,
    sines: Tensor<5>,
}

impl BurnTower {
    /// Loads a tower's weights as f32.
    ///
    /// # Errors
    ///
    /// Returns errors of [`Device::burn`] and of reading the file.
    pub async fn load(device: &Device, model: &VisionModel) -> Result<Self> {
        let burn = device.burn()?;
        let epsilon = model.config.epsilon;
        let reader = Reader { gguf: &model.gguf, device: &burn, epsilon };
        let mut layers = Vec::new();
        for tensors in &model.tensors.layers {
            layers.push(reader.layer(tensors).await?);
        }
        Ok(Self { config: model.config.clone(), model: model.clone(), burn, layers })
    }

    async fn run(&self, picture: &Prepared, report: &mut dyn FnMut(f32)) -> Result<PictureRows> {
        let (config, (columns, rows)) = (&self.config, picture.grid(&self.config));
        let TowerTensors { last_norm, standard, projection_norm, .. } = &self.model.tensors;
        let epsilon = config.epsilon;
        let reader = Reader { gguf: &self.model.gguf, device: &self.burn, epsilon };
        let mut x = self.embed(picture).await?;
        let angles = Angles::new(config, columns, rows, &self.burn);
        for layer in &self.layers {
            x = layer.attend(config, x, &angles);
            x = layer.feed_forward(x);
        }
        if let Some(norm) = last_norm {
            x = reader.norm(norm).await?.apply(x);
        }
        let mut pooled = pool(x, (columns, rows), config.pool);
        if config.projector == Projector::Gemma4 {
            #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
            let scale = (config.width as f32).sqrt();
            pooled = pooled.mul_scalar(scale);
        }
        if let Some([bias, scale]) = standard {
            let (bias, scale) = (reader.vector(bias).await?, reader.vector(scale).await?);
            pooled = (pooled - bias.unsqueeze()) * scale.unsqueeze();
        }
        pooled = match projection_norm {
            Some(norm) => reader.norm(norm).await?.apply(pooled),
            None => rms_only(pooled, epsilon),
        };
        let mut projection = reader.matrix(&self.model.tensors.projection).await?;
        if self.model.tensors.is_transposed {
            projection = projection.transpose();
        }
        let values = read(times(pooled, projection)).await?;
        report(1.0);
        Ok(PictureRows { width: config.outputs, values })
    }

    /// Embeds patches with their positions. \[1, patches, width\]
    async fn embed(&self, picture: &Prepared) -> Result<Tensor<3>> {
        let (config, tensors) = (&self.config, &self.model.tensors);
        let (columns, rows) = picture.grid(config);
        let (patches, width) = (columns * rows, config.width);
        let gguf = &self.model.gguf;
        let places = Places::read(config, gguf, &tensors.positions, columns, rows).await?;
        let epsilon = match config.projector {
            Projector::Gemma4Unified => UNIFIED_EPSILON,
            Projector::Gemma3 | Projector::Gemma4 => config.epsilon,
        };
        let reader = Reader { gguf, device: &self.burn, epsilon };
        let (mut values, mut place) = (Vec::new(), vec![0.0; patches * width]);
        for (index, place) in place.chunks_exact_mut(width).enumerate() {
            picture.patch(index, config, &mut values);
            places.add(index, place);
        }
        let tensor = |values: Vec<f32>, width| {
            Tensor::<3>::from_data(TensorData::new(values, [1, patches, width]), &self.burn)
        };
        let (mut x, place) = (tensor(values, config.pixels()), tensor(place, width));
        let embedding = reader.linear(&tensors.patch).await?;
        let Some([of_pixels, of_patches, of_sums]) = &tensors.patch_norms else {
            return Ok(embedding.apply(x) + place);
        };
        x = embedding.apply(reader.norm(of_pixels).await?.apply(x));
        x = reader.norm(of_patches).await?.apply(x) + place;
        Ok(reader.norm(of_sums).await?.apply(x))
    }
}

impl PictureEncoder for BurnTower {
    fn config(&self) -> &VisionConfig {
        &self.config
    }

    fn encode<'a>(
        &'a self,
        picture: &'a Prepared,
        report: &'a mut dyn FnMut(f32),
    ) -> LocalBoxFuture<'a, Result<PictureRows>> {
        Box::pin(self.run(picture, report))
    }
}

impl BurnTowerLayer {
    /// x + norm(output · softmax(q·kᵀ) v). \[1, patches, width\]
    fn attend(&self, config: &VisionConfig, x: Tensor<3>, angles: &Angles) -> Tensor<3> {
        let h = self.attention_norm.apply(x.clone());
        let [_, patches, width] = x.dims();
        // [1, patches, width] → [heads, patches, dim]
        let heads =
            |x: Tensor<3>| x.reshape([patches, config.heads, config.head_dim()]).swap_dims(0, 1);
        let mut query = heads(self.query.apply(h.clone()));
        let mut key = heads(self.key.apply(h.clone()));
        let mut value = heads(self.value.apply(h));
        if let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) {
            query = angles.turn(query_norm.apply(query));
            key = angles.turn(key_norm.apply(key));
            value = rms_only(value, config.epsilon);
        } else {
            // Only these scores are scaled: if heads are normalised, the weights of the norms do
            // it.
            #[expect(clippy::cast_precision_loss, reason = "heads are narrow")]
            let scale = 1.0 / (config.head_dim() as f32).sqrt();
            query = query.mul_scalar(scale);
        }
        let weights = softmax(query.matmul(key.swap_dims(1, 2)), 2);
        let mixed = weights.matmul(value).swap_dims(0, 1).reshape([1, patches, width]);
        x + normed(self.output.apply(mixed), self.after_attention.as_ref())
    }

    /// x + norm(down · (gelu(gate · x) ⊙ up · x)), or without a gate
    /// x + down · gelu(up · x).
    fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        let h = self.ffn_norm.apply(x.clone());
        let inner = match &self.gate {
            Some(gate) => gelu(gate.apply(h.clone())) * self.up.apply(h),
            None => gelu(self.up.apply(h)),
        };
        x + normed(self.down.apply(inner), self.after_ffn.as_ref())
    }
}

impl BurnLinear {
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let x = match self.clamp {
            Some([least, most, ..]) => x.clamp(least, most),
            None => x,
        };
        let mut out = times(x, self.weight.val());
        if let Some(bias) = &self.bias {
            out = out + bias.val().unsqueeze();
        }
        match self.clamp {
            Some([.., least, most]) => out.clamp(least, most),
            None => out,
        }
    }
}

impl BurnNorm {
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let Some(bias) = &self.bias else {
            return rms_only(x, self.epsilon) * self.weight.val().unsqueeze();
        };
        let apart = x.clone() - x.mean_dim(2);
        rms_only(apart, self.epsilon) * self.weight.val().unsqueeze() + bias.val().unsqueeze()
    }
}

impl Angles {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions are small; angles are rounded once"
    )]
    fn new(config: &VisionConfig, columns: usize, rows: usize, device: &BurnDevice) -> Self {
        let pairs = config.head_dim() / 4;
        let (mut cosines, mut sines) = (Vec::new(), Vec::new());
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row]));
        for place in places.flatten() {
            for pair in 0..pairs {
                let angle = place as f64 * ROPE_BASE.powf(-(pair as f64) / pairs as f64);
                let (sine, cosine) = angle.sin_cos();
                sines.push(sine as f32);
                cosines.push(cosine as f32);
            }
        }
        let tensor = |values| {
            let shape = [1, columns * rows, 2, 1, pairs];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        Self { cosines: tensor(cosines), sines: tensor(sines) }
    }

    /// Rotates heads by the column of their patch in the first half, and by its row in the second.
    /// \[heads, patches, dim\]
    fn turn(&self, x: Tensor<3>) -> Tensor<3> {
        let [heads, patches, dim] = x.dims();
        let x: Tensor<5> = x.reshape([heads, patches, 2, 2, dim / 4]);
        let part =
            |at: usize| x.clone().slice([0..heads, 0..patches, 0..2, at..at + 1, 0..dim / 4]);
        let (low, high) = (part(0), part(1));
        let (cos, sin) = (self.cosines.clone(), self.sines.clone());
        let turned =
            [low.clone() * cos.clone() - high.clone() * sin.clone(), high * cos + low * sin];
        Tensor::cat(turned.to_vec(), 3).reshape([heads, patches, dim])
    }
}

/// Reads weights from a tower's file, as f32.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    gguf: &'a Gguf,
    device: &'a BurnDevice,
    epsilon: f32,
}

impl Reader<'_> {
    async fn layer(&self, from: &TowerLayerTensors) -> Result<BurnTowerLayer> {
        let [query_norm, key_norm] = match &from.head_norms {
            Some([query, key]) => [Some(self.norm(query).await?), Some(self.norm(key).await?)],
            None => [None, None],
        };
        Ok(BurnTowerLayer {
            attention_norm: self.norm(&from.attention_norm).await?,
            query: self.linear(&from.query).await?,
            key: self.linear(&from.key).await?,
            value: self.linear(&from.value).await?,
            output: self.linear(&from.output).await?,
            query_norm,
            key_norm,
            after_attention: match &from.after_attention {
                Some(norm) => Some(self.norm(norm).await?),
                None => None,
            },
            ffn_norm: self.norm(&from.ffn_norm).await?,
            gate: match &from.gate {
                Some(gate) => Some(self.linear(gate).await?),
                None => None,
            },
            up: self.linear(&from.up).await?,
            down: self.linear(&from.down).await?,
            after_ffn: match &from.after_ffn {
                Some(norm) => Some(self.norm(norm).await?),
                None => None,
            },
        })
    }

    async fn linear(&self, from: &LinearTensors) -> Result<BurnLinear> {
        Ok(BurnLinear {
            weight: Param::from_tensor(self.matrix(&from.weight).await?),
            bias: match &from.bias {
                Some(bias) => Some(Param::from_tensor(self.vector(bias).await?)),
                None => None,
            },
            clamp: match &from.clamp {
                Some(clamp) => Some(read_clamp(self.gguf, clamp).await?),
                None => None,
            },
        })
    }

    async fn norm(&self, from: &NormTensors) -> Result<BurnNorm> {
        Ok(BurnNorm {
            weight: Param::from_tensor(self.vector(&from.weight).await?),
            bias: match &from.bias {
                Some(bias) => Some(Param::from_tensor(self.vector(bias).await?)),
                None => None,
            },
            epsilon: self.epsilon,
        })
    }

    async fn matrix(&self, stored: &Stored) -> Result<Tensor<2>> {
        let values = stored.values(self.gguf).await?;
        let data = TensorData::new(values, [stored.rows, stored.columns]);
        Ok(Tensor::from_data(data, self.device))
    }

    async fn vector(&self, stored: &Stored) -> Result<Tensor<1>> {
        let data = TensorData::new(stored.values(self.gguf).await?, [stored.columns]);
        Ok(Tensor::from_data(data, self.device))
    }
}

fn normed(x: Tensor<3>, norm: Option<&BurnNorm>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.apply(x),
        None => x,
    }
}

/// Returns the mean of each square of patches. \[1, patches, width\]
fn pool(x: Tensor<3>, (columns, rows): (usize, usize), side: usize) -> Tensor<3> {
    let [_, _, width] = x.dims();
    let (across, down) = (columns / side, rows / side);
    let squares: Tensor<5> = x.reshape([down, side, across, side, width]);
    squares.mean_dim(1).mean_dim(3).reshape([1, down * across, width])
}
