//! Compares an adapter's limits with the needs of the kernels.

use serde_json::Value;

use crate::json::{Fields, FromJson};
use crate::{Error, Result};

/// An adapter's limits, each if known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `maxBufferSize`
    pub buffer: Option<u64>,
    /// `maxStorageBufferBindingSize`
    pub binding: Option<u64>,
    /// `maxComputeInvocationsPerWorkgroup`
    pub invocations: Option<u64>,
    /// `maxComputeWorkgroupStorageSize`
    pub workgroup_bytes: Option<u64>,
    /// `maxStorageBuffersPerShaderStage`
    pub storage_buffers: Option<u64>,
    /// `maxComputeWorkgroupsPerDimension`
    pub workgroups: Option<u64>,
}

impl FromJson for Limits {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the GPU's limits", json);
        let limits = Self {
            buffer: fields.count("maxBufferSize"),
            binding: fields.count("maxStorageBufferBindingSize"),
            invocations: fields.count("maxComputeInvocationsPerWorkgroup"),
            workgroup_bytes: fields.count("maxComputeWorkgroupStorageSize"),
            storage_buffers: fields.count("maxStorageBuffersPerShaderStage"),
            workgroups: fields.count("maxComputeWorkgroupsPerDimension"),
        };
        fields.done(limits)
    }
}

impl Limits {
    /// Returns the first limit that is too low, as an error. `largest` is the size of the model's
    /// largest buffer.
    #[must_use]
    pub fn shortfall(&self, largest: u64) -> Option<Error> {
        // WebGPU guarantees these minimums and the kernels rely on them; adapters in compatibility
        // mode may have less.
        let kernels = [
            (self.invocations, 256, "invocations in a workgroup"),
            (self.workgroup_bytes, 16 << 10, "bytes of memory in a workgroup"),
            (self.storage_buffers, 8, "buffers for one kernel"),
            (self.workgroups, 65_535, "workgroups in a dimension"),
        ];
        for (limit, needed, what) in kernels {
            if let Some(limit) = limit.filter(|limit| *limit < needed) {
                return Some(too_low(format!(
                    "this GPU allows {limit} {what}, the engine needs {needed}"
                )));
            }
        }
        let limit = self.buffer.into_iter().chain(self.binding).min()?;
        (limit < largest).then(|| {
            too_low(format!(
                "the model needs a buffer of {largest} bytes with this context window, the GPU allows {limit}; choose a smaller one",
            ))
        })
    }
}

fn too_low(message: String) -> Error {
    Error::precondition(message).with_code("GPU_LIMITS")
}

#[cfg(test)]
mod tests {
    use super::Limits;
    use crate::json::{FromJson as _, parse};

    #[track_caller]
    fn check(limits: &str, largest: u64, expected: Option<&str>) {
        let limits = Limits::from_json(parse(limits, "limits").unwrap()).unwrap();
        let found = limits.shortfall(largest);
        assert_eq!(found.as_ref().map(|error| &*error.message), expected);
        assert!(found.is_none_or(|error| error.code.as_deref() == Some("GPU_LIMITS")));
    }

    #[test]
    fn limits_are_compared_with_needs() {
        check("{}", u64::MAX, None);
        let usual = r#"{"maxBufferSize":268435456,"maxStorageBufferBindingSize":134217728,"maxComputeInvocationsPerWorkgroup":256,
            "maxComputeWorkgroupStorageSize":16384,"maxStorageBuffersPerShaderStage":8,"maxComputeWorkgroupsPerDimension":65535}"#;
        check(usual, 134_217_728, None);
        check(
            usual,
            134_217_729,
            Some(
                "the model needs a buffer of 134217729 bytes with this context window, the GPU allows 134217728; choose a smaller one",
            ),
        );
        check(
            r#"{"maxComputeInvocationsPerWorkgroup":128}"#,
            0,
            Some("this GPU allows 128 invocations in a workgroup, the engine needs 256"),
        );
        check(
            r#"{"maxStorageBuffersPerShaderStage":4}"#,
            0,
            Some("this GPU allows 4 buffers for one kernel, the engine needs 8"),
        );
        check(
            r#"{"maxBufferSize":100}"#,
            101,
            Some(
                "the model needs a buffer of 101 bytes with this context window, the GPU allows 100; choose a smaller one",
            ),
        );
    }
}
