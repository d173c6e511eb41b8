//! Gemma on the CPU, fast enough for practical use.

use std::fmt;

use futures::future::LocalBoxFuture;
use hybridge_core::Result;
use hybridge_core::device::WASM_LIMIT;

use super::choice;
use super::format::Chunk;
use super::inputs::Precision;
use super::matrix::Matrix;
use super::memory::memory_of;
use super::network::{Network, Scratch, Sight};
use super::pause::{Pause, brief};
use crate::cache::{Cache, InMemory, Reuse, no_room, ring_slots};
use crate::config::{Config, PictureSight};
use crate::engine::{Pass, check_rows, check_tokens, nothing_pending};
use crate::sample::{Draw, Sampled};
use crate::weights::Model;

/// The number of tokens that go through the layers together: enough to share the unpacking of
/// weights, few enough that their activations stay in the cache.
pub(super) const CHUNK: usize = 32;

/// The CPU's pass with its cache.
///
/// Dropping a future of [`Pass::prefill`] stops the work before the next layer; finished chunks of
/// the prompt stay in the cache.
#[derive(Clone)]
pub struct Cpu {
    network: Network,
    /// `None` if the embedding is also the output matrix.
    output: Option<Matrix>,
    cache: Cache<InMemory>,
    /// The last token's vector after the last layer, and its logits once requested.
    last: Option<Vec<f32>>,
    logits: Option<Vec<f32>>,
    scratch: Scratch,
    pause: Pause,
    /// The number of rows of a picture that can go through a layer together.
    longest_chunk: usize,
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("precision", &self.network.precision)
            .field("position", &self.cache.position())
            .finish_non_exhaustive()
    }
}

impl Cpu {
    /// Loads a model's weights, packed, with a cache for `capacity` tokens.
    pub async fn load(model: &Model, capacity: usize, precision: Precision) -> Result<Self> {
        model.config.require_text()?;
        let network = Network::load(model, precision).await?;
        let output = match &model.tensors.output {
            Some(tensor) => Some(Matrix::load(model, tensor).await?),
            None => None,
        };
        let spare = memory_of(model, capacity).spare(WASM_LIMIT);
        let longest_chunk = model.longest_chunk(CHUNK);
        Ok(Self::assemble(network, output, capacity, longest_chunk)?.with_budget(spare))
    }

    pub(super) fn assemble(
        network: Network,
        output: Option<Matrix>,
        capacity: usize,
        longest_chunk: usize,
    ) -> Result<Self> {
        let (config, window) = (&network.config, network.config.window());
        let slots = ring_slots(window, longest_chunk, capacity);
        let store = InMemory::new(config, slots, capacity).map_err(no_room)?;
        Ok(Self {
            cache: Cache::new(store, window, slots, capacity),
            network,
            output,
            last: None,
            logits: None,
            scratch: Scratch::default(),
            pause: brief(),
            longest_chunk,
        })
    }

    /// Sets another way to yield than to the executor once.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// Sets the bytes for other conversations' keys and values.
    #[must_use]
    pub fn with_budget(mut self, bytes: u64) -> Self {
        self.cache.set_budget(bytes);
        self
    }

    /// Returns the precision of activations.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.network.precision
    }

    /// Changes the precision of activations from now on.
    pub fn set_precision(&mut self, precision: Precision) {
        self.network.precision = precision;
    }

    /// Returns the bytes of weights read per token.
    #[must_use]
    pub fn bytes_per_token(&self) -> usize {
        self.network.bytes() + self.head().bytes()
    }

    /// Returns the head's weights, the largest contiguous memory.
    pub(super) fn head_chunks(&self) -> &[Chunk] {
        self.head().chunks()
    }

    fn head(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.network.embedding)
    }

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        for chunk in tokens.chunks(CHUNK) {
            self.make_way(chunk.len());
            self.network.begin(chunk, &mut self.scratch).await?;
            self.run_layers().await;
            self.finish(chunk);
        }
        Ok(())
    }

    fn make_way(&mut self, count: usize) {
        (self.last, self.logits) = (None, None);
        self.cache.make_way(count);
    }

    /// Runs `scratch.x` through all layers with causal attention.
    async fn run_layers(&mut self) {
        for index in 0..self.network.layers.len() {
            (self.pause)().await;
            let (first, source) = (self.cache.position(), self.network.config.cache_of(index));
            if let Some(rows) = self.cache.store_mut().layer(source) {
                self.network.layer(index, rows, first, Sight::Back, &mut self.scratch);
            }
        }
    }

    /// Records that these IDs' rows are stored, and that `scratch.x` contains the output of the
    /// last layer for the last of them.
    fn finish(&mut self, ids: &[u32]) {
        self.network.join(&mut self.scratch);
        self.cache.push(ids);
        let start = self.scratch.x.len().saturating_sub(self.network.config.width);
        self.last = self.scratch.x.get(start..).map(<[f32]>::to_vec);
    }

    async fn feed_rows(&mut self, ids: &[u32], rows: &[f32]) -> Result<()> {
        check_rows(self, ids, rows, self.longest_chunk)?;
        if self.network.config.picture_sight() != PictureSight::Behind {
            return self.feed_together(ids, rows).await;
        }
        let width = self.network.config.width;
        for (ids, rows) in ids.chunks(CHUNK).zip(rows.chunks(CHUNK * width)) {
            self.make_way(ids.len());
            self.network.begin_rows(rows, &mut self.scratch).await?;
            self.run_layers().await;
            self.finish(ids);
        }
        Ok(())
    }

    /// Runs rows that attend to each other: each layer first stores the keys of all of them, then
    /// computes attention, both in slabs, so that other tasks can run in between and activations
    /// stay in the cache.
    async fn feed_together(&mut self, ids: &[u32], rows: &[f32]) -> Result<()> {
        self.make_way(ids.len());
        let first = self.cache.position();
        let size = CHUNK * self.network.config.width;
        // [rows, width]
        let mut x = rows.to_vec();
        for index in 0..self.network.layers.len() {
            let config = &self.network.config;
            let source = config.cache_of(index);
            let is_ahead = config.layers.get(index).is_some_and(|layer| config.sees_ahead(layer));
            let sight = if is_ahead { Sight::Until(first + ids.len()) } else { Sight::Stored };
            for (slab, x) in x.chunks(size).enumerate() {
                (self.pause)().await;
                self.scratch.x.clear();
                self.scratch.x.extend_from_slice(x);
                if let Some(rows) = self.cache.store_mut().layer(source) {
                    self.network.store(index, rows, first + slab * CHUNK, &mut self.scratch);
                }
            }
            for (slab, x) in x.chunks_mut(size).enumerate() {
                (self.pause)().await;
                self.scratch.x.clear();
                self.scratch.x.extend_from_slice(x);
                if let Some(rows) = self.cache.store_mut().layer(source) {
                    let first = first + slab * CHUNK;
                    self.network.layer(index, rows, first, sight, &mut self.scratch);
                }
                x.copy_from_slice(&self.scratch.x);
            }
        }
        self.finish(ids);
        Ok(())
    }

    fn pending(&mut self) -> Result<&[f32]> {
        if self.logits.is_none() {
            let last = self.last.as_ref().ok_or_else(nothing_pending)?;
            let normed = self.network.normed(last);
            let head = self.output.as_ref().unwrap_or(&self.network.embedding);
            let precision = self.network.precision;
            let (plain, rounded) = (head.wants_plain(precision), head.wants_rounded(precision));
            self.scratch.inputs.set(&normed, head.columns(), plain, rounded);
            let mut logits = vec![0.0; head.rows()];
            head.times(&self.scratch.inputs, precision, &mut logits);
            self.network.config.finish_logits(&mut logits);
            self.logits = Some(logits);
        }
        self.logits.as_deref().ok_or_else(nothing_pending)
    }
}

impl Pass for Cpu {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn capacity(&self) -> usize {
        self.cache.capacity()
    }

    fn tokens(&self) -> &[u32] {
        self.cache.tokens()
    }

    fn chunk(&self) -> usize {
        CHUNK
    }

    fn resume(&mut self, tokens: &[u32]) -> usize {
        (self.last, self.logits) = (None, None);
        self.cache.resume(tokens)
    }

    fn forget(&mut self) {
        (self.last, self.logits) = (None, None);
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
        Box::pin(async { self.pending().map(<[f32]>::to_vec) })
    }

    fn choose<'a>(&'a mut self, draw: &'a Draw<'a>) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async { choice::choose(self.pending()?, draw) })
    }
}
