//! Does this GPU compute right? A product on it against the same product in plain Rust.

use burn::tensor::{Tensor, TensorData};
use hybridge_core::{Error, Result};

use super::Device;

/// Rows, inner width and columns: large enough for tiled kernels, odd enough for their edges.
const SHAPE: [usize; 3] = [33, 257, 65];

/// How far f32 sums of this length may differ by their order alone.
const TOLERANCE: f32 = 1e-4;

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The adapter's own words.
    pub adapter: String,
    /// The largest difference between GPU and CPU.
    pub max_error: f32,
}

/// Multiplies two matrices on the device through burn and compares.
///
/// # Errors
/// Those of [`Device::burn`]; `UNAVAILABLE` with code `GPU_WRONG` where the numbers differ.
pub async fn self_check(device: &Device) -> Result<Report> {
    let burn = device.burn()?;
    let [rows, inner, columns] = SHAPE;
    let a = ramp(rows * inner, 7);
    let b = ramp(inner * columns, 11);
    let left = Tensor::<2>::from_data(TensorData::new(a.clone(), [rows, inner]), &burn);
    let right = Tensor::<2>::from_data(TensorData::new(b.clone(), [inner, columns]), &burn);
    let product = left.matmul(right).into_data_async().await;
    device.check()?;
    let found = product
        .map_err(|error| Error::internal(format!("reading a tensor failed: {error:?}")))?
        .try_into_vec::<f32>()
        .map_err(|error| Error::internal(format!("a tensor of f32 is not: {error:?}")))?;
    let max_error = largest_error(&product_of(&a, &b), &found);
    if max_error <= TOLERANCE {
        Ok(Report { adapter: device.facts().name.clone(), max_error })
    } else {
        Err(Error::unavailable(format!(
            "the GPU computes wrong: a product is off by {max_error}, at most {TOLERANCE} was expected"
        ))
        .with_code("GPU_WRONG"))
    }
}

/// Numbers in [-0.5, 0.5) that repeat late; `step` is coprime to the period.
fn ramp(count: usize, step: u16) -> Vec<f32> {
    const PERIOD: u16 = 251;
    let mut at = 0_u16;
    (0..count)
        .map(|_| {
            at = (at + step) % PERIOD;
            f32::from(at) / f32::from(PERIOD) - 0.5
        })
        .collect()
}

/// `a · b`, row by row, in f64.
fn product_of(a: &[f32], b: &[f32]) -> Vec<f32> {
    let [_, inner, columns] = SHAPE;
    let mut product = Vec::new();
    for row in a.chunks_exact(inner) {
        let mut sums = vec![0_f64; columns];
        for (&x, line) in row.iter().zip(b.chunks_exact(columns)) {
            for (sum, &y) in sums.iter_mut().zip(line) {
                *sum += f64::from(x) * f64::from(y);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounded once, at the end")]
        product.extend(sums.into_iter().map(|sum| sum as f32));
    }
    product
}

/// Infinite where a number is missing or is not one.
fn largest_error(expected: &[f32], found: &[f32]) -> f32 {
    if expected.len() != found.len() {
        return f32::INFINITY;
    }
    let differences = expected.iter().zip(found).map(|(e, f)| (e - f).abs());
    differences.fold(0.0, |most, it| if it.is_finite() { most.max(it) } else { f32::INFINITY })
}

#[cfg(test)]
mod tests {
    use super::largest_error;

    #[test]
    fn a_wrong_number_is_seen() {
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0, 2.5]), 0.5);
        assert_eq!(largest_error(&[1.0], &[f32::NAN]), f32::INFINITY);
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0]), f32::INFINITY);
    }
}
