//! The tower for any arithmetic: the order of operations, and everything except products.

use std::ops::Range;
use std::rc::Rc;

use hybridge_core::{Error, Result};

use super::config::{Projector, VisionConfig};
use super::norm::Norm;
use super::picture::Prepared;
use super::pooling::Pooling;
use super::tensors::{LinearTensors, NormTensors, TowerLayerTensors, VisionModel};
use super::{PictureEncoder, PictureRows};
use crate::cpu::Pause;
use crate::gguf::Gguf;
use crate::weights::{Tensor, damaged};

/// The number of patches that go through a layer together.
const SLAB: usize = 32;
/// The number of patches whose attention is computed before a pause.
const QUERIES: usize = 8;
/// The base of the angles along each axis.
pub(crate) const ROPE_BASE: f64 = 100.0;
/// The epsilon of Gemma 4's norms without a tower.
pub(crate) const UNIFIED_EPSILON: f32 = 1e-5;

/// Products and attention, which take most of the time.
pub(crate) trait Arithmetic: std::fmt::Debug + 'static {
    type Matrix: std::fmt::Debug;
    /// Keys and values of all patches, in the form that attention reads.
    type Seen;

    /// Reads a matrix.
    async fn read(gguf: &Gguf, tensor: &Tensor) -> Result<Self::Matrix>;

    /// Creates a matrix from numbers. \[rows, columns\]
    fn dense(values: &[f32], rows: usize, columns: usize) -> Result<Self::Matrix>;

    /// W·x for each vector. \[vectors, columns\] in, \[vectors, rows\] out.
    fn times(matrix: &Self::Matrix, x: &[f32], out: &mut [f32]);

    /// Allocates keys and values for this many patches.
    fn room(patches: usize, heads: Heads) -> Result<Self::Seen>;

    /// Stores those of some patches, from `first` on. \[patches, width\] each.
    fn put(seen: &mut Self::Seen, first: usize, keys: &[f32], values: &[f32]);

    /// softmax(q·k) v of every query over all keys. \[queries, width\] in and out.
    fn attend(queries: &[f32], seen: &Self::Seen, out: &mut [f32]);
}

/// The division of a vector into heads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    pub(crate) dim: usize,
}

/// A tower in memory.
#[derive(Debug)]
pub(crate) struct Tower<A: Arithmetic> {
    config: VisionConfig,
    gguf: Rc<Gguf>,
    patch: Linear<A>,
    positions: Tensor,
    patch_norms: Option<[Norm; 3]>,
    layers: Vec<Layer<A>>,
    pooling: Pooling,
    projection: A::Matrix,
    pause: Paused,
}

#[derive(Debug)]
struct Linear<A: Arithmetic> {
    matrix: A::Matrix,
    rows: usize,
    bias: Option<Vec<f32>>,
    /// Minimum and maximum of the input, minimum and maximum of the output.
    clamp: Option<[f32; 4]>,
}

#[derive(Debug)]
struct Layer<A: Arithmetic> {
    attention_norm: Norm,
    query: Linear<A>,
    key: Linear<A>,
    value: Linear<A>,
    output: Linear<A>,
    head_norms: Option<[Norm; 2]>,
    after_attention: Option<Norm>,
    ffn_norm: Norm,
    gate: Option<Linear<A>>,
    up: Linear<A>,
    down: Linear<A>,
    after_ffn: Option<Norm>,
}

/// Yields to other tasks between slabs.
struct Paused(Pause);

impl std::fmt::Debug for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Paused")
    }
}

impl<A: Arithmetic> Tower<A> {
    pub(crate) async fn load(model: &VisionModel, pause: Pause) -> Result<Self> {
        let VisionModel { config, gguf, tensors } = model;
        let epsilon = match config.projector {
            Projector::Gemma4Unified => UNIFIED_EPSILON,
            _ => config.epsilon,
        };
        let mut layers = Vec::new();
        for layer in &tensors.layers {
            layers.push(Layer::load(gguf, layer, config).await?);
        }
        let patch_norms = match &tensors.patch_norms {
            Some([a, b, c]) => Some([
                read_norm(gguf, a, epsilon).await?,
                read_norm(gguf, b, epsilon).await?,
                read_norm(gguf, c, epsilon).await?,
            ]),
            None => None,
        };
        Ok(Self {
            patch: Linear::load(gguf, &tensors.patch).await?,
            positions: tensors.positions.clone(),
            patch_norms,
            layers,
            pooling: Pooling::load(gguf, config, tensors).await?,
            projection: if tensors.is_transposed {
                let values = tensors.projection.values(gguf).await?;
                let (rows, columns) = (tensors.projection.columns, tensors.projection.rows);
                A::dense(&transposed(&values, rows), rows, columns)?
            } else {
                A::read(gguf, &tensors.projection).await?
            },
            config: config.clone(),
            gguf: Rc::clone(gguf),
            pause: Paused(pause),
        })
    }

    async fn run(&self, picture: &Prepared, report: &mut dyn FnMut(f32)) -> Result<PictureRows> {
        let (columns, rows) = picture.grid(&self.config);
        let width = self.config.width;
        let mut x = self.embed(picture).await?;
        for (done, layer) in self.layers.iter().enumerate() {
            self.layer(layer, &mut x, columns, done, report).await?;
        }
        self.pause.0().await;
        let pooled = self.pooling.apply(&self.config, &mut x, (columns, rows));
        let mut values = vec![0.0; pooled.len() / width * self.config.outputs];
        let slabs = values.chunks_mut(SLAB * self.config.outputs);
        for (pooled, values) in pooled.chunks(SLAB * width).zip(slabs) {
            self.pause.0().await;
            A::times(&self.projection, pooled, values);
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(damaged("mm.input_projection.weight"));
        }
        report(1.0);
        Ok(PictureRows { width: self.config.outputs, values })
    }

    /// Embeds patches with their positions. \[patches, width\]
    async fn embed(&self, picture: &Prepared) -> Result<Vec<f32>> {
        let (columns, rows) = picture.grid(&self.config);
        let (width, pixels) = (self.config.width, self.config.pixels());
        let places = Places::read(&self.config, &self.gguf, &self.positions, columns, rows).await?;
        let mut x = vec![0.0; columns * rows * width];
        let mut patches = Vec::new();
        for (slab, x) in x.chunks_mut(SLAB * width).enumerate() {
            patches.clear();
            let first = slab * SLAB;
            for index in first..first + x.len() / width {
                picture.patch(index, &self.config, &mut patches);
            }
            if let Some([norm, ..]) = &self.patch_norms {
                norm.apply(&mut patches, pixels);
            }
            self.patch.times(&mut patches, x);
            if let Some([_, norm, _]) = &self.patch_norms {
                norm.apply(x, width);
            }
            for (index, x) in x.chunks_exact_mut(width).enumerate() {
                places.add(first + index, x);
            }
            if let Some([.., norm]) = &self.patch_norms {
                norm.apply(x, width);
            }
            self.pause.0().await;
        }
        Ok(x)
    }

    async fn layer(
        &self,
        layer: &Layer<A>,
        x: &mut [f32],
        columns: usize,
        done: usize,
        report: &mut dyn FnMut(f32),
    ) -> Result<()> {
        let width = self.config.width;
        let heads = Heads { count: self.config.heads, dim: self.config.head_dim() };
        let mut seen = A::room(x.len() / width.max(1), heads)?;
        for (slab, x) in x.chunks(SLAB * width).enumerate() {
            let (mut keys, mut values) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            let mut normed = x.to_vec();
            layer.attention_norm.apply(&mut normed, width);
            layer.key.times(&mut normed.clone(), &mut keys);
            self.pause.0().await;
            layer.value.times(&mut normed, &mut values);
            if let Some([_, norm]) = &layer.head_norms {
                norm.apply(&mut keys, heads.dim);
                turn(&mut keys, heads, slab * SLAB, columns);
                Norm::plain(self.config.epsilon).apply(&mut values, heads.dim);
            }
            A::put(&mut seen, slab * SLAB, &keys, &values);
            self.pause.0().await;
        }
        let slabs = x.len().div_ceil(SLAB * width);
        for (slab, x) in x.chunks_mut(SLAB * width).enumerate() {
            let mut queries = vec![0.0; x.len()];
            let mut normed = x.to_vec();
            layer.attention_norm.apply(&mut normed, width);
            layer.query.times(&mut normed, &mut queries);
            match &layer.head_norms {
                Some([norm, _]) => {
                    norm.apply(&mut queries, heads.dim);
                    turn(&mut queries, heads, slab * SLAB, columns);
                }
                // Only these scores are scaled: if heads are normalised, the weights of the norms
                // do it.
                None => {
                    #[expect(clippy::cast_precision_loss, reason = "heads are narrow")]
                    let scale = 1.0 / (heads.dim as f32).sqrt();
                    queries.iter_mut().for_each(|query| *query *= scale);
                }
            }
            let mut mixed = vec![0.0; x.len()];
            self.pause.0().await;
            let size = QUERIES * width;
            for (queries, mixed) in queries.chunks(size).zip(mixed.chunks_mut(size)) {
                A::attend(queries, &seen, mixed);
                self.pause.0().await;
            }
            let mut out = vec![0.0; x.len()];
            layer.output.times(&mut mixed, &mut out);
            add_normed(x, out, layer.after_attention.as_ref(), width);
            self.pause.0().await;
            let out = layer.feed_forward(x, width, &self.pause).await;
            add_normed(x, out, layer.after_ffn.as_ref(), width);
            self.pause.0().await;
            #[expect(clippy::cast_precision_loss, reason = "a share of the work")]
            let share = (done * slabs + slab + 1) as f32 / (self.layers.len() * slabs) as f32;
            report(share.min(0.99));
        }
        Ok(())
    }
}

impl<A: Arithmetic> PictureEncoder for Tower<A> {
    fn config(&self) -> &VisionConfig {
        &self.config
    }

    fn encode<'a>(
        &'a self,
        picture: &'a Prepared,
        report: &'a mut dyn FnMut(f32),
    ) -> futures::future::LocalBoxFuture<'a, Result<PictureRows>> {
        Box::pin(self.run(picture, report))
    }
}

impl<A: Arithmetic> Layer<A> {
    async fn load(gguf: &Gguf, from: &TowerLayerTensors, config: &VisionConfig) -> Result<Self> {
        let norm = async |it: &NormTensors| read_norm(gguf, it, config.epsilon).await;
        Ok(Self {
            attention_norm: norm(&from.attention_norm).await?,
            query: Linear::load(gguf, &from.query).await?,
            key: Linear::load(gguf, &from.key).await?,
            value: Linear::load(gguf, &from.value).await?,
            output: Linear::load(gguf, &from.output).await?,
            head_norms: match &from.head_norms {
                Some([query, key]) => Some([norm(query).await?, norm(key).await?]),
                None => None,
            },
            after_attention: match &from.after_attention {
                Some(it) => Some(norm(it).await?),
                None => None,
            },
            ffn_norm: norm(&from.ffn_norm).await?,
            gate: match &from.gate {
                Some(it) => Some(Linear::load(gguf, it).await?),
                None => None,
            },
            up: Linear::load(gguf, &from.up).await?,
            down: Linear::load(gguf, &from.down).await?,
            after_ffn: match &from.after_ffn {
                Some(it) => Some(norm(it).await?),
                None => None,
            },
        })
    }

    async fn feed_forward(&self, x: &[f32], width: usize, pause: &Paused) -> Vec<f32> {
        let mut normed = x.to_vec();
        self.ffn_norm.apply(&mut normed, width);
        let tokens = x.len() / width.max(1);
        let mut hidden = vec![0.0; tokens * self.up.rows];
        self.up.times(&mut normed.clone(), &mut hidden);
        pause.0().await;
        match &self.gate {
            Some(gate) => {
                let mut gates = vec![0.0; hidden.len()];
                gate.times(&mut normed, &mut gates);
                hidden.iter_mut().zip(&gates).for_each(|(up, gate)| *up *= gelu(*gate));
            }
            None => hidden.iter_mut().for_each(|up| *up = gelu(*up)),
        }
        pause.0().await;
        let mut out = vec![0.0; x.len()];
        self.down.times(&mut hidden, &mut out);
        out
    }
}

impl<A: Arithmetic> Linear<A> {
    async fn load(gguf: &Gguf, from: &LinearTensors) -> Result<Self> {
        Ok(Self {
            matrix: A::read(gguf, &from.weight).await?,
            rows: from.weight.rows,
            bias: match &from.bias {
                Some(bias) => Some(bias.values(gguf).await?),
                None => None,
            },
            clamp: match &from.clamp {
                Some(clamp) => Some(read_clamp(gguf, clamp).await?),
                None => None,
            },
        })
    }

    /// The inputs are clamped in place.
    fn times(&self, x: &mut [f32], out: &mut [f32]) {
        if let Some([least, most, ..]) = self.clamp {
            x.iter_mut().for_each(|x| *x = x.clamp(least, most));
        }
        A::times(&self.matrix, x, out);
        if let Some(bias) = &self.bias {
            for out in out.chunks_exact_mut(self.rows) {
                out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
        if let Some([.., least, most]) = self.clamp {
            out.iter_mut().for_each(|out| *out = out.clamp(least, most));
        }
    }
}

/// The position embeddings of one picture.
pub(crate) struct Places {
    width: usize,
    columns: usize,
    /// One for each patch, or one for each column of patches.
    across: Vec<f32>,
    /// One for each row of patches.
    down: Option<Vec<f32>>,
}

impl Places {
    pub(crate) async fn read(
        config: &VisionConfig,
        gguf: &Gguf,
        table: &Tensor,
        columns: usize,
        rows: usize,
    ) -> Result<Self> {
        let width = config.width;
        if config.side.is_some() {
            let across = table.values(gguf).await?;
            return Ok(Self { width, columns, across, down: None });
        }
        let places = table.rows / 2;
        if columns > places || rows > places {
            let message = format!(
                "a picture of {columns} × {rows} patches is too long for this tower's {places} positions"
            );
            return Err(Error::invalid(message).with_code("PICTURE_INVALID"));
        }
        let part = async |rows: Range<usize>| table.part(rows).values(gguf).await;
        let across = part(0..columns).await?;
        let down = part(places..places + rows).await?;
        Ok(Self { width, columns, across, down: Some(down) })
    }

    pub(crate) fn add(&self, index: usize, x: &mut [f32]) {
        let (column, row) = (index % self.columns.max(1), index / self.columns.max(1));
        let (across, down) = match &self.down {
            Some(down) => ((&self.across, column), Some((down, row))),
            None => ((&self.across, index), None),
        };
        for (table, place) in std::iter::once(across).chain(down) {
            let values = table.iter().skip(place * self.width);
            x.iter_mut().zip(values).for_each(|(x, value)| *x += value);
        }
    }
}

pub(crate) async fn read_norm(gguf: &Gguf, from: &NormTensors, epsilon: f32) -> Result<Norm> {
    Ok(Norm {
        is_centred: from.bias.is_some(),
        weight: Some(from.weight.values(gguf).await?),
        bias: match &from.bias {
            Some(bias) => Some(bias.values(gguf).await?),
            None => None,
        },
        epsilon,
    })
}

/// Limits may be infinite, and must be in order.
pub(crate) async fn read_clamp(gguf: &Gguf, tensors: &[Tensor; 4]) -> Result<[f32; 4]> {
    let mut clamp = [0.0; 4];
    for (limit, tensor) in clamp.iter_mut().zip(tensors) {
        let bytes = tensor.read(gguf, 0..1).await?;
        tensor.encoding.decode(&bytes, std::slice::from_mut(limit));
    }
    let [least, most, lowest, highest] = clamp;
    if least <= most && lowest <= highest {
        return Ok(clamp);
    }
    let name = tensors.first().map_or("", |tensor| tensor.name.as_str());
    Err(Error::invalid(format!("{name} and its siblings are no limits in order"))
        .with_code("MODEL_DAMAGED"))
}

/// Rotates heads by the column of their patch in the first half, and by its row in the second.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "positions are small; angles are rounded once"
)]
fn turn(x: &mut [f32], heads: Heads, first: usize, columns: usize) {
    let half = heads.dim / 2;
    let pairs = half / 2;
    for (index, x) in x.chunks_exact_mut(heads.count * heads.dim).enumerate() {
        let (column, row) = ((first + index) % columns.max(1), (first + index) / columns.max(1));
        let angles = [column, row].map(|place| {
            let angle =
                |pair: usize| place as f64 * ROPE_BASE.powf(-2.0 * pair as f64 / half as f64);
            (0..pairs).map(|pair| angle(pair).sin_cos()).collect::<Vec<_>>()
        });
        for head in x.chunks_exact_mut(heads.dim) {
            for (part, angles) in head.chunks_exact_mut(half).zip(&angles) {
                let (low, high) = part.split_at_mut(pairs);
                for ((x, y), (sine, cosine)) in low.iter_mut().zip(high).zip(angles) {
                    let (sine, cosine) = (*sine as f32, *cosine as f32);
                    (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
                }
            }
        }
    }
}

fn add_normed(x: &mut [f32], mut out: Vec<f32>, norm: Option<&Norm>, width: usize) {
    if let Some(norm) = norm {
        norm.apply(&mut out, width);
    }
    x.iter_mut().zip(out).for_each(|(x, out)| *x += out);
}

/// ½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))
fn gelu(x: f32) -> f32 {
    const FACTOR: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (FACTOR * (x + 0.044_715 * x * x * x)).tanh())
}

fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend(values.iter().skip(column).step_by(columns.max(1)));
    }
    out
}
