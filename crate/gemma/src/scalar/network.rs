//! The weights in memory, and the computation before the first layer and after the last.

use hybridge_core::Result;

use super::attention::Sight;
use super::block::Block;
use super::matrix::Matrix;
use super::vector::{add, length, rms_norm, rounded, scaled};
use crate::cache::InMemory;
use crate::config::Config;
use crate::network::rows::Rows;
use crate::quant::Rounding;
use crate::weights::{InputTensors, Model, StreamTensors, Tensor};

/// The embedding, the layers, and the norm after them.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Block>,
    pub(super) output_norm: Vec<f32>,
    inputs: Option<Inputs>,
    streams: Option<Streams>,
}

/// Computes each layer's per-token input.
#[derive(Clone, Debug)]
struct Inputs {
    rows: Rows,
    projection: Matrix,
    norm: Vec<f32>,
}

/// Expands one residual stream to several, and merges them again.
#[derive(Clone, Debug)]
struct Streams {
    split: Vec<Matrix>,
    join: Vec<Matrix>,
}

/// The state of tokens between two layers.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The residual streams, the active one first. \[streams, tokens, width\]
    pub(super) x: Vec<Vec<Vec<f32>>>,
    /// The layers' own inputs. \[tokens, layers · `per_layer`\]
    pub(super) inputs: Vec<Vec<f32>>,
}

impl Network {
    pub(super) async fn load(model: &Model) -> Result<Self> {
        let mut layers = Vec::new();
        for tensors in &model.tensors.layers {
            layers.push(Block::load(model, tensors).await?);
        }
        Ok(Self {
            config: model.config.clone(),
            embedding: Matrix::load(model, &model.tensors.token_embd).await?,
            layers,
            output_norm: model.values(&model.tensors.output_norm).await?,
            inputs: match &model.tensors.inputs {
                Some(tensors) => Some(Inputs::load(model, tensors).await?),
                None => None,
            },
            streams: match &model.tensors.streams {
                Some(tensors) => Some(Streams {
                    split: each(model, &tensors.proj).await?,
                    join: each(model, &tensors.unembd_proj).await?,
                }),
                None => None,
            },
        })
    }

    /// Sets whether products round their inputs. The embedding is never rounded.
    pub(super) fn round_inputs(&mut self, wanted: Option<Rounding>) {
        self.embedding.round_inputs(wanted);
        for block in &mut self.layers {
            block.round_inputs(wanted);
        }
    }

    /// Returns the input of the first layer: embedded tokens, each layer's inputs, all residual
    /// streams.
    pub(super) async fn begin(&mut self, tokens: &[u32]) -> Result<State> {
        let x = self.embed(tokens);
        self.begin_with(tokens, x).await
    }

    /// The same for rows of a picture, which are not scaled. Their per-layer inputs are those of
    /// token 0.
    pub(super) async fn begin_rows(&mut self, rows: &[f32]) -> Result<State> {
        let x: Vec<Vec<f32>> = rows.chunks_exact(self.config.width).map(<[f32]>::to_vec).collect();
        self.begin_with(&vec![0; x.len()], x).await
    }

    async fn begin_with(&mut self, tokens: &[u32], x: Vec<Vec<f32>>) -> Result<State> {
        let inputs = match &mut self.inputs {
            Some(inputs) => inputs.of(&self.config, tokens, &x).await?,
            None => Vec::new(),
        };
        let x = match &self.streams {
            Some(streams) => streams.split(x),
            None => vec![x],
        };
        Ok(State { x, inputs })
    }

    /// Runs all layers from position `first` on.
    pub(super) fn run(&self, state: &mut State, caches: &mut InMemory, first: usize, sight: Sight) {
        for (index, block) in self.layers.iter().enumerate() {
            block.run(&self.config, index, caches, first, sight, state);
        }
    }

    /// Returns the input of the last norm: the residual stream, or the merged streams.
    pub(super) fn joined(&self, state: State) -> Vec<Vec<f32>> {
        match &self.streams {
            Some(streams) => streams.join(&state.x),
            None => state.x.into_iter().next().unwrap_or_default(),
        }
    }

    /// The norm after the last layer.
    pub(super) fn normed(&self, x: &[f32]) -> Vec<f32> {
        rms_norm(x, &self.output_norm, self.config.norm_epsilon)
    }

    /// `E[token] · √width` for each token. \[tokens, width\]
    fn embed(&self, tokens: &[u32]) -> Vec<Vec<f32>> {
        let scaled = |token: &u32| {
            let row = self.embedding.row(*token as usize);
            row.iter().map(|x| x * self.config.embedding_scale).collect()
        };
        tokens.iter().map(scaled).collect()
    }
}

impl Inputs {
    async fn load(model: &Model, tensors: &InputTensors) -> Result<Self> {
        Ok(Self {
            rows: Rows::new(model, &tensors.token_embd),
            projection: Matrix::load(model, &tensors.model_proj).await?,
            norm: model.values(&tensors.proj_norm).await?,
        })
    }

    /// `(norm(projection · x / √width) + row · √part) / √2`, the norm over each layer's part.
    async fn of(
        &mut self,
        config: &Config,
        tokens: &[u32],
        x: &[Vec<f32>],
    ) -> Result<Vec<Vec<f32>>> {
        let rows = self.rows.gather(tokens).await?;
        let part = self.norm.len();
        #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
        let (row_scale, scale) = ((part as f32).sqrt(), 1.0 / (config.width as f32).sqrt());
        let projected = self.projection.times(x);
        let of_token = |(projected, rows): (Vec<f32>, &[f32])| {
            let parts = projected.chunks_exact(part).zip(rows.chunks_exact(part));
            parts
                .flat_map(|(projected, row)| {
                    let projected = scaled(projected, scale);
                    let normed = rms_norm(&projected, &self.norm, config.norm_epsilon);
                    let sum = normed
                        .into_iter()
                        .zip(row)
                        .map(|(a, b)| (a + b * row_scale) * std::f32::consts::FRAC_1_SQRT_2);
                    sum.collect::<Vec<f32>>()
                })
                .collect()
        };
        let columns = self.rows.columns();
        Ok(projected.into_iter().zip(rows.chunks_exact(columns)).map(of_token).collect())
    }
}

impl Streams {
    /// Returns the embedding and its projections, scaled to its length. \[streams, tokens, width\]
    fn split(&self, x: Vec<Vec<f32>>) -> Vec<Vec<Vec<f32>>> {
        let others: Vec<_> =
            self.split.iter().map(|matrix| to_lengths(&matrix.times(&x), &x)).collect();
        std::iter::once(x).chain(others).collect()
    }

    /// Returns the mean of the active stream and the others' projections, scaled to its length.
    fn join(&self, x: &[Vec<Vec<f32>>]) -> Vec<Vec<f32>> {
        let Some((active, others)) = x.split_first() else { return Vec::new() };
        let mut joined = active.clone();
        for (matrix, stream) in self.join.iter().zip(others) {
            for (sum, other) in joined.iter_mut().zip(to_lengths(&matrix.times(stream), active)) {
                add(sum, &other);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let share = 1.0 / x.len() as f32;
        joined.iter().map(|x| scaled(x, share)).collect()
    }
}

/// Returns a matrix for each stream except the active one.
async fn each(model: &Model, stacked: &Tensor) -> Result<Vec<Matrix>> {
    let mut matrices = Vec::new();
    for tensor in StreamTensors::each(stacked) {
        matrices.push(Matrix::load(model, &tensor).await?);
    }
    Ok(matrices)
}

/// y · |x| / |y| for each token.
fn to_lengths(y: &[Vec<f32>], x: &[Vec<f32>]) -> Vec<Vec<f32>> {
    y.iter()
        .zip(x)
        .map(|(y, x)| {
            let factor = length(x) / length(y);
            y.iter().map(|value| rounded(f64::from(*value) * factor)).collect()
        })
        .collect()
}
