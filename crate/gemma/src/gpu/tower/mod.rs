//! A vision tower in kernels ([`ops`]); [`crate::burn::BurnTower`] is its slow twin.
//!
//! Each layer is read when needed and freed afterwards, so that the GPU never contains the whole
//! tower beside the text network, but only the patches and one layer.

mod ops;

use std::rc::Rc;

use futures::future::LocalBoxFuture;
use hybridge_core::Result;

use crate::gguf::Gguf;
use crate::gpu::Device;
use crate::vision::pooling::Pooling;
use crate::vision::tensors::{LinearTensors, NormTensors, TowerLayerTensors, TowerTensors};
use crate::vision::tower::{Places, ROPE_BASE, UNIFIED_EPSILON, read_clamp, read_norm};
use crate::vision::{PictureEncoder, PictureRows, Prepared, Projector, VisionConfig, VisionModel};
use crate::weights::{Tensor, damaged};
use ops::{Norming, Numbers, Product, Queue, View};

/// The number of patches that are embedded together.
const EMBEDDED: usize = 1024;
/// The maximum number of scores, or of values inside the feed-forward block, in memory at once.
const VALUES: usize = 8 << 20;

/// A tower on the GPU.
#[derive(Debug)]
pub struct KernelTower {
    config: VisionConfig,
    gguf: Rc<Gguf>,
    tensors: TowerTensors,
    queue: Queue,
}

/// One layer.
#[derive(Debug)]
struct Layer {
    /// Norm before attention.
    attention_norm: Norm,
    /// \[width, width\]
    query: Linear,
    /// \[width, width\]
    key: Linear,
    /// \[width, width\]
    value: Linear,
    /// \[width, width\]
    output: Linear,
    /// Norm of each query head.
    query_norm: Option<Norm>,
    /// Norm of each key head.
    key_norm: Option<Norm>,
    /// Norm of the output of attention.
    after_attention: Option<Norm>,
    /// Norm before the feed-forward block.
    ffn_norm: Norm,
    /// \[hidden, width\]
    gate: Option<Linear>,
    /// \[hidden, width\]
    up: Linear,
    /// \[width, hidden\]
    down: Linear,
    /// Norm of the output of the feed-forward block.
    after_ffn: Option<Norm>,
}

/// `clamp(W · clamp(x) + b)`, where bias and clamps are optional.
#[derive(Debug)]
struct Linear {
    /// \[outputs, inputs\]
    weight: Numbers,
    outputs: usize,
    inputs: usize,
    /// \[outputs\]
    bias: Option<Numbers>,
    /// Minimum and maximum of the input, minimum and maximum of the output.
    clamp: Option<[f32; 4]>,
}

/// `(x − mean) / deviation · weight + bias`, or without a bias `x / root mean square · weight`.
#[derive(Debug)]
struct Norm {
    /// \[width\]
    weight: Numbers,
    /// \[width\]
    bias: Option<Numbers>,
    /// Added to the variance.
    epsilon: f32,
}

/// The patches of a picture between layers.
struct State {
    patches: usize,
    /// \[patches, width\]
    x: Numbers,
    /// Cosines and sines of each patch's angles. \[patches, 2 (column, row), pairs, 2\]
    angles: Numbers,
}

impl KernelTower {
    /// Opens a tower's file, whose weights are read for each picture.
    #[must_use]
    pub fn load(device: &Device, model: &VisionModel) -> Self {
        Self {
            config: model.config.clone(),
            gguf: Rc::clone(&model.gguf),
            tensors: model.tensors.clone(),
            queue: Queue::new(device),
        }
    }

    async fn run(&self, picture: &Prepared, report: &mut dyn FnMut(f32)) -> Result<PictureRows> {
        let (config, (columns, rows)) = (&self.config, picture.grid(&self.config));
        let state = State {
            patches: columns * rows,
            x: self.embed(picture).await?,
            angles: self.queue.filled(&angles(config, columns, rows)),
        };
        let reader = Reader { gguf: &self.gguf, queue: &self.queue, epsilon: config.epsilon };
        let count = self.tensors.layers.len();
        for (index, tensors) in self.tensors.layers.iter().enumerate() {
            let layer = reader.layer(tensors).await?;
            layer.attend(config, &self.queue, &state);
            self.queue.finish().await?;
            layer.feed_forward(config, &self.queue, &state);
            self.queue.finish().await?;
            #[expect(clippy::cast_precision_loss, reason = "a share of the work")]
            report((index + 1) as f32 / (count + 1) as f32);
        }
        let mut x = self.queue.read(&state.x).await?;
        x.truncate(state.patches * config.width);
        drop(state);
        let values = self.project(x, (columns, rows)).await?;
        report(1.0);
        Ok(PictureRows { width: config.outputs, values })
    }

    /// Embeds patches with their positions. \[patches, width\]
    async fn embed(&self, picture: &Prepared) -> Result<Numbers> {
        let (config, tensors, queue) = (&self.config, &self.tensors, &self.queue);
        let (columns, rows) = picture.grid(config);
        let (patches, width, pixels) = (columns * rows, config.width, config.pixels());
        let places = Places::read(config, &self.gguf, &tensors.positions, columns, rows).await?;
        let epsilon = match config.projector {
            Projector::Gemma4Unified => UNIFIED_EPSILON,
            Projector::Gemma3 | Projector::Gemma4 => config.epsilon,
        };
        let reader = Reader { gguf: &self.gguf, queue: &self.queue, epsilon };
        let embedding = reader.linear(&tensors.patch).await?;
        let mut first_norm = None;
        let mut others = None;
        if let Some([of_pixels, of_patches, of_sums]) = &tensors.patch_norms {
            first_norm = Some(read_norm(&self.gguf, of_pixels, epsilon).await?);
            others = Some([reader.norm(of_patches).await?, reader.norm(of_sums).await?]);
        }
        let x = queue.room(patches * width);
        for first in (0..patches).step_by(EMBEDDED) {
            let count = EMBEDDED.min(patches - first);
            let (mut values, mut place) = (Vec::new(), vec![0.0; count * width]);
            for index in first..first + count {
                picture.patch(index, config, &mut values);
            }
            if let Some(norm) = &first_norm {
                norm.apply(&mut values, pixels);
            }
            for (index, place) in place.chunks_exact_mut(width).enumerate() {
                places.add(first + index, place);
            }
            let (values, mut sum) = (queue.filled(&values), queue.filled(&place));
            let embedded = embedding.apply(queue, View::rows(&values, 0, pixels), count);
            let whole = |from: usize, to: usize| [count, from, to];
            let norm = others.as_ref().map(|[norm, _]| norm);
            add(queue, norm, width, whole(0, 0), &embedded, &sum);
            if let Some([_, norm]) = &others {
                let normed = queue.room(count * width);
                norm.apply(queue, width, whole(0, 0), &sum, &normed);
                sum = normed;
            }
            copy(queue, width, whole(0, first), &sum, &x);
            self.queue.finish().await?;
        }
        Ok(x)
    }

    /// Converts the last layer's output to rows of the text network's width. \[tokens, outputs\]
    async fn project(&self, mut x: Vec<f32>, grid: (usize, usize)) -> Result<Vec<f32>> {
        let (config, tensors, queue) = (&self.config, &self.tensors, &self.queue);
        let pooling = Pooling::load(&self.gguf, config, tensors).await?;
        let pooled = pooling.apply(config, &mut x, grid);
        drop(x);
        let tokens = pooled.len() / config.width;
        let projection = queue.filled(&tensors.projection.values(&self.gguf).await?);
        let (pooled, values) = (queue.filled(&pooled), queue.room(tokens * config.outputs));
        let strides =
            if tensors.is_transposed { [0, 1, config.outputs] } else { [0, config.width, 1] };
        let product = Product {
            batch: 1,
            rows: tokens,
            columns: config.outputs,
            inner: config.width,
            bias: None,
            clamp: None,
        };
        let views = [
            View::rows(&pooled, 0, config.width),
            View { numbers: &projection, first: 0, strides },
            View::rows(&values, 0, config.outputs),
        ];
        queue.product(&product, views);
        let mut values = queue.read(&values).await?;
        values.truncate(tokens * config.outputs);
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        Err(damaged("mm.input_projection.weight"))
    }
}

impl PictureEncoder for KernelTower {
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

impl Layer {
    /// x += norm(output · softmax(q·kᵀ) v)
    fn attend(&self, config: &VisionConfig, queue: &Queue, state: &State) {
        let State { patches, x, angles } = state;
        let (patches, width, heads, dim) =
            (*patches, config.width, config.heads, config.head_dim());
        let whole = [patches, 0, 0];
        let h = queue.room(patches * width);
        self.attention_norm.apply(queue, width, whole, x, &h);
        let h = View::rows(&h, 0, width);
        let mut query = self.query.apply(queue, h, patches);
        let mut key = self.key.apply(queue, h, patches);
        let mut value = self.value.apply(queue, h, patches);
        // If heads are normalised, the weights of the norms scale the scores.
        #[expect(clippy::cast_precision_loss, reason = "heads are narrow")]
        let mut scale = 1.0 / (dim as f32).sqrt();
        if let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) {
            let all = [patches * heads, 0, 0];
            for (x, norm) in [(&mut query, query_norm), (&mut key, key_norm)] {
                let normed = queue.room(patches * width);
                norm.apply(queue, dim, all, x, &normed);
                queue.turn(&normed, angles, [patches, heads, dim / 4]);
                *x = normed;
            }
            let normed = queue.room(patches * width);
            let plain = Norming { epsilon: Some(config.epsilon), ..plain(dim, all) };
            queue.norm(&plain, &value, &normed);
            value = normed;
            scale = 1.0;
        }
        let mixed = queue.room(patches * width);
        let slab = (VALUES / (heads * patches).max(1)).clamp(1, patches);
        let of_heads = |numbers, first: usize, strides: [usize; 2]| {
            let [row, step] = strides;
            View { numbers, first: first * width, strides: [dim, row, step] }
        };
        for first in (0..patches).step_by(slab) {
            let count = slab.min(patches - first);
            let scores = queue.room(heads * count * patches);
            let seen = View { numbers: &scores, first: 0, strides: [count * patches, patches, 1] };
            let product = Product {
                batch: heads,
                rows: count,
                columns: patches,
                inner: dim,
                bias: None,
                clamp: None,
            };
            let by_dim = [width, 1];
            let views = [of_heads(&query, first, by_dim), of_heads(&key, 0, by_dim), seen];
            queue.product(&product, views);
            queue.softmax(&scores, [heads * count, patches], scale);
            let product = Product { columns: dim, inner: patches, ..product };
            let views = [seen, of_heads(&value, 0, [1, width]), of_heads(&mixed, first, by_dim)];
            queue.product(&product, views);
        }
        let out = self.output.apply(queue, View::rows(&mixed, 0, width), patches);
        add(queue, self.after_attention.as_ref(), width, whole, &out, x);
    }

    /// x += norm(down · (gelu(gate · x) ⊙ up · x)), or without a gate
    /// x += down · gelu(up · x).
    fn feed_forward(&self, config: &VisionConfig, queue: &Queue, state: &State) {
        let (patches, width, hidden) = (state.patches, config.width, config.hidden);
        let slab = (VALUES / hidden.max(1)).clamp(1, patches);
        for first in (0..patches).step_by(slab) {
            let count = slab.min(patches - first);
            let h = queue.room(count * width);
            self.ffn_norm.apply(queue, width, [count, first, 0], &state.x, &h);
            let h = View::rows(&h, 0, width);
            let inner = self.up.apply(queue, h, count);
            let gate = self.gate.as_ref().map(|gate| gate.apply(queue, h, count));
            queue.gelu(&inner, gate.as_ref(), count * hidden);
            let out = self.down.apply(queue, View::rows(&inner, 0, hidden), count);
            add(queue, self.after_ffn.as_ref(), width, [count, 0, first], &out, &state.x);
        }
    }
}

impl Linear {
    /// Computes the product with some rows. \[count, outputs\]
    fn apply(&self, queue: &Queue, x: View<'_>, count: usize) -> Numbers {
        let (outputs, inputs) = (self.outputs, self.inputs);
        let out = queue.room(count * outputs);
        let product = Product {
            batch: 1,
            rows: count,
            columns: outputs,
            inner: inputs,
            bias: self.bias.as_ref(),
            clamp: self.clamp,
        };
        let views = [x, View::rows(&self.weight, 0, inputs), View::rows(&out, 0, outputs)];
        queue.product(&product, views);
        out
    }
}

impl Norm {
    /// Normalises a number of rows, from one row of `x` on, to one row of `to` on.
    fn apply(&self, queue: &Queue, width: usize, rows: [usize; 3], x: &Numbers, to: &Numbers) {
        self.run(queue, plain(width, rows), x, to);
    }

    fn run(&self, queue: &Queue, plain: Norming<'_>, x: &Numbers, to: &Numbers) {
        let norming = Norming {
            is_centred: self.bias.is_some(),
            epsilon: Some(self.epsilon),
            weight: Some(&self.weight),
            bias: self.bias.as_ref(),
            ..plain
        };
        queue.norm(&norming, x, to);
    }
}

/// Copies a number of rows, from one row on to another.
fn plain(width: usize, [rows, from, to]: [usize; 3]) -> Norming<'static> {
    Norming {
        rows,
        width,
        first: [from, to],
        is_centred: false,
        epsilon: None,
        weight: None,
        bias: None,
        adds: false,
    }
}

/// to += norm(x)
fn add(
    queue: &Queue,
    norm: Option<&Norm>,
    width: usize,
    rows: [usize; 3],
    x: &Numbers,
    to: &Numbers,
) {
    let adding = Norming { adds: true, ..plain(width, rows) };
    match norm {
        Some(norm) => norm.run(queue, adding, x, to),
        None => queue.norm(&adding, x, to),
    }
}

/// to = x
fn copy(queue: &Queue, width: usize, rows: [usize; 3], x: &Numbers, to: &Numbers) {
    queue.norm(&plain(width, rows), x, to);
}

/// Returns cosines and sines of each patch's angles: by its column in the first half of a head, by
/// its row in the second. \[patches, 2, pairs, 2\]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "positions are small; angles are rounded once"
)]
fn angles(config: &VisionConfig, columns: usize, rows: usize) -> Vec<f32> {
    let pairs = config.head_dim() / 4;
    let places = (0..rows).flat_map(|row| (0..columns).flat_map(move |column| [column, row]));
    let angle =
        |place: usize, pair: usize| place as f64 * ROPE_BASE.powf(-(pair as f64) / pairs as f64);
    let of_place = |place| (0..pairs).map(move |pair| angle(place, pair).sin_cos());
    places.flat_map(of_place).flat_map(|(sine, cosine)| [cosine as f32, sine as f32]).collect()
}

/// Reads weights from a tower's file, as f32.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    gguf: &'a Gguf,
    queue: &'a Queue,
    epsilon: f32,
}

impl Reader<'_> {
    async fn layer(&self, from: &TowerLayerTensors) -> Result<Layer> {
        let [query_norm, key_norm] = match &from.head_norms {
            Some([query, key]) => [Some(self.norm(query).await?), Some(self.norm(key).await?)],
            None => [None, None],
        };
        Ok(Layer {
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

    async fn linear(&self, from: &LinearTensors) -> Result<Linear> {
        Ok(Linear {
            weight: self.numbers(&from.weight).await?,
            outputs: from.weight.rows,
            inputs: from.weight.columns,
            bias: match &from.bias {
                Some(bias) => Some(self.numbers(bias).await?),
                None => None,
            },
            clamp: match &from.clamp {
                Some(clamp) => Some(read_clamp(self.gguf, clamp).await?),
                None => None,
            },
        })
    }

    async fn norm(&self, from: &NormTensors) -> Result<Norm> {
        Ok(Norm {
            weight: self.numbers(&from.weight).await?,
            bias: match &from.bias {
                Some(bias) => Some(self.numbers(bias).await?),
                None => None,
            },
            epsilon: self.epsilon,
        })
    }

    async fn numbers(&self, stored: &Tensor) -> Result<Numbers> {
        Ok(self.queue.filled(&stored.values(self.gguf).await?))
    }
}
