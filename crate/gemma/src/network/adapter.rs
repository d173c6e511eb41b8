//! Low-rank adapters (LoRA): a second file, whose products are added to a model's matrices.
//!
//! `W' = W + scale · B · A`. Passes on the CPU keep the factors separate, which costs little. The
//! others read rows of the sum, as if the model had another encoding.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use half::f16;
use hybridge_core::{Error, Result, Status};

use super::weights::Tensor;
use crate::gguf::Gguf;
use crate::quant::Encoding;
use crate::source::Source;

/// The maximum number of values for which sums are stored in single precision, at four bytes each.
const MOST_SINGLE: usize = 64 << 20;

/// The maximum rank; 256 is the largest of published adapters.
const MOST_RANK: usize = 1024;

/// A parsed adapter.
#[derive(Clone, Debug)]
pub struct Adapter {
    architecture: String,
    /// Products by the name of the matrix that they change.
    products: BTreeMap<String, Product>,
}

/// A product of two thin matrices.
#[derive(Clone, Debug)]
struct Product {
    rank: usize,
    /// A: \[rank, columns\]
    down: Vec<f32>,
    /// B: \[rows, rank\]
    up: Vec<f32>,
    scale: f32,
}

impl Adapter {
    /// Reads an adapter converted by llama.cpp, or all parts of a split one.
    pub async fn open(sources: Vec<Rc<dyn Source>>) -> Result<Self> {
        let gguf = Gguf::open(sources).await?;
        let text = |key: &str| gguf.value(key).and_then(|value| value.as_text()).unwrap_or("");
        if text("general.type") != "adapter" {
            return Err(invalid("this file is not an adapter: general.type must be adapter"));
        }
        if text("adapter.type") != "lora" {
            let kind = text("adapter.type");
            return Err(unsupported(format!("adapters of the type {kind:?} are not supported")));
        }
        if gguf.value("adapter.alora.invocation_tokens").is_some() {
            return Err(unsupported("adapters that a phrase activates are not supported"));
        }
        let alpha = gguf.value("adapter.lora.alpha").map_or(Some(0.0), |value| value.as_f64());
        let Some(alpha) = alpha.filter(|alpha| alpha.is_finite()) else {
            return Err(invalid("adapter.lora.alpha must be a number"));
        };
        let mut names = Vec::new();
        for info in gguf.header().tensors() {
            match info.name.rsplit_once('.') {
                Some((name, "lora_a")) => names.push(name.to_owned()),
                Some((name, "lora_b")) if gguf.tensor(&format!("{name}.lora_a")).is_some() => {}
                // Norms that were trained as well are ignored, as in llama.cpp.
                _ if info.name.ends_with("_norm.weight") => {}
                _ => {
                    let name = &info.name;
                    return Err(invalid(format!("the adapter's tensor {name} has no counterpart")));
                }
            }
        }
        let mut products = BTreeMap::new();
        for name in names {
            let product = Product::read(&gguf, &name, alpha).await?;
            products.insert(name, product);
        }
        if products.is_empty() {
            return Err(invalid("the adapter changes nothing"));
        }
        Ok(Self { architecture: text("general.architecture").to_owned(), products })
    }

    /// Returns the adapter with its effect multiplied by `weight`.
    pub fn scaled(mut self, weight: f32) -> Result<Self> {
        self.products.values_mut().for_each(|product| product.scale *= weight);
        if self.products.values().all(|product| product.scale.is_finite()) {
            return Ok(self);
        }
        Err(invalid("an adapter's scale must be a finite number that leaves its products finite"))
    }

    /// Returns the number of values in the matrices that it changes.
    pub(super) fn changed_values(&self) -> usize {
        self.products.values().map(|it| (it.down.len() / it.rank) * (it.up.len() / it.rank)).sum()
    }

    /// Rejects an adapter that was made for another model.
    pub(super) fn check(&self, model: &Gguf, architecture: &str) -> Result<()> {
        if self.architecture != architecture {
            return Err(mismatch(format!(
                "the adapter is for {:?}, the model is {architecture:?}",
                self.architecture
            )));
        }
        for name in self.products.keys() {
            if name.ends_with("token_embd.weight") {
                return Err(unsupported(format!("adapters that change {name} are not supported")));
            }
            if model.tensor(name).is_none() {
                return Err(mismatch(format!("the adapter changes {name}, which the model lacks")));
            }
        }
        Ok(())
    }
}

impl Product {
    async fn read(gguf: &Gguf, name: &str, alpha: f64) -> Result<Self> {
        let (down, up) = (format!("{name}.lora_a"), format!("{name}.lora_b"));
        let shape = |name: &str| -> Result<(usize, usize)> {
            let (_, info) = gguf
                .tensor(name)
                .ok_or_else(|| invalid(format!("the adapter's tensor {name} is missing")))?;
            let size = |at: usize| usize::try_from(info.shape.get(at).copied().unwrap_or(1));
            match (info.shape.len(), size(0), size(1)) {
                // A trailing dimension of 1 is not stored.
                (1 | 2, Ok(columns), Ok(rows)) => Ok((columns, rows)),
                _ => Err(invalid(format!("the adapter's tensor {name} must be a matrix"))),
            }
        };
        let ((columns, rank), (inner, rows)) = (shape(&down)?, shape(&up)?);
        if rank != inner || rank == 0 {
            return Err(invalid(format!(
                "the adapter's matrices for {name} do not fit each other: ranks {rank} and {inner}"
            )));
        }
        if rank > MOST_RANK {
            return Err(unsupported(format!(
                "the adapter's rank for {name} is {rank}, and at most {MOST_RANK} are supported"
            )));
        }
        let sized = |rows: usize, columns: usize| match rows {
            1 => vec![columns],
            _ => vec![columns, rows],
        };
        let (a, b) = (sized(rank, columns), sized(rows, rank));
        let down = Tensor::find(gguf, &down, &a, rank, columns)?.values(gguf).await?;
        let up = Tensor::find(gguf, &up, &b, rows, rank)?.values(gguf).await?;
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a share")]
        let scale = if alpha == 0.0 { 1.0 } else { (alpha / rank as f64) as f32 };
        Ok(Self { rank, down, up, scale })
    }
}

/// The sum of all adapters' products for one matrix.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The encoding of the matrix in the file.
    stored: Encoding,
    /// The encoding of the sum.
    encoding: Encoding,
    /// The rank of all products together.
    rank: usize,
    /// \[rank, columns\]
    down: Arc<[f32]>,
    /// \[rows, rank\], including the scales.
    up: Arc<[f32]>,
    /// The range of rows of the changed matrix, if this is a part of it.
    rows: Range<usize>,
}

/// Equal if both come from the same load.
impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && Arc::ptr_eq(&self.up, &other.up)
    }
}

impl Eq for Change {}

impl Change {
    /// Returns what the adapters add to a matrix, if anything.
    pub(super) fn find(
        adapters: &[Adapter],
        tensor: &Tensor,
        single: bool,
    ) -> Result<Option<Self>> {
        let Tensor { name, rows, columns, encoding, .. } = tensor;
        let products: Vec<&Product> =
            adapters.iter().filter_map(|adapter| adapter.products.get(name)).collect();
        if products.is_empty() {
            return Ok(None);
        }
        let is_wrong =
            |it: &&Product| it.down.len() != it.rank * columns || it.up.len() != it.rank * rows;
        if products.iter().any(is_wrong) {
            return Err(mismatch(format!(
                "the adapter's matrices for {name} do not fit its {rows} rows of {columns} values"
            )));
        }
        let rank = products.iter().map(|product| product.rank).sum();
        let mut up = Vec::with_capacity(rows * rank);
        for row in 0..*rows {
            for Product { rank, up: all, scale, .. } in &products {
                let values = all.get(row * rank..(row + 1) * rank).unwrap_or_default();
                up.extend(values.iter().map(|value| scale * value));
            }
        }
        Ok(Some(Self {
            stored: *encoding,
            encoding: if single { Encoding::F32 } else { Encoding::F16 },
            rank,
            down: products.iter().flat_map(|it| it.down.iter().copied()).collect(),
            up: up.into(),
            rows: 0..*rows,
        }))
    }

    /// Returns the encoding of the matrix in the file.
    pub(super) fn stored(&self) -> Encoding {
        self.stored
    }

    /// Returns the encoding of the sum, which the file's encoding cannot represent.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the rank of all products together.
    pub(crate) fn rank(&self) -> usize {
        self.rank
    }

    /// Returns the factor that reads the input. \[rank, columns\]
    pub(crate) fn down(&self) -> &[f32] {
        &self.down
    }

    /// Returns the factor that writes the output. \[rows, rank\]
    pub(crate) fn up(&self) -> &[f32] {
        self.up.get(self.rows.start * self.rank..self.rows.end * self.rank).unwrap_or_default()
    }

    /// Returns the change of a range of rows.
    pub(super) fn part(&self, rows: &Range<usize>) -> Self {
        let first = self.rows.start;
        Self { rows: first + rows.start..first + rows.end, ..self.clone() }
    }

    /// Returns rows of the sum, computed from rows as stored in the file.
    pub(super) fn apply(
        &self,
        tensor: &Tensor,
        rows: &Range<usize>,
        bytes: &[u8],
    ) -> Result<Vec<u8>> {
        let mut values = vec![0.0; rows.len() * tensor.columns];
        self.stored.decode(bytes, &mut values);
        let columns = tensor.columns.max(1);
        let up = self.up().chunks_exact(self.rank).skip(rows.start);
        for (row, up) in values.chunks_exact_mut(columns).zip(up) {
            for (factor, down) in up.iter().zip(self.down.chunks_exact(columns)) {
                row.iter_mut().zip(down).for_each(|(value, down)| *value += factor * down);
            }
        }
        let most = if self.encoding == Encoding::F32 { f32::MAX } else { f32::from(f16::MAX) };
        if values.iter().any(|value| value.is_nan() || value.abs() > most) {
            let message = format!("{} with its adapters holds values beyond {most}", tensor.name);
            return Err(Error::new(Status::DataLoss, message).with_code("MODEL_DAMAGED"));
        }
        Ok(match self.encoding {
            Encoding::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            _ => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        })
    }
}

/// Whether sums are stored in single precision.
pub(super) fn are_single(adapters: &[Adapter]) -> bool {
    adapters.iter().map(Adapter::changed_values).sum::<usize>() <= MOST_SINGLE
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with_code("ADAPTER_INVALID")
}

fn mismatch(message: impl Into<String>) -> Error {
    let message = format!("{}: use an adapter that was made for this model", message.into());
    Error::invalid(message).with_code("ADAPTER_MISMATCH")
}

fn unsupported(message: impl Into<String>) -> Error {
    Error::new(Status::Unimplemented, message.into()).with_code("ADAPTER_UNSUPPORTED")
}
