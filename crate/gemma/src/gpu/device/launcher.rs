//! Cached pipelines, and lists of dispatches that are submitted together.
//!
//! A [`Dispatch`] is a kernel on fixed buffers; only its grid depends on the sequence. A list of
//! them becomes one compute pass in one submission. Any type that can run a list is a [`Launcher`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use burn::tensor::wgpu::wgpu;
use hybridge_core::Result;

use crate::gpu::Device;
use crate::gpu::kernels::intake::{BLOCK, SPANS};
use crate::gpu::kernels::profile::Profile;
use crate::gpu::kernels::shader::{Access, Source};
use crate::gpu::pass::portions::Load;

/// WebGPU's limit of workgroups per dimension.
pub(crate) const GROUPS_MAX: u32 = 65_535;

/// The position in the sequence, on which grids depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The position of the first token of this pass.
    pub(crate) position: u32,
    /// The number of tokens of this pass.
    pub(crate) tokens: u32,
}

/// The number of workgroups of a dispatch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grid {
    /// A constant number, folded into two dimensions if one is too short.
    Fixed(u32),
    /// A constant number in each dimension.
    Whole([u32; 3]),
    /// One item for each token and each of `each`, `per_group` items per workgroup.
    Items { each: u32, per_group: u32 },
    /// A constant number in x, and tokens in groups of `each` in z.
    Tiles { across: u32, each: u32 },
    /// Tokens in groups of `each` in x, heads in y. A window of 0 means no limit.
    Queries { each: u32, heads: u32, window: u32 },
    /// A constant number in x, and one layer for each token in z.
    Layers(u32),
    /// Spans of keys across x, kv heads across y. A window of 0 means no limit.
    Spans { heads: u32, window: u32 },
    /// Keys in x, heads in y, tokens in z. A window of 0 means no limit.
    Keys { per_group: u32, heads: u32, window: u32, both_ways: bool },
}

impl Grid {
    /// Returns the workgroups at a position of the sequence.
    pub(crate) fn at(self, progress: Progress) -> [u32; 3] {
        let Progress { position, tokens } = progress;
        match self {
            Self::Whole(groups) => groups,
            Self::Fixed(groups) => {
                let across = groups.clamp(1, GROUPS_MAX);
                [across, groups.div_ceil(across), 1]
            }
            Self::Items { each, per_group } => [(tokens * each).div_ceil(per_group), 1, 1],
            Self::Tiles { across, each } => [across, 1, tokens.div_ceil(each)],
            Self::Queries { each, heads, .. } => [tokens.div_ceil(each), heads, 1],
            Self::Layers(across) => [across, 1, tokens],
            Self::Spans { heads, window } => {
                let all = position + tokens;
                let seen = if window == 0 { all } else { all.min(window) };
                let span = seen.div_ceil(SPANS * BLOCK) * BLOCK;
                [seen.div_ceil(span.max(1)), heads, 1]
            }
            Self::Keys { per_group, heads, window, both_ways } => {
                let seen = position + tokens;
                let widest = match (window, both_ways) {
                    (0, _) => seen,
                    (window, false) => seen.min(window),
                    (window, true) => seen.min(window / 2 * 2 + 1),
                };
                [widest.div_ceil(per_group), heads, tokens]
            }
        }
    }

    /// Returns how often the dispatch's work is done.
    fn times(self, progress: Progress) -> u64 {
        let Progress { position, tokens } = progress;
        match self {
            Self::Tiles { each, .. } => u64::from(tokens.next_multiple_of(each)),
            Self::Queries { each, heads, window } => {
                let all = u64::from(position) + u64::from(tokens);
                let keys =
                    if window == 0 { all } else { all.min(u64::from(window.saturating_add(each))) };
                u64::from(tokens.next_multiple_of(each)) * u64::from(heads) * keys
            }
            Self::Fixed(_)
            | Self::Whole(_)
            | Self::Items { .. }
            | Self::Layers(_)
            | Self::Spans { .. }
            | Self::Keys { .. } => 1,
        }
    }

    /// Returns the dimension along which it can be split: the one whose workgroups begin at the
    /// record's `first`.
    fn axis(self) -> Option<usize> {
        match self {
            Self::Tiles { .. } => Some(0),
            Self::Queries { .. } => Some(1),
            Self::Fixed(_)
            | Self::Whole(_)
            | Self::Items { .. }
            | Self::Layers(_)
            | Self::Spans { .. }
            | Self::Keys { .. } => None,
        }
    }
}

/// The compiled kernels of an open device by their text: the next model, or the same one loaded
/// again, compiles nothing twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernels(Rc<RefCell<HashMap<String, Rc<Kernel>>>>);

impl Kernels {
    /// Returns the text of a dispatch's kernel.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn text_of(&self, dispatch: &Dispatch) -> Option<String> {
        let kernels = self.0.borrow();
        let mut found = kernels.iter().filter(|(_, it)| Rc::ptr_eq(it, &dispatch.kernel));
        found.next().map(|(text, _)| text.clone())
    }

    /// Forgets all kernels, because one of them turned out to be invalid.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    label: &'static str,
    workgroup: u32,
    profile: Profile,
}

/// A kernel bound to its buffers.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    kernel: Rc<Kernel>,
    group: wgpu::BindGroup,
    grid: Grid,
    work: u64,
}

/// The minimum cost of a dispatch, in multiply-adds.
const LEAST: u64 = 1 << 20;

impl Dispatch {
    /// Sets its cost in multiply-adds of a product: per token, or for attention per key, head and
    /// token.
    pub(crate) fn working(self, work: u64) -> Self {
        Self { work, ..self }
    }

    /// Returns its kernel's name.
    pub(crate) fn label(&self) -> &'static str {
        self.kernel.label
    }

    /// Returns its kernel's profile.
    pub(crate) fn profile(&self) -> &Profile {
        &self.kernel.profile
    }

    /// Returns the number of invocations at a position of the sequence.
    pub(crate) fn invocations(&self, progress: Progress) -> u64 {
        let groups = self.grid.at(progress).map(u64::from);
        groups.iter().product::<u64>() * u64::from(self.kernel.workgroup)
    }

    /// Returns its cost at a position of the sequence.
    pub(crate) fn load(&self, progress: Progress) -> Load {
        let groups = self.grid.at(progress);
        Load {
            cost: LEAST + self.work * self.grid.times(progress),
            groups: self.grid.axis().and_then(|axis| groups.get(axis).copied()).unwrap_or(1).max(1),
        }
    }
}

/// Counts of the GPU's work so far. Tests compare decoding with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Kernels started.
    pub dispatches: u64,
    /// Their workgroups.
    pub workgroups: u64,
    /// Submitted command buffers.
    pub submits: u64,
    /// Writes into buffers.
    pub writes: u64,
    /// Bytes read back.
    pub bytes_read: u64,
}

impl std::ops::Sub for Counters {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            dispatches: self.dispatches - before.dispatches,
            workgroups: self.workgroups - before.workgroups,
            submits: self.submits - before.submits,
            writes: self.writes - before.writes,
            bytes_read: self.bytes_read - before.bytes_read,
        }
    }
}

/// A type that runs lists of dispatches.
pub(crate) trait Launcher {
    /// Runs the lists one after the other, then copies each first buffer to its second.
    fn run(
        &self,
        lists: &[&[Dispatch]],
        progress: Progress,
        copies: &[(&wgpu::Buffer, &wgpu::Buffer)],
    );
}

/// One encoder, one compute pass, one submission: the cheapest form, as measured.
#[derive(Debug)]
pub(crate) struct Recorder {
    device: Device,
    counters: Cell<Counters>,
}

impl Recorder {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, counters: Cell::default() }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters.get()
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Compiles a kernel, or returns the compiled one: equal text is an equal kernel.
    ///
    /// Compiles asynchronously; errors are returned by the next `Device::settled`.
    pub(crate) fn kernel(&self, source: &Source) -> Rc<Kernel> {
        let Kernels(kernels) = self.device.kernels();
        let make = || {
            let what = format!("the kernel {}", source.label);
            Rc::new(self.device.guarded(&what, || self.compile(source)))
        };
        kernels.borrow_mut().entry(source.text.clone()).or_insert_with(make).clone()
    }

    fn compile(&self, source: &Source) -> Kernel {
        let device = self.device.wgpu();
        let entries: Vec<_> = (0..)
            .zip(&source.accesses)
            .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match access {
                        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                        Access::Uniform => wgpu::BufferBindingType::Uniform,
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(source.label),
            entries: &entries,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(source.label),
            source: wgpu::ShaderSource::Wgsl(source.text.as_str().into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(source.label),
            layout: Some(&device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(source.label),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            })),
            module: &module,
            entry_point: Some("main"),
            // Every buffer and workgroup variable is written before it is read.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        let Source { label, workgroup, profile, .. } = *source;
        Kernel { pipeline, layout, label, workgroup, profile }
    }

    /// Binds buffers to a kernel, in the order of its bindings.
    pub(crate) fn bind(
        &self,
        kernel: &Rc<Kernel>,
        buffers: &[&wgpu::Buffer],
        grid: Grid,
    ) -> Dispatch {
        let whole: Vec<_> =
            buffers.iter().map(|buffer| buffer.as_entire_buffer_binding()).collect();
        self.bind_parts(kernel, &whole, grid)
    }

    /// The same with ranges of buffers.
    pub(crate) fn bind_parts(
        &self,
        kernel: &Rc<Kernel>,
        parts: &[wgpu::BufferBinding<'_>],
        grid: Grid,
    ) -> Dispatch {
        let entries: Vec<_> = (0..)
            .zip(parts)
            .map(|(binding, part)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(part.clone()),
            })
            .collect();
        let group = self.device.wgpu().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.label),
            layout: &kernel.layout,
            entries: &entries,
        });
        Dispatch { kernel: kernel.clone(), group, grid, work: 0 }
    }

    /// Writes to a buffer, before everything that is submitted later.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.count(|counters| counters.writes += 1);
        self.device.queue().write_buffer(buffer, offset, bytes);
    }

    /// Reads the bytes that [`Launcher::run`] copied into `staging`.
    pub(crate) async fn read(&self, staging: &wgpu::Buffer) -> Result<Vec<u8>> {
        let bytes = self.device.read(staging).await?;
        self.count(|counters| counters.bytes_read += bytes.len() as u64);
        Ok(bytes)
    }

    /// Runs some of a dispatch's workgroups, from the one in the record on.
    pub(crate) fn run_part(&self, dispatch: &Dispatch, progress: Progress, count: u32) {
        let mut groups = dispatch.grid.at(progress);
        if let Some(across) = dispatch.grid.axis().and_then(|axis| groups.get_mut(axis)) {
            *across = count;
        }
        let mut encoder = self.device.wgpu().create_command_encoder(&Default::default());
        self.start(&mut encoder.begin_compute_pass(&Default::default()), dispatch, groups);
        self.submit(encoder);
    }

    fn start(&self, pass: &mut wgpu::ComputePass<'_>, dispatch: &Dispatch, [x, y, z]: [u32; 3]) {
        pass.set_pipeline(&dispatch.kernel.pipeline);
        pass.set_bind_group(0, &dispatch.group, &[]);
        pass.dispatch_workgroups(x, y, z);
        self.count(|counters| {
            counters.dispatches += 1;
            counters.workgroups += u64::from(x) * u64::from(y) * u64::from(z);
        });
    }

    fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.device.queue().submit([encoder.finish()]);
        self.count(|counters| counters.submits += 1);
    }

    fn count(&self, change: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        change(&mut counters);
        self.counters.set(counters);
    }
}

impl Launcher for Recorder {
    fn run(
        &self,
        lists: &[&[Dispatch]],
        progress: Progress,
        copies: &[(&wgpu::Buffer, &wgpu::Buffer)],
    ) {
        let mut encoder =
            self.device.wgpu().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for dispatch in lists.iter().copied().flatten() {
                self.start(&mut pass, dispatch, dispatch.grid.at(progress));
            }
        }
        for (source, staging) in copies {
            encoder.copy_buffer_to_buffer(source, 0, staging, 0, staging.size());
        }
        self.submit(encoder);
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, Progress};

    #[track_caller]
    fn check(grid: Grid, position: u32, tokens: u32, expected: [u32; 3]) {
        assert_eq!(grid.at(Progress { position, tokens }), expected);
    }

    #[test]
    fn grids_follow_the_sequence_within_the_limit() {
        check(Grid::Fixed(7), 0, 1, [7, 1, 1]);
        check(Grid::Fixed(65_536), 0, 1, [65_535, 2, 1]);
        check(Grid::Items { each: 6, per_group: 16 }, 9, 3, [2, 1, 1]);
        check(Grid::Tiles { across: 5, each: 4 }, 9, 9, [5, 1, 3]);
        check(Grid::Queries { each: 8, heads: 3, window: 4 }, 9, 9, [2, 3, 1]);
        check(Grid::Layers(5), 9, 9, [5, 1, 9]);
        let keys = |window, both_ways| Grid::Keys { per_group: 4, heads: 2, window, both_ways };
        let spans = |window| Grid::Spans { heads: 2, window };
        check(spans(0), 0, 1, [1, 2, 1]);
        check(spans(0), 511, 1, [16, 2, 1]);
        check(spans(0), 512, 1, [9, 2, 1]);
        check(spans(40), 900, 1, [2, 2, 1]);
        check(keys(0, false), 30, 2, [8, 2, 2]);
        check(keys(10, false), 30, 2, [3, 2, 2]);
        check(keys(10, true), 0, 32, [3, 2, 32]);
    }

    #[track_caller]
    fn check_times(grid: Grid, position: u32, tokens: u32, expected: u64) {
        assert_eq!(grid.times(Progress { position, tokens }), expected);
    }

    #[test]
    fn cost_follows_tokens_and_the_keys_they_attend_to() {
        check_times(Grid::Fixed(7), 9, 9, 1);
        check_times(Grid::Tiles { across: 5, each: 4 }, 9, 9, 12);
        let queries = |window| Grid::Queries { each: 4, heads: 3, window };
        check_times(queries(0), 90, 9, 12 * 3 * 99);
        check_times(queries(20), 0, 9, 12 * 3 * 9);
        check_times(queries(20), 90, 9, 12 * 3 * 24);
        check_times(queries(0), u32::MAX, 1, 12 << 32);
    }
}
