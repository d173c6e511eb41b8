//! Options of kernels on a device.

use crate::gpu::kernels::Shapes;
use crate::gpu::{Clock, Device, Plan};

/// Options of kernels. Most are for tests; the defaults use a clock.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of tokens of one pass; long prompts take several. 0 is the default.
    pub chunk: usize,
    /// Whether to use the kernels for CPU adapters; by default if the adapter is one.
    pub software: Option<bool>,
    /// The maximum size of one binding in bytes, if smaller than the adapter's limit.
    pub binding_limit: Option<u64>,
    /// The multiply-adds of a prompt's first submission; later ones are timed if there is a clock.
    /// The default is small with a clock, and unlimited without one.
    pub submission: Option<u64>,
    /// The clock with which chunks and submissions of prompts are made as long as the adapter
    /// handles in time. Without one chunks stay short.
    pub clock: Option<Clock>,
    /// The bytes for keys and values of other conversations, if not the default.
    pub saved: Option<u64>,
    /// The plan of decoding; by default an exact one for the kind of adapter.
    pub plan: Option<Plan>,
    /// Whether matrices stay zero, so that the work of a model of any size can be counted without
    /// its weights.
    pub empty: bool,
}

impl Options {
    /// The defaults, but without a clock.
    pub const USUAL: Self = Self {
        chunk: 0,
        software: None,
        binding_limit: None,
        submission: None,
        clock: None,
        saved: None,
        plan: None,
        empty: false,
    };

    pub(crate) fn shapes(&self, device: &Device) -> Shapes {
        if self.is_software(device) { Shapes::SOFTWARE } else { Shapes::HARDWARE }
    }

    pub(crate) fn plan(&self, device: &Device) -> Plan {
        let usual = || {
            if self.is_software(device) { Plan::alone(device.facts()) } else { Plan::TOGETHER }
        };
        self.plan.unwrap_or_else(usual)
    }

    fn is_software(&self, device: &Device) -> bool {
        self.software.unwrap_or(device.facts().software)
    }
}
