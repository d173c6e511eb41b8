//! Decides where a model runs: on the GPU, on the CPU, or not at all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{Fields, FromJson};
use crate::{Error, Result};

/// The device that the caller requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// A hardware GPU that computes correctly, else the CPU if the model is small enough for it.
    #[default]
    Auto,
    /// A GPU, including a software one.
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

/// The device on which a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Compute shaders on a GPU.
    Gpu,
    /// The worker's CPU code.
    Cpu,
}

impl Place {
    /// Reads the public spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gpu" => Some(Self::Gpu),
            "cpu" => Some(Self::Cpu),
            _ => None,
        }
    }
}

/// The known facts about the GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuFacts {
    /// Whether the browser returned an adapter.
    pub available: bool,
    /// Why there is no adapter.
    pub reason: Option<String>,
    /// Whether a CPU emulates the GPU, which is slower than the CPU engine.
    pub software: bool,
    /// Whether the GPU passed the self-test; absent before the test.
    pub is_right: Option<bool>,
}

impl FromJson for GpuFacts {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the GPU", json);
        let gpu = Self {
            available: fields.flag("available").unwrap_or_default(),
            reason: fields.text("reason"),
            software: fields.flag("software").unwrap_or_default(),
            is_right: fields.flag("isRight"),
        };
        fields.done(gpu)
    }
}

/// The minimum speed at which `Auto` chooses the CPU, in tokens per second: that of a slow reader.
const LEAST_TOKENS_PER_SECOND: u64 = 5;

/// Chooses a device. `tokens_per_second` is the measured speed on the CPU; absent if it was not
/// measured or the model's size is unknown.
pub fn place(wish: Wish, gpu: &GpuFacts, cpu_speed: Option<u64>) -> Result<Place> {
    let is_small = cpu_speed.is_some_and(|speed| speed >= LEAST_TOKENS_PER_SECOND);
    let beside = |reason: &str| match cpu_speed {
        Some(speed) => no_gpu(&format!(
            "{reason}; on the CPU this model would write about {speed} tokens a second, and fewer than {LEAST_TOKENS_PER_SECOND} are too few",
        )),
        None => no_gpu(reason),
    };
    match wish {
        Wish::Cpu => Ok(Place::Cpu),
        Wish::Gpu | Wish::Auto if gpu.available && gpu.is_right == Some(false) => match wish {
            Wish::Auto if is_small => Ok(Place::Cpu),
            _ => Err(wrong_results()),
        },
        Wish::Gpu if gpu.available => Ok(Place::Gpu),
        Wish::Auto if gpu.available && !gpu.software => Ok(Place::Gpu),
        Wish::Auto if is_small => Ok(Place::Cpu),
        Wish::Auto if gpu.available => Err(beside(
            "this browser's GPU is a software one, too slow for this model; device: 'gpu' takes it nevertheless",
        )),
        Wish::Gpu => Err(no_gpu(reason_of(gpu))),
        Wish::Auto => Err(beside(reason_of(gpu))),
    }
}

/// Whether the model runs on this GPU regardless of the CPU's speed, which then need not be
/// measured.
#[must_use]
pub fn takes_gpu(wish: Wish, gpu: &GpuFacts) -> bool {
    place(wish, gpu, None) == Ok(Place::Gpu)
}

fn reason_of(gpu: &GpuFacts) -> &str {
    gpu.reason.as_deref().unwrap_or("this browser has no WebGPU adapter")
}

/// The GPU computes wrong results.
#[must_use]
pub fn wrong_results() -> Error {
    Error::precondition("this GPU failed the self-test, so the model will not run on it")
        .with_code("GPU_WRONG_RESULTS")
}

fn no_gpu(reason: &str) -> Error {
    Error::precondition(reason.to_owned()).with_code("GPU_UNAVAILABLE")
}

#[cfg(test)]
mod tests {
    use super::{GpuFacts, Place, Wish, place};

    const SMALL: Option<u64> = Some(5);
    const LARGE: Option<u64> = Some(4);

    #[track_caller]
    fn check(wish: Wish, gpu: &GpuFacts, speed: Option<u64>, expected: Result<Place, &str>) {
        let found = place(wish, gpu, speed).map_err(|error| error.code.unwrap_or_default());
        assert_eq!(found, expected.map_err(Into::into));
    }

    #[test]
    fn every_machine_and_preference() {
        let none = GpuFacts::default();
        let hardware = GpuFacts { available: true, is_right: Some(true), ..none.clone() };
        let unchecked = GpuFacts { is_right: None, ..hardware.clone() };
        let software = GpuFacts { software: true, ..hardware.clone() };
        let wrong = GpuFacts { is_right: Some(false), ..hardware.clone() };
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

    #[test]
    fn a_refusal_states_how_slow_the_cpu_would_be() {
        let error = place(Wish::Auto, &GpuFacts::default(), Some(3)).unwrap_err();
        assert!(error.message.contains("about 3 tokens a second"), "{}", error.message);
        let error = place(Wish::Gpu, &GpuFacts::default(), Some(3)).unwrap_err();
        assert!(!error.message.contains("CPU"), "{}", error.message);
    }
}
