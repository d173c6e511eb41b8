//! How kernels are laid out on a device.

use super::Device;
use super::kernels::Shapes;

/// How the kernels are laid out. The defaults are for people, the rest for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Tokens of one pass; long prompts take several. 0 is the default.
    pub chunk: usize,
    /// Whether to use the kernels for CPU adapters; by default where the adapter is one.
    pub software: Option<bool>,
    /// Bytes that one binding may have, where less than the adapter's own limit.
    pub binding_limit: Option<u64>,
}

impl Options {
    pub(super) fn shapes(&self, device: &Device) -> Shapes {
        let software = self.software.unwrap_or(device.facts().software);
        if software { Shapes::SOFTWARE } else { Shapes::HARDWARE }
    }
}
