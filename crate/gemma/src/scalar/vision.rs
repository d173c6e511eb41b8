//! The reference vision tower: slow and plain. The others are tested against it.

use hybridge_core::Result;

use super::matrix::Matrix;
use super::vector::{dot, rounded};
use crate::cpu::Pause;
use crate::gguf::Gguf;
use crate::vision::tower::{Arithmetic, Heads, Tower};
use crate::vision::{PictureEncoder, VisionModel};
use crate::weights::Tensor;

/// Loads a tower with sums in f64.
///
/// # Errors
///
/// Returns errors of reading the file.
pub async fn load_tower(model: &VisionModel, pause: Pause) -> Result<Box<dyn PictureEncoder>> {
    Ok(Box::new(Tower::<Plain>::load(model, pause).await?))
}

#[derive(Debug)]
struct Plain;

/// Keys and values, unchanged. \[patches, width\] each.
struct Seen {
    heads: Heads,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Arithmetic for Plain {
    type Matrix = Matrix;
    type Seen = Seen;

    async fn read(gguf: &Gguf, tensor: &Tensor) -> Result<Matrix> {
        Matrix::read(gguf, tensor).await
    }

    fn dense(values: &[f32], rows: usize, columns: usize) -> Result<Matrix> {
        Ok(Matrix::dense(values, rows, columns))
    }

    fn times(matrix: &Matrix, x: &[f32], out: &mut [f32]) {
        let inputs: Vec<Vec<f32>> = x.chunks_exact(matrix.columns()).map(<[f32]>::to_vec).collect();
        let outputs = matrix.times(&inputs);
        for (out, values) in out.chunks_exact_mut(matrix.rows()).zip(outputs) {
            out.copy_from_slice(&values);
        }
    }

    fn room(patches: usize, heads: Heads) -> Result<Seen> {
        let store = vec![0.0; patches * heads.count * heads.dim];
        Ok(Seen { heads, keys: store.clone(), values: store })
    }

    fn put(seen: &mut Seen, first: usize, keys: &[f32], values: &[f32]) {
        let start = first * seen.heads.count * seen.heads.dim;
        for (store, values) in [(&mut seen.keys, keys), (&mut seen.values, values)] {
            store.iter_mut().skip(start).zip(values).for_each(|(to, from)| *to = *from);
        }
    }

    fn attend(queries: &[f32], seen: &Seen, out: &mut [f32]) {
        let Seen { heads, keys, values } = seen;
        let width = heads.count * heads.dim;
        for (query, out) in queries.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let each = query.chunks_exact(heads.dim).zip(out.chunks_exact_mut(heads.dim));
            for (head, (query, out)) in each.enumerate() {
                let of_head = |vector: &'_ [f32]| -> Vec<f32> {
                    vector.iter().skip(head * heads.dim).take(heads.dim).copied().collect()
                };
                let scores: Vec<f64> =
                    keys.chunks_exact(width).map(|key| dot(query, &of_head(key))).collect();
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let total: f64 = weights.iter().sum();
                let mut sums = vec![0.0_f64; heads.dim];
                for (value, weight) in values.chunks_exact(width).zip(&weights) {
                    for (sum, value) in sums.iter_mut().zip(of_head(value)) {
                        *sum += weight * f64::from(value);
                    }
                }
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = rounded(sum / total));
            }
        }
    }
}
