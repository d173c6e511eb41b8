//! Gemma 3 on the CPU, fast enough to be used.

use std::fmt;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::cache::{Cache, SLACK};
use super::choice;
use super::format::Chunk;
use super::inputs::Precision;
use super::matrix::Matrix;
use super::memory::no_room;
use super::network::{Network, Scratch, Sight};
use super::pause::{Pause, brief};
use crate::config::{Architecture, Config, Span};
use crate::engine::{Pass, check_tokens, kept_after_rewind, nothing_pending};
use crate::sample::{Draw, Sampled};
use crate::weights::Model;

/// Tokens that go through the layers together: enough to share the work of unpacking weights, few
/// enough that their activations stay in the cache.
pub(super) const CHUNK: usize = 32;

/// The CPU's pass with its cache.
///
/// Dropping a future of [`Pass::prefill`] stops the work before the next layer; chunks of the
/// prompt that were through stay in the cache.
#[derive(Clone)]
pub struct Cpu {
    network: Network,
    /// Absent where the embedding serves as output too.
    output: Option<Matrix>,
    caches: Vec<Cache>,
    capacity: usize,
    slots: usize,
    position: usize,
    /// The furthest that rings were written to since the last rewind: beyond `position` after a
    /// prefill that was dropped.
    written: usize,
    /// The last token's vector after the last layer, and its logits once they were asked for.
    last: Option<Vec<f32>>,
    logits: Option<Vec<f32>>,
    scratch: Scratch,
    pause: Pause,
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("precision", &self.network.precision)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Cpu {
    /// Loads a model's weights, packed, with a cache for `capacity` tokens.
    pub async fn load(model: &Model, capacity: usize, precision: Precision) -> Result<Self> {
        if model.config.architecture != Architecture::Gemma3 {
            return Err(Error::precondition(
                "this model turns text into vectors, it does not write",
            )
            .with_code("MODEL_ARCHITECTURE"));
        }
        let network = Network::load(model, precision).await?;
        let output = match &model.tensors.output {
            Some(tensor) => Some(Matrix::load(model, tensor).await?),
            None => None,
        };
        Self::assemble(network, output, capacity)
    }

    pub(super) fn assemble(
        network: Network,
        output: Option<Matrix>,
        capacity: usize,
    ) -> Result<Self> {
        let config = &network.config;
        let slots = config.window.map_or(capacity, |window| capacity.min(window + SLACK));
        let mut caches = Vec::new();
        for layer in &config.layers {
            let slots = if layer.span == Span::Local { slots } else { capacity };
            let width = config.kv_width();
            let bytes = 8 * slots as u64 * width as u64;
            caches.push(Cache::new(width, slots).ok_or_else(|| no_room(bytes))?);
        }
        Ok(Self {
            network,
            output,
            caches,
            capacity,
            slots,
            position: 0,
            written: 0,
            last: None,
            logits: None,
            scratch: Scratch::default(),
            pause: brief(),
        })
    }

    /// The same pass with another way to let others run than to yield to the executor once.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    /// How activations meet weights.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.network.precision
    }

    /// Changes how activations meet weights from here on.
    pub fn set_precision(&mut self, precision: Precision) {
        self.network.precision = precision;
    }

    /// How many bytes of weights are read for one token.
    #[must_use]
    pub fn bytes_per_token(&self) -> usize {
        self.network.bytes() + self.head().bytes()
    }

    /// The head's weights: the largest stretch of memory there is.
    pub(super) fn head_chunks(&self) -> &[Chunk] {
        self.head().chunks()
    }

    fn head(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.network.embedding)
    }

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        for chunk in tokens.chunks(CHUNK) {
            self.last = None;
            self.logits = None;
            self.written = self.written.max(self.position + chunk.len());
            self.network.embed(chunk, &mut self.scratch.x);
            for (index, cache) in self.caches.iter_mut().enumerate() {
                (self.pause)().await;
                self.network.layer(index, cache, self.position, Sight::Back, &mut self.scratch);
            }
            self.position += chunk.len();
            let start = self.scratch.x.len().saturating_sub(self.network.config.width);
            self.last = self.scratch.x.get(start..).map(<[f32]>::to_vec);
        }
        Ok(())
    }

    fn pending(&mut self) -> Result<&[f32]> {
        if self.logits.is_none() {
            let last = self.last.as_ref().ok_or_else(nothing_pending)?;
            let normed = self.network.normed(last);
            let head = self.output.as_ref().unwrap_or(&self.network.embedding);
            let rounded = head.wants_rounded(self.network.precision);
            self.scratch.inputs.set(&normed, head.columns(), !rounded, rounded);
            let mut logits = vec![0.0; head.rows()];
            head.times(&self.scratch.inputs, self.network.precision, &mut logits);
            if let Some(cap) = self.network.config.soft_cap {
                logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
            }
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
        self.capacity
    }

    fn position(&self) -> usize {
        self.position
    }

    fn chunk(&self) -> usize {
        CHUNK
    }

    fn rewind(&mut self, length: usize) -> usize {
        let has_local = self.config().layers.iter().any(|layer| layer.span == Span::Local);
        let window = self.config().window.filter(|_| has_local);
        let length = length.min(self.position);
        self.position = kept_after_rewind(length, self.written, window, self.slots);
        if self.position == 0 {
            self.written = 0;
        }
        self.last = None;
        self.logits = None;
        self.position
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed(tokens))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(async { self.pending().map(<[f32]>::to_vec) })
    }

    fn choose<'a>(&'a mut self, draw: &'a Draw<'a>) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async { choice::choose(self.pending()?, draw) })
    }
}
