//! The forward pass in burn's plain operations, for text generation and embedding.

use std::ops::Range;

use burn::tensor::{Device as BurnDevice, Int, Tensor, TensorData};
use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::load::matrix;
use super::model::{BurnCache, BurnGemma, Place, times};
use crate::cache::{Cache, Reuse, Store};
use crate::config::{Config, Layer, Span};
use crate::engine::{Pass, TextEmbedder, check_tokens, check_vocabulary, nothing_pending};
use crate::gpu::Device;
use crate::network::rows::Rows;
use crate::sample::not_finite;
use crate::weights::{Model, missing_tensor};

/// Gemma in burn, with a cache of all positions.
#[derive(Debug)]
pub struct BurnPass {
    config: Config,
    adapter: String,
    device: BurnDevice,
    gemma: BurnGemma,
    /// The table of inputs, if layers have their own inputs.
    rows: Option<Rows>,
    cache: Cache<BurnCaches>,
    /// The last hidden state. \[1, 1, width\]
    last: Option<Tensor<3>>,
}

impl BurnPass {
    /// Loads a model's weights as f32, with a cache for `capacity` tokens.
    ///
    /// # Errors
    ///
    /// Returns errors of reading the model.
    pub async fn load(device: &Device, model: &Model, capacity: usize) -> Result<Self> {
        model.config.require_text()?;
        let burn = device.burn()?;
        let config = model.config.clone();
        let owners = || config.layers.iter().filter(|layer| layer.source.is_none());
        let caches = owners().map(|layer| BurnCache::new(layer, capacity, &burn)).collect();
        let row_bytes = owners().map(|layer| 8 * layer.kv_width() as u64).sum();
        let inputs = model.tensors.inputs.as_ref();
        Ok(Self {
            rows: inputs.map(|inputs| Rows::new(model, &inputs.token_embd)),
            gemma: BurnGemma::load(&burn, model).await?,
            // Every layer caches all positions, so there are no rings.
            cache: Cache::new(BurnCaches { caches, row_bytes }, None, capacity, capacity),
            config,
            adapter: device.facts().name.clone(),
            device: burn,
            last: None,
        })
    }

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        if tokens.is_empty() {
            return Ok(());
        }
        let rows = match &mut self.rows {
            Some(rows) => {
                let shape = [1, tokens.len(), rows.columns()];
                let values = TensorData::new(rows.gather(tokens).await?, shape);
                Some(Tensor::from_data(values, &self.device))
            }
            None => None,
        };
        let (config, first, count) = (&self.config, self.cache.position(), tokens.len());
        let places: Vec<(Layer, Place)> = kinds(config, |layer| {
            let window = layer.window;
            let sees = |position: usize, key: usize| {
                key <= position && window.is_none_or(|window| position - key < window)
            };
            Place::new(layer, first, count, first + count, sees, &self.device)
        });
        let ids = ids(tokens, &self.device);
        let caches = Some((self.cache.store_mut().caches.as_mut_slice(), first));
        let hidden = self.gemma.hidden(config, ids, rows, &of_layers(config, &places), caches);
        self.last = Some(hidden.slice([0..1, count - 1..count, 0..config.width]));
        self.cache.push(tokens);
        Ok(())
    }

    async fn read_logits(&self) -> Result<Vec<f32>> {
        let last = self.last.clone().ok_or_else(nothing_pending)?;
        let mut logits = read(self.gemma.logits(&self.config, last)).await?;
        self.config.suppress(&mut logits);
        Ok(logits)
    }
}

impl Pass for BurnPass {
    fn config(&self) -> &Config {
        &self.config
    }

    fn adapter(&self) -> String {
        self.adapter.clone()
    }

    fn capacity(&self) -> usize {
        self.cache.capacity()
    }

    fn tokens(&self) -> &[u32] {
        self.cache.tokens()
    }

    fn resume(&mut self, tokens: &[u32]) -> usize {
        self.last = None;
        self.cache.resume(tokens)
    }

    fn forget(&mut self) {
        self.last = None;
        self.cache.forget();
    }

    fn set_budget(&mut self, bytes: u64) {
        self.cache.set_budget(bytes);
    }

    fn reuse(&self) -> Reuse {
        self.cache.reuse()
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed(tokens))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(self.read_logits())
    }
}

/// Keys and values of all layers.
#[derive(Debug)]
struct BurnCaches {
    caches: Vec<BurnCache>,
    row_bytes: u64,
}

impl Store for BurnCaches {
    type Saved = Vec<[Tensor<4>; 2]>;

    fn row_bytes(&self, span: Span) -> u64 {
        if span == Span::Global { self.row_bytes } else { 0 }
    }

    fn save(&mut self, _: Span, positions: Range<usize>) -> Option<Self::Saved> {
        Some(self.caches.iter().map(|cache| cache.rows(positions.clone())).collect())
    }

    fn load(&mut self, _: Span, positions: Range<usize>, saved: &Self::Saved) {
        for (cache, rows) in self.caches.iter_mut().zip(saved) {
            cache.put(positions.clone(), rows);
        }
    }
}

/// An embedding model in burn.
#[derive(Debug)]
pub struct BurnEmbedder {
    config: Config,
    adapter: String,
    device: BurnDevice,
    gemma: BurnGemma,
    /// \[inner, width\]
    dense_2: Tensor<2>,
    /// \[outputs, inner\]
    dense_3: Tensor<2>,
}

impl BurnEmbedder {
    /// Loads a model's weights as f32.
    ///
    /// # Errors
    ///
    /// Returns errors of reading the model.
    pub async fn load(device: &Device, model: &Model) -> Result<Self> {
        let dense = model.tensors.dense.as_ref().ok_or_else(|| missing_tensor("dense_2.weight"))?;
        let burn = device.burn()?;
        Ok(Self {
            config: model.config.clone(),
            adapter: device.facts().name.clone(),
            gemma: BurnGemma::load(&burn, model).await?,
            dense_2: matrix(&burn, model, &dense.dense_2).await?.val(),
            dense_3: matrix(&burn, model, &dense.dense_3).await?.val(),
            device: burn,
        })
    }

    async fn run(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let (config, count) = (&self.config, tokens.len());
        check_vocabulary(config, tokens)?;
        if tokens.is_empty() {
            return Err(Error::invalid("there is nothing to embed"));
        }
        let places = kinds(config, |layer| {
            let window = layer.window;
            // Half a window to each side.
            let sees = |position: usize, key: usize| {
                window.is_none_or(|window| position.abs_diff(key) <= window / 2)
            };
            Place::new(layer, 0, count, count, sees, &self.device)
        });
        let ids = ids(tokens, &self.device);
        let hidden = self.gemma.hidden(config, ids, None, &of_layers(config, &places), None);
        let mean = hidden.mean_dim(1); // [1, 1, width]
        read(times(times(mean, self.dense_2.clone()), self.dense_3.clone())).await
    }
}

impl TextEmbedder for BurnEmbedder {
    fn config(&self) -> &Config {
        &self.config
    }

    fn adapter(&self) -> String {
        self.adapter.clone()
    }

    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(tokens))
    }
}

/// Returns the positions for each kind of layer, of which there are at most two.
fn kinds(config: &Config, place: impl Fn(&Layer) -> Place) -> Vec<(Layer, Place)> {
    let mut kinds: Vec<(Layer, Place)> = Vec::new();
    for layer in &config.layers {
        if kinds.iter().all(|(kind, _)| kind != layer) {
            kinds.push((layer.clone(), place(layer)));
        }
    }
    kinds
}

fn of_layers<'a>(config: &Config, kinds: &'a [(Layer, Place)]) -> Vec<&'a Place> {
    let place = |layer| kinds.iter().find(|(kind, _)| kind == layer).map(|(_, place)| place);
    config.layers.iter().filter_map(place).collect()
}

fn ids(tokens: &[u32], device: &BurnDevice) -> Tensor<2, Int> {
    let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
    Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), device)
}

pub(super) async fn read(tensor: Tensor<3>) -> Result<Vec<f32>> {
    let data = tensor.into_data_async().await;
    let data =
        data.map_err(|error| Error::internal(format!("reading a tensor failed: {error:?}")))?;
    let values = data
        .try_into_vec::<f32>()
        .map_err(|error| Error::internal(format!("a tensor of f32 is not: {error:?}")))?;
    if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite()) }
}
