//! One WebGPU device, shared by burn's tensors and our kernels.

pub(crate) mod fault;
pub(crate) mod launcher;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use burn::tensor::wgpu::{WgpuSetup, wgpu};
use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use fault::Faults;
use launcher::Kernels;

/// The number of tasks that burn collects before it submits. The default of 32 splits a forward
/// pass into many submits; 128 keeps the GPU busy and was measured to be fast to encode.
const TASKS_MAX: usize = 128;

/// The properties of the adapter, as far as they are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterFacts {
    /// The adapter's own description.
    pub name: String,
    /// Whether it runs on the CPU (`SwiftShader`, lavapipe).
    pub software: bool,
    /// Whether shaders support half floats. Nothing requires them.
    pub shader_f16: bool,
    /// Whether shaders support subgroup operations. Nothing requires them. In a browser only
    /// [`Device::with_subgroups`] can report them.
    pub subgroups: bool,
    /// The minimum size of a subgroup.
    pub subgroup_min_size: u32,
    /// Whether shaders support products of packed bytes. Nothing requires them.
    pub packed_products: bool,
    /// Whether timestamps are supported. In a browser burn requires them; the kernels do not.
    pub timestamp_query: bool,
    /// The maximum size of a buffer, in bytes.
    pub max_buffer_size: u64,
    /// The maximum size of a binding, in bytes.
    pub max_storage_buffer_binding_size: u64,
}

/// An open device. Cloning is cheap; dropping the last clone closes it.
#[derive(Clone)]
pub struct Device {
    setup: WgpuSetup,
    facts: AdapterFacts,
    faults: Faults,
    burn: Arc<OnceLock<burn::tensor::Device>>,
    kernels: Kernels,
    verdicts: Verdicts,
}

/// The pending results of creating buffers and pipelines, in order.
type Verdicts = Rc<RefCell<VecDeque<LocalBoxFuture<'static, Result<()>>>>>;

impl Device {
    /// Requests an adapter and a device with all features of the adapter.
    ///
    /// # Errors Returns `UNAVAILABLE` with code `GPU_UNAVAILABLE` if there is no adapter or no
    /// device.
    pub async fn open() -> Result<Self> {
        Self::open_within(|limits| limits).await
    }

    /// The same with WebGPU's minimum limits, except for sizes of buffers.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) async fn open_with_least_limits() -> Result<Self> {
        Self::open_within(|limits| wgpu::Limits {
            max_buffer_size: limits.max_buffer_size,
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            ..wgpu::Limits::default()
        })
        .await
    }

    async fn open_within(within: impl Fn(wgpu::Limits) -> wgpu::Limits) -> Result<Self> {
        let backends = if cfg!(target_family = "wasm") {
            wgpu::Backends::BROWSER_WEBGPU
        } else {
            wgpu::Backends::PRIMARY
        };
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions {
                power_preference: wgpu::PowerPreference::HighPerformance,
                ..Default::default()
            })
            .await
            .map_err(|error| unavailable("there is no WebGPU adapter", &error))?;
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                required_features: usable_features(&adapter),
                required_limits: within(adapter.limits()),
                // Buffers are few and large; suballocation in big blocks would waste memory.
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                ..Default::default()
            })
            .await
            .map_err(|error| unavailable("the WebGPU adapter returned no device", &error))?;
        let info = adapter.get_info();
        let features = device.features();
        let limits = device.limits();
        let facts = AdapterFacts {
            name: info.name.clone(),
            software: info.device_type == wgpu::DeviceType::Cpu,
            shader_f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
            subgroup_min_size: info.subgroup_min_size,
            packed_products: instance
                .wgsl_language_features()
                .contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct),
            timestamp_query: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            max_buffer_size: limits.max_buffer_size,
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
        };
        let faults = Faults::default();
        faults.watch(&device);
        let setup = WgpuSetup { instance, adapter, device, queue, backend: info.backend };
        Ok(Self {
            setup,
            facts,
            faults,
            burn: Arc::default(),
            kernels: Kernels::default(),
            verdicts: Verdicts::default(),
        })
    }

    /// Returns the properties of the adapter.
    #[must_use]
    pub fn facts(&self) -> &AdapterFacts {
        &self.facts
    }

    /// Marks the device as having subgroups, which the browser enabled because wgpu cannot request
    /// them.
    #[must_use]
    pub fn with_subgroups(mut self, were_given: bool) -> Self {
        self.facts.subgroups |= were_given;
        self
    }

    /// Marks the device as having half floats in shaders.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn promising_halves(mut self) -> Self {
        self.facts.shader_f16 = true;
        self
    }

    /// Returns burn's handle of this device, registered at the first call.
    ///
    /// # Errors
    ///
    /// Returns `UNIMPLEMENTED` in a browser whose adapter has no timestamps, because cubecl 0.11
    /// panics there at the first tensor operation. The kernels do not need them.
    pub fn burn(&self) -> Result<burn::tensor::Device> {
        if let Some(device) = self.burn.get() {
            return Ok(device.clone());
        }
        if cfg!(target_family = "wasm") && !self.facts.timestamp_query {
            return Err(Error::new(
                hybridge_core::Status::Unimplemented,
                "burn needs the WebGPU feature timestamp-query, which this adapter lacks",
            )
            .with_code("GPU_UNSUPPORTED"));
        }
        let device = burn::tensor::Device::wgpu_options()
            .setup(self.setup.clone())
            .tasks_max(TASKS_MAX)
            .init()
            .map_err(|error| unavailable("burn refused the WebGPU device", &error))?;
        // Registration installed handlers that panic.
        self.faults.watch(&self.setup.device);
        Ok(self.burn.get_or_init(|| device).clone())
    }

    /// Returns the wgpu device.
    #[must_use]
    pub fn wgpu(&self) -> &wgpu::Device {
        &self.setup.device
    }

    /// Returns the queue, which burn uses as well.
    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.setup.queue
    }

    /// Takes an error that came too late for the request that caused it; returns whether there was
    /// one.
    pub(crate) fn take_error(&self) -> bool {
        self.faults.take_error()
    }

    /// Returns the kernels compiled on it.
    pub(crate) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// Returns asynchronous errors since the last check.
    ///
    /// # Errors
    ///
    /// Returns `UNAVAILABLE` with code `DEVICE_LOST`, or the first uncaught error.
    pub fn check(&self) -> Result<()> {
        self.faults.check()
    }

    /// Runs `act` in an error scope whose result [`Self::settled`] returns. Until then pipelines
    /// are compiled and buffers created asynchronously.
    ///
    /// The first validation or memory error of `act` is returned by [`Self::settled`], with `what`
    /// as its subject.
    pub(crate) fn guarded<R>(&self, what: &str, act: impl FnOnce() -> R) -> R {
        let memory = self.wgpu().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.wgpu().push_error_scope(wgpu::ErrorFilter::Validation);
        let made = act();
        let (validation, memory) = (validation.pop(), memory.pop());
        let what = what.to_owned();
        self.verdicts.borrow_mut().push_back(Box::pin(async move {
            if let Some(error) = validation.await {
                return Err(match fault::to_error(&error) {
                    // Chromium reports a buffer that is too large as a validation error.
                    error if error.message.contains("size") && error.message.contains("limit") => {
                        fault::memory_error(&what)
                    }
                    error => {
                        Error { message: format!("{what}: {}", error.message).into(), ..error }
                    }
                });
            }
            memory.await.map_or(Ok(()), |_| Err(fault::memory_error(&what)))
        }));
        made
    }

    /// Waits for the results of everything created so far.
    ///
    /// # Errors
    ///
    /// Returns the first failure; then as for [`Self::check`].
    pub(crate) async fn settled(&self) -> Result<()> {
        loop {
            // Taken out, so that no borrow outlives the await.
            let next = self.verdicts.borrow_mut().pop_front();
            let Some(next) = next else { return self.check() };
            if let Err(error) = next.await {
                self.clear_errors().await;
                return Err(error);
            }
        }
    }

    /// Discards errors that follow from something that could not be created, so that the device can
    /// be used again.
    async fn clear_errors(&self) {
        self.kernels.forget();
        self.arrived().await;
        self.faults.clear_errors();
    }

    /// Waits until every pending error has arrived.
    pub(crate) async fn arrived(&self) {
        // The last result arrives after all of them.
        self.guarded("nothing", || ());
        let rest = std::mem::take(&mut *self.verdicts.borrow_mut());
        for verdict in rest {
            // A consequence of a cause that was already reported.
            let _ = verdict.await;
        }
    }

    /// Waits until everything submitted so far is done.
    ///
    /// # Errors
    ///
    /// Returns failures of anything created before; then as for [`Self::check`].
    pub async fn idle(&self) -> Result<()> {
        self.settled().await?;
        let (send, receive) = futures::channel::oneshot::channel();
        self.queue().on_submitted_work_done(move || {
            // The receiver is gone only if its future was dropped.
            let _ = send.send(());
        });
        self.poll()?;
        // A dropped sender means that the device was lost, which `check` reports.
        let _ = receive.await;
        self.check()
    }

    /// Reads a mappable buffer, once all work submitted before is done.
    ///
    /// # Errors
    ///
    /// Returns `UNAVAILABLE` with code `DEVICE_LOST` if mapping is refused; otherwise as for
    /// [`Self::idle`].
    pub(crate) async fn read(&self, staging: &wgpu::Buffer) -> Result<Vec<u8>> {
        self.settled().await?;
        let (send, receive) = futures::channel::oneshot::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            let _ = send.send(result);
        });
        self.poll()?;
        let mapped = receive.await;
        self.check()?;
        match mapped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(fault::lost_error(&error.to_string())),
            Err(_) => return Err(fault::lost_error("a read was dropped")),
        }
        let bytes = staging
            .get_mapped_range(..)
            .map(|view| view.to_vec())
            .map_err(|error| Error::internal(format!("cannot read a mapped buffer: {error}")));
        staging.unmap();
        bytes
    }

    /// Natively the device has to be polled; in a browser the event loop does it.
    fn poll(&self) -> Result<()> {
        match self.wgpu().poll(wgpu::PollType::wait_indefinitely()) {
            Ok(_) => Ok(()),
            Err(error) => self.check().and(Err(fault::lost_error(&error.to_string()))),
        }
    }

    /// Closes the device and destroys every buffer on it.
    pub fn destroy(&self) {
        self.wgpu().destroy();
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// All features except those that are `unsafe` or unavailable in WGSL.
fn usable_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    adapter
        .features()
        .difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
        .difference(wgpu::Features::all_experimental_mask())
}

fn unavailable(what: &str, error: &impl std::fmt::Display) -> Error {
    Error::unavailable(format!("{what}: {error}")).with_code("GPU_UNAVAILABLE")
}
