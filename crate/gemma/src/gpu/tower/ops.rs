//! The operations of a tower on the GPU: five kernels over buffers of any size, whose sizes are in
//! a separate buffer, so that each kernel is compiled once.

use std::fmt;
use std::rc::Rc;

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::gpu::Device;
use crate::gpu::device::launcher::{GROUPS_MAX, Grid, Launcher as _, Progress, Recorder};
use crate::gpu::kernels::profile::Profile;
use crate::gpu::kernels::shader::{Access, Source};
use crate::gpu::kernels::to_u32;

use Access::{Read, Write};

/// The number of rows and columns of a product that a workgroup computes.
const TILE: u32 = 64;
/// The workgroup size of the other kernels.
const WORKGROUP: u32 = 64;
/// Kernels of a tower do not depend on a position in a sequence.
const NOWHERE: Progress = Progress { position: 0, tokens: 1 };

/// Runs kernels one after the other.
#[derive(Debug)]
pub(super) struct Queue {
    recorder: Recorder,
    /// Bound in place of missing inputs.
    nothing: Numbers,
}

/// Numbers on the GPU, freed with their last reference.
#[derive(Clone)]
pub(super) struct Numbers(Rc<Owned>);

struct Owned(wgpu::Buffer);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Numbers({} bytes)", self.0.0.size())
    }
}

/// A part of some numbers as matrices: the first value, and the strides of matrices, rows and
/// values.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) numbers: &'a Numbers,
    pub(super) first: usize,
    pub(super) strides: [usize; 3],
}

impl<'a> View<'a> {
    /// Creates a view of one matrix with contiguous rows.
    pub(super) fn rows(numbers: &'a Numbers, first_row: usize, width: usize) -> Self {
        Self { numbers, first: first_row * width, strides: [0, width, 1] }
    }
}

/// A batch of products.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product<'a> {
    pub(super) batch: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) inner: usize,
    /// \[columns\]
    pub(super) bias: Option<&'a Numbers>,
    /// Minimum and maximum of the input, minimum and maximum of the output.
    pub(super) clamp: Option<[f32; 4]>,
}

/// A norm of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norming<'a> {
    pub(super) rows: usize,
    pub(super) width: usize,
    /// The first row to read, and the first row to write.
    pub(super) first: [usize; 2],
    /// Whether the mean is subtracted.
    pub(super) is_centred: bool,
    /// Without it rows are not normalised.
    pub(super) epsilon: Option<f32>,
    pub(super) weight: Option<&'a Numbers>,
    pub(super) bias: Option<&'a Numbers>,
    /// Whether the result is added to the existing values.
    pub(super) adds: bool,
}

impl Queue {
    /// Creates a queue on a device.
    pub(super) fn new(device: &Device) -> Self {
        let recorder = Recorder::new(device.clone());
        let nothing = buffer(device, 4, wgpu::BufferUsages::STORAGE);
        Self { recorder, nothing }
    }

    /// Allocates this many numbers.
    pub(super) fn room(&self, count: usize) -> Numbers {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        buffer(self.recorder.device(), 4 * count as u64, usage)
    }

    /// Copies numbers to the GPU.
    pub(super) fn filled(&self, values: &[f32]) -> Numbers {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let numbers = self.room(values.len());
        self.recorder.write(&numbers.0.0, 0, &bytes);
        numbers
    }

    /// Returns the numbers, once all earlier work is done.
    pub(super) async fn read(&self, numbers: &Numbers) -> Result<Vec<f32>> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = buffer(self.recorder.device(), numbers.0.0.size(), usage);
        self.recorder.run(&[], NOWHERE, &[(&numbers.0.0, &staging.0.0)]);
        let bytes = self.recorder.read(&staging.0.0).await?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|it| f32::from_le_bytes(*it)).collect())
    }

    /// Waits until all earlier work is done.
    pub(super) async fn finish(&self) -> Result<()> {
        self.recorder.device().idle().await
    }

    /// Computes to = a · bᵀ. \[batch, rows, inner\] and \[batch, columns, inner\] in, \[batch,
    /// rows, columns\] out.
    pub(super) fn product(&self, product: &Product<'_>, [a, b, to]: [View<'_>; 3]) {
        let Product { batch, rows, columns, inner, bias, clamp } = *product;
        let mut sizes = [rows, columns, inner].map(to_u32).to_vec();
        for view in [a, b] {
            sizes.push(to_u32(view.first));
            sizes.extend(view.strides.map(to_u32));
        }
        let [matrix, row, _] = to.strides;
        sizes.extend([to.first, matrix, row].map(to_u32));
        let limits = clamp.unwrap_or([f32::MIN, f32::MAX, f32::MIN, f32::MAX]);
        sizes.extend(limits.map(|limit| limit.clamp(f32::MIN, f32::MAX).to_bits()));
        sizes.push(u32::from(bias.is_some()));
        let bias = bias.unwrap_or(&self.nothing);
        let groups = [to_u32(columns).div_ceil(TILE), to_u32(rows).div_ceil(TILE), to_u32(batch)];
        self.launch(Kernel::Product, groups, &[a.numbers, b.numbers, bias, to.numbers], &sizes);
    }

    /// Normalises rows, or copies them.
    pub(super) fn norm(&self, norming: &Norming<'_>, x: &Numbers, to: &Numbers) {
        let Norming { rows, width, first, is_centred, epsilon, weight, bias, adds } = *norming;
        let flags = [epsilon.is_some(), is_centred, adds, weight.is_some(), bias.is_some()];
        let flags = flags.iter().rev().fold(0, |flags, flag| 2 * flags + u32::from(*flag));
        let [from, place] = first;
        let mut sizes = [rows, width, from, place].map(to_u32).to_vec();
        sizes.extend([flags, epsilon.unwrap_or_default().to_bits()]);
        let (weight, bias) = (weight.unwrap_or(&self.nothing), bias.unwrap_or(&self.nothing));
        self.launch(Kernel::Norm, folded(to_u32(rows)), &[x, weight, bias, to], &sizes);
    }

    /// Computes the softmax of scaled rows, in place.
    pub(super) fn softmax(&self, x: &Numbers, [rows, columns]: [usize; 2], scale: f32) {
        let sizes = [to_u32(rows), to_u32(columns), scale.to_bits()];
        self.launch(Kernel::Softmax, folded(to_u32(rows)), &[x], &sizes);
    }

    /// Rotates heads in place by their patches' angles. \[patches, heads, 4 · pairs\]
    pub(super) fn turn(&self, x: &Numbers, angles: &Numbers, shape: [usize; 3]) {
        let [patches, heads, pairs] = shape.map(to_u32);
        let all = patches * heads * 2 * pairs;
        let groups = folded(all.div_ceil(WORKGROUP));
        self.launch(Kernel::Turn, groups, &[x, angles], &[all, heads, pairs]);
    }

    /// Computes up = gelu(gate) · up, or gelu(up) without a gate.
    pub(super) fn gelu(&self, up: &Numbers, gate: Option<&Numbers>, count: usize) {
        let sizes = [to_u32(count), u32::from(gate.is_some())];
        let gate = gate.unwrap_or(&self.nothing);
        let groups = folded(to_u32(count).div_ceil(WORKGROUP));
        self.launch(Kernel::Gelu, groups, &[up, gate], &sizes);
    }

    fn launch(&self, kernel: Kernel, groups: [u32; 3], bound: &[&Numbers], sizes: &[u32]) {
        let bytes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        let sizes = self.room(sizes.len());
        self.recorder.write(&sizes.0.0, 0, &bytes);
        let kernel = self.recorder.kernel(&kernel.source());
        let bound: Vec<_> = bound.iter().chain(&[&sizes]).map(|numbers| &numbers.0.0).collect();
        let dispatch = self.recorder.bind(&kernel, &bound, Grid::Whole(groups));
        self.recorder.run(&[&[dispatch]], NOWHERE, &[]);
    }
}

/// If the allocation fails, the next wait reports it.
fn buffer(device: &Device, bytes: u64, usage: wgpu::BufferUsages) -> Numbers {
    const WHAT: &str = "a vision tower";
    let descriptor = wgpu::BufferDescriptor {
        label: Some(WHAT),
        size: bytes.max(4),
        usage,
        mapped_at_creation: false,
    };
    let wgpu = device.wgpu().clone();
    Numbers(Rc::new(Owned(device.guarded(WHAT, || wgpu.create_buffer(&descriptor)))))
}

/// Distributes workgroups over two dimensions.
fn folded(groups: u32) -> [u32; 3] {
    let across = groups.clamp(1, GROUPS_MAX);
    [across, groups.div_ceil(across), 1]
}

#[derive(Clone, Copy, Debug)]
enum Kernel {
    Product,
    Norm,
    Softmax,
    Turn,
    Gelu,
}

impl Kernel {
    fn source(self) -> Source {
        let (label, text, accesses) = match self {
            Self::Product => {
                let accesses = vec![Read, Read, Read, Write, Read];
                ("tower product", include_str!("wgsl/product.wgsl"), accesses)
            }
            Self::Norm => {
                let accesses = vec![Read, Read, Read, Write, Read];
                ("tower norm", include_str!("wgsl/norm.wgsl"), accesses)
            }
            Self::Softmax => {
                ("tower softmax", include_str!("wgsl/softmax.wgsl"), vec![Write, Read])
            }
            Self::Turn => ("tower turn", include_str!("wgsl/turn.wgsl"), vec![Write, Read, Read]),
            Self::Gelu => ("tower gelu", include_str!("wgsl/gelu.wgsl"), vec![Write, Read, Read]),
        };
        let workgroup = if matches!(self, Self::Product) { 256 } else { WORKGROUP };
        let profile = Profile::default();
        Source { label, text: text.to_owned(), accesses, workgroup, profile }
    }
}
