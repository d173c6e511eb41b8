//! EmbeddingGemma on the CPU: the same blocks with bidirectional attention, then a mean and two
//! matrices.

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::attention::Sight;
use super::matrix::Matrix;
use super::network::Network;
use super::vector::rounded;
use crate::cache::{InMemory, no_room};
use crate::config::Config;
use crate::engine::{TextEmbedder, check_vocabulary};
use crate::weights::{Model, missing_tensor};

/// The scalar encoder.
#[derive(Clone, Debug)]
pub struct ScalarEmbedder {
    network: Network,
    dense_2: Matrix,
    dense_3: Matrix,
}

impl ScalarEmbedder {
    /// Loads a model's weights, packed.
    pub async fn load(model: &Model) -> Result<Self> {
        let dense = model.tensors.dense.as_ref().ok_or_else(|| missing_tensor("dense_2.weight"))?;
        Ok(Self {
            network: Network::load(model).await?,
            dense_2: Matrix::load(model, &dense.dense_2).await?,
            dense_3: Matrix::load(model, &dense.dense_3).await?,
        })
    }

    async fn run(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let config = &self.network.config;
        check_vocabulary(config, tokens)?;
        if tokens.is_empty() {
            return Err(Error::invalid("there is nothing to embed"));
        }
        let length = tokens.len();
        let mut caches = InMemory::new(config, length, length).map_err(no_room)?;
        let mut state = self.network.begin(tokens).await?;
        self.network.run(&mut state, &mut caches, 0, Sight::Around);
        let (config, x) = (&self.network.config, self.network.joined(state));
        let mut sums = vec![0.0_f64; config.width];
        for x in &x {
            for (sum, value) in sums.iter_mut().zip(self.network.normed(x)) {
                *sum += f64::from(value);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52 tokens")]
        let mean = sums.iter().map(|sum| rounded(sum / x.len() as f64)).collect();
        let inner = self.dense_2.times(&[mean]);
        self.dense_3.times(&inner).pop().ok_or_else(|| Error::internal("no vector"))
    }
}

impl TextEmbedder for ScalarEmbedder {
    fn config(&self) -> &Config {
        &self.network.config
    }

    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>> {
        Box::pin(self.run(tokens))
    }
}
