//! One layer: the same steps as in the scalar pass, on rows of many tokens.

use hybridge_core::Result;

use super::attention::Attend;
use super::lanes::run;
use super::matrix::Matrix;
use super::network::{Angles, Network, Scratch, Sight, resize, times};
use super::team::each_chunk;
use super::vector::{Turn, Unit, cut_below, gelu_each, norm_each, plus_scaled};
use crate::cache::KeyValues;
use crate::config::{Config, Layer};
use crate::weights::{AltUpTensors, KeyTensors, LayerTensors, Model};

/// The weights of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) attn_norm: Vec<f32>,
    pub(super) query: Matrix,
    pub(super) query_norm: Vec<f32>,
    /// `None` if an earlier layer's keys and values are read.
    pub(super) own: Option<Keys>,
    pub(super) output: Matrix,
    pub(super) post_attention_norm: Vec<f32>,
    pub(super) ffn_norm: Vec<f32>,
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
    pub(super) post_ffw_norm: Vec<f32>,
    pub(super) extras: Extras,
}

/// Computes keys and values.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) key: Matrix,
    /// `None` if values are the keys before their norm.
    pub(super) value: Option<Matrix>,
    pub(super) key_norm: Vec<f32>,
}

/// Parts that Gemma 3 lacks.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    per_layer: Option<PerLayer>,
    output_scale: Option<f32>,
    altup: Option<AltUp>,
    laurel: Option<Laurel>,
}

#[derive(Clone, Debug)]
struct PerLayer {
    gate: Matrix,
    projection: Matrix,
    post_norm: Vec<f32>,
}

#[derive(Clone, Debug)]
struct AltUp {
    router: Matrix,
    router_norm: Vec<f32>,
    predict: Matrix,
    correct: Matrix,
    correct_scale: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Laurel {
    left: Matrix,
    right: Matrix,
    post_norm: Vec<f32>,
}

impl Block {
    pub(super) async fn load(model: &Model, tensors: &LayerTensors) -> Result<Self> {
        Ok(Self {
            attn_norm: model.values(&tensors.attn_norm).await?,
            query: Matrix::load(model, &tensors.attn_q).await?,
            query_norm: model.values(&tensors.attn_q_norm).await?,
            own: match &tensors.own {
                Some(own) => Some(Keys::load(model, own).await?),
                None => None,
            },
            output: Matrix::load(model, &tensors.attn_output).await?,
            post_attention_norm: model.values(&tensors.post_attention_norm).await?,
            ffn_norm: model.values(&tensors.ffn_norm).await?,
            gate: Matrix::load(model, &tensors.ffn_gate).await?,
            up: Matrix::load(model, &tensors.ffn_up).await?,
            down: Matrix::load(model, &tensors.ffn_down).await?,
            post_ffw_norm: model.values(&tensors.post_ffw_norm).await?,
            extras: Extras::load(model, tensors).await?,
        })
    }

    /// Returns the matrices that each token is multiplied by.
    pub(super) fn matrices(&self) -> Vec<&Matrix> {
        let Self { query, own, output, gate, up, down, extras, .. } = self;
        let mut all = vec![query, output, gate, up, down];
        if let Some(own) = own {
            all.extend(std::iter::once(&own.key).chain(&own.value));
        }
        if let Some(it) = &extras.per_layer {
            all.extend([&it.gate, &it.projection]);
        }
        if let Some(it) = &extras.altup {
            all.extend([&it.router, &it.predict, &it.correct]);
        }
        if let Some(it) = &extras.laurel {
            all.extend([&it.left, &it.right]);
        }
        all
    }

    pub(super) fn run(
        &self,
        network: &Network,
        (index, layer): (usize, &Layer),
        cache: &mut KeyValues,
        first: usize,
        sight: Sight,
        scratch: &mut Scratch,
    ) {
        let Network { config, precision, .. } = network;
        let (precision, epsilon) = (*precision, config.norm_epsilon);
        let Extras { altup, laurel, per_layer, output_scale } = &self.extras;
        if let Some(altup) = altup {
            altup.predict(network, scratch);
            scratch.before.clone_from(&scratch.x);
        }
        resize(&mut scratch.normed, scratch.x.len());
        norm_each(&scratch.x, &self.attn_norm, epsilon, false, &mut scratch.normed);
        self.attention(network, layer, cache, first, sight, scratch);

        let Scratch { x, normed, mixed, gate, up, output, inputs, .. } = scratch;
        times([&self.output], mixed, inputs, precision, [output]);
        norm_each(output, &self.post_attention_norm, epsilon, true, x);
        if let Some(laurel) = laurel {
            times([&laurel.left], normed, inputs, precision, [gate]);
            times([&laurel.right], gate, inputs, precision, [output]);
            norm_each(output, &laurel.post_norm, epsilon, true, normed);
            for (x, h) in x.iter_mut().zip(&*normed) {
                *x = (*x + h) * std::f32::consts::FRAC_1_SQRT_2;
            }
        }

        norm_each(x, &self.ffn_norm, epsilon, false, normed);
        times([&self.gate, &self.up], normed, inputs, precision, [gate, up]);
        if let Some(deviations) = layer.sparsity {
            gate.chunks_exact_mut(layer.hidden).for_each(|gate| cut_below(gate, deviations));
        }
        gelu_each(gate, up, layer.hidden);
        times([&self.down], gate, inputs, precision, [output]);
        norm_each(output, &self.post_ffw_norm, epsilon, true, x);

        if let Some(altup) = altup {
            altup.correct(network, scratch);
        }
        if let Some(per_layer) = per_layer {
            per_layer.add(network, index, altup.as_ref(), scratch);
        }
        if let Some(scale) = output_scale {
            scratch.x.iter_mut().for_each(|x| *x *= scale);
        }
    }

    /// Stores keys and values of `scratch.x`, so that rows of a picture can attend to later ones.
    pub(super) fn store(
        &self,
        network: &Network,
        layer: &Layer,
        cache: &mut KeyValues,
        first: usize,
        scratch: &mut Scratch,
    ) {
        resize(&mut scratch.normed, scratch.x.len());
        let Scratch { x, normed, .. } = scratch;
        norm_each(x, &self.attn_norm, network.config.norm_epsilon, false, normed);
        self.project(network, layer, first, Wanted::Keys, scratch);
        let Scratch { query, key, value, .. } = scratch;
        let tokens = key.len() / layer.kv_width();
        let new = New { layer, first, query, key, value };
        (0..tokens).for_each(|index| new.store(cache, index));
    }

    /// softmax(q·k) v of all heads, from `scratch.normed` to `scratch.mixed`.
    fn attention(
        &self,
        network: &Network,
        layer: &Layer,
        cache: &mut KeyValues,
        first: usize,
        sight: Sight,
        scratch: &mut Scratch,
    ) {
        let wanted = match sight {
            Sight::Back | Sight::Around(_) => Wanted::All,
            Sight::Stored | Sight::Until(_) => Wanted::Queries,
        };
        self.project(network, layer, first, wanted, scratch);
        let Scratch { query, key, value, mixed, .. } = scratch;
        let new = New { layer, first, query, key, value };
        new.attend(cache, sight, mixed);
    }

    /// Computes queries, keys and values of `scratch.normed`, normalised and rotated.
    fn project(
        &self,
        network: &Network,
        layer: &Layer,
        first: usize,
        wanted: Wanted,
        scratch: &mut Scratch,
    ) {
        let Network { config, precision, .. } = network;
        let Scratch { normed, query, key, value, angles, inputs, .. } = scratch;
        let own = self.own.as_ref().filter(|_| wanted != Wanted::Queries);
        [&mut *query, &mut *key, &mut *value].into_iter().for_each(Vec::clear);
        match (wanted == Wanted::Keys, own) {
            (false, Some(Keys { key: keys, value: Some(values), .. })) => {
                let matrices = [&self.query, keys, values];
                times(matrices, normed, inputs, *precision, [query, key, value]);
            }
            (false, Some(Keys { key: keys, value: None, .. })) => {
                times([&self.query, keys], normed, inputs, *precision, [query, key]);
                value.clone_from(key);
            }
            (false, None) => times([&self.query], normed, inputs, *precision, [query]),
            (true, Some(Keys { key: keys, value: Some(values), .. })) => {
                times([keys, values], normed, inputs, *precision, [key, value]);
            }
            (true, Some(Keys { key: keys, value: None, .. })) => {
                times([keys], normed, inputs, *precision, [key]);
                value.clone_from(key);
            }
            (true, None) => {}
        }
        let (head_dim, epsilon) = (layer.head_dim, config.norm_epsilon);
        if config.norms_values {
            run(Unit { heads: value, head_dim, epsilon });
        }
        let positions = first..first + normed.len() / config.width;
        if let Some(angles) = Angles::find(angles, &layer.rope, positions, head_dim) {
            let norm = self.own.as_ref().map(|own| own.key_norm.as_slice()).unwrap_or_default();
            let all = [
                (query.as_mut_slice(), layer.query_width(), &*self.query_norm, config.query_scale),
                (key.as_mut_slice(), layer.kv_width(), norm, 1.0),
            ];
            for (vectors, width, weight, scale) in all {
                each_chunk(vectors, width, 4 * width, |token, heads| {
                    if let Some((cosines, sines)) = angles.of.get(token) {
                        let angles = (cosines.as_slice(), sines.as_slice());
                        run(Turn { heads, head_dim, weight, epsilon, angles, scale });
                    }
                });
            }
        }
    }
}

/// The projections of a layer's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Queries,
    Keys,
}

/// Queries of several tokens, with their keys and values if the layer has its own.
struct New<'a> {
    layer: &'a Layer,
    first: usize,
    query: &'a [f32],
    key: &'a [f32],
    value: &'a [f32],
}

impl New<'_> {
    /// Stores a token's key and value.
    fn store(&self, cache: &mut KeyValues, index: usize) {
        let width = self.layer.kv_width();
        let range = index * width..(index + 1) * width;
        if let (Some(key), Some(value)) = (self.key.get(range.clone()), self.value.get(range)) {
            cache.put(self.first + index, key, value);
        }
    }

    fn attend(&self, cache: &mut KeyValues, sight: Sight, mixed: &mut Vec<f32>) {
        let layer = self.layer;
        let (width, query_width) = (layer.kv_width(), layer.query_width());
        // A ring has room for a chunk besides its window.
        if matches!(sight, Sight::Around(_) | Sight::Back) {
            (0..self.query.len() / query_width).for_each(|index| self.store(cache, index));
        }
        resize(mixed, self.query.len());
        let cache = &*cache;
        let sees = sight.visible(self.first, layer.window).len();
        each_chunk(mixed, query_width, 4 * sees * query_width, |index, out| {
            let visible = sight.visible(self.first + index, layer.window);
            let stretches = cache.stretches(visible.start, visible.end);
            let (head_dim, group) = (layer.head_dim, layer.group());
            let Some(queries) = self.query.get(index * query_width..(index + 1) * query_width)
            else {
                return;
            };
            let scores = &mut Vec::new();
            run(Attend { queries, stretches, head_dim, group, width, scores, out });
        });
    }
}

impl Keys {
    async fn load(model: &Model, tensors: &KeyTensors) -> Result<Self> {
        Ok(Self {
            key: Matrix::load(model, &tensors.attn_k).await?,
            value: match &tensors.attn_v {
                Some(tensor) => Some(Matrix::load(model, tensor).await?),
                None => None,
            },
            key_norm: model.values(&tensors.attn_k_norm).await?,
        })
    }
}

impl Extras {
    async fn load(model: &Model, tensors: &LayerTensors) -> Result<Self> {
        Ok(Self {
            per_layer: match &tensors.per_layer {
                Some(tensors) => Some(PerLayer {
                    gate: Matrix::load(model, &tensors.inp_gate).await?,
                    projection: Matrix::load(model, &tensors.proj).await?,
                    post_norm: model.values(&tensors.post_norm).await?,
                }),
                None => None,
            },
            output_scale: match &tensors.output_scale {
                Some(tensor) => model.values(tensor).await?.first().copied(),
                None => None,
            },
            altup: match &tensors.altup {
                Some(tensors) => Some(AltUp::load(model, tensors).await?),
                None => None,
            },
            laurel: match &tensors.laurel {
                Some(tensors) => Some(Laurel {
                    left: Matrix::load(model, &tensors.left).await?,
                    right: Matrix::load(model, &tensors.right).await?,
                    post_norm: model.values(&tensors.post_norm).await?,
                }),
                None => None,
            },
        })
    }
}

impl PerLayer {
    /// `x += norm(projection · (gelu(gate · x) ⊙ input))`; with several streams it reads the
    /// active one and is added to the others.
    fn add(&self, network: &Network, index: usize, altup: Option<&AltUp>, scratch: &mut Scratch) {
        let Network { config, precision, .. } = network;
        let part = self.gate.rows();
        let Scratch { x, others, extra, normed, gate, up, output, inputs, .. } = scratch;
        normed.clone_from(x);
        if let Some(altup) = altup {
            for x in normed.chunks_exact_mut(config.width) {
                for (x, scale) in x.iter_mut().zip(&altup.correct_scale) {
                    *x *= scale;
                }
            }
        }
        times([&self.gate], normed, inputs, *precision, [gate]);
        up.clear();
        for inputs in extra.chunks_exact(part * config.layers.len()) {
            up.extend(inputs.get(index * part..(index + 1) * part).unwrap_or_default());
        }
        gelu_each(gate, up, part);
        times([&self.projection], gate, inputs, *precision, [output]);
        let epsilon = config.norm_epsilon;
        if altup.is_some() {
            for other in others {
                norm_each(output, &self.post_norm, epsilon, true, other);
            }
        } else {
            norm_each(output, &self.post_norm, epsilon, true, x);
        }
    }
}

impl AltUp {
    async fn load(model: &Model, tensors: &AltUpTensors) -> Result<Self> {
        Ok(Self {
            router: Matrix::load(model, &tensors.router).await?,
            router_norm: model.values(&tensors.router_norm).await?,
            predict: Matrix::load(model, &tensors.predict_coef).await?,
            correct: Matrix::load(model, &tensors.correct_coef).await?,
            correct_scale: model.values(&tensors.correct_scale).await?,
        })
    }

    /// `coefficients · tanh(router · norm(x) / width)`, written to `scratch.output`.
    fn route(&self, network: &Network, coefficients: &Matrix, scratch: &mut Scratch) {
        let Network { config: Config { width, norm_epsilon, .. }, precision, .. } = network;
        let Scratch { x, normed, gate, output, inputs, .. } = scratch;
        resize(normed, x.len());
        norm_each(x, &self.router_norm, *norm_epsilon, false, normed);
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let share = 1.0 / *width as f32;
        normed.iter_mut().for_each(|x| *x *= share);
        times([&self.router], normed, inputs, *precision, [gate]);
        gate.iter_mut().for_each(|x| *x = x.tanh());
        times([coefficients], gate, inputs, *precision, [output]);
    }

    /// Adds to each stream what all of them predict: `xᵢ += Σⱼ C[i·n + j] · xⱼ`.
    fn predict(&self, network: &Network, scratch: &mut Scratch) {
        self.route(network, &self.predict, scratch);
        let width = network.config.width;
        let Scratch { x, others, before, output, .. } = scratch;
        let count = others.len() + 1;
        for (token, coefficients) in output.chunks_exact(count * count).enumerate() {
            let range = token * width..(token + 1) * width;
            let part = |stream: &Vec<f32>| stream.get(range.clone()).unwrap_or_default().to_vec();
            // All streams of this token before the change. [streams, width]
            before.clear();
            for stream in std::iter::once(&*x).chain(&*others) {
                before.extend(part(stream));
            }
            let streams = std::iter::once(&mut *x).chain(&mut *others);
            for (stream, row) in streams.zip(coefficients.chunks_exact(count)) {
                let Some(sum) = stream.get_mut(range.clone()) else { continue };
                for (factor, old) in row.iter().zip(before.chunks_exact(width)) {
                    plus_scaled(sum, *factor, old);
                }
            }
        }
    }

    /// Adds to each prediction a share of the error of the active one in `scratch.before`: `xᵢ +=
    /// (1 + cᵢ)(y − x₀)`.
    fn correct(&self, network: &Network, scratch: &mut Scratch) {
        self.route(network, &self.correct, scratch);
        let width = network.config.width;
        let Scratch { x, others, before, output, .. } = scratch;
        let count = others.len() + 1;
        for (token, coefficients) in output.chunks_exact(count).enumerate() {
            let range = token * width..(token + 1) * width;
            let (Some(x), Some(before)) = (x.get_mut(range.clone()), before.get_mut(range.clone()))
            else {
                continue;
            };
            // The error, and the prediction for its own stream.
            for (x, before) in x.iter_mut().zip(&mut *before) {
                let change = *x - *before;
                *x = std::mem::replace(before, change);
            }
            let others = others.iter_mut().filter_map(|other| other.get_mut(range.clone()));
            for (stream, factor) in std::iter::once(x).chain(others).zip(coefficients) {
                plus_scaled(stream, 1.0 + factor, before);
            }
        }
    }
}
