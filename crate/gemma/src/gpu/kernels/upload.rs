//! Uploads weights to the GPU in chunks of a bounded size, and repacks them on the way.

use std::ops::Range;

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::gpu::Device;
use crate::gpu::kernels::planes::{Format, Packed, pack, units_of};
use crate::gpu::kernels::shader::MatrixShape;
use crate::gpu::kernels::{padded, to_u32};
use crate::quant::Encoding;
use crate::weights::{Model, Tensor};

/// Bytes of the file that are in memory at once.
const PIECE: usize = 4 << 20;

/// The number of bytes after which to wait for the GPU, so that little is queued.
const IN_FLIGHT: usize = 32 << 20;

/// The uses of a matrix's planes.
const MATRIX: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_DST);

/// A matrix on the GPU, or some of its rows.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) shape: MatrixShape,
    codes: wgpu::Buffer,
    scales: Option<wgpu::Buffer>,
}

impl Planes {
    /// Its bindings, in the order of [`crate::gpu::kernels::shader::Builder::matrix`].
    pub(crate) fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        std::iter::once(&self.codes).chain(&self.scales)
    }
}

/// The number of rows of a matrix that fit into one binding.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) first_row: u32,
    pub(crate) planes: Planes,
}

/// Creates buffers and counts their bytes.
#[derive(Debug)]
pub(crate) struct Uploader {
    device: Device,
    /// The maximum size of one binding in bytes.
    limit: u64,
    in_flight: usize,
    /// Whether matrices stay zero, because only their sizes are needed.
    is_empty: bool,
    made: Vec<wgpu::Buffer>,
    weights: u64,
}

impl Uploader {
    pub(crate) fn new(device: Device, limit: Option<u64>) -> Self {
        let most = device.facts().max_storage_buffer_binding_size;
        let limit = limit.map_or(most, |limit| limit.min(most)).min(device.facts().max_buffer_size);
        Self { device, limit, in_flight: 0, is_empty: false, made: Vec::new(), weights: 0 }
    }

    /// Sets whether matrices stay zero instead of being read from the file.
    pub(crate) fn empty(mut self, is_empty: bool) -> Self {
        self.is_empty = is_empty;
        self
    }

    /// Returns the bytes of the buffers that contain weights.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.weights
    }

    /// Returns all buffers created so far, for their owner to free.
    pub(crate) fn finish(mut self) -> Vec<wgpu::Buffer> {
        std::mem::take(&mut self.made)
    }

    /// Creates an empty buffer, which WebGPU fills with zeros.
    pub(crate) fn buffer(
        &mut self,
        label: &str,
        bytes: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        if bytes > self.limit {
            return Err(crate::gpu::device::fault::memory_error(&format!(
                "{label}, {bytes} bytes in one buffer where {} is the most",
                self.limit
            )));
        }
        let device = self.device.clone();
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            // Bindings must not be empty, and uniform ones are read in 16 bytes.
            size: bytes.next_multiple_of(16).max(16),
            usage,
            mapped_at_creation: false,
        };
        let buffer = self.device.guarded(label, || device.wgpu().create_buffer(&descriptor));
        self.made.push(buffer.clone());
        Ok(buffer)
    }

    /// Creates a buffer of numbers that kernels read and write.
    pub(crate) fn values(&mut self, label: &str, count: usize) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        self.buffer(label, count as u64 * 4, usage)
    }

    /// Creates a buffer with these numbers.
    pub(crate) fn filled(&mut self, label: &str, values: &[f32]) -> Result<wgpu::Buffer> {
        let buffer = self.values(label, values.len())?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.device.queue().write_buffer(&buffer, 0, &bytes);
        Ok(buffer)
    }

    /// Uploads the weights of a norm, zero-padded to a whole unit.
    pub(crate) async fn norm(&mut self, model: &Model, tensor: &Tensor) -> Result<wgpu::Buffer> {
        let mut values = model.values(tensor).await?;
        values.resize(padded(tensor.columns) as usize, 0.0);
        self.weights += values.len() as u64 * 4;
        self.filled(&tensor.name, &values)
    }

    /// The same, followed by the scale of its output.
    pub(crate) async fn norm_and(
        &mut self,
        model: &Model,
        tensor: &Tensor,
        scale: Option<f32>,
    ) -> Result<wgpu::Buffer> {
        let Some(scale) = scale else { return self.norm(model, tensor).await };
        let mut values = model.values(tensor).await?;
        values.resize(padded(tensor.columns) as usize, 0.0);
        values.extend([scale, 0.0, 0.0, 0.0]);
        self.weights += values.len() as u64 * 4;
        self.filled(&tensor.name, &values)
    }

    /// Uploads all rows of some small matrices with equal inputs, each zero-padded to a whole unit.
    pub(crate) async fn rows_of(
        &mut self,
        model: &Model,
        tensors: &[&Tensor],
    ) -> Result<wgpu::Buffer> {
        let mut all = Vec::new();
        for tensor in tensors {
            let values = model.values(tensor).await?;
            for row in values.chunks(tensor.columns.max(1)) {
                all.extend_from_slice(row);
                all.resize(all.len() + padded(row.len()) as usize - row.len(), 0.0);
            }
        }
        self.weights += all.len() as u64 * 4;
        self.filled("rows", &all)
    }

    /// Uploads the weights of several norms, concatenated.
    pub(crate) async fn norms(
        &mut self,
        model: &Model,
        tensors: &[&Tensor],
    ) -> Result<wgpu::Buffer> {
        let mut all = Vec::new();
        for tensor in tensors {
            all.extend(model.values(tensor).await?);
        }
        self.weights += all.len() as u64 * 4;
        self.filled("norms", &all)
    }

    /// Returns the contents of these buffers, concatenated.
    pub(crate) fn side_by_side(&mut self, parts: &[&wgpu::Buffer]) -> Result<wgpu::Buffer> {
        let bytes: u64 = parts.iter().map(|part| part.size()).sum();
        let joined = self.values("norms", usize::try_from(bytes / 4).unwrap_or(usize::MAX))?;
        self.weights += bytes;
        let mut encoder = self.device.wgpu().create_command_encoder(&Default::default());
        let mut offset = 0;
        for part in parts {
            encoder.copy_buffer_to_buffer(part, 0, &joined, offset, part.size());
            offset += part.size();
        }
        self.device.queue().submit([encoder.finish()]);
        Ok(joined)
    }

    /// Uploads a small matrix from memory.
    pub(crate) fn packed(
        &mut self,
        encoding: Encoding,
        [rows, columns]: [usize; 2],
        bytes: &[u8],
    ) -> Result<Planes> {
        let format = Format::of(encoding);
        let mut packed = Packed::default();
        pack(encoding, columns, bytes, &mut packed)?;
        let Packed { codes, high, scales } = packed;
        let usage = MATRIX | wgpu::BufferUsages::COPY_SRC;
        let mut made = Vec::new();
        for mut pending in [codes, [high, scales].concat()] {
            let buffer = self.buffer("a small matrix", pending.len() as u64, usage)?;
            let mut writer = Writer { buffer: Some(&buffer), offset: 0 };
            writer.write(&self.device, &mut pending, true);
            made.push(buffer);
        }
        let scales = made.pop().filter(|_| format.scale_bytes(1) > 0);
        let codes = made.pop().ok_or_else(|| Error::internal("a matrix has no codes"))?;
        let shape = MatrixShape { format, rows: to_u32(rows), columns: to_u32(columns) };
        Ok(Planes { shape, codes, scales })
    }

    /// Copies a matrix from [`Self::packed`].
    pub(crate) fn copied(&mut self, planes: &Planes) -> Result<Planes> {
        let mut encoder = self.device.wgpu().create_command_encoder(&Default::default());
        let mut copy = |buffer: &wgpu::Buffer| -> Result<wgpu::Buffer> {
            let made = self.buffer("a small matrix", buffer.size(), MATRIX)?;
            encoder.copy_buffer_to_buffer(buffer, 0, &made, 0, buffer.size());
            Ok(made)
        };
        let codes = copy(&planes.codes)?;
        let scales = planes.scales.as_ref().map(copy).transpose()?;
        self.device.queue().submit([encoder.finish()]);
        Ok(Planes { shape: planes.shape, codes, scales })
    }

    /// Uploads a matrix that must fit into one binding.
    pub(crate) async fn matrix(&mut self, model: &Model, tensor: &Tensor) -> Result<Planes> {
        self.rows(model, &[(tensor, 0..tensor.rows)]).await
    }

    /// Uploads matrices with the same inputs, stacked if their encodings agree: a kernel over one
    /// matrix is a third of one over three, and compiles in a third of the time.
    pub(crate) async fn joined(
        &mut self,
        model: &Model,
        tensors: &[&Tensor],
    ) -> Result<Vec<Planes>> {
        let mut planes = Vec::new();
        let mut rest = tensors;
        while let Some(first) = rest.first() {
            let format = Format::of(first.encoding);
            let mut bytes = 0;
            let alike = rest.iter().take_while(|tensor| {
                bytes += format.code_bytes(units_of(tensor.columns) * tensor.rows) as u64;
                Format::of(tensor.encoding) == format && bytes <= self.limit
            });
            let (group, others) = rest.split_at(alike.count().max(1));
            let parts: Vec<_> = group.iter().map(|tensor| (*tensor, 0..tensor.rows)).collect();
            planes.push(self.rows(model, &parts).await?);
            rest = others;
        }
        Ok(planes)
    }

    /// Uploads a matrix in as many shards as the binding limit requires.
    pub(crate) async fn shards(&mut self, model: &Model, tensor: &Tensor) -> Result<Vec<Shard>> {
        let row = Format::of(tensor.encoding).code_bytes(units_of(tensor.columns)) as u64;
        let most = usize::try_from(self.limit / row.max(1)).unwrap_or(usize::MAX).max(1);
        // Of equal size, because a short last one would occupy only a corner of the GPU.
        let each = tensor.rows.div_ceil(tensor.rows.div_ceil(most).max(1));
        let mut shards = Vec::new();
        for start in (0..tensor.rows).step_by(each.max(1)) {
            let rows = start..tensor.rows.min(start.saturating_add(each));
            let planes = self.rows(model, &[(tensor, rows)]).await?;
            shards.push(Shard { first_row: to_u32(start), planes });
        }
        Ok(shards)
    }

    async fn rows(&mut self, model: &Model, parts: &[(&Tensor, Range<usize>)]) -> Result<Planes> {
        let Some((first, _)) = parts.first() else {
            return Err(Error::internal("no matrix to load"));
        };
        let format = Format::of(first.encoding);
        let count: usize = parts.iter().map(|(_, rows)| rows.len()).sum();
        let units = units_of(first.columns) * count;
        let usage = MATRIX;
        let codes = self.buffer(&first.name, format.code_bytes(units) as u64, usage)?;
        let scales = match format.scale_bytes(units) {
            0 => None,
            bytes => Some(self.buffer(&first.name, bytes as u64, usage)?),
        };
        self.weights += (format.code_bytes(units) + format.scale_bytes(units)) as u64;
        let shape = MatrixShape { format, rows: to_u32(count), columns: to_u32(first.columns) };
        if self.is_empty {
            return Ok(Planes { shape, codes, scales });
        }
        let mut to_codes = Writer { buffer: Some(&codes), offset: 0 };
        let mut to_high = Writer { buffer: scales.as_ref(), offset: 0 };
        let mut to_scales =
            Writer { buffer: scales.as_ref(), offset: format.high_bytes(units) as u64 };
        let mut pending = Packed::default();
        let mut write = |device: &Device, pending: &mut Packed, is_last: bool| {
            to_codes.write(device, &mut pending.codes, is_last);
            to_high.write(device, &mut pending.high, is_last);
            to_scales.write(device, &mut pending.scales, is_last);
        };
        for (tensor, rows) in parts {
            let step = (PIECE / tensor.row_bytes().max(1)).max(1);
            for start in rows.clone().step_by(step) {
                let piece = start..rows.end.min(start.saturating_add(step));
                let bytes = model.rows(tensor, piece).await?;
                pack(tensor.encoding, tensor.columns, &bytes, &mut pending).map_err(|error| {
                    Error { message: format!("{}: {}", tensor.name, error.message).into(), ..error }
                })?;
                write(&self.device, &mut pending, false);
                self.in_flight += bytes.len();
                if self.in_flight >= IN_FLIGHT {
                    self.in_flight = 0;
                    // Writes are only passed on by a submission.
                    self.device.queue().submit([]);
                    self.device.idle().await?;
                }
            }
        }
        write(&self.device, &mut pending, true);
        Ok(Planes { shape, codes, scales })
    }
}

/// Loading failed half-way: in a browser the memory would stay allocated until garbage collection.
impl Drop for Uploader {
    fn drop(&mut self) {
        self.made.iter().for_each(wgpu::Buffer::destroy);
    }
}

/// The position of the next bytes of a plane.
struct Writer<'a> {
    buffer: Option<&'a wgpu::Buffer>,
    offset: u64,
}

impl Writer<'_> {
    /// Takes the pending bytes in whole words; the last time all of them.
    fn write(&mut self, device: &Device, pending: &mut Vec<u8>, is_last: bool) {
        let Some(buffer) = self.buffer else { return };
        if is_last {
            pending.resize(pending.len().next_multiple_of(4), 0);
        }
        let whole = pending.len() / 4 * 4;
        if let Some(words) = pending.get(..whole).filter(|words| !words.is_empty()) {
            device.queue().write_buffer(buffer, self.offset, words);
            self.offset += whole as u64;
        }
        pending.drain(..whole);
    }
}
