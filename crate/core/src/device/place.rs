//! Where a model runs: on the GPU, on the CPU, or nowhere on this machine.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{Fields, FromJson};
use crate::{Error, Result};

/// What the caller asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// A hardware GPU if it computes right, else the CPU where the model is small enough for it.
    #[default]
    Auto,
    /// A GPU, be it a software one.
    Gpu,
    /// The CPU.
    Cpu,
}

impl Wish {
    /// Reads the public spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "gpu" => Some(Self::Gpu),
            "cpu" => Some(Self::Cpu),
            _ => None,
        }
    }
}

/// Where a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Kernels on a GPU.
    Gpu,
    /// Plain code in the worker.
    Cpu,
}

/// What is known of the machine's GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpu {
    /// Whether an adapter was given.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Whether a CPU stands behind it. A software GPU is slower than the CPU alone.
    pub software: bool,
    /// Whether its numbers were right; absent before they were looked at.
    pub is_right: Option<bool>,
}

impl FromJson for Gpu {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the GPU", json)?;
        Ok(Self {
            available: fields.flag("available")?.unwrap_or_default(),
            reason: fields.text("reason")?,
            software: fields.flag("software")?.unwrap_or_default(),
            is_right: fields.flag("isRight")?,
        })
    }
}

/// Bytes of packed weights that one thread reads in a second while it writes.
/// Measured in headless Chromium on one busy core of a server: Gemma's 270M shape in 235 MB writes
/// 23 tokens a second, which is 5.4 GB/s. Half of that, because most machines are no servers.
const CPU_BYTES_PER_SECOND: u64 = 2_700_000_000;

/// The least speed at which `Auto` takes the CPU, in tokens a second: that of a slow reader.
const LEAST_TOKENS_PER_SECOND: u64 = 5;

/// Tokens a second on the CPU of a model whose tokens read so many bytes of weights.
#[must_use]
pub fn cpu_tokens_per_second(weight_bytes: u64) -> u64 {
    CPU_BYTES_PER_SECOND / weight_bytes.max(1)
}

/// Where a model runs whose tokens read so many bytes of weights; absent where that is not known yet.
pub fn place(wish: Wish, gpu: &Gpu, weight_bytes: Option<u64>) -> Result<Place> {
    let is_small =
        weight_bytes.is_some_and(|bytes| cpu_tokens_per_second(bytes) >= LEAST_TOKENS_PER_SECOND);
    match wish {
        Wish::Cpu => Ok(Place::Cpu),
        Wish::Gpu | Wish::Auto if gpu.available && gpu.is_right == Some(false) => match wish {
            Wish::Auto if is_small => Ok(Place::Cpu),
            _ => Err(wrong_results()),
        },
        Wish::Gpu if gpu.available => Ok(Place::Gpu),
        Wish::Auto if gpu.available && !gpu.software => Ok(Place::Gpu),
        Wish::Auto if is_small => Ok(Place::Cpu),
        Wish::Auto if gpu.available => Err(no_gpu(
            "this browser's GPU is a software one, too slow for this model; device: 'gpu' takes it nevertheless",
        )),
        Wish::Gpu | Wish::Auto => {
            Err(no_gpu(gpu.reason.as_deref().unwrap_or("this browser has no WebGPU adapter")))
        }
    }
}

/// The GPU computes, but wrong.
#[must_use]
pub fn wrong_results() -> Error {
    Error::precondition("this machine's GPU computes wrong results, so that no model runs on it")
        .with_code("GPU_WRONG_RESULTS")
}

fn no_gpu(reason: &str) -> Error {
    Error::precondition(reason.to_owned()).with_code("GPU_UNAVAILABLE")
}

#[cfg(test)]
mod tests {
    use super::{Gpu, Place, Wish, place};

    const SMALL: Option<u64> = Some(4_000_000);
    const LARGE: Option<u64> = Some(700_000_000);

    #[track_caller]
    fn check(wish: Wish, gpu: &Gpu, bytes: Option<u64>, expected: Result<Place, &str>) {
        let found = place(wish, gpu, bytes).map_err(|error| error.code.unwrap_or_default());
        assert_eq!(found, expected.map_err(Into::into));
    }

    #[test]
    fn every_machine_and_wish() {
        let none = Gpu::default();
        let hardware = Gpu { available: true, is_right: Some(true), ..none.clone() };
        let unchecked = Gpu { is_right: None, ..hardware.clone() };
        let software = Gpu { software: true, ..hardware.clone() };
        let wrong = Gpu { is_right: Some(false), ..hardware.clone() };
        for (wish, gpu, bytes, expected) in [
            (Wish::Auto, &hardware, LARGE, Ok(Place::Gpu)),
            (Wish::Auto, &hardware, None, Ok(Place::Gpu)),
            (Wish::Auto, &unchecked, LARGE, Ok(Place::Gpu)),
            (Wish::Auto, &software, LARGE, Err("GPU_UNAVAILABLE")),
            (Wish::Auto, &software, SMALL, Ok(Place::Cpu)),
            (Wish::Auto, &wrong, LARGE, Err("GPU_WRONG_RESULTS")),
            (Wish::Auto, &wrong, SMALL, Ok(Place::Cpu)),
            (Wish::Auto, &none, LARGE, Err("GPU_UNAVAILABLE")),
            (Wish::Auto, &none, None, Err("GPU_UNAVAILABLE")),
            (Wish::Auto, &none, SMALL, Ok(Place::Cpu)),
            (Wish::Gpu, &software, LARGE, Ok(Place::Gpu)),
            (Wish::Gpu, &wrong, SMALL, Err("GPU_WRONG_RESULTS")),
            (Wish::Gpu, &none, SMALL, Err("GPU_UNAVAILABLE")),
            (Wish::Cpu, &none, LARGE, Ok(Place::Cpu)),
            (Wish::Cpu, &wrong, LARGE, Ok(Place::Cpu)),
        ] {
            check(wish, gpu, bytes, expected);
        }
    }
}
