//! Gemma on the CPU, in plain loops.

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::Result;

use super::attention::Sight;
use super::matrix::Matrix;
use super::network::Network;
use crate::cache::{Cache, InMemory, Reuse, no_room, ring_slots};
use crate::config::Config;
use crate::engine::{Pass, check_rows, check_tokens, nothing_pending};
use crate::quant::Rounding;
use crate::weights::Model;

/// The number of tokens that go through the layers together.
const CHUNK: usize = 32;

/// The scalar pass with its cache.
#[derive(Clone, Debug)]
pub struct Scalar {
    network: Network,
    /// `None` if the embedding is also the output matrix.
    output: Option<Matrix>,
    cache: Cache<InMemory>,
    last: Option<Vec<f32>>,
    rounding: Option<Rounding>,
    /// The number of rows that can go through the layers together.
    longest_chunk: usize,
}

impl Scalar {
    /// Loads a model's weights, packed, with a cache for `capacity` tokens.
    pub async fn load(model: &Model, capacity: usize) -> Result<Self> {
        model.config.require_text()?;
        let network = Network::load(model).await?;
        let output = match &model.tensors.output {
            Some(tensor) => Some(Matrix::load(model, tensor).await?),
            None => None,
        };
        let (config, window) = (&network.config, network.config.window());
        let longest_chunk = model.longest_chunk(CHUNK);
        let slots = ring_slots(window, longest_chunk, capacity);
        let store = InMemory::new(config, slots, capacity).map_err(no_room)?;
        let cache = Cache::new(store, window, slots, capacity);
        Ok(Self { network, output, cache, last: None, rounding: None, longest_chunk })
    }

    /// Sets the bytes for other conversations' keys and values.
    #[must_use]
    pub fn with_budget(mut self, bytes: u64) -> Self {
        self.cache.set_budget(bytes);
        self
    }

    /// Makes this the twin of the GPU's rounding kernels: for a single token, every product rounds
    /// its input, including that of its logits. Prompts are computed exactly.
    #[must_use]
    pub fn rounding(self, rounding: Rounding) -> Self {
        Self { rounding: Some(rounding), ..self }
    }

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        if self.rounding.is_some() {
            let wanted = self.rounding.filter(|_| tokens.len() == 1);
            self.network.round_inputs(wanted);
            if let Some(output) = &mut self.output {
                output.round_inputs(wanted);
            }
        }
        // A layer that reads another one's ring runs after a whole chunk was stored there.
        for chunk in tokens.chunks(CHUNK) {
            let mut state = self.network.begin(chunk).await?;
            self.cache.make_way(chunk.len());
            let first = self.cache.position();
            self.network.run(&mut state, self.cache.store_mut(), first, Sight::Back);
            self.cache.push(chunk);
            self.last = self.network.joined(state).pop();
        }
        Ok(())
    }

    async fn feed_rows(&mut self, ids: &[u32], rows: &[f32]) -> Result<()> {
        check_rows(self, ids, rows, self.longest_chunk)?;
        // Rows with causal attention may be fed in any pieces.
        let longest = self.longest_chunk.max(1);
        for (ids, rows) in ids.chunks(longest).zip(rows.chunks(longest * self.config().width)) {
            let mut state = self.network.begin_rows(rows).await?;
            self.cache.make_way(ids.len());
            let first = self.cache.position();
            let sight = Sight::Until(first + ids.len());
            self.network.run(&mut state, self.cache.store_mut(), first, sight);
            self.cache.push(ids);
            self.last = self.network.joined(state).pop();
        }
        Ok(())
    }

    fn compute_logits(&self) -> Result<Vec<f32>> {
        let last = self.last.as_ref().ok_or_else(nothing_pending)?;
        let head = self.output.as_ref().unwrap_or(&self.network.embedding);
        let mut logits = head.times(&[self.network.normed(last)]).pop().unwrap_or_default();
        self.network.config.finish_logits(&mut logits);
        Ok(logits)
    }
}

impl Pass for Scalar {
    fn config(&self) -> &Config {
        &self.network.config
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

    fn prefill_rows<'a>(
        &'a mut self,
        ids: &'a [u32],
        rows: &'a [f32],
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed_rows(ids, rows))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(ready(self.compute_logits()))
    }
}
