//! Gemma 3 on the CPU, one loop after the other.

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::Result;

use super::attention::Sight;
use super::cache::Cache;
use super::matrix::Matrix;
use super::network::Network;
use crate::config::{Config, Span};
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
        model.config.require_text()?;
        let network = Network::load(model).await?;
        let output = match &model.tensors.output {
            Some(tensor) => Some(Matrix::load(model, tensor).await?),
            None => None,
        };
        let config = &network.config;
        let slots =
            config.window().map_or(capacity, |window| capacity.min(window.saturating_add(SLACK)));
        let caches = config
            .layers
            .iter()
            .map(|layer| match (layer.source, layer.span) {
                (Some(_), _) => Cache::new(0, 0),
                (None, Span::Local) => Cache::new(layer.kv_width(), slots),
                (None, Span::Global) => Cache::new(layer.kv_width(), capacity),
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

    async fn feed(&mut self, tokens: &[u32]) -> Result<()> {
        check_tokens(self, tokens)?;
        if self.rounding.is_some() {
            let wanted = self.rounding.filter(|_| tokens.len() == 1);
            self.network.round_inputs(wanted);
            if let Some(output) = &mut self.output {
                output.round_inputs(wanted);
            }
        }
        // A layer that reads another one's ring comes after all of a chunk was stored there.
        for chunk in tokens.chunks(SLACK) {
            let mut state = self.network.begin(chunk).await?;
            self.network.run(&mut state, &mut self.caches, self.position, Sight::Back);
            self.position += chunk.len();
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
        self.capacity
    }

    fn position(&self) -> usize {
        self.position
    }

    fn rewind(&mut self, length: usize) -> usize {
        let window = self.config().window();
        self.position = kept_after_rewind(length, self.position, window, self.slots);
        self.last = None;
        self.position
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(self.feed(tokens))
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        Box::pin(ready(self.compute_logits()))
    }
}
