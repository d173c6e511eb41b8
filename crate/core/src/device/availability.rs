//! Could this model run here, and what would it take?

use serde::Serialize;

use super::limits::Limits;
use super::place::{Gpu, Place, Wish, cpu_tokens_per_second, place};
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
            saves_data: fields.flag("savesData")?.unwrap_or_default(),
        })
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
    /// On the CPU, whose speed is known beforehand.
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
            estimated_tokens_per_second: None,
        },
        Ok(place) => {
            let status = match (facts.is_complete, facts.is_downloading) {
                (true, _) => Status::Available,
                (false, true) => Status::Downloading,
                (false, false) => Status::Downloadable,
            };
            let speed = facts.bytes.filter(|_| place == Place::Cpu).map(cpu_tokens_per_second);
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
                estimated_tokens_per_second: speed,
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
    match facts.limits.shortfall(largest).filter(|_| facts.gpu.available) {
        None => place(facts.wish, &facts.gpu, facts.bytes),
        Some(shortfall) => place(facts.wish, &Gpu::default(), facts.bytes).map_err(|_| shortfall),
    }
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
mod tests {
    use super::{Facts, Gpu, Limits, Shape, Wish, judge};

    fn ready() -> Facts {
        Facts {
            is_secure: true,
            has_workers: true,
            gpu: Gpu { available: true, is_right: Some(true), ..Gpu::default() },
            bytes: Some(1_000_000_000),
            free: Some(2_000_000_000),
            is_kept: true,
            context_window: 4096,
            ..Facts::default()
        }
    }

    #[track_caller]
    fn check(bend: impl FnOnce(&mut Facts), expected: &str) {
        let mut facts = ready();
        bend(&mut facts);
        let mut found = serde_json::to_value(judge(&facts)).unwrap();
        let reason = found.as_object_mut().unwrap().remove("reason");
        assert_eq!(reason.is_some(), found.get("code").is_some(), "a code comes with a sentence");
        assert_eq!(found.to_string(), expected);
    }

    #[test]
    fn verdicts() {
        let gpu = r#""gpuBytesNeeded":1000000000,"status""#;
        let fetch = r#""bytesToDownload":1000000000"#;
        check(|_| (), &format!(r#"{{{fetch},{gpu}:"downloadable"}}"#));
        check(|it| it.is_downloading = true, &format!(r#"{{{fetch},{gpu}:"downloading"}}"#));
        check(
            |it| (it.held, it.is_complete) = (1_000_000_000, true),
            &format!(r#"{{{gpu}:"available"}}"#),
        );
        check(
            |it| it.held = 999_999_999,
            &format!(r#"{{"bytesToDownload":1,{gpu}:"downloadable"}}"#),
        );
        check(|it| it.bytes = None, r#"{"status":"downloadable"}"#);
        check(
            |it| (it.wish, it.bytes) = (Wish::Cpu, Some(27_000_000)),
            r#"{"bytesToDownload":27000000,"estimatedTokensPerSecond":100,"status":"downloadable"}"#,
        );
    }

    fn gemma_1b() -> Option<Shape> {
        Some(Shape {
            layers: 26,
            width: 1152,
            hidden: 6912,
            heads: 4,
            kv_heads: 1,
            head_dim: 256,
            window: 512,
            context: 32_768,
            ..Shape::default()
        })
    }

    #[test]
    fn a_shape_tells_what_the_context_takes_and_whether_the_gpu_is_large_enough() {
        let bytes = gemma_1b().unwrap().gpu_bytes(1_000_000_000, 4096);
        let fits = format!(
            r#"{{"bytesToDownload":1000000000,"gpuBytesNeeded":{bytes},"status":"downloadable"}}"#
        );
        let small = Limits { binding: Some(128 << 20), ..Limits::default() };
        check(|it| (it.shape, it.limits) = (gemma_1b(), small.clone()), &fits);
        let too_small = r#"{"code":"GPU_LIMITS","status":"unavailable"}"#;
        let tight = Limits { binding: Some(2 << 20), ..Limits::default() };
        check(|it| (it.shape, it.limits) = (gemma_1b(), tight.clone()), too_small);
        check(|it| it.limits = Limits { invocations: Some(128), ..Limits::default() }, too_small);
        // A small model does without.
        check(
            |it| (it.shape, it.limits, it.bytes) = (gemma_1b(), tight, Some(27_000_000)),
            r#"{"bytesToDownload":27000000,"estimatedTokensPerSecond":100,"status":"downloadable"}"#,
        );
    }

    #[test]
    fn cautions() {
        let told = |code: &str| {
            format!(
                r#"{{"bytesToDownload":1000000000,"code":"{code}","gpuBytesNeeded":1000000000,"status":"downloadable"}}"#
            )
        };
        check(|it| it.saves_data = true, &told("DATA_SAVER"));
        check(|it| (it.gpu.software, it.wish) = (true, Wish::Gpu), &told("GPU_SOFTWARE"));
        check(
            |it| (it.saves_data, it.held, it.is_complete) = (true, 1_000_000_000, true),
            r#"{"gpuBytesNeeded":1000000000,"status":"available"}"#,
        );
    }

    #[test]
    fn facts_read_as_they_are_told() {
        let told = r#"{"isSecure":true,"hasWorkers":true,"gpu":{"available":true,"isRight":true,"software":false},"wish":"auto",
            "bytes":1000000000,"held":0,"isComplete":false,"isDownloading":false,"free":2000000000,"isKept":true,"crashedAt":null,
            "contextWindow":4096}"#;
        assert_eq!(Facts::parse(told), Ok(ready()));
        assert_eq!(Facts::parse("{}"), Ok(Facts::default()));
        for (told, complaint) in [
            ("[]", "the facts must be an object"),
            (r#"{"held":-1}"#, "`held` of the facts must be a whole number of at least 0"),
            (r#"{"wish":"npu"}"#, "`wish` of the facts must be a wish"),
            (r#"{"gpu":{"software":1}}"#, "`software` of the GPU must be true or false"),
        ] {
            assert_eq!(Facts::parse(told).unwrap_err().message, complaint);
        }
    }

    #[test]
    fn obstacles() {
        let unavailable = |code: &str| format!(r#"{{"code":"{code}","status":"unavailable"}}"#);
        check(|it| it.has_workers = false, &unavailable("WORKER_UNAVAILABLE"));
        check(|it| it.is_secure = false, &unavailable("INSECURE_CONTEXT"));
        check(|it| it.gpu.available = false, &unavailable("GPU_UNAVAILABLE"));
        check(|it| it.gpu.software = true, &unavailable("GPU_UNAVAILABLE"));
        check(|it| it.gpu.is_right = Some(false), &unavailable("GPU_WRONG_RESULTS"));
        check(|it| it.free = Some(999_999_999), &unavailable("QUOTA_EXCEEDED"));
        check(|it| it.crashed_at = Some(4096), &unavailable("CRASHED_BEFORE"));
        check(|it| it.refused = Some(403), &unavailable("MODEL_GATED"));
        check(|it| it.refused = Some(404), &unavailable("MODEL_NOT_FOUND"));
        check(
            |it| it.crashed_at = Some(8192),
            r#"{"bytesToDownload":1000000000,"gpuBytesNeeded":1000000000,"status":"downloadable"}"#,
        );
        // What is not kept needs no room, and neither does what is there.
        check(
            |it| (it.free, it.is_kept) = (Some(0), false),
            r#"{"bytesToDownload":1000000000,"gpuBytesNeeded":1000000000,"status":"downloadable"}"#,
        );
    }
}
