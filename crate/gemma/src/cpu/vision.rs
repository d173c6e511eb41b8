//! A vision tower with packed weights and vector instructions.

use hybridge_core::{Error, Result, Status};

use super::inputs::{Inputs, Precision};
use super::matrix::Matrix;
use super::pause::Pause;
use super::seen::Seen;
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
    type Seen = Seen;

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

    fn room(patches: usize, heads: Heads) -> Result<Seen> {
        Seen::new(patches, heads)
    }

    fn put(seen: &mut Seen, first: usize, keys: &[f32], values: &[f32]) {
        seen.put(first, keys, values);
    }

    fn attend(queries: &[f32], seen: &Seen, out: &mut [f32]) {
        seen.attend(queries, out);
    }
}
