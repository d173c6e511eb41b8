//! Gemma in burn's plain operations: any backend can run it, and with autodiff it trains. The
//! additions of Gemma 3n and 4 are in [`super::newer`].
//!
//! It follows the paper without optimisations: weights are f32, every operation is a launch, the
//! whole cache is kept. The kernels are tested against it, and it against the scalar pass.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::newer::{BurnAltUp, BurnInputs, BurnLaurel, BurnPerLayer, BurnStreams, cut_below};
use crate::config::{Config, Layer};

/// A score that is negligible in every softmax, but finite, because a row may contain nothing else.
const HIDDEN: f32 = -1e30;

/// The network.
#[derive(Module, Debug)]
pub struct BurnGemma {
    /// \[vocabulary, width\]
    pub embedding: Param<Tensor<2>>,
    /// \[vocabulary, width\]; `None` if the embedding is also the output matrix.
    pub output: Option<Param<Tensor<2>>>,
    /// Layers, in order.
    pub layers: Vec<BurnBlock>,
    /// Norm after the last layer. \[width\]
    pub norm: Param<Tensor<1>>,
    /// Present if layers have their own inputs.
    pub inputs: Option<BurnInputs>,
    /// Present if there are several residual streams.
    pub streams: Option<BurnStreams>,
}

/// One layer. Matrices are \[outputs, inputs\], as in the file.
#[derive(Module, Debug)]
pub struct BurnBlock {
    /// Norm before attention. \[width\]
    pub attn_norm: Param<Tensor<1>>,
    /// \[heads · `head_dim`, width\]
    pub query: Param<Tensor<2>>,
    /// Its own keys and values; `None` if it reads those of an earlier layer.
    pub own: Option<BurnKeys>,
    /// \[`head_dim`\]
    pub query_norm: Param<Tensor<1>>,
    /// \[width, heads · `head_dim`\]
    pub output: Param<Tensor<2>>,
    /// Norm of the output of attention. \[width\]
    pub post_attention_norm: Param<Tensor<1>>,
    /// Norm before the feed-forward block. \[width\]
    pub ffn_norm: Param<Tensor<1>>,
    /// \[hidden, width\]
    pub gate: Param<Tensor<2>>,
    /// \[hidden, width\]
    pub up: Param<Tensor<2>>,
    /// \[width, hidden\]
    pub down: Param<Tensor<2>>,
    /// Norm of the output of the feed-forward block. \[width\]
    pub post_ffw_norm: Param<Tensor<1>>,
    /// Adds the layer's per-token input.
    pub per_layer: Option<BurnPerLayer>,
    /// The factor of the residual stream at the end. \[1\]
    pub output_scale: Option<Param<Tensor<1>>>,
    /// Mixes the residual streams.
    pub altup: Option<BurnAltUp>,
    /// A low-rank residual branch beside attention.
    pub laurel: Option<BurnLaurel>,
}

/// Computes a layer's keys and values.
#[derive(Module, Debug)]
pub struct BurnKeys {
    /// \[`kv_heads` · `head_dim`, width\]
    pub key: Param<Tensor<2>>,
    /// \[`kv_heads` · `head_dim`, width\]; `None` if values are the keys before their norm.
    pub value: Option<Param<Tensor<2>>>,
    /// \[`head_dim`\]
    pub key_norm: Param<Tensor<1>>,
}

/// The state of tokens between two layers.
struct State {
    /// The residual streams, the active one first.
    streams: Vec<Tensor<3>>,
    /// Each layer's per-token input. \[batch, seq, layers, part\]
    inputs: Option<Tensor<4>>,
    /// Keys and values of the layers so far that have their own.
    made: Vec<Option<[Tensor<4>; 2]>>,
}

/// Keys and values of one layer. \[1, `kv_heads`, capacity, `head_dim`\]
#[derive(Clone, Debug)]
pub struct BurnCache {
    /// Normalised and rotated.
    pub keys: Tensor<4>,
    /// As projected, or normalised.
    pub values: Tensor<4>,
}

/// The positions of the tokens of a pass, for one kind of layer.
#[derive(Clone, Debug)]
pub struct Place {
    /// Cosines of each position's angles. \[1, 1, seq, `head_dim` / 2\]
    cosines: Tensor<4>,
    /// Sines of them.
    sines: Tensor<4>,
    /// Which keys a query must not attend to. \[1, 1, seq, keys\]
    hidden: Tensor<4, Bool>,
}

impl Place {
    /// Creates positions for the tokens `first..first + count`; each attends to the keys for which
    /// `sees(position, key)` is true, of `keys` in all.
    #[must_use]
    pub fn new(
        layer: &Layer,
        first: usize,
        count: usize,
        keys: usize,
        sees: impl Fn(usize, usize) -> bool,
        device: &Device,
    ) -> Self {
        let (mut cosines, mut sines) = (Vec::new(), Vec::new());
        let mut hidden = Vec::with_capacity(count * keys);
        for position in first..first + count {
            let (cos, sin) = layer.rope.angles(position, layer.head_dim);
            cosines.extend(cos);
            sines.extend(sin);
            hidden.extend((0..keys).map(|key| !sees(position, key)));
        }
        let shape = [1, 1, count, layer.head_dim / 2];
        Self {
            cosines: Tensor::from_data(TensorData::new(cosines, shape), device),
            sines: Tensor::from_data(TensorData::new(sines, shape), device),
            hidden: Tensor::from_data(TensorData::new(hidden, [1, 1, count, keys]), device),
        }
    }
}

impl BurnGemma {
    /// `E[token] · √width`. \[batch, seq\] → \[batch, seq, width\]
    #[must_use]
    pub fn embed(&self, config: &Config, tokens: Tensor<2, Int>) -> Tensor<3> {
        let [batch, seq] = tokens.dims();
        let rows = self.embedding.val().select(0, tokens.reshape([batch * seq]));
        rows.reshape([batch, seq, config.width]).mul_scalar(config.embedding_scale)
    }

    /// Runs all layers and the last norm. `rows` are the tokens' rows of the table of inputs, if
    /// there is one. `places` has an entry for each layer; `caches` has one for each layer with its
    /// own keys, or is empty if there are no other tokens.
    #[must_use]
    pub fn hidden(
        &self,
        config: &Config,
        tokens: Tensor<2, Int>,
        rows: Option<Tensor<3>>,
        places: &[&Place],
        mut caches: Option<(&mut [BurnCache], usize)>,
    ) -> Tensor<3> {
        let x = self.embed(config, tokens);
        let inputs =
            self.inputs.as_ref().zip(rows).map(|(it, rows)| it.of(config, x.clone(), rows));
        let streams = match &self.streams {
            Some(streams) => streams.split(&x),
            None => vec![x.clone()],
        };
        let mut state = State { streams, inputs, made: Vec::new() };
        let mut owners = 0;
        for (index, (block, place)) in self.layers.iter().zip(places).enumerate() {
            let cache = caches
                .as_mut()
                .filter(|_| block.own.is_some())
                .and_then(|(caches, first)| caches.get_mut(owners).map(|cache| (cache, *first)));
            owners += usize::from(block.own.is_some());
            block.forward(config, index, &mut state, place, cache);
        }
        let joined = match &self.streams {
            Some(streams) => streams.join(state.streams),
            None => state.streams.into_iter().next(),
        };
        rms_norm(joined.unwrap_or(x), self.norm.val(), config.norm_epsilon)
    }

    /// `E · h`, soft-capped. \[batch, seq, width\] → \[batch, seq, vocabulary\]
    #[must_use]
    pub fn logits(&self, config: &Config, hidden: Tensor<3>) -> Tensor<3> {
        let head = self.output.as_ref().unwrap_or(&self.embedding).val();
        let logits = times(hidden, head);
        match config.soft_cap {
            Some(cap) => logits.div_scalar(cap).tanh().mul_scalar(cap),
            None => logits,
        }
    }
}

impl BurnBlock {
    fn forward(
        &self,
        config: &Config,
        index: usize,
        state: &mut State,
        place: &Place,
        cache: Option<(&mut BurnCache, usize)>,
    ) {
        let Some(layer) = config.layers.get(index) else { return };
        let norm = |x: Tensor<3>, weight: &Param<Tensor<1>>| {
            rms_norm(x, weight.val(), config.norm_epsilon)
        };
        if let Some(altup) = &self.altup {
            altup.predict(config, &mut state.streams);
        }
        let Some(before) = state.streams.first().cloned() else { return };
        let h = norm(before.clone(), &self.attn_norm);
        let made = self.keys(config, layer, h.clone(), place, cache);
        state.made.push(made);
        let source = state.made.get(config.cache_of(index)).cloned().flatten();
        let Some([keys, values]) = source else { return };
        let attention = self.attend(config, layer, h.clone(), place, [keys, values]);
        let mut x = before + norm(attention, &self.post_attention_norm);
        if let Some(laurel) = &self.laurel {
            x = laurel.merged(config, x, h);
        }
        let n = norm(x.clone(), &self.ffn_norm);
        let mut gate = times(n.clone(), self.gate.val());
        if let Some(deviations) = layer.sparsity {
            gate = cut_below(gate, deviations);
        }
        let inner = gelu(gate) * times(n, self.up.val());
        x = x + norm(times(inner, self.down.val()), &self.post_ffw_norm);
        match &self.altup {
            Some(altup) => altup.correct(config, x, &mut state.streams),
            None => state.streams = vec![x],
        }
        self.add_input(config, index, state);
        if let (Some(scale), Some(x)) = (&self.output_scale, state.streams.first_mut()) {
            x.inplace(|x| x * scale.val().unsqueeze());
        }
    }

    /// Adds the layer's own input of each token; with several streams, to all except the active
    /// one.
    fn add_input(&self, config: &Config, index: usize, state: &mut State) {
        let (Some(per_layer), Some(inputs)) = (&self.per_layer, &state.inputs) else { return };
        let Some(mut read) = state.streams.first().cloned() else { return };
        if let Some(altup) = &self.altup {
            read = read * altup.correct_scale.val().unsqueeze();
        }
        let [batch, seq, _, part] = inputs.dims();
        let input = inputs.clone().slice([0..batch, 0..seq, index..index + 1, 0..part]);
        let branch = per_layer.branch(config, read, input.reshape([batch, seq, part]));
        for x in state.streams.iter_mut().skip(usize::from(self.altup.is_some())) {
            x.inplace(|x| x + branch.clone());
        }
    }

    /// Returns the layer's own keys and values, after those of the cache.
    fn keys(
        &self,
        config: &Config,
        layer: &Layer,
        h: Tensor<3>,
        place: &Place,
        cache: Option<(&mut BurnCache, usize)>,
    ) -> Option<[Tensor<4>; 2]> {
        let own = self.own.as_ref()?;
        let raw = heads_of(times(h.clone(), own.key.val()), layer.kv_heads);
        let mut value = match &own.value {
            Some(weight) => heads_of(times(h, weight.val()), layer.kv_heads),
            None => raw.clone(),
        };
        if config.norms_values {
            value = rms_only(value, config.norm_epsilon);
        }
        let key = rotate(rms_norm(raw, own.key_norm.val(), config.norm_epsilon), place);
        Some(match cache {
            Some((cache, first)) => cache.extend(first, key, value),
            None => [key, value],
        })
    }

    fn attend(
        &self,
        config: &Config,
        layer: &Layer,
        h: Tensor<3>,
        place: &Place,
        [keys, values]: [Tensor<4>; 2],
    ) -> Tensor<3> {
        let [batch, seq, _] = h.dims();
        let Layer { heads, kv_heads, head_dim, .. } = *layer;
        let query = heads_of(times(h, self.query.val()), heads);
        let query = rms_norm(query, self.query_norm.val(), config.norm_epsilon);
        let query = rotate(query, place);
        let [_, _, length, _] = keys.dims();
        // Query head j reads key head j / group: the heads of a group are adjacent.
        let grouped = query.reshape([batch, kv_heads, layer.group() * seq, head_dim]);
        let scores = grouped.mul_scalar(config.query_scale).matmul(keys.swap_dims(2, 3));
        let scores = scores.reshape([batch, heads, seq, length]);
        let hidden = place.hidden.clone().expand([batch, heads, seq, length]);
        let weights = softmax(scores.mask_fill(hidden, HIDDEN), 3);
        // softmax(q·kᵀ) v, heads concatenated again
        let weights = weights.reshape([batch, kv_heads, layer.group() * seq, length]);
        let mixed = weights.matmul(values).reshape([batch, heads, seq, head_dim]);
        let joined = mixed.swap_dims(1, 2).reshape([batch, seq, heads * head_dim]);
        times(joined, self.output.val())
    }
}

impl BurnCache {
    /// Allocates `capacity` positions.
    #[must_use]
    pub fn new(layer: &Layer, capacity: usize, device: &Device) -> Self {
        let shape = [1, layer.kv_heads, capacity, layer.head_dim];
        Self { keys: Tensor::zeros(shape, device), values: Tensor::zeros(shape, device) }
    }

    /// Returns keys and values of a range of positions.
    pub(super) fn rows(&self, positions: Range<usize>) -> [Tensor<4>; 2] {
        [&self.keys, &self.values].map(|store| {
            let [batch, heads, _, dim] = store.dims();
            store.clone().slice([0..batch, 0..heads, positions.clone(), 0..dim])
        })
    }

    /// Copies the first of some rows back to these positions.
    pub(super) fn put(&mut self, positions: Range<usize>, rows: &[Tensor<4>; 2]) {
        for (store, rows) in [&mut self.keys, &mut self.values].into_iter().zip(rows) {
            let [batch, heads, _, dim] = rows.dims();
            let first = rows.clone().slice([0..batch, 0..heads, 0..positions.len(), 0..dim]);
            let place = [0..batch, 0..heads, positions.clone(), 0..dim];
            store.inplace(|store| store.slice_assign(place, first));
        }
    }

    /// Stores new positions from `first` on, and returns all up to the last of them.
    fn extend(&mut self, first: usize, key: Tensor<4>, value: Tensor<4>) -> [Tensor<4>; 2] {
        let [batch, heads, count, dim] = key.dims();
        let end = first + count;
        let at = [0..batch, 0..heads, first..end, 0..dim];
        let so_far = [0..batch, 0..heads, 0..end, 0..dim];
        self.keys.inplace(|keys| keys.slice_assign(at.clone(), key));
        self.values.inplace(|values| values.slice_assign(at, value));
        [self.keys.clone().slice(so_far.clone()), self.values.clone().slice(so_far)]
    }
}

/// `W · x` for every vector. \[batch, seq, inputs\] → \[batch, seq, outputs\]
pub(crate) fn times(x: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let [batch, seq, inputs] = x.dims();
    let [outputs, _] = weight.dims();
    let flat = x.reshape([batch * seq, inputs]);
    flat.matmul(weight.transpose()).reshape([batch, seq, outputs])
}

/// \[batch, seq, heads · dim\] → \[batch, heads, seq, dim\]
fn heads_of(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, seq, width] = x.dims();
    x.reshape([batch, seq, heads, width / heads.max(1)]).swap_dims(1, 2)
}

/// x / √(mean(x²) + ε) over the last dimension.
pub(super) fn rms_only<const D: usize>(x: Tensor<D>, epsilon: f32) -> Tensor<D> {
    let mean = (x.clone() * x.clone()).mean_dim(D - 1);
    x / mean.add_scalar(epsilon).sqrt()
}

/// The same times w.
pub(super) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f32) -> Tensor<D> {
    rms_only(x, epsilon) * weight.unsqueeze()
}

/// Rotates the pairs (j, j + dim/2) of each head by its position's angles.
fn rotate(x: Tensor<4>, place: &Place) -> Tensor<4> {
    let [batch, heads, seq, dim] = x.dims();
    let part = |from, to| [0..batch, 0..heads, 0..seq, from..to];
    let (a, b) = (x.clone().slice(part(0, dim / 2)), x.slice(part(dim / 2, dim)));
    let (cos, sin) = (place.cosines.clone(), place.sines.clone());
    let left = a.clone() * cos.clone() - b.clone() * sin.clone();
    let right = b * cos + a * sin;
    Tensor::cat(vec![left, right], 3)
}

/// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))); clamped where tanh rounds to ±1 in f32,
/// because some drivers return NaN for large arguments.
pub(super) fn gelu(x: Tensor<3>) -> Tensor<3> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube.mul_scalar(0.044_715_f32)).mul_scalar(0.797_884_6_f32);
    let bounded = inner.clamp(-9.010_913_f32, 9.010_913_f32);
    x.mul_scalar(0.5_f32) * bounded.tanh().add_scalar(1.0_f32)
}
