//! Gemma 3 on the CPU, one loop after the other.

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::Result;

use super::cache::Cache;
use super::matrix::Matrix;
use super::network::Network;
use crate::config::{Architecture, Config, Span};
use crate::engine::{Pass, check_tokens, kept_after_rewind, nothing_pending};
use crate::quant::Rounding;
use crate::weights::Model;

/// How far a ring can be rewound after it has wrapped, in tokens: enough to take back what was
/// sampled beyond a stop sequence.
const SLACK: usize = 64;

/// The scalar pass with its cache.
#[derive(Clone, Debug)]
pub struct Scalar {
    network: Network,
    /// Absent where the embedding serves as output too.
    output: Option<Matrix>,
    caches: Vec<Cache>,
    capacity: usize,
    slots: usize,
    position: usize,
    last: Option<Vec<f32>>,
    rounding: Option<Rounding>,
}

impl Scalar {
    /// Loads a model's weights, packed, with a cache for `capacity` tokens.
    pub async fn load(model: &Model, capacity: usize) -> Result<Self> {
        if model.config.architecture != Architecture::Gemma3 {
            return Err(hybridge_core::Error::precondition(
                "this model turns text into vectors, it does not write",
            )
            .with_code("MODEL_ARCHITECTURE"));
        }
        let network = Network::load(model).await?;
        let output = match &model.tensors.output {
            Some(tensor) => Some(Matrix::load(model, tensor).await?),
            None => None,
        };
        let config = &network.config;
        let slots =
            config.window.map_or(capacity, |window| capacity.min(window.saturating_add(SLACK)));
        let caches = config
            .layers
            .iter()
            .map(|layer| match layer.span {
                Span::Local => Cache::new(config.kv_width(), slots),
                Span::Global => Cache::new(config.kv_width(), capacity),
            })
            .collect();
        Ok(Self {
            network,
            output,
            caches,
            capacity,
            slots,
            position: 0,
            last: None,
            rounding: None,
        })
    }

    /// The twin of the GPU's kernels that round: where a single token is fed, every product rounds
    /// what it reads, and so does the one for its logits. Prompts are read exactly.
    #[must_use]
    pub fn rounding(self, rounding: Rounding) -> Self {
        Self { rounding: Some(rounding), ..self }
    }

    fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        if self.rounding.is_some() {
            let wanted = self.rounding.filter(|_| tokens.len() == 1);
            self.network.round_inputs(wanted);
            if let Some(output) = &mut self.output {
                output.round_inputs(wanted);
            }
        }
        let config = &self.network.config;
        let mut x = self.network.embed(tokens);
        let layers = self.network.layers.iter().zip(&config.layers).zip(&mut self.caches);
        for ((block, layer), cache) in layers {
            let window = config.window.filter(|_| layer.span == Span::Local);
            block.causal(config, layer.rope, window, cache, self.position, &mut x);
        }
        self.position += tokens.len();
        if let Some(last) = x.pop() {
            self.last = Some(last);
        }
        Ok(())
    }

    fn compute_logits(&self) -> Result<Vec<f32>> {
        let last = self.last.as_ref().ok_or_else(nothing_pending)?;
        let head = self.output.as_ref().unwrap_or(&self.network.embedding);
        let mut logits = head.times(&[self.network.normed(last)]).pop().unwrap_or_default();
        if let Some(cap) = self.network.config.soft_cap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        Ok(logits)
    }
}

impl Pass for Scalar {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn position(&self) -> usize {
        self.position
    }

    fn rewind(&mut self, length: usize) -> usize {
        let has_local = self.config().layers.iter().any(|layer| layer.span == Span::Local);
        let window = self.config().window.filter(|_| has_local);
        self.position = kept_after_rewind(length, self.position, window, self.slots);
        self.last = None;
        self.position
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(ready(self.feed(tokens)))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(ready(self.compute_logits()))
    }
}
