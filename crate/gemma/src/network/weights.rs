//! A model as its files hold it: the network's sizes, and for each weight where its rows stand.
//!
//! Nothing is loaded here. A pass reads rows in pieces of a bounded size: one streams them to the
//! GPU, another keeps them packed in memory.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use hybridge_core::{Error, Result, Status};

use super::config::{Architecture, Config, PictureSight, Span};
use crate::gguf::Gguf;
use crate::quant::Encoding;
use crate::source::Source;

/// A matrix or a vector in a file: `rows` rows of `columns` values, stored one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// How its values are stored.
    pub encoding: Encoding,
    /// How many rows: the outputs of a product, 1 for a vector.
    pub rows: usize,
    /// How many values a row has: the inputs of a product.
    pub columns: usize,
    file: usize,
    offset: u64,
}

impl Tensor {
    /// How many bytes a row has.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.encoding.bytes_of(self.columns)
    }

    /// Some of its rows as a tensor of their own.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let offset = self.offset + rows.start as u64 * self.row_bytes() as u64;
        Self { rows: rows.len(), offset, ..self.clone() }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * self.rows as u64
    }

    /// Finds a tensor by name and holds its shape against the one that is expected.
    pub(crate) fn find(
        gguf: &Gguf,
        name: &str,
        shape: &[usize],
        rows: usize,
        columns: usize,
    ) -> Result<Self> {
        let (file, info) = gguf.tensor(name).ok_or_else(|| missing_tensor(name))?;
        let encoding = info.encoding.map_err(|id| {
            Error::new(
                Status::Unimplemented,
                format!("{name} is stored as ggml type {id}, which is not supported"),
            )
            .with_code("MODEL_TENSOR_TYPE")
        })?;
        let expected: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        if info.shape != expected {
            return Err(Error::invalid(format!(
                "{name} has the shape {:?}, the metadata asks for {expected:?}",
                info.shape
            ))
            .with_code("MODEL_TENSOR_SHAPE"));
        }
        let offset = info.offset;
        Ok(Self { name: name.to_owned(), encoding, rows, columns, file, offset })
    }

    /// The bytes of some rows, as the file holds them.
    pub(crate) async fn read(&self, gguf: &Gguf, rows: Range<usize>) -> Result<Vec<u8>> {
        if rows.start > rows.end || rows.end > self.rows {
            return Err(Error::internal(format!(
                "rows {rows:?} of {}, which has {}",
                self.name, self.rows
            )));
        }
        // In 64 bits: an embedding of more than four gigabytes is fine where pieces are small.
        let offset = self.offset + rows.start as u64 * self.row_bytes() as u64;
        gguf.read(self.file, offset, rows.len() * self.row_bytes()).await
    }

    /// All values of a small tensor, a norm for example.
    pub(crate) async fn values(&self, gguf: &Gguf) -> Result<Vec<f32>> {
        let bytes = self.read(gguf, 0..self.rows).await?;
        let mut values = vec![0.0; self.rows * self.columns];
        self.encoding.decode(&bytes, &mut values);
        if values.iter().any(|value| !value.is_finite()) {
            return Err(damaged(&self.name));
        }
        Ok(values)
    }
}

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTensors {
    /// Before attention. \[width\]
    pub attn_norm: Tensor,
    /// \[heads · `head_dim`, width\]
    pub attn_q: Tensor,
    /// On each query head. \[`head_dim`\]
    pub attn_q_norm: Tensor,
    /// Its own keys and values; absent where it reads an earlier layer's.
    pub own: Option<KeyTensors>,
    /// \[width, heads · `head_dim`\]
    pub attn_output: Tensor,
    /// On the output of attention. \[width\]
    pub post_attention_norm: Tensor,
    /// Before the feed-forward block. \[width\]
    pub ffn_norm: Tensor,
    /// \[hidden, width\]
    pub ffn_gate: Tensor,
    /// \[hidden, width\]
    pub ffn_up: Tensor,
    /// \[width, hidden\]
    pub ffn_down: Tensor,
    /// On the output of the feed-forward block. \[width\]
    pub post_ffw_norm: Tensor,
    /// What adds the layer's own input of each token.
    pub per_layer: Option<PerLayerTensors>,
    /// What the whole residual stream is multiplied with at the end. \[1\]
    pub output_scale: Option<Tensor>,
    /// What mixes the residual streams.
    pub altup: Option<AltUpTensors>,
    /// A low-rank residual beside attention.
    pub laurel: Option<LaurelTensors>,
}

/// What makes a layer's keys and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTensors {
    /// \[`kv_heads` · `head_dim`, width\]
    pub attn_k: Tensor,
    /// \[`kv_heads` · `head_dim`, width\]; absent where values are the keys before their norm.
    pub attn_v: Option<Tensor>,
    /// On each key head. \[`head_dim`\]
    pub attn_k_norm: Tensor,
}

/// A layer's input of each token: `x += norm(proj · (gelu(gate · x) ⊙ input))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerLayerTensors {
    /// \[`per_layer`, width\]
    pub inp_gate: Tensor,
    /// \[width, `per_layer`\]
    pub proj: Tensor,
    /// \[width\]
    pub post_norm: Tensor,
}

/// Alternating updates: the layer works on one residual stream and predicts the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltUpTensors {
    /// \[streams, width\]
    pub router: Tensor,
    /// \[width\]
    pub router_norm: Tensor,
    /// \[streams², streams\]
    pub predict_coef: Tensor,
    /// \[streams, streams\]
    pub correct_coef: Tensor,
    /// \[width\]
    pub correct_scale: Tensor,
}

/// The learned augmented residual: `h + norm(right · (left · h))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaurelTensors {
    /// \[rank, width\]
    pub left: Tensor,
    /// \[width, rank\]
    pub right: Tensor,
    /// \[width\]
    pub post_norm: Tensor,
}

impl LayerTensors {
    /// What makes queries, keys and values, as far as the layer has them.
    #[must_use]
    pub fn projecting(&self) -> Vec<&Tensor> {
        let own = self.own.iter().flat_map(|own| std::iter::once(&own.attn_k).chain(&own.attn_v));
        std::iter::once(&self.attn_q).chain(own).collect()
    }

    /// Every one.
    #[must_use]
    pub fn all(&self) -> Vec<&Tensor> {
        let mut all = vec![
            &self.attn_norm,
            &self.attn_q,
            &self.attn_q_norm,
            &self.attn_output,
            &self.post_attention_norm,
            &self.ffn_norm,
            &self.ffn_gate,
            &self.ffn_up,
            &self.ffn_down,
            &self.post_ffw_norm,
        ];
        if let Some(own) = &self.own {
            all.extend([&own.attn_k, &own.attn_k_norm].into_iter().chain(&own.attn_v));
        }
        if let Some(it) = &self.per_layer {
            all.extend([&it.inp_gate, &it.proj, &it.post_norm]);
        }
        if let Some(it) = &self.altup {
            let norms = [&it.router_norm, &it.correct_scale];
            all.extend([&it.router, &it.predict_coef, &it.correct_coef].into_iter().chain(norms));
        }
        if let Some(it) = &self.laurel {
            all.extend([&it.left, &it.right, &it.post_norm]);
        }
        all.extend(&self.output_scale);
        all
    }
}

/// What the inputs of all layers are made of, once for each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTensors {
    /// A row for each token: gigabytes, of which a pass reads rows when it needs them.
    /// \[vocabulary, layers · `per_layer`\]
    pub token_embd: Tensor,
    /// \[layers · `per_layer`, width\]
    pub model_proj: Tensor,
    /// On each layer's part. \[`per_layer`\]
    pub proj_norm: Tensor,
}

/// What makes residual streams out of one, and one out of them. \[(streams − 1) · width, width\]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTensors {
    /// Before the first layer.
    pub proj: Tensor,
    /// After the last one.
    pub unembd_proj: Tensor,
}

impl StreamTensors {
    /// A matrix for each stream but the active one. \[width, width\]
    #[must_use]
    pub fn each(stacked: &Tensor) -> Vec<Tensor> {
        let width = stacked.columns.max(1);
        (0..stacked.rows / width).map(|at| stacked.part(at * width..(at + 1) * width)).collect()
    }
}

/// The two layers at the end of an embedding model, without bias or activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseTensors {
    /// \[inner, width\]
    pub dense_2: Tensor,
    /// \[outputs, inner\]
    pub dense_3: Tensor,
}

/// All weights of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensors {
    /// \[vocabulary, width\]
    pub token_embd: Tensor,
    /// After the last layer. \[width\]
    pub output_norm: Tensor,
    /// \[vocabulary, width\]; absent where the embedding serves as output too.
    pub output: Option<Tensor>,
    /// First to last.
    pub layers: Vec<LayerTensors>,
    /// Where layers get inputs of their own.
    pub inputs: Option<InputTensors>,
    /// Where there are several residual streams.
    pub streams: Option<StreamTensors>,
    /// Embedding models only.
    pub dense: Option<DenseTensors>,
}

impl Tensors {
    /// The matrix that turns the last hidden state into logits.
    #[must_use]
    pub fn head(&self) -> &Tensor {
        self.output.as_ref().unwrap_or(&self.token_embd)
    }

    /// Every weight once.
    pub fn all(&self) -> impl Iterator<Item = &Tensor> {
        [&self.token_embd, &self.output_norm]
            .into_iter()
            .chain(&self.output)
            .chain(self.layers.iter().flat_map(LayerTensors::all))
            .chain(
                self.inputs.iter().flat_map(|it| [&it.token_embd, &it.model_proj, &it.proj_norm]),
            )
            .chain(self.streams.iter().flat_map(|it| [&it.proj, &it.unembd_proj]))
            .chain(self.dense.iter().flat_map(|dense| [&dense.dense_2, &dense.dense_3]))
    }

    /// Every weight that a pass holds: all but the rows that it reads when it needs them.
    pub fn held(&self) -> impl Iterator<Item = &Tensor> {
        let rows = self.inputs.as_ref().map(|inputs| &inputs.token_embd);
        self.all().filter(move |tensor| Some(*tensor) != rows)
    }

    /// How many bytes all weights have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().map(Tensor::bytes).sum()
    }
}

/// A model whose files are open and whose every weight was found with the right shape.
#[derive(Clone, Debug)]
pub struct Model {
    /// The network.
    pub config: Config,
    /// Its weights.
    pub tensors: Tensors,
    gguf: Rc<Gguf>,
    longest_picture: usize,
}

impl Model {
    /// Opens a model's file, or all parts of a split one in any order.
    pub async fn open(sources: Vec<Rc<dyn Source>>) -> Result<Self> {
        let gguf = Gguf::open(sources).await?;
        let config = Config::read(&gguf)?;
        let finder = Finder { gguf: &gguf, config: &config };
        let (tensors, divisors) = (finder.tensors()?, finder.rope_divisors()?);
        let mut model = Self { config, tensors, gguf: Rc::new(gguf), longest_picture: 0 };
        if let Some(tensor) = divisors {
            model.divide_global_ropes(&tensor).await?;
        }
        Ok(model)
    }

    /// The table of divisors is a tensor, which only global layers use.
    async fn divide_global_ropes(&mut self, tensor: &Tensor) -> Result<()> {
        let divisors = self.values(tensor).await?;
        if divisors.iter().any(|divisor| !(divisor.is_finite() && *divisor > 0.0)) {
            return Err(Error::invalid(format!(
                "{} holds a divisor that is not above 0",
                tensor.name
            ))
            .with_code("MODEL_DAMAGED"));
        }
        let divisors: Arc<[f32]> = divisors.into();
        for layer in self.config.layers.iter_mut().filter(|layer| layer.span == Span::Global) {
            layer.rope.divisors = Some(Arc::clone(&divisors));
        }
        Ok(())
    }

    /// The same model, which also reads pictures of at most so many rows each. Passes make their
    /// rings as large as that needs.
    #[must_use]
    pub fn with_pictures(self, most_rows: usize) -> Self {
        Self { longest_picture: most_rows, ..self }
    }

    /// How many positions go through the layers together where a pass takes `chunk` of text: a
    /// picture whose rows see each other is not cut.
    #[must_use]
    pub fn longest_chunk(&self, chunk: usize) -> usize {
        match self.config.picture_sight() {
            PictureSight::Behind => chunk,
            PictureSight::Local | PictureSight::Everywhere => chunk.max(self.longest_picture),
        }
    }

    /// The files, for metadata such as the vocabulary.
    #[must_use]
    pub fn gguf(&self) -> &Gguf {
        &self.gguf
    }

    /// The bytes of some rows, as the file holds them.
    pub async fn rows(&self, tensor: &Tensor, rows: Range<usize>) -> Result<Vec<u8>> {
        tensor.read(&self.gguf, rows).await
    }

    /// All values of a small tensor, a norm for example.
    pub async fn values(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        tensor.values(&self.gguf).await
    }
}

/// The rows of a tensor in pieces of at most `most` bytes, but at least one row each.
pub fn pieces(tensor: &Tensor, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (rows, step) = (tensor.rows, (most / tensor.row_bytes().max(1)).max(1));
    (0..rows).step_by(step).map(move |start| start..rows.min(start.saturating_add(step)))
}

/// Finds weights by name and holds their shapes against the config.
struct Finder<'a> {
    gguf: &'a Gguf,
    config: &'a Config,
}

impl Finder<'_> {
    fn tensors(&self) -> Result<Tensors> {
        let Config { width, vocabulary, architecture, .. } = *self.config;
        Ok(Tensors {
            token_embd: self.matrix("token_embd.weight", vocabulary, width)?,
            output_norm: self.vector("output_norm.weight", width)?,
            output: self.if_there("output.weight", |name| self.matrix(name, vocabulary, width))?,
            layers: (0..self.config.layers.len())
                .map(|index| self.layer(index))
                .collect::<Result<_>>()?,
            inputs: self.config.per_layer.map(|part| self.inputs(part)).transpose()?,
            streams: (self.config.streams > 1).then(|| self.streams()).transpose()?,
            dense: (architecture == Architecture::GemmaEmbedding)
                .then(|| self.dense())
                .transpose()?,
        })
    }

    fn layer(&self, index: usize) -> Result<LayerTensors> {
        let width = self.config.width;
        let layer =
            self.config.layers.get(index).ok_or_else(|| Error::internal("no such layer"))?;
        let (query, hidden, head_dim) = (layer.query_width(), layer.hidden, layer.head_dim);
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let matrix = |part: &str, rows, columns| self.matrix(&name(part), rows, columns);
        let vector = |part: &str, columns| self.vector(&name(part), columns);
        let own = match layer.source {
            // A file may hold keys that such a layer was trained with; it does not use them.
            Some(_) => None,
            None => Some(self.keys(index)?),
        };
        Ok(LayerTensors {
            attn_norm: vector("attn_norm", width)?,
            attn_q: matrix("attn_q", query, width)?,
            attn_q_norm: vector("attn_q_norm", head_dim)?,
            own,
            attn_output: matrix("attn_output", width, query)?,
            post_attention_norm: vector("post_attention_norm", width)?,
            ffn_norm: vector("ffn_norm", width)?,
            ffn_gate: matrix("ffn_gate", hidden, width)?,
            ffn_up: matrix("ffn_up", hidden, width)?,
            ffn_down: matrix("ffn_down", width, hidden)?,
            post_ffw_norm: vector("post_ffw_norm", width)?,
            per_layer: match self.config.per_layer {
                Some(part) => Some(PerLayerTensors {
                    inp_gate: matrix("inp_gate", part, width)?,
                    proj: matrix("proj", width, part)?,
                    post_norm: vector("post_norm", width)?,
                }),
                None => None,
            },
            output_scale: match self.config.architecture {
                Architecture::Gemma4 => {
                    self.if_there(&name("layer_output_scale"), |name| self.vector(name, 1))?
                }
                _ => None,
            },
            altup: (self.config.streams > 1).then(|| self.altup(index)).transpose()?,
            laurel: match self.config.architecture {
                Architecture::Gemma3n => Some(self.laurel(index)?),
                _ => None,
            },
        })
    }

    fn keys(&self, index: usize) -> Result<KeyTensors> {
        let Config { width, norms_values, .. } = *self.config;
        let layer = self.config.layers.get(index);
        let (kv, head_dim) = layer.map_or((0, 0), |layer| (layer.kv_width(), layer.head_dim));
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let matrix = |name: &str| self.matrix(name, kv, width);
        Ok(KeyTensors {
            attn_k: matrix(&name("attn_k"))?,
            // Only where values are normed can they be the keys before their norm.
            attn_v: match self.config.architecture {
                Architecture::Gemma4 if norms_values => self.if_there(&name("attn_v"), matrix)?,
                _ => Some(matrix(&name("attn_v"))?),
            },
            attn_k_norm: self.vector(&name("attn_k_norm"), head_dim)?,
        })
    }

    fn altup(&self, index: usize) -> Result<AltUpTensors> {
        let Config { width, streams, .. } = *self.config;
        let name = |part: &str| format!("blk.{index}.altup_{part}.weight");
        Ok(AltUpTensors {
            router: self.matrix(&name("router"), streams, width)?,
            router_norm: self.vector(&name("router_norm"), width)?,
            predict_coef: self.matrix(&name("predict_coef"), streams * streams, streams)?,
            correct_coef: self.matrix(&name("correct_coef"), streams, streams)?,
            correct_scale: self.vector(&name("correct_scale"), width)?,
        })
    }

    fn laurel(&self, index: usize) -> Result<LaurelTensors> {
        let width = self.config.width;
        let name = |part: &str| format!("blk.{index}.laurel_{part}.weight");
        // No key holds the rank.
        let rank = self.rows_of(&name("l"))?;
        Ok(LaurelTensors {
            left: self.matrix(&name("l"), rank, width)?,
            right: self.matrix(&name("r"), width, rank)?,
            post_norm: self.vector(&name("post_norm"), width)?,
        })
    }

    fn inputs(&self, part: usize) -> Result<InputTensors> {
        let Config { width, vocabulary, .. } = *self.config;
        let parts = part.saturating_mul(self.config.layers.len());
        Ok(InputTensors {
            token_embd: self.matrix("per_layer_token_embd.weight", vocabulary, parts)?,
            model_proj: self.matrix("per_layer_model_proj.weight", parts, width)?,
            proj_norm: self.vector("per_layer_proj_norm.weight", part)?,
        })
    }

    fn streams(&self) -> Result<StreamTensors> {
        let Config { width, streams, .. } = *self.config;
        let all = |name: &str| {
            let shape: &[usize] =
                if streams == 2 { &[width, width] } else { &[width, width, streams - 1] };
            self.find(name, shape, (streams - 1) * width, width)
        };
        Ok(StreamTensors {
            proj: all("altup_proj.weight")?,
            unembd_proj: all("altup_unembd_proj.weight")?,
        })
    }

    /// One divisor for each pair of a global head. Only Gemma 4 has them.
    fn rope_divisors(&self) -> Result<Option<Tensor>> {
        let global = self.config.layers.iter().find(|layer| layer.span == Span::Global);
        let (Architecture::Gemma4, Some(global)) = (self.config.architecture, global) else {
            return Ok(None);
        };
        self.if_there("rope_freqs.weight", |name| self.vector(name, global.head_dim / 2))
    }

    fn if_there(
        &self,
        name: &str,
        find: impl Fn(&str) -> Result<Tensor>,
    ) -> Result<Option<Tensor>> {
        self.gguf.tensor(name).map(|_| find(name)).transpose()
    }

    /// How many rows a matrix has of which only the tensor knows.
    fn rows_of(&self, name: &str) -> Result<usize> {
        let (_, info) = self.gguf.tensor(name).ok_or_else(|| missing_tensor(name))?;
        Ok(info.shape.get(1).map_or(1, |rows| size(*rows)))
    }

    /// Without them the vectors would be plausible and wrong, so that they are not optional.
    fn dense(&self) -> Result<DenseTensors> {
        let (middle, outputs) = (self.rows_of("dense_2.weight")?, self.rows_of("dense_3.weight")?);
        Ok(DenseTensors {
            dense_2: self.matrix("dense_2.weight", middle, self.config.width)?,
            dense_3: self.matrix("dense_3.weight", outputs, middle)?,
        })
    }

    fn vector(&self, name: &str, columns: usize) -> Result<Tensor> {
        self.find(name, &[columns], 1, columns)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let shape: &[usize] = if rows == 1 { &[columns] } else { &[columns, rows] };
        self.find(name, shape, rows, columns)
    }

    fn find(&self, name: &str, shape: &[usize], rows: usize, columns: usize) -> Result<Tensor> {
        Tensor::find(self.gguf, name, shape, rows, columns)
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The error of a weight that is not in the file.
pub(crate) fn missing_tensor(name: &str) -> Error {
    Error::invalid(format!("the tensor {name} is missing")).with_code("MODEL_TENSOR_MISSING")
}

/// The error of a weight that is infinite or not a number.
pub(crate) fn damaged(name: &str) -> Error {
    Error::new(Status::DataLoss, format!("{name} holds a value that is not a finite number"))
        .with_code("MODEL_DAMAGED")
}
