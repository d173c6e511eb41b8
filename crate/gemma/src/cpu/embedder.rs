//! EmbeddingGemma on the CPU: the same blocks with bidirectional attention, then a mean and two
//! matrices.

use std::fmt;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::inputs::{Inputs, Precision};
use super::matrix::Matrix;
use super::network::{Network, Scratch, Sight};
use super::pause::{Pause, brief};
use crate::cache::{KeyValues, no_room};
use crate::config::{Config, Layer};
use crate::engine::{TextEmbedder, check_vocabulary};
use crate::weights::{Model, missing_tensor};

/// The CPU's encoder.
#[derive(Clone)]
pub struct CpuEmbedder {
    network: Network,
    dense_2: Matrix,
    dense_3: Matrix,
    scratch: Scratch,
    pause: Pause,
}

impl fmt::Debug for CpuEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CpuEmbedder")
            .field("precision", &self.network.precision)
            .finish_non_exhaustive()
    }
}

impl CpuEmbedder {
    /// Loads a model's weights, packed.
    pub async fn load(model: &Model, precision: Precision) -> Result<Self> {
        let dense = model.tensors.dense.as_ref().ok_or_else(|| missing_tensor("dense_2.weight"))?;
        Ok(Self {
            network: Network::load(model, precision).await?,
            dense_2: Matrix::load(model, &dense.dense_2).await?,
            dense_3: Matrix::load(model, &dense.dense_3).await?,
            scratch: Scratch::default(),
            pause: brief(),
        })
    }

    /// Sets another way to yield than to the executor once.
    #[must_use]
    pub fn with_pause(mut self, pause: Pause) -> Self {
        self.pause = pause;
        self
    }

    async fn run(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let Self { network, dense_2, dense_3, scratch, pause } = self;
        let config = &network.config;
        check_vocabulary(config, tokens)?;
        if tokens.is_empty() {
            return Err(Error::invalid("there is nothing to embed"));
        }
        // Layers run one after the other over the whole text, so one cache is enough.
        let width = config.widest(Layer::kv_width);
        let bytes = 8 * tokens.len() as u64 * width as u64;
        let mut cache = KeyValues::new(width, tokens.len()).ok_or_else(|| no_room(bytes))?;
        network.begin(tokens, scratch).await?;
        for index in 0..network.layers.len() {
            pause().await;
            network.layer(index, &mut cache, 0, Sight::Around(tokens.len()), scratch);
        }
        let config = &network.config;
        let mut mean = vec![0.0_f32; config.width];
        #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^24 tokens")]
        let share = 1.0 / tokens.len() as f32;
        for x in network.normed(&scratch.x).chunks_exact(config.width) {
            for (mean, value) in mean.iter_mut().zip(x) {
                *mean += value * share;
            }
        }
        // Only two products per text, so rounding would save nothing.
        let inner = exactly(dense_2, &mean);
        Ok(exactly(dense_3, &inner))
    }
}

fn exactly(matrix: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut inputs = Inputs::default();
    inputs.set(x, matrix.columns(), true, false);
    let mut output = vec![0.0; matrix.rows()];
    matrix.times(&inputs, Precision::Exact, &mut output);
    output
}

impl TextEmbedder for CpuEmbedder {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(tokens))
    }
}
