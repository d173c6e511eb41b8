//! A matrix whose rows stay packed until they are used.

use hybridge_core::Result;

use super::vector::{add, dot, rounded};
use crate::gguf::Gguf;
use crate::quant::{Encoding, Rounding};
use crate::weights::{Model, Tensor, pieces};

/// Weights are read in chunks of this size, so that a file is never in memory twice.
const PIECE: usize = 4 << 20;

/// A matrix with packed rows.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    encoding: Encoding,
    columns: usize,
    rows: usize,
    bytes: Vec<u8>,
    /// The rounding of its inputs, as on a GPU with `precision: 'fast'`.
    rounding: Option<Rounding>,
    /// The factors that adapters add: one reads the input, the other writes the output.
    added: Option<Box<(Matrix, Matrix)>>,
}

impl Matrix {
    pub(super) async fn load(model: &Model, tensor: &Tensor) -> Result<Self> {
        let mut matrix = Self::read(model.gguf(), &tensor.unchanged()).await?;
        matrix.added = tensor.change().map(|change| {
            let down = Self::dense(change.down(), change.rank(), tensor.columns);
            Box::new((down, Self::dense(change.up(), tensor.rows, change.rank())))
        });
        Ok(matrix)
    }

    /// Reads a tensor from a file.
    pub(super) async fn read(gguf: &Gguf, tensor: &Tensor) -> Result<Self> {
        let mut bytes = Vec::new();
        for rows in pieces(tensor, PIECE) {
            bytes.extend(tensor.read(gguf, rows).await?);
        }
        let Tensor { encoding, columns, rows, .. } = *tensor;
        Ok(Self { encoding, columns, rows, bytes, rounding: None, added: None })
    }

    /// Creates a matrix from numbers. \[rows, columns\]
    pub(super) fn dense(values: &[f32], rows: usize, columns: usize) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { encoding: Encoding::F32, columns, rows, bytes, rounding: None, added: None }
    }

    /// Returns one decoded row; zeros if it does not exist.
    pub(super) fn row(&self, index: usize) -> Vec<f32> {
        let mut values = vec![0.0; self.columns];
        if let Some(bytes) = self.packed().nth(index) {
            self.encoding.decode(bytes, &mut values);
        }
        values
    }

    /// Returns the number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Sets whether inputs are rounded. Matrices of floats never round.
    pub(super) fn round_inputs(&mut self, wanted: Option<Rounding>) {
        let is_float = matches!(self.encoding, Encoding::F32 | Encoding::F16 | Encoding::BF16);
        self.rounding = wanted.filter(|_| !is_float);
    }

    /// W·x for each x: `outputs[i][r] = Σₖ W[r, k] · inputs[i][k]`.
    ///
    /// Each row is decoded once for all inputs, because decoding dominates the cost.
    pub(super) fn times(&self, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut outputs = self.product(inputs);
        if let Some((down, up)) = self.added.as_deref() {
            for (output, more) in outputs.iter_mut().zip(up.product(&down.product(inputs))) {
                add(output, &more);
            }
        }
        outputs
    }

    fn product(&self, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let left: Vec<Vec<f32>>;
        let inputs = match self.rounding {
            Some(rounding) => {
                left = inputs.iter().map(|input| rounding.of(input)).collect();
                &left
            }
            None => inputs,
        };
        let mut outputs: Vec<Vec<f32>> =
            inputs.iter().map(|_| Vec::with_capacity(self.rows)).collect();
        let mut row = vec![0.0; self.columns];
        for bytes in self.packed() {
            self.encoding.decode(bytes, &mut row);
            for (output, input) in outputs.iter_mut().zip(inputs) {
                output.push(rounded(dot(&row, input)));
            }
        }
        outputs
    }

    fn packed(&self) -> std::slice::ChunksExact<'_, u8> {
        self.bytes.chunks_exact(self.encoding.bytes_of(self.columns).max(1))
    }
}
