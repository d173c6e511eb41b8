//! A vision tower with packed weights and vector instructions.

use hybridge_core::{Error, Result, Status};

use super::attention::Attend;
use super::inputs::{Inputs, Precision};
use super::lanes::run;
use super::matrix::Matrix;
use super::pause::Pause;
use crate::gguf::Gguf;
use crate::vision::tower::{Arithmetic, Heads, Tower};
use crate::vision::{PictureEncoder, VisionModel};
use crate::weights::Tensor;

/// Loads a tower with packed weights.
///
/// # Errors
///
/// Returns errors of reading the file, and `OUT_OF_MEMORY`.
pub async fn load_tower(model: &VisionModel, pause: Pause) -> Result<Box<dyn PictureEncoder>> {
    Ok(Box::new(Tower::<Packed>::load(model, pause).await?))
}

#[derive(Debug)]
struct Packed;

impl Arithmetic for Packed {
    type Matrix = Matrix;

    async fn read(gguf: &Gguf, tensor: &Tensor) -> Result<Matrix> {
        Matrix::read(gguf, tensor).await
    }

    fn dense(values: &[f32], rows: usize, columns: usize) -> Result<Matrix> {
        Matrix::dense(values, rows, columns)?.ok_or_else(|| {
            Error::new(Status::DataLoss, "a matrix holds a value that is not a finite number")
                .with_code("MODEL_DAMAGED")
        })
    }

    fn times(matrix: &Matrix, x: &[f32], out: &mut [f32]) {
        let mut inputs = Inputs::default();
        inputs.set(x, matrix.columns(), true, false);
        matrix.times(&inputs, Precision::Exact, out);
    }

    /// Queries of one head are attended together, so that they share its keys and values.
    fn attend(queries: &[f32], keys: &[f32], values: &[f32], heads: Heads, out: &mut [f32]) {
        let width = heads.count * heads.dim;
        let tokens = queries.len() / width.max(1);
        let mut by_head = vec![0.0; queries.len()];
        exchange(queries, &mut by_head, tokens, heads.count, heads.dim);
        let mut mixed = vec![0.0; queries.len()];
        run(Attend {
            queries: &by_head,
            stretches: [(keys, values), (&[], &[])],
            head_dim: heads.dim,
            group: tokens,
            width,
            scores: &mut Vec::new(),
            out: &mut mixed,
        });
        exchange(&mixed, out, heads.count, tokens, heads.dim);
    }
}

/// \[outer, inner, dim\] in, \[inner, outer, dim\] out.
fn exchange(from: &[f32], to: &mut [f32], outer: usize, inner: usize, dim: usize) {
    for (index, to) in to.chunks_exact_mut(dim.max(1)).enumerate() {
        let (second, first) = (index / outer.max(1), index % outer.max(1));
        let start = (first * inner + second) * dim;
        if let Some(from) = from.get(start..start + dim) {
            to.copy_from_slice(from);
        }
    }
}
