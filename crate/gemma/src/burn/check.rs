//! Tests burn's queue: compares a product on it with the same product in plain Rust.

use burn::backend::Cube;
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::template::{KernelSource, SourceKernel, SourceTemplate};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::attributes::BufferIOAttr;
use cubecl::prelude::{CubeCount, CubeDim, KernelId};
use cubecl::server::KernelArguments;
use hybridge_core::{Error, Result};

use crate::gpu::Device;
use crate::gpu::judge::self_check::{Report, largest_error, ramp, verdict};

/// Rows, inner dimension and columns: large enough for tiled kernels, and not multiples of their
/// tiles.
const SHAPE: [usize; 3] = [33, 257, 65];

/// Multiplies two burn matrices with a kernel on burn's own queue, and compares the result.
///
/// The kernel is our own, because burn's products are larger in wasm than the whole engine: 0.9 MB
/// of 2.2 MB gzip, as measured.
///
/// # Errors Returns errors of [`Device::burn`], and `UNAVAILABLE` with code `GPU_WRONG_RESULTS` if
/// the results differ.
pub async fn burn_check(device: &Device) -> Result<Report> {
    let [rows, inner, columns] = SHAPE;
    let a = ramp(rows * inner, 7);
    let b = ramp(inner * columns, 11);
    let left = on_device(device, &a, [rows, inner])?;
    let right = on_device(device, &b, [inner, columns])?;
    let client = left.client.clone();
    let product = client.empty(rows * columns * size_of::<f32>());
    let groups = u32::try_from(columns).unwrap_or(u32::MAX).div_ceil(WORKGROUP);
    client.launch(
        Box::new(SourceKernel::new(Product, CubeDim::new_1d(WORKGROUP))),
        CubeCount::Static(groups, u32::try_from(rows).unwrap_or(u32::MAX), 1),
        KernelArguments::new()
            .with_buffer_io(left.handle.clone().binding(), BufferIOAttr::ReadOnly)
            .with_buffer_io(right.handle.clone().binding(), BufferIOAttr::ReadOnly)
            .with_buffer_io(product.clone().binding(), BufferIOAttr::WriteOnly),
    );
    let read = client.read_async(vec![product]).await;
    device.check()?;
    let bytes =
        read.map_err(|error| Error::internal(format!("reading a product failed: {error:?}")))?;
    let found: Vec<f32> = bytes
        .iter()
        .flat_map(|it| it.as_chunks::<4>().0)
        .map(|it| f32::from_le_bytes(*it))
        .collect();
    verdict(device, &[("a product on burn's queue", largest_error(&product_of(&a, &b), &found))])
}

/// One invocation for each value of the product.
struct Product;

/// The workgroup size.
const WORKGROUP: u32 = 64;

impl KernelSource for Product {
    fn source(&self) -> SourceTemplate {
        let [_, inner, columns] = SHAPE;
        SourceTemplate::new(include_str!("check.wgsl"))
            .register("inner", inner.to_string())
            .register("columns", columns.to_string())
            .register("workgroup", WORKGROUP.to_string())
    }

    fn id(&self) -> KernelId {
        // The text is made of constants only.
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Uploads a matrix as a burn tensor.
fn on_device(device: &Device, numbers: &[f32], shape: [usize; 2]) -> Result<CubeTensor> {
    let data = TensorData::new(numbers.to_vec(), shape);
    Tensor::<2>::from_data(data, &device.burn()?)
        .try_into_primitive::<Cube>()
        .map_err(|_| Error::internal("a tensor of the GPU is on another device"))
}

/// Computes `a · b`, row by row, in f64.
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
