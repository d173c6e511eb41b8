//! Gemma 3 out of burn's plain operations: any backend runs it, and with autodiff it trains.
//!
//! It reads like the paper and is nothing more: weights are f32, every operation is a launch, the
//! whole cache is kept. The kernels are judged by it, and it by the scalar pass.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use crate::config::{Config, Layer};

/// A score that no softmax notices, and that is finite, since a row may hold nothing else.
const HIDDEN: f32 = -1e30;

/// The network.
#[derive(Module, Debug)]
pub struct BurnGemma {
    /// \[vocabulary, width\]
    pub embedding: Param<Tensor<2>>,
    /// \[vocabulary, width\]; absent where the embedding serves as output too.
    pub output: Option<Param<Tensor<2>>>,
    /// First to last.
    pub layers: Vec<BurnBlock>,
    /// After the last layer. \[width\]
    pub norm: Param<Tensor<1>>,
}

/// One layer. Matrices are \[outputs, inputs\], as in the file.
#[derive(Module, Debug)]
pub struct BurnBlock {
    /// Before attention. \[width\]
    pub attn_norm: Param<Tensor<1>>,
    /// \[heads · `head_dim`, width\]
    pub query: Param<Tensor<2>>,
    /// \[`kv_heads` · `head_dim`, width\]
    pub key: Param<Tensor<2>>,
    /// \[`kv_heads` · `head_dim`, width\]
    pub value: Param<Tensor<2>>,
    /// \[`head_dim`\]
    pub query_norm: Param<Tensor<1>>,
    /// \[`head_dim`\]
    pub key_norm: Param<Tensor<1>>,
    /// \[width, heads · `head_dim`\]
    pub output: Param<Tensor<2>>,
    /// On the output of attention. \[width\]
    pub post_attention_norm: Param<Tensor<1>>,
    /// Before the feed-forward block. \[width\]
    pub ffn_norm: Param<Tensor<1>>,
    /// \[hidden, width\]
    pub gate: Param<Tensor<2>>,
    /// \[hidden, width\]
    pub up: Param<Tensor<2>>,
    /// \[width, hidden\]
    pub down: Param<Tensor<2>>,
    /// On the output of the feed-forward block. \[width\]
    pub post_ffw_norm: Param<Tensor<1>>,
}

/// Keys and values of one layer. \[1, `kv_heads`, capacity, `head_dim`\]
#[derive(Clone, Debug)]
pub struct BurnCache {
    /// Normed and turned.
    pub keys: Tensor<4>,
    /// As projected.
    pub values: Tensor<4>,
}

/// Where the tokens of a pass stand, for one kind of layer.
#[derive(Clone, Debug)]
pub struct Place {
    /// cos of each position's angles. \[1, 1, seq, `head_dim` / 2\]
    cosines: Tensor<4>,
    /// sin of them.
    sines: Tensor<4>,
    /// Which keys a query must not see. \[1, 1, seq, keys\]
    hidden: Tensor<4, Bool>,
}

impl Place {
    /// Tokens `first..first + count`; each sees the keys for which `sees(position, key)` holds, of
    /// `keys` in all.
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

    /// Runs all layers and the last norm. `places` has one place for each layer; `caches` likewise,
    /// or nothing where the tokens are all there is.
    #[must_use]
    pub fn hidden(
        &self,
        config: &Config,
        tokens: Tensor<2, Int>,
        places: &[&Place],
        mut caches: Option<(&mut [BurnCache], usize)>,
    ) -> Tensor<3> {
        let mut x = self.embed(config, tokens);
        let layers = self.layers.iter().zip(&config.layers).zip(places);
        for (index, ((block, layer), place)) in layers.enumerate() {
            let cache = caches
                .as_mut()
                .and_then(|(caches, first)| caches.get_mut(index).map(|cache| (cache, *first)));
            x = block.forward(config, layer, x, place, cache);
        }
        rms_norm(x, self.norm.val(), config.norm_epsilon)
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
        layer: &Layer,
        x: Tensor<3>,
        place: &Place,
        cache: Option<(&mut BurnCache, usize)>,
    ) -> Tensor<3> {
        let epsilon = config.norm_epsilon;
        let h = rms_norm(x.clone(), self.attn_norm.val(), epsilon);
        let attention = self.attend(config, layer, h, place, cache);
        let x = x + rms_norm(attention, self.post_attention_norm.val(), epsilon);
        let h = rms_norm(x.clone(), self.ffn_norm.val(), epsilon);
        let inner = gelu(times(h.clone(), self.gate.val())) * times(h, self.up.val());
        let output = times(inner, self.down.val());
        x + rms_norm(output, self.post_ffw_norm.val(), epsilon)
    }

    fn attend(
        &self,
        config: &Config,
        layer: &Layer,
        h: Tensor<3>,
        place: &Place,
        cache: Option<(&mut BurnCache, usize)>,
    ) -> Tensor<3> {
        let [batch, seq, _] = h.dims();
        let Layer { heads, kv_heads, head_dim, .. } = *layer;
        let norm_epsilon = config.norm_epsilon;
        // [batch, seq, heads · dim] → [batch, heads, seq, dim]
        let split = |x: Tensor<3>, heads| x.reshape([batch, seq, heads, head_dim]).swap_dims(1, 2);
        let turned = |x: Tensor<4>, norm: &Param<Tensor<1>>| {
            rotate(rms_norm(x, norm.val(), norm_epsilon), place)
        };
        let query = turned(split(times(h.clone(), self.query.val()), heads), &self.query_norm);
        let key = turned(split(times(h.clone(), self.key.val()), kv_heads), &self.key_norm);
        let value = split(times(h, self.value.val()), kv_heads);
        let (keys, values) = match cache {
            Some((cache, first)) => cache.extend(first, key, value),
            None => (key, value),
        };
        let [_, _, length, _] = keys.dims();
        // Query head j reads key head j / group: heads of one group follow each other.
        let grouped = query.reshape([batch, kv_heads, layer.group() * seq, head_dim]);
        let scores = grouped.mul_scalar(config.query_scale).matmul(keys.swap_dims(2, 3));
        let scores = scores.reshape([batch, heads, seq, length]);
        let hidden = place.hidden.clone().expand([batch, heads, seq, length]);
        let weights = softmax(scores.mask_fill(hidden, HIDDEN), 3);
        // softmax(q·kᵀ) v, heads side by side again
        let weights = weights.reshape([batch, kv_heads, layer.group() * seq, length]);
        let mixed = weights.matmul(values).reshape([batch, heads, seq, head_dim]);
        let joined = mixed.swap_dims(1, 2).reshape([batch, seq, heads * head_dim]);
        times(joined, self.output.val())
    }
}

impl BurnCache {
    /// Room for `capacity` positions.
    #[must_use]
    pub fn new(layer: &Layer, capacity: usize, device: &Device) -> Self {
        let shape = [1, layer.kv_heads, capacity, layer.head_dim];
        Self { keys: Tensor::zeros(shape, device), values: Tensor::zeros(shape, device) }
    }

    /// Keys and values of some positions.
    pub(super) fn rows(&self, positions: Range<usize>) -> [Tensor<4>; 2] {
        [&self.keys, &self.values].map(|store| {
            let [batch, heads, _, dim] = store.dims();
            store.clone().slice([0..batch, 0..heads, positions.clone(), 0..dim])
        })
    }

    /// Puts the first of some rows back to these positions.
    pub(super) fn put(&mut self, positions: Range<usize>, rows: &[Tensor<4>; 2]) {
        for (store, rows) in [&mut self.keys, &mut self.values].into_iter().zip(rows) {
            let [batch, heads, _, dim] = rows.dims();
            let first = rows.clone().slice([0..batch, 0..heads, 0..positions.len(), 0..dim]);
            let place = [0..batch, 0..heads, positions.clone(), 0..dim];
            store.inplace(|store| store.slice_assign(place, first));
        }
    }

    /// Puts new positions from `first` on, and gives all up to the last of them.
    fn extend(&mut self, first: usize, key: Tensor<4>, value: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let [batch, heads, count, dim] = key.dims();
        let end = first + count;
        let at = [0..batch, 0..heads, first..end, 0..dim];
        let so_far = [0..batch, 0..heads, 0..end, 0..dim];
        self.keys.inplace(|keys| keys.slice_assign(at.clone(), key));
        self.values.inplace(|values| values.slice_assign(at, value));
        (self.keys.clone().slice(so_far.clone()), self.values.clone().slice(so_far))
    }
}

/// `W · x` for every vector. \[batch, seq, inputs\] → \[batch, seq, outputs\]
pub(crate) fn times(x: Tensor<3>, weight: Tensor<2>) -> Tensor<3> {
    let [batch, seq, inputs] = x.dims();
    let [outputs, _] = weight.dims();
    let flat = x.reshape([batch * seq, inputs]);
    flat.matmul(weight.transpose()).reshape([batch, seq, outputs])
}

/// x / √(mean(x²) + ε) · w over the last dimension.
fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, epsilon: f32) -> Tensor<D> {
    let mean = (x.clone() * x.clone()).mean_dim(D - 1);
    x / mean.add_scalar(epsilon).sqrt() * weight.unsqueeze()
}

/// Turns the pairs (j, j + dim/2) of each head by its position's angles.
fn rotate(x: Tensor<4>, place: &Place) -> Tensor<4> {
    let [batch, heads, seq, dim] = x.dims();
    let part = |from, to| [0..batch, 0..heads, 0..seq, from..to];
    let (a, b) = (x.clone().slice(part(0, dim / 2)), x.slice(part(dim / 2, dim)));
    let (cos, sin) = (place.cosines.clone(), place.sines.clone());
    let left = a.clone() * cos.clone() - b.clone() * sin.clone();
    let right = b * cos + a * sin;
    Tensor::cat(vec![left, right], 3)
}

/// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))); clamped where f32 cannot tell tanh from ±1,
/// because fast drivers give NaN for large arguments.
fn gelu(x: Tensor<3>) -> Tensor<3> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube.mul_scalar(0.044_715_f32)).mul_scalar(0.797_884_6_f32);
    let bounded = inner.clamp(-9.010_913_f32, 9.010_913_f32);
    x.mul_scalar(0.5_f32) * bounded.tanh().add_scalar(1.0_f32)
}
