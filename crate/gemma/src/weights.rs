//! A model as its files hold it: the network's sizes, and for each weight where its rows stand.
//!
//! Nothing is loaded here. A pass reads rows in pieces of a bounded size: one streams them to the
//! GPU, another keeps them packed in memory.

use std::ops::Range;
use std::rc::Rc;

use hybridge_core::{Error, Result, Status};

use crate::config::{Architecture, Config};
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

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * self.rows as u64
    }
}

/// The weights of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerTensors {
    /// Before attention. \[width\]
    pub attn_norm: Tensor,
    /// \[heads · `head_dim`, width\]
    pub attn_q: Tensor,
    /// \[`kv_heads` · `head_dim`, width\]
    pub attn_k: Tensor,
    /// \[`kv_heads` · `head_dim`, width\]
    pub attn_v: Tensor,
    /// On each query head. \[`head_dim`\]
    pub attn_q_norm: Tensor,
    /// On each key head. \[`head_dim`\]
    pub attn_k_norm: Tensor,
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
}

impl LayerTensors {
    /// What makes queries, keys and values.
    #[must_use]
    pub fn projecting(&self) -> [&Tensor; 3] {
        [&self.attn_q, &self.attn_k, &self.attn_v]
    }

    /// All thirteen.
    #[must_use]
    pub fn all(&self) -> [&Tensor; 13] {
        [
            &self.attn_norm,
            &self.attn_q,
            &self.attn_k,
            &self.attn_v,
            &self.attn_q_norm,
            &self.attn_k_norm,
            &self.attn_output,
            &self.post_attention_norm,
            &self.ffn_norm,
            &self.ffn_gate,
            &self.ffn_up,
            &self.ffn_down,
            &self.post_ffw_norm,
        ]
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
            .chain(self.dense.iter().flat_map(|dense| [&dense.dense_2, &dense.dense_3]))
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
    gguf: Gguf,
}

impl Model {
    /// Opens a model's file, or all parts of a split one in any order.
    pub async fn open(sources: Vec<Rc<dyn Source>>) -> Result<Self> {
        let gguf = Gguf::open(sources).await?;
        let config = Config::read(&gguf)?;
        let tensors = Finder { gguf: &gguf, config: &config }.tensors()?;
        Ok(Self { config, tensors, gguf })
    }

    /// The files, for metadata such as the vocabulary.
    #[must_use]
    pub fn gguf(&self) -> &Gguf {
        &self.gguf
    }

    /// The bytes of some rows, as the file holds them.
    pub async fn rows(&self, tensor: &Tensor, rows: Range<usize>) -> Result<Vec<u8>> {
        if rows.start > rows.end || rows.end > tensor.rows {
            return Err(Error::internal(format!(
                "rows {rows:?} of {}, which has {}",
                tensor.name, tensor.rows
            )));
        }
        // In 64 bits: an embedding of more than four gigabytes is fine where pieces are small.
        let offset = tensor.offset + rows.start as u64 * tensor.row_bytes() as u64;
        self.gguf.read(tensor.file, offset, rows.len() * tensor.row_bytes()).await
    }

    /// All values of a small tensor, a norm for example.
    pub async fn values(&self, tensor: &Tensor) -> Result<Vec<f32>> {
        let bytes = self.rows(tensor, 0..tensor.rows).await?;
        let mut values = vec![0.0; tensor.rows * tensor.columns];
        tensor.encoding.decode(&bytes, &mut values);
        Ok(values)
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
        let Config { width, vocabulary, .. } = *self.config;
        Ok(Tensors {
            token_embd: self.matrix("token_embd.weight", vocabulary, width)?,
            output_norm: self.vector("output_norm.weight", width)?,
            output: match self.gguf.tensor("output.weight") {
                Some(_) => Some(self.matrix("output.weight", vocabulary, width)?),
                None => None,
            },
            layers: (0..self.config.layers.len())
                .map(|index| self.layer(index))
                .collect::<Result<_>>()?,
            dense: match self.config.architecture {
                Architecture::Gemma3 => None,
                Architecture::GemmaEmbedding => Some(self.dense()?),
            },
        })
    }

    fn layer(&self, index: usize) -> Result<LayerTensors> {
        let Config { width, hidden, head_dim, .. } = *self.config;
        let (query, kv) = (self.config.query_width(), self.config.kv_width());
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let matrix = |part: &str, rows, columns| self.matrix(&name(part), rows, columns);
        let vector = |part: &str, columns| self.vector(&name(part), columns);
        Ok(LayerTensors {
            attn_norm: vector("attn_norm", width)?,
            attn_q: matrix("attn_q", query, width)?,
            attn_k: matrix("attn_k", kv, width)?,
            attn_v: matrix("attn_v", kv, width)?,
            attn_q_norm: vector("attn_q_norm", head_dim)?,
            attn_k_norm: vector("attn_k_norm", head_dim)?,
            attn_output: matrix("attn_output", width, query)?,
            post_attention_norm: vector("post_attention_norm", width)?,
            ffn_norm: vector("ffn_norm", width)?,
            ffn_gate: matrix("ffn_gate", hidden, width)?,
            ffn_up: matrix("ffn_up", hidden, width)?,
            ffn_down: matrix("ffn_down", width, hidden)?,
            post_ffw_norm: vector("post_ffw_norm", width)?,
        })
    }

    /// Without them the vectors would be plausible and wrong, so that they are not optional.
    fn dense(&self) -> Result<DenseTensors> {
        let inner = |name: &str| match self.gguf.tensor(name) {
            Some((_, info)) => Ok(info.shape.get(1).map_or(1, |rows| size(*rows))),
            None => Err(missing_tensor(name)),
        };
        let (middle, outputs) = (inner("dense_2.weight")?, inner("dense_3.weight")?);
        Ok(DenseTensors {
            dense_2: self.matrix("dense_2.weight", middle, self.config.width)?,
            dense_3: self.matrix("dense_3.weight", outputs, middle)?,
        })
    }

    fn vector(&self, name: &str, columns: usize) -> Result<Tensor> {
        self.find(name, 1, columns)
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        self.find(name, rows, columns)
    }

    fn find(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor> {
        let (file, info) = self.gguf.tensor(name).ok_or_else(|| missing_tensor(name))?;
        let encoding = info.encoding.map_err(|id| {
            Error::new(
                Status::Unimplemented,
                format!("{name} is stored as ggml type {id}, which is not read here"),
            )
            .with_code("MODEL_TENSOR_TYPE")
        })?;
        let expected =
            if rows == 1 { vec![columns as u64] } else { vec![columns as u64, rows as u64] };
        if info.shape != expected {
            return Err(Error::invalid(format!(
                "{name} has the shape {:?}, the metadata asks for {expected:?}",
                info.shape
            ))
            .with_code("MODEL_TENSOR_SHAPE"));
        }
        let offset = info.offset;
        Ok(Tensor { name: name.to_owned(), encoding, rows, columns, file, offset })
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The error of a weight that is not in the file.
pub(crate) fn missing_tensor(name: &str) -> Error {
    Error::invalid(format!("the tensor {name} is missing")).with_code("MODEL_TENSOR_MISSING")
}
