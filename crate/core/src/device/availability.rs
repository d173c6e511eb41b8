//! Decides whether a model can run on this machine, and what it takes.

use serde::Serialize;
use serde_json::Value;

use super::limits::Limits;
use super::memory::{Memory, WASM_LIMIT};
use super::place::{GpuFacts, Place, Wish, place};
use super::shape::Shape;
use crate::json::{Fields, FromJson, parse};
use crate::{Error, Result, host};

/// Everything that the verdict depends on, gathered without downloading weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailabilityFacts {
    /// Whether the page is a secure context. Without TLS there is neither WebGPU nor storage.
    pub is_secure: bool,
    /// Whether a worker can be started.
    pub has_workers: bool,
    /// Facts about the GPU.
    pub gpu: GpuFacts,
    /// The device that the caller requested.
    pub wish: Wish,
    /// The model's size in bytes, if known.
    pub bytes: Option<u64>,
    /// The number of the model's bytes that are stored already or supplied by the caller.
    pub held: u64,
    /// Whether all of the model's bytes are stored.
    pub is_complete: bool,
    /// Whether a tab is downloading the model.
    pub is_downloading: bool,
    /// Free space in the origin's storage, if the browser reports it.
    pub free: Option<u64>,
    /// Whether downloads are stored.
    pub is_kept: bool,
    /// The context window of a load that crashed the tab, if one did.
    pub crashed_at: Option<u32>,
    /// The requested context window.
    pub context_window: u32,
    /// The network's sizes, from the model's file or the table of known models.
    pub shape: Option<Shape>,
    /// The adapter's limits.
    pub limits: Limits,
    /// The result of reading the file's first bytes.
    pub look: Look,
    /// Why the engine cannot be started: one of its files is missing or blocked.
    pub engine_fault: Option<Fault>,
    /// Why a download would not be stored, if the browser has no storage.
    pub store_fault: Option<String>,
    /// Whether the browser lacks WebAssembly SIMD, which the engine requires.
    pub lacks_simd: bool,
    /// Bytes of weights that one CPU thread processes per second, if measured.
    pub cpu_bytes_per_second: Option<u64>,
    /// Whether the user asked to save data or is on a metered connection.
    pub saves_data: bool,
    /// Whether the loaded file turned out to have no chat template.
    pub lacks_template: bool,
}

/// The result of reading the file's first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// No bytes were requested: the model is known by its name, or the connection is metered.
    #[default]
    None,
    /// The first bytes were read.
    Read,
    /// The first bytes were read, and the file isn't a supported model.
    Foreign(Error),
    /// The address returned a web page.
    Page,
    /// The host refused with a permanent status.
    Refused(u16),
    /// The host answered with a temporary status, or did not answer in time.
    Trouble(Option<u16>),
    /// The host cannot be reached.
    Unreachable,
}

/// A failure found before any load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    code: String,
    message: String,
}

impl Fault {
    fn error(&self) -> Error {
        Error::precondition(self.message.clone()).with_code(self.code.clone())
    }
}

impl FromJson for Fault {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the fault", json);
        let code = fields.text("code").unwrap_or_default();
        let message = fields.text("message").unwrap_or_default();
        fields.done(Self { code, message })
    }
}

/// The smallest plausible file size. A speed is not estimated for anything smaller.
const LEAST_BYTES: u64 = 4096;

impl AvailabilityFacts {
    /// Parses a file's first bytes into the network's shape, or the reason why the file isn't a
    /// model.
    pub fn read_header(&mut self, header: &[u8]) {
        if self.look != Look::Read {
            return;
        }
        let fault = if header.is_empty() {
            host::empty_file()
        } else if !header.starts_with(b"GGUF") {
            Error::invalid("this is not a GGUF file: choose a model whose name ends in .gguf")
                .with_code("GGUF_INVALID")
        } else {
            self.shape = self.shape.take().or_else(|| Shape::peek(header));
            return;
        };
        self.look = Look::Foreign(fault);
    }

    /// Reads the facts field by field: derived code would add serde's error formatting, including
    /// that of floats, to every page's download.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid field.
    pub fn parse(json: &str) -> Result<Self> {
        let mut fields = Fields::of("the facts", parse(json, "the facts")?);
        let wish = fields.text("wish");
        let known = wish.as_deref().map_or(Some(Wish::default()), Wish::parse);
        if known.is_none() {
            fields.wrong("wish", "auto, gpu or cpu");
        }
        let mut is = |key| fields.flag(key).unwrap_or_default();
        let (is_secure, has_workers, is_kept) = (is("isSecure"), is("hasWorkers"), is("isKept"));
        let (is_complete, is_downloading) = (is("isComplete"), is("isDownloading"));
        let (lacks_simd, saves_data) = (is("lacksSimd"), is("savesData"));
        let lacks_template = is("lacksTemplate");
        let status = fields.small_count("status").and_then(|it| u16::try_from(it).ok());
        let facts = Self {
            is_secure,
            has_workers,
            gpu: fields.read("gpu").unwrap_or_default(),
            wish: known.unwrap_or_default(),
            bytes: fields.count("bytes"),
            held: fields.count("held").unwrap_or_default(),
            is_complete,
            is_downloading,
            free: fields.count("free"),
            is_kept,
            crashed_at: fields.small_count("crashedAt"),
            context_window: fields.small_count("contextWindow").unwrap_or_default(),
            shape: fields.read("shape"),
            limits: fields.read("limits").unwrap_or_default(),
            look: match (fields.text("look").as_deref(), status) {
                (Some("read"), _) => Look::Read,
                (Some("page"), _) => Look::Page,
                (Some("unreachable"), _) => Look::Unreachable,
                (Some("refused"), status) => Look::Refused(status.unwrap_or_default()),
                (Some("trouble"), status) => Look::Trouble(status),
                _ => Look::None,
            },
            engine_fault: fields.read("engineFault"),
            store_fault: fields.text("storeFault"),
            lacks_simd,
            cpu_bytes_per_second: fields.count("cpuBytesPerSecond"),
            saves_data,
            lacks_template,
        };
        fields.done(facts)
    }
}

impl AvailabilityFacts {
    /// Tokens per second on the CPU: each token reads all weights once.
    fn cpu_speed(&self) -> Option<u64> {
        Some(self.cpu_bytes_per_second? / self.bytes?.max(LEAST_BYTES))
    }
}

/// The four possible verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AvailabilityStatus {
    /// The model cannot run here.
    Unavailable,
    /// The model can run after a download.
    Downloadable,
    /// The model is being downloaded.
    Downloading,
    /// The model is stored.
    Available,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// The status.
    pub status: AvailabilityStatus,
    /// The reason, for people. With a status other than `Unavailable`, a caution to show before a
    /// load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason, for code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Bytes left to download.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_download: Option<u64>,
    /// Memory of weights, keys and values on the GPU; of the weights alone if the model's shape is
    /// unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_bytes_needed: Option<u64>,
    /// The device on which the model would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Place>,
    /// Tokens per second on the CPU, if measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_tokens_per_second: Option<u64>,
    /// Whether the download is kept for the next visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
    /// Why the download is not kept, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_kept_reason: Option<String>,
}

/// Returns the verdict for these facts.
#[must_use]
pub fn judge(facts: &AvailabilityFacts) -> Availability {
    let to_fetch = facts.bytes.map(|bytes| bytes.saturating_sub(facts.held)).filter(|it| *it > 0);
    let (kept, not_kept_reason) = storage(facts);
    match obstacle(facts, to_fetch) {
        Err(error) => Availability {
            status: AvailabilityStatus::Unavailable,
            reason: Some(error.message.into_owned()),
            code: error.code.map(Into::into),
            bytes_to_download: None,
            gpu_bytes_needed: None,
            device: None,
            estimated_tokens_per_second: None,
            kept,
            not_kept_reason,
        },
        Ok(place) => {
            let status = match (facts.is_complete, facts.is_downloading) {
                (true, _) => AvailabilityStatus::Available,
                (false, true) => AvailabilityStatus::Downloading,
                (false, false) => AvailabilityStatus::Downloadable,
            };
            let caution = caution(facts, place);
            Availability {
                status,
                reason: caution.as_ref().map(|it| it.message.clone().into_owned()),
                code: caution.and_then(|it| it.code).map(Into::into),
                bytes_to_download: to_fetch.filter(|_| !facts.is_complete),
                gpu_bytes_needed: facts.bytes.filter(|_| place == Some(Place::Gpu)).map(|bytes| {
                    let shape = facts.shape.as_ref();
                    shape.map_or(bytes, |shape| shape.gpu_bytes(bytes, facts.context_window))
                }),
                device: place,
                estimated_tokens_per_second: facts
                    .cpu_speed()
                    .filter(|_| place == Some(Place::Cpu))
                    .filter(|_| facts.bytes.is_some_and(|bytes| bytes >= LEAST_BYTES)),
                kept,
                not_kept_reason,
            }
        }
    }
}

/// Returns whether a download is kept and, if not, the reason. `None` for a file that the caller
/// supplies.
fn storage(facts: &AvailabilityFacts) -> (Option<bool>, Option<String>) {
    if facts.is_kept {
        return (Some(true), None);
    }
    match &facts.store_fault {
        Some(fault) => (Some(false), Some(fault.clone())),
        None => (None, None),
    }
}

/// Returns a caution to show with a model that can run.
fn caution(facts: &AvailabilityFacts, place: Option<Place>) -> Option<Error> {
    if facts.saves_data && !facts.is_complete {
        return Some(
            Error::unavailable(
                "this connection is metered or saves data: ask before fetching the model",
            )
            .with_code("DATA_SAVER"),
        );
    }
    match place {
        // Without knowledge of the model, the device cannot be judged.
        None => trouble(facts),
        Some(Place::Gpu) if facts.gpu.software => Some(
            Error::unavailable("this browser's GPU is a software one: the model will run slowly")
                .with_code("GPU_SOFTWARE"),
        ),
        Some(_) if facts.lacks_template => Some(
            Error::unavailable(
                "this file has no chat template: a base model continues texts and answers no questions; choose an instruction-tuned file (-it)",
            )
            .with_code("BASE_MODEL"),
        ),
        Some(_) => None,
    }
}

/// Returns the host's temporary failure, if there was one.
fn trouble(facts: &AvailabilityFacts) -> Option<Error> {
    match facts.look {
        Look::Trouble(Some(status)) => Some(host::outage(status, None)),
        Look::Trouble(None) => {
            Some(Error::unavailable("the model's host did not answer in time").with_code("NETWORK"))
        }
        _ => None,
    }
}

/// Returns a permanent fault of the file or its host.
fn file_fault(facts: &AvailabilityFacts) -> Option<Error> {
    match &facts.look {
        Look::Foreign(fault) => Some(fault.clone()),
        Look::Refused(status) if !facts.is_complete => Some(host::refusal(*status)),
        Look::Page if !facts.is_complete => Some(host::web_page()),
        Look::Unreachable if !facts.is_complete => Some(host::unreachable()),
        _ => None,
    }
}

/// Returns the first obstacle, or the device on which the model would run. The device is `None` if
/// it depends on a size that could not be read.
fn obstacle(facts: &AvailabilityFacts, to_fetch: Option<u64>) -> Result<Option<Place>> {
    if !facts.has_workers {
        return Err(Error::precondition(
            "there are no web workers here: a model runs in a browser's page",
        )
        .with_code("WORKER_UNAVAILABLE"));
    }
    if !facts.is_secure && facts.wish != Wish::Cpu {
        return Err(Error::precondition(
            "WebGPU needs a secure context: serve the page over https",
        )
        .with_code("INSECURE_CONTEXT"));
    }
    if facts.lacks_simd {
        return Err(Error::precondition(
            "this browser has no WebAssembly SIMD, which the engine needs (in Safari since 16.4)",
        )
        .with_code("SIMD_UNAVAILABLE"));
    }
    // Only an address that was read can rule out the device.
    if let Some(fault) = file_fault(facts) {
        return Err(fault);
    }
    if let Some(fault) = &facts.engine_fault {
        return Err(fault.error());
    }
    let place = match placed(facts) {
        Ok(place) => Some(place),
        Err(error) => {
            let is_unread = facts.bytes.is_none() && facts.look != Look::Read;
            if !is_unread || facts.wish != Wish::Auto {
                return Err(error);
            }
            None
        }
    };
    if let Some(crashed_at) = facts.crashed_at.filter(|crashed| facts.context_window >= *crashed) {
        return Err(Error::precondition(format!(
            "loading this model with a context window of {crashed_at} ended the page before; choose a smaller one, or load with `force: true`",
        ))
        .with_code("CRASHED_BEFORE"));
    }
    match (to_fetch, facts.free) {
        (Some(needed), Some(free)) if facts.is_kept && !facts.is_complete && needed > free => {
            Err(quota_exceeded(needed, free))
        }
        _ => Ok(place),
    }
}

/// Returns the device on which the model would run. A GPU with limits that are too low doesn't
/// count.
fn placed(facts: &AvailabilityFacts) -> Result<Place> {
    let largest = facts.shape.as_ref().zip(facts.bytes);
    let largest = largest.map_or(0, |(it, bytes)| it.largest_buffer(bytes, facts.context_window));
    let place = match facts.limits.shortfall(largest).filter(|_| facts.gpu.available) {
        None => place(facts.wish, &facts.gpu, facts.cpu_speed())?,
        Some(shortfall) => {
            place(facts.wish, &GpuFacts::default(), facts.cpu_speed()).map_err(|_| shortfall)?
        }
    };
    match (place, &facts.shape, facts.bytes) {
        (Place::Cpu, Some(shape), Some(bytes)) => {
            Memory::of(shape, bytes, facts.context_window).check(WASM_LIMIT)?;
        }
        (Place::Cpu, None, Some(weights)) => {
            Memory { weights, cache: 0, scratch: 0 }.check(WASM_LIMIT)?;
        }
        _ => {}
    }
    Ok(place)
}

/// Checks that the origin's storage has room for the model.
#[must_use]
pub fn quota_exceeded(needed: u64, free: u64) -> Error {
    Error::precondition(format!(
        "the model needs {needed} more bytes of storage, the browser grants {free}; free some, or load with cache: 'none'",
    ))
    .with_code("QUOTA_EXCEEDED")
}

#[cfg(test)]
mod tests;
