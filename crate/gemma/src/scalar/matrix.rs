//! A matrix whose rows stay packed until they are needed.

use hybridge_core::Result;

use super::vector::{dot, rounded};
use crate::quant::Encoding;
use crate::weights::{Model, Tensor, pieces};

/// Weights are read in pieces of this size, so that a file is never copied whole on its way.
const PIECE: usize = 4 << 20;

/// Packed rows.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    encoding: Encoding,
    columns: usize,
    rows: usize,
    bytes: Vec<u8>,
}

impl Matrix {
    pub(super) async fn load(model: &Model, tensor: &Tensor) -> Result<Self> {
        let mut bytes = Vec::new();
        for rows in pieces(tensor, PIECE) {
            bytes.extend(model.rows(tensor, rows).await?);
        }
        Ok(Self { encoding: tensor.encoding, columns: tensor.columns, rows: tensor.rows, bytes })
    }

    /// One row, decoded; zeros where there is none.
    pub(super) fn row(&self, index: usize) -> Vec<f32> {
        let mut values = vec![0.0; self.columns];
        if let Some(bytes) = self.packed().nth(index) {
            self.encoding.decode(bytes, &mut values);
        }
        values
    }

    /// W·x for each x: `outputs[i][r] = Σₖ W[r, k] · inputs[i][k]`.
    ///
    /// Each row is decoded once for all inputs: decoding is what costs.
    pub(super) fn times(&self, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
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
