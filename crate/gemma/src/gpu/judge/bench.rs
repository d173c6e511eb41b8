//! Measures an adapter's limits, and individual parts of a pass.
//!
//! The caller supplies the clock, in milliseconds, because this crate has none.

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::engine::Pass as _;
use crate::gpu::device::launcher::{Dispatch, Grid, Launcher as _, Progress, Recorder};
use crate::gpu::kernels::shader::{Access, Source};
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::{Device, KernelPass};

/// Milliseconds since an arbitrary time.
pub type Clock<'a> = &'a dyn Fn() -> f64;

/// The minimum duration of a measurement in milliseconds.
const LEAST: f64 = 60.0;

/// An adapter's limits, measured with kernels that do one thing only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Reading, in bytes per second.
    pub read: f64,
    /// The reference product of 16,384 × 640, in weights per second.
    pub reference: f64,
}

/// The reference product.
const ROWS: u32 = 16_384;
const COLUMNS: u32 = 640;

/// Measures both limits.
///
/// # Errors
///
/// As for compiling and allocating on the device.
pub async fn ceilings(device: &Device, clock: Clock<'_>) -> Result<Ceilings> {
    let mut uploader = Uploader::new(device.clone(), None);
    let recorder = Recorder::new(device.clone());
    let (threads, words) = reading(device);
    let input = uploader.values("bench input", words as usize * 4)?;
    let output = uploader.values("bench output", threads.max(ROWS) as usize)?;
    let mut read = 0.0_f64;
    for chunk in [0, words / threads] {
        let text = format!(
            "const WORDS: u32 = {words}u; const THREADS: u32 = {threads}u; const CHUNK: u32 = {chunk}u;\n{}",
            include_str!("../kernels/wgsl/bench_read.wgsl")
        );
        let accesses = vec![Access::Read, Access::Write];
        let kernel = recorder.kernel(&Source::plain("bench read", text, accesses));
        let dispatch = recorder.bind(&kernel, &[&input, &output], Grid::Fixed(threads / 64));
        let each = repeated(&recorder, &[dispatch], START, clock).await?;
        read = read.max(f64::from(words) * 16.0 * 1000.0 / each);
    }
    let text = format!(
        "const COLUMNS: u32 = {COLUMNS}u;\n{}",
        include_str!("../kernels/wgsl/bench_reference.wgsl")
    );
    let accesses = vec![Access::Read, Access::Read, Access::Write];
    let kernel = recorder.kernel(&Source::plain("bench reference", text, accesses));
    let vector = uploader.values("bench vector", COLUMNS as usize)?;
    let dispatch = recorder.bind(&kernel, &[&input, &vector, &output], Grid::Fixed(ROWS / 64));
    let each = repeated(&recorder, &[dispatch], START, clock).await?;
    Ok(Ceilings { read, reference: f64::from(ROWS * COLUMNS) * 1000.0 / each })
}

/// Invocations that read, and 16-byte words for them: on real GPUs enough to occupy all of one, and
/// 256 MB, which exceeds every cache.
fn reading(device: &Device) -> (u32, u32) {
    let facts = device.facts();
    if facts.software {
        return (1 << 12, 1 << 21);
    }
    let is_roomy = facts.max_storage_buffer_binding_size.min(facts.max_buffer_size) >= 1 << 28;
    (1 << 17, if is_roomy { 1 << 24 } else { 1 << 23 })
}

const START: Progress = Progress { position: 0, tokens: 1 };

/// Returns the milliseconds of a list, the best of three batches.
async fn repeated(
    recorder: &Recorder,
    list: &[Dispatch],
    progress: Progress,
    clock: Clock<'_>,
) -> Result<f64> {
    let (mut times, mut best) = (1_u32, f64::INFINITY);
    let mut batches = 0;
    while batches < 3 {
        let lists: Vec<_> = (0..times).map(|_| list).collect();
        let start = clock();
        recorder.run(&lists, progress, &[]);
        recorder.device().idle().await?;
        let took = clock() - start;
        if took < LEAST && times < 1 << 12 {
            times *= 2;
            continue;
        }
        batches += 1;
        best = best.min(took / f64::from(times));
    }
    Ok(best)
}

/// Returns milliseconds from a submission until four bytes are read back: the median of several.
///
/// # Errors
///
/// As for allocating and reading on the device.
pub async fn readback_milliseconds(device: &Device, clock: Clock<'_>) -> Result<f64> {
    const TIMES: usize = 20;
    let mut uploader = Uploader::new(device.clone(), None);
    let recorder = Recorder::new(device.clone());
    let source = uploader.values("bench source", 1)?;
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = uploader.buffer("bench word", source.size(), usage)?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let start = clock();
        recorder.run(&[], START, &[(&source, &staging)]);
        recorder.read(&staging).await?;
        times.push(clock() - start);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(TIMES / 2).copied().unwrap_or(f64::NAN))
}

/// A part of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The product with the vocabulary matrix.
    Head,
    /// The layers.
    Body,
}

impl KernelPass {
    /// Moves the position without feeding anything: the skipped rows are zeros.
    pub fn skip_to(&mut self, position: usize) {
        self.forget();
        self.cache.skip_to(position.min(self.capacity()));
    }

    /// The position of a token that is fed repeatedly.
    fn rehearse(&mut self) -> Progress {
        self.announce(&[0]);
        Progress { position: u32::try_from(self.position()).unwrap_or(u32::MAX), tokens: 1 }
    }

    /// Returns the GPU's milliseconds for a part of decoding, repeated on the same token.
    ///
    /// # Errors
    ///
    /// As for running anything on the device.
    pub async fn part_milliseconds(&mut self, part: Part, clock: Clock<'_>) -> Result<f64> {
        let progress = self.rehearse();
        let list = match part {
            Part::Head => self.head.products(1),
            Part::Body => &self.network.one,
        };
        repeated(&self.network.recorder, list, progress, clock).await
    }

    /// Returns this thread's microseconds to encode a dispatch, and the number of dispatches per
    /// token.
    ///
    /// # Errors
    ///
    /// As for running anything on the device.
    pub async fn encoding(&mut self, clock: Clock<'_>) -> Result<(f64, u32)> {
        const TIMES: u32 = 20;
        let progress = self.rehearse();
        let (recorder, body, head) =
            (&self.network.recorder, self.network.one.as_slice(), self.head.products(1));
        let count = u32::try_from(body.len() + head.len())
            .map_err(|_| Error::internal("too many dispatches"))?;
        let mut best = f64::INFINITY;
        for _ in 0..TIMES {
            let start = clock();
            recorder.run(&[body, head], progress, &[]);
            best = best.min(clock() - start);
            recorder.device().idle().await?;
        }
        Ok((best * 1000.0 / f64::from(count), count))
    }
}
