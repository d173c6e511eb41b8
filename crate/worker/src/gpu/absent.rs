//! The CPU-only build, which is downloaded on machines without a usable GPU.

use hybridge_core::device::{GpuFacts, Wish, takes_gpu};
use hybridge_core::{Error, Result};
use hybridge_gemma::Model;
use hybridge_gemma::cpu::load_tower;
use hybridge_gemma::vision::LoadTower;

use crate::backend::{Backend, Machine};
use crate::model::{GpuChoice, Options, SeenGpu};
use crate::pace::pace;

const REASON: &str = "this file of the engine runs models on the CPU only";

/// No GPU.
#[derive(Debug)]
pub(crate) enum OpenGpu {}

impl OpenGpu {
    pub(crate) fn name(&self) -> String {
        match *self {}
    }

    pub(crate) async fn load(
        &self,
        _: &Model,
        _: &Options,
        _: usize,
    ) -> Result<(Backend, Option<GpuChoice>)> {
        match *self {}
    }
}

/// Returns the loader of vision towers, on the CPU.
pub(crate) fn tower_loader(_: Option<&OpenGpu>) -> LoadTower {
    Box::new(|vision| Box::pin(load_tower(vision, pace())))
}

pub(crate) async fn report(_: bool) -> Result<String> {
    Err(Error::precondition(REASON).with_code("GPU_UNAVAILABLE"))
}

/// The worker's findings from before it chose this file. To this build, even a usable GPU is
/// absent.
pub(crate) async fn look(options: &Options) -> Machine {
    if options.device == Wish::Cpu {
        return Machine { facts: GpuFacts::default(), device: None };
    }
    let SeenGpu { available, software, reason, is_right } = options.gpu.clone();
    let seen = GpuFacts { available, software, reason, is_right };
    let facts = if takes_gpu(options.device, &seen) {
        GpuFacts { reason: Some(REASON.to_owned()), ..GpuFacts::default() }
    } else {
        seen
    };
    Machine { facts, device: None }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use hybridge_core::device::{GpuFacts, place};

    use super::{REASON, look};
    use crate::boundary::parse;

    /// Returns the facts about a GPU known to this build, and where a model runs that is small
    /// enough for the CPU.
    #[track_caller]
    fn check(device: &str, seen: &str, expected: &GpuFacts, outcome: &str) {
        let options = format!(
            r#"{{"contextWindow":64,"device":"{device}","precision":"exact","kind":"generator"{seen}}}"#
        );
        let options = parse(&options).unwrap();
        let machine = look(&options).now_or_never().unwrap();
        assert_eq!(&machine.facts, expected, "{device} {seen}");
        assert!(machine.device.is_none());
        let found = match place(options.device, &machine.facts, Some(9)) {
            Ok(place) => format!("{place:?}"),
            Err(error) => error.message.into_owned(),
        };
        assert_eq!(found, outcome, "{device} {seen}");
    }

    #[test]
    fn the_workers_findings_are_passed_on() {
        let none = GpuFacts::default();
        let hidden = GpuFacts { reason: Some(REASON.to_owned()), ..none.clone() };
        let missing = GpuFacts { reason: Some("no adapter".to_owned()), ..none.clone() };
        let software = GpuFacts { available: true, software: true, ..none.clone() };
        let wrong = GpuFacts { available: true, is_right: Some(false), ..none.clone() };
        let is_wrong = r#","gpu":{"available":true,"software":false,"isRight":false}"#;
        let is_software = r#","gpu":{"available":true,"software":true}"#;
        let is_missing = r#","gpu":{"available":false,"software":false,"reason":"no adapter"}"#;
        let is_hardware = r#","gpu":{"available":true,"software":false}"#;
        check("auto", "", &none, "Cpu");
        check("auto", is_missing, &missing, "Cpu");
        check("gpu", is_missing, &missing, "no adapter");
        check("auto", is_software, &software, "Cpu");
        check("auto", is_wrong, &wrong, "Cpu");
        check("cpu", is_hardware, &none, "Cpu");
        // The worker then fetches the other file; a CPU-only file named by the page stays without a
        // GPU.
        check("auto", is_hardware, &hidden, "Cpu");
        check("gpu", is_software, &hidden, REASON);
    }
}
