//! One layer.
//!
//! ```text
//! a  = predicted x (AltUp), or x
//! h  = norm(a);  b = a + norm(attention(h))
//! b  = (b + h + norm(laurel(h))) / √2            where there is Laurel
//! y  = b + norm(down(gelu(gate(n)) · up(n))),  n = norm(b)
//! y  = corrected y (AltUp);  y += norm(proj(gelu(inp_gate(y)) · input))
//! x  = y · output_scale
//! ```

use hybridge_core::Result;

use super::attention::{Sight, around, attend, behind, until};
use super::matrix::Matrix;
use super::network::State;
use super::vector::{add, cut_below, gelu, plus_scaled, rms_norm, rms_only, rotate, scaled};
use crate::cache::{InMemory, KeyValues};
use crate::config::{Config, Layer};
use crate::quant::Rounding;
use crate::weights::{AltUpTensors, KeyTensors, LayerTensors, Model};

/// The weights of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    attn_norm: Vec<f32>,
    query: Matrix,
    query_norm: Vec<f32>,
    /// `None` if an earlier layer's keys and values are read.
    own: Option<Keys>,
    output: Matrix,
    post_attention_norm: Vec<f32>,
    ffn_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    post_ffw_norm: Vec<f32>,
    per_layer: Option<PerLayer>,
    output_scale: Option<f32>,
    altup: Option<AltUp>,
    laurel: Option<Laurel>,
}

#[derive(Clone, Debug)]
struct Keys {
    key: Matrix,
    /// `None` if values are the keys before their norm.
    value: Option<Matrix>,
    key_norm: Vec<f32>,
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

/// Vectors of several tokens.
type Tokens = Vec<Vec<f32>>;

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

    pub(super) fn round_inputs(&mut self, wanted: Option<Rounding>) {
        let Self { query, own, output, gate, up, down, .. } = self;
        let own =
            own.iter_mut().flat_map(|own| std::iter::once(&mut own.key).chain(&mut own.value));
        for matrix in [query, output, gate, up, down].into_iter().chain(own) {
            matrix.round_inputs(wanted);
        }
    }

    /// Runs tokens through the layer, from position `first` on.
    pub(super) fn run(
        &self,
        config: &Config,
        index: usize,
        caches: &mut InMemory,
        first: usize,
        sight: Sight,
        state: &mut State,
    ) {
        let (Some(layer), Some(cache)) =
            (config.layers.get(index), caches.layer(config.cache_of(index)))
        else {
            return;
        };
        let epsilon = config.norm_epsilon;
        let normed = |weight: &[f32], x: &Tokens| -> Tokens {
            x.iter().map(|x| rms_norm(x, weight, epsilon)).collect()
        };
        let added = |x: &mut Tokens, weight: &[f32], branch: &Tokens| {
            for (x, branch) in x.iter_mut().zip(branch) {
                add(x, &rms_norm(branch, weight, epsilon));
            }
        };
        if let Some(altup) = &self.altup {
            altup.predict(epsilon, &mut state.x);
        }
        let Some(before) = state.x.first().cloned() else { return };
        let mut x = before.clone();
        let h = normed(&self.attn_norm, &x);
        let mixed = self.attention(config, layer, cache, first, sight, &h);
        added(&mut x, &self.post_attention_norm, &self.output.times(&mixed));
        if let Some(laurel) = &self.laurel {
            let low = laurel.right.times(&laurel.left.times(&h));
            for ((x, h), low) in x.iter_mut().zip(&h).zip(low) {
                add(x, h);
                add(x, &rms_norm(&low, &laurel.post_norm, epsilon));
                *x = scaled(x, std::f32::consts::FRAC_1_SQRT_2);
            }
        }
        let n = normed(&self.ffn_norm, &x);
        let mut inner = self.gate.times(&n);
        for (gate, up) in inner.iter_mut().zip(self.up.times(&n)) {
            if let Some(deviations) = layer.sparsity {
                cut_below(gate, deviations);
            }
            for (gate, up) in gate.iter_mut().zip(up) {
                *gate = gelu(*gate) * up;
            }
        }
        added(&mut x, &self.post_ffw_norm, &self.down.times(&inner));
        match &self.altup {
            Some(altup) => altup.correct(epsilon, &before, &x, &mut state.x),
            None => state.x = vec![x],
        }
        if let Some(per_layer) = &self.per_layer {
            let place = index * per_layer.gate.rows()..(index + 1) * per_layer.gate.rows();
            let active = state.x.first().cloned().unwrap_or_default();
            let read: Tokens = match &self.altup {
                Some(altup) => active.iter().map(|x| multiplied(x, &altup.correct_scale)).collect(),
                None => active,
            };
            let mut gated = per_layer.gate.times(&read);
            for (gate, inputs) in gated.iter_mut().zip(&state.inputs) {
                for (gate, input) in
                    gate.iter_mut().zip(inputs.get(place.clone()).unwrap_or_default())
                {
                    *gate = gelu(*gate) * input;
                }
            }
            let branch = per_layer.projection.times(&gated);
            // With several streams, it is added to all except the active one.
            let skipped = usize::from(self.altup.is_some());
            for x in state.x.iter_mut().skip(skipped) {
                added(x, &per_layer.post_norm, &branch);
            }
        }
        if let (Some(scale), Some(x)) = (self.output_scale, state.x.first_mut()) {
            x.iter_mut().for_each(|x| *x = scaled(x, scale));
        }
    }

    /// softmax(q·k) v of all heads. \[tokens, width\] → \[tokens, heads · `head_dim`\]
    fn attention(
        &self,
        config: &Config,
        layer: &Layer,
        cache: &mut KeyValues,
        first: usize,
        sight: Sight,
        h: &Tokens,
    ) -> Tokens {
        let angles: Vec<_> =
            (first..first + h.len()).map(|at| layer.rope.angles(at, layer.head_dim)).collect();
        let turn = |heads: &mut [f32], at: usize, norm: &[f32], scale: f32| {
            for head in heads.chunks_exact_mut(layer.head_dim) {
                head.copy_from_slice(&rms_norm(head, norm, config.norm_epsilon));
                if let Some((cosines, sines)) = angles.get(at) {
                    rotate(head, cosines, sines);
                }
                head.iter_mut().for_each(|value| *value *= scale);
            }
        };
        let mut queries = self.query.times(h);
        for (at, query) in queries.iter_mut().enumerate() {
            turn(query, at, &self.query_norm, config.query_scale);
        }
        let mut new: Vec<(Vec<f32>, Vec<f32>)> = match &self.own {
            Some(own) => own.project(config, layer, h),
            None => Vec::new(),
        };
        for (at, (key, _)) in new.iter_mut().enumerate() {
            let norm = self.own.as_ref().map(|own| own.key_norm.as_slice()).unwrap_or_default();
            turn(key, at, norm, 1.0);
        }
        // Each token attends right after its own key was stored, so that a ring needs no more room
        // than its window; if tokens attend ahead, all keys are stored first.
        if !matches!(sight, Sight::Back) {
            for (at, (key, value)) in new.iter().enumerate() {
                cache.put(first + at, key, value);
            }
        }
        let of_token = |(at, query): (usize, &Vec<f32>)| {
            let position = first + at;
            let visible = match sight {
                Sight::Back => {
                    if let Some((key, value)) = new.get(at) {
                        cache.put(position, key, value);
                    }
                    behind(position, layer.window)
                }
                Sight::Until(end) if config.sees_ahead(layer) => until(position, layer.window, end),
                Sight::Until(_) => behind(position, layer.window),
                Sight::Around => around(position, layer.window, h.len()),
            };
            attend(layer, query, cache, &visible)
        };
        queries.iter().enumerate().map(of_token).collect()
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

    /// Returns keys before their norm, and values, which are normalised by head in some networks.
    fn project(&self, config: &Config, layer: &Layer, h: &Tokens) -> Vec<(Vec<f32>, Vec<f32>)> {
        let keys = self.key.times(h);
        let mut values = self.value.as_ref().map_or_else(|| keys.clone(), |it| it.times(h));
        if config.norms_values {
            for head in values.iter_mut().flat_map(|it| it.chunks_exact_mut(layer.head_dim)) {
                head.copy_from_slice(&rms_only(head, config.norm_epsilon));
            }
        }
        keys.into_iter().zip(values).collect()
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

    /// tanh(router · norm(x) / width): one value for each stream.
    fn route(&self, epsilon: f32, x: &Tokens) -> Tokens {
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let share = 1.0 / self.router_norm.len() as f32;
        let read: Tokens =
            x.iter().map(|x| scaled(&rms_norm(x, &self.router_norm, epsilon), share)).collect();
        let routed = self.router.times(&read);
        routed.into_iter().map(|it| it.into_iter().map(f32::tanh).collect()).collect()
    }

    /// Adds to each stream what all of them predict: `xᵢ += Σⱼ C[i·n + j] · xⱼ`.
    fn predict(&self, epsilon: f32, x: &mut [Tokens]) {
        let Some(active) = x.first() else { return };
        let coefficients = self.predict.times(&self.route(epsilon, active));
        let (old, count) = (x.to_vec(), x.len());
        for (token, coefficients) in coefficients.iter().enumerate() {
            for (stream, row) in x.iter_mut().zip(coefficients.chunks_exact(count)) {
                let Some(sum) = stream.get_mut(token) else { continue };
                for (factor, old) in row.iter().zip(&old) {
                    plus_scaled(
                        sum,
                        *factor,
                        old.get(token).map(Vec::as_slice).unwrap_or_default(),
                    );
                }
            }
        }
    }

    /// Adds to each prediction a share of the active stream's error: `xᵢ += (1 + cᵢ)(y −
    /// x₀)`.
    fn correct(&self, epsilon: f32, before: &Tokens, after: &Tokens, x: &mut [Tokens]) {
        let coefficients = self.correct.times(&self.route(epsilon, after));
        for (token, ((before, after), coefficients)) in
            before.iter().zip(after).zip(&coefficients).enumerate()
        {
            let change: Vec<f32> = after.iter().zip(before).map(|(y, x)| y - x).collect();
            for (stream, factor) in x.iter_mut().zip(coefficients) {
                if let Some(sum) = stream.get_mut(token) {
                    plus_scaled(sum, 1.0 + factor, &change);
                }
            }
        }
    }
}

fn multiplied(x: &[f32], by: &[f32]) -> Vec<f32> {
    x.iter().zip(by).map(|(x, y)| x * y).collect()
}
