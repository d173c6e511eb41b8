//! How kernels are laid out on a device.

use crate::gpu::kernels::Shapes;
use crate::gpu::{Clock, Device, Plan};

/// How the kernels are laid out. Most of it is for tests; people get what is usual, timed by a
/// clock.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Tokens of one pass; long prompts take several. 0 is the default.
    pub chunk: usize,
    /// Whether to use the kernels for CPU adapters; by default where the adapter is one.
    pub software: Option<bool>,
    /// Bytes that one binding may have, where less than the adapter's own limit.
    pub binding_limit: Option<u64>,
    /// Multiply-adds of a prompt's first submission; those after it follow the clock where there is
    /// one. By default small with a clock, and without one there is no bound.
    pub submission: Option<u64>,
    /// By which prompts are read in chunks and submissions as long as the adapter manages in good
    /// time. Without one chunks stay short.
    pub clock: Option<Clock>,
    /// Bytes for the keys and values of other conversations, where not as many as usual.
    pub saved: Option<u64>,
    /// The products of decoding; by default exact ones that suit the kind of adapter.
    pub plan: Option<Plan>,
    /// Whether matrices stay zero, so that what a model of any size asks of a GPU can be counted
    /// without its weights.
    pub empty: bool,
}

impl Options {
    /// As people get them, but without a clock.
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
