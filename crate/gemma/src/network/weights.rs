//! A model as stored in its files: the network's sizes, and the location of each weight's rows.
//!
//! Nothing is loaded here. Passes read rows in chunks of a bounded size: one pass streams them to
//! the GPU, another keeps them packed in memory.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use hybridge_core::{Error, Result, Status};

use super::adapter::{Adapter, Change, are_single};
use super::config::{Config, PictureSight, Span};
use super::finder::Finder;
use crate::gguf::Gguf;
use crate::quant::Encoding;
use crate::source::Source;

/// A matrix or a vector in a file: `rows` rows of `columns` values, stored one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name in the file.
    pub name: String,
    /// The encoding of its values.
    pub encoding: Encoding,
    /// Number of rows: the outputs of a product, 1 for a vector.
    pub rows: usize,
    /// Number of values per row: the inputs of a product.
    pub columns: usize,
    file: usize,
    offset: u64,
    change: Option<Change>,
}

impl Tensor {
    /// Returns the bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.encoding.bytes_of(self.columns)
    }

    /// Returns the bytes of a row in the file.
    fn stored_row_bytes(&self) -> usize {
        self.change.as_ref().map_or(self.encoding, Change::stored).bytes_of(self.columns)
    }

    /// Returns the same matrix with the additions of the adapters.
    pub(super) fn changed_by(self, adapters: &[Adapter], single: bool) -> Result<Self> {
        let change = Change::find(adapters, &self, single)?;
        let encoding = change.as_ref().map_or(self.encoding, Change::encoding);
        Ok(Self { encoding, change, ..self })
    }

    /// Returns the same matrix as stored in the file.
    pub(crate) fn unchanged(&self) -> Self {
        let encoding = self.change.as_ref().map_or(self.encoding, Change::stored);
        Self { encoding, change: None, ..self.clone() }
    }

    /// Returns the additions of the adapters.
    pub(crate) fn change(&self) -> Option<&Change> {
        self.change.as_ref()
    }

    /// Returns some of its rows as a separate tensor.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let offset = self.offset + rows.start as u64 * self.stored_row_bytes() as u64;
        let change = self.change.as_ref().map(|change| change.part(&rows));
        Self { rows: rows.len(), offset, change, ..self.clone() }
    }

    /// Returns its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * self.rows as u64
    }

    /// Finds a tensor by name and checks its shape.
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
        Ok(Self { name: name.to_owned(), encoding, rows, columns, file, offset, change: None })
    }

    /// Reads some rows, with the additions of the adapters if there are any.
    pub(crate) async fn read(&self, gguf: &Gguf, rows: Range<usize>) -> Result<Vec<u8>> {
        if rows.start > rows.end || rows.end > self.rows {
            return Err(Error::internal(format!(
                "rows {rows:?} of {}, which has {}",
                self.name, self.rows
            )));
        }
        // In 64 bits: an embedding of more than four gigabytes is fine where pieces are small.
        let size = self.stored_row_bytes();
        let offset = self.offset + rows.start as u64 * size as u64;
        let bytes = gguf.read(self.file, offset, rows.len() * size).await?;
        match &self.change {
            Some(change) => change.apply(self, &rows, &bytes),
            None => Ok(bytes),
        }
    }

    /// Reads all values of a small tensor, such as a norm.
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
    /// Norm before attention. \[width\]
    pub attn_norm: Tensor,
    /// \[heads · `head_dim`, width\]
    pub attn_q: Tensor,
    /// Norm of each query head. \[`head_dim`\]
    pub attn_q_norm: Tensor,
    /// Its own keys and values; `None` if it reads those of an earlier layer.
    pub own: Option<KeyTensors>,
    /// \[width, heads · `head_dim`\]
    pub attn_output: Tensor,
    /// Norm of the output of attention. \[width\]
    pub post_attention_norm: Tensor,
    /// Norm before the feed-forward block. \[width\]
    pub ffn_norm: Tensor,
    /// \[hidden, width\]
    pub ffn_gate: Tensor,
    /// \[hidden, width\]
    pub ffn_up: Tensor,
    /// \[width, hidden\]
    pub ffn_down: Tensor,
    /// Norm of the output of the feed-forward block. \[width\]
    pub post_ffw_norm: Tensor,
    /// Adds the layer's per-token input.
    pub per_layer: Option<PerLayerTensors>,
    /// The factor of the whole residual stream at the end. \[1\]
    pub output_scale: Option<Tensor>,
    /// Mixes the residual streams.
    pub altup: Option<AltUpTensors>,
    /// A low-rank residual branch beside attention.
    pub laurel: Option<LaurelTensors>,
}

/// Computes a layer's keys and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTensors {
    /// \[`kv_heads` · `head_dim`, width\]
    pub attn_k: Tensor,
    /// \[`kv_heads` · `head_dim`, width\]; `None` if values are the keys before their norm.
    pub attn_v: Option<Tensor>,
    /// Norm of each key head. \[`head_dim`\]
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
    /// Returns the matrices of queries, keys and values, as far as the layer has them.
    #[must_use]
    pub fn projecting(&self) -> Vec<&Tensor> {
        let own = self.own.iter().flat_map(|own| std::iter::once(&own.attn_k).chain(&own.attn_v));
        std::iter::once(&self.attn_q).chain(own).collect()
    }

    /// Returns every weight of the layer.
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

/// Computes the inputs of all layers, once for each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTensors {
    /// One row per token: gigabytes, of which a pass reads rows when needed. \[vocabulary, layers
    /// · `per_layer`\]
    pub token_embd: Tensor,
    /// \[layers · `per_layer`, width\]
    pub model_proj: Tensor,
    /// Norm of each layer's part. \[`per_layer`\]
    pub proj_norm: Tensor,
}

/// Expands one residual stream to several, and merges them again. \[(streams − 1) · width,
/// width\]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamTensors {
    /// Before the first layer.
    pub proj: Tensor,
    /// After the last one.
    pub unembd_proj: Tensor,
}

impl StreamTensors {
    /// Returns a matrix for each stream except the active one. \[width, width\]
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
    /// Norm after the last layer. \[width\]
    pub output_norm: Tensor,
    /// \[vocabulary, width\]; `None` if the embedding is also the output matrix.
    pub output: Option<Tensor>,
    /// Layers, in order.
    pub layers: Vec<LayerTensors>,
    /// Present if layers have their own inputs.
    pub inputs: Option<InputTensors>,
    /// Present if there are several residual streams.
    pub streams: Option<StreamTensors>,
    /// Present in embedding models.
    pub dense: Option<DenseTensors>,
}

impl Tensors {
    /// Returns the matrix that turns the last hidden state into logits.
    #[must_use]
    pub fn head(&self) -> &Tensor {
        self.output.as_ref().unwrap_or(&self.token_embd)
    }

    /// Returns every weight once.
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

    /// Returns every weight that a pass keeps in memory: all except those read row by row.
    pub fn held(&self) -> impl Iterator<Item = &Tensor> {
        let rows = self.inputs.as_ref().map(|inputs| &inputs.token_embd);
        self.all().filter(move |tensor| Some(*tensor) != rows)
    }

    /// Returns the total size of all weights in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().map(Tensor::bytes).sum()
    }
}

/// A model with open files, whose weights were all found with the right shape.
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
        Self::open_adapted(sources, &[]).await
    }

    /// Opens a model with adapters. Passes that do not keep the factors separate use the sums, in
    /// half precision, or in single precision if they are small.
    pub async fn open_adapted(sources: Vec<Rc<dyn Source>>, adapters: &[Adapter]) -> Result<Self> {
        let gguf = Gguf::open(sources).await?;
        let config = Config::read(&gguf)?;
        for adapter in adapters {
            adapter.check(&gguf, config.architecture.name())?;
        }
        let single = are_single(adapters);
        let finder = Finder { gguf: &gguf, config: &config, adapters, single };
        let (tensors, divisors) = (finder.tensors()?, finder.rope_divisors()?);
        let mut model = Self { config, tensors, gguf: Rc::new(gguf), longest_picture: 0 };
        if let Some(tensor) = divisors {
            model.divide_global_ropes(&tensor).await?;
        }
        Ok(model)
    }

    /// Finds the table of divisors, a tensor that only global layers use.
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

    /// Prepares the model for pictures of at most this many rows each, for which passes enlarge
    /// their rings.
    #[must_use]
    pub fn with_pictures(self, most_rows: usize) -> Self {
        Self { longest_picture: most_rows, ..self }
    }

    /// Returns whether it supports pictures.
    #[must_use]
    pub fn reads_pictures(&self) -> bool {
        self.longest_picture > 0
    }

    /// Returns how many positions go through the layers together if a pass takes `chunk` of text: a
    /// picture whose rows attend to each other is not split.
    #[must_use]
    pub fn longest_chunk(&self, chunk: usize) -> usize {
        match self.config.picture_sight() {
            PictureSight::Behind => chunk,
            PictureSight::Local | PictureSight::Everywhere => chunk.max(self.longest_picture),
        }
    }

    /// Returns the files, for metadata such as the vocabulary.
    #[must_use]
    pub fn gguf(&self) -> &Gguf {
        &self.gguf
    }

    /// Reads the bytes of a range of rows, as stored in the file.
    pub async fn rows(&self, tensor: &Tensor, rows: Range<usize>) -> Result<Vec<u8>> {
        tensor.read(&self.gguf, rows).await
    }

    /// Reads all values of a small tensor, such as a norm.
    pub async fn values(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        tensor.values(&self.gguf).await
    }
}

/// Splits the rows of a tensor into chunks of at most `most` bytes, but at least one row each.
pub fn pieces(tensor: &Tensor, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (rows, step) = (tensor.rows, (most / tensor.row_bytes().max(1)).max(1));
    (0..rows).step_by(step).map(move |start| start..rows.min(start.saturating_add(step)))
}

/// The error of a weight that is not in the file.
pub(crate) fn missing_tensor(name: &str) -> Error {
    Error::invalid(format!("the tensor {name} is missing")).with_code("MODEL_TENSOR_MISSING")
}

/// The error of a non-finite weight.
pub(crate) fn damaged(name: &str) -> Error {
    Error::new(Status::DataLoss, format!("{name} holds a value that is not a finite number"))
        .with_code("MODEL_DAMAGED")
}
