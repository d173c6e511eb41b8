//! Could this model run here, and what would it take?

use serde::Serialize;

use super::limits::Limits;
use super::memory::{Memory, WASM_LIMIT};
use super::place::{Gpu, Place, Wish, place};
use super::shape::Shape;
use crate::download::Head;
use crate::json::{Fields, FromJson as _, parse};
use crate::{Error, Result};

/// Everything that a verdict rests on, gathered without touching the weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Pages served without TLS have neither WebGPU nor storage.
    pub is_secure: bool,
    /// Whether a worker can be started at all.
    pub has_workers: bool,
    /// The GPU.
    pub gpu: Gpu,
    /// What the caller asked for.
    pub wish: Wish,
    /// The model's size, where it is known.
    pub bytes: Option<u64>,
    /// How many of its bytes are kept already, or in the caller's hand.
    pub held: u64,
    /// Whether all of them are.
    pub is_complete: bool,
    /// Whether some tab is fetching it.
    pub is_downloading: bool,
    /// Room in the origin's storage, where the browser tells.
    pub free: Option<u64>,
    /// Whether what is fetched is kept.
    pub is_kept: bool,
    /// The context window of a load that ended the tab, where one did.
    pub crashed_at: Option<u32>,
    /// The context window asked for.
    pub context_window: u32,
    /// The network's sizes, where its file or our table told them.
    pub shape: Option<Shape>,
    /// What the adapter allows.
    pub limits: Limits,
    /// What the model's host said where it gave nothing, as an HTTP status.
    pub refused: Option<u16>,
    /// Whether the browser has no WebAssembly with vectors, which all of the engine needs.
    pub lacks_simd: bool,
    /// Bytes of weights that one CPU thread works through in a second, where that was measured.
    pub cpu_bytes_per_second: Option<u64>,
    /// Whether the person asked for little traffic, or pays for it.
    pub saves_data: bool,
}

impl Facts {
    /// Reads facts, field by field: derived code brings serde's words for all that can be wrong, the printing of floats among them,
    /// which every page would download.
    ///
    /// # Errors
    /// The first field that is not what it must be.
    pub fn parse(json: &str) -> Result<Self> {
        let mut fields = Fields::of("the facts", parse(json, "the facts")?)?;
        Ok(Self {
            is_secure: fields.flag("isSecure")?.unwrap_or_default(),
            has_workers: fields.flag("hasWorkers")?.unwrap_or_default(),
            gpu: match fields.value("gpu") {
                Some(gpu) => Gpu::from_json(gpu)?,
                None => Gpu::default(),
            },
            wish: match fields.text("wish")? {
                Some(wish) => Wish::parse(&wish).ok_or_else(|| fields.wrong("wish", "a wish"))?,
                None => Wish::default(),
            },
            bytes: fields.count("bytes")?,
            held: fields.count("held")?.unwrap_or_default(),
            is_complete: fields.flag("isComplete")?.unwrap_or_default(),
            is_downloading: fields.flag("isDownloading")?.unwrap_or_default(),
            free: fields.count("free")?,
            is_kept: fields.flag("isKept")?.unwrap_or_default(),
            crashed_at: fields.small_count("crashedAt")?,
            context_window: fields.small_count("contextWindow")?.unwrap_or_default(),
            shape: fields.value("shape").map(Shape::from_json).transpose()?,
            limits: fields.value("limits").map(Limits::from_json).transpose()?.unwrap_or_default(),
            refused: fields.small_count("refused")?.and_then(|status| status.try_into().ok()),
            lacks_simd: fields.flag("lacksSimd")?.unwrap_or_default(),
            cpu_bytes_per_second: fields.count("cpuBytesPerSecond")?,
            saves_data: fields.flag("savesData")?.unwrap_or_default(),
        })
    }
}

impl Facts {
    /// Tokens a second on the CPU: each reads all weights once.
    fn cpu_speed(&self) -> Option<u64> {
        Some(self.cpu_bytes_per_second? / self.bytes?.max(1))
    }
}

/// The four answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It cannot run here.
    Unavailable,
    /// It can, once fetched.
    Downloadable,
    /// It is on its way.
    Downloading,
    /// It is here.
    Available,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Availability {
    /// The answer.
    pub status: Status,
    /// Why, for people. Beside another status than `Unavailable`: what to know before a load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is still to be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_download: Option<u64>,
    /// What weights, keys and values take on the GPU; the weights alone where the model's shape is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_bytes_needed: Option<u64>,
    /// Where it would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Place>,
    /// On the CPU, where its speed was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_tokens_per_second: Option<u64>,
}

/// The verdict.
#[must_use]
pub fn judge(facts: &Facts) -> Availability {
    let to_fetch = facts.bytes.map(|bytes| bytes.saturating_sub(facts.held)).filter(|it| *it > 0);
    match obstacle(facts, to_fetch) {
        Err(error) => Availability {
            status: Status::Unavailable,
            reason: Some(error.message.into_owned()),
            code: error.code.map(Into::into),
            bytes_to_download: None,
            gpu_bytes_needed: None,
            device: None,
            estimated_tokens_per_second: None,
        },
        Ok(place) => {
            let status = match (facts.is_complete, facts.is_downloading) {
                (true, _) => Status::Available,
                (false, true) => Status::Downloading,
                (false, false) => Status::Downloadable,
            };
            let bytes_to_download = to_fetch.filter(|_| !facts.is_complete);
            let caution = caution(facts, place);
            Availability {
                status,
                reason: caution.map(|(_, reason)| reason.to_owned()),
                code: caution.map(|(code, _)| code.to_owned()),
                bytes_to_download,
                gpu_bytes_needed: facts.bytes.filter(|_| place == Place::Gpu).map(|bytes| {
                    let shape = facts.shape.as_ref();
                    shape.map_or(bytes, |shape| shape.gpu_bytes(bytes, facts.context_window))
                }),
                device: Some(place),
                estimated_tokens_per_second: facts.cpu_speed().filter(|_| place == Place::Cpu),
            }
        }
    }
}

/// What a caller should know before it loads a model that can run.
fn caution(facts: &Facts, place: Place) -> Option<(&'static str, &'static str)> {
    if facts.saves_data && !facts.is_complete {
        return Some((
            "DATA_SAVER",
            "this connection is metered or saves data: ask before fetching the model",
        ));
    }
    (place == Place::Gpu && facts.gpu.software).then_some((
        "GPU_SOFTWARE",
        "this browser's GPU is a software one: the model will run slowly",
    ))
}

/// The first thing in the way, or where the model would run.
fn obstacle(facts: &Facts, to_fetch: Option<u64>) -> Result<Place> {
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
            "this browser's WebAssembly has no vectors (SIMD), which the engine is made of; Safari has them since 16.4, other browsers since 2021",
        )
        .with_code("SIMD_UNAVAILABLE"));
    }
    let place = placed(facts)?;
    if let Some(status) = facts.refused.filter(|_| !facts.is_complete) {
        return Err(Head { status, ..Head::default() }.refusal());
    }
    if let Some(crashed_at) = facts.crashed_at.filter(|crashed| facts.context_window >= *crashed) {
        return Err(Error::precondition(format!(
            "loading this model with a context window of {crashed_at} ended the page before; choose a smaller one, or load with `despiteCrash: true`",
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

/// Where the model would run. A GPU that is too small for it is none.
fn placed(facts: &Facts) -> Result<Place> {
    let largest = facts.shape.as_ref().zip(facts.bytes);
    let largest = largest.map_or(0, |(it, bytes)| it.largest_buffer(bytes, facts.context_window));
    let place = match facts.limits.shortfall(largest).filter(|_| facts.gpu.available) {
        None => place(facts.wish, &facts.gpu, facts.cpu_speed())?,
        Some(shortfall) => {
            place(facts.wish, &Gpu::default(), facts.cpu_speed()).map_err(|_| shortfall)?
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

/// The origin's storage has no room.
#[must_use]
pub fn quota_exceeded(needed: u64, free: u64) -> Error {
    Error::precondition(format!(
        "the model needs {needed} more bytes of storage, the browser grants {free}; free some, or load with cache: 'none'",
    ))
    .with_code("QUOTA_EXCEEDED")
}

#[cfg(test)]
mod tests;
