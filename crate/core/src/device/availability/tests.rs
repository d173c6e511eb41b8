//! Table of verdicts, as JSON.

use super::{AvailabilityFacts, Fault, GpuFacts, Limits, Look, Shape, Wish, judge};

fn ready() -> AvailabilityFacts {
    AvailabilityFacts {
        is_secure: true,
        has_workers: true,
        gpu: GpuFacts { available: true, is_right: Some(true), ..GpuFacts::default() },
        bytes: Some(1_000_000_000),
        cpu_bytes_per_second: Some(2_700_000_000),
        free: Some(2_000_000_000),
        is_kept: true,
        context_window: 4096,
        ..AvailabilityFacts::default()
    }
}

#[track_caller]
fn check(bend: impl FnOnce(&mut AvailabilityFacts), expected: &str) {
    let mut facts = ready();
    bend(&mut facts);
    let mut found = serde_json::to_value(judge(&facts)).unwrap();
    let reason = found.as_object_mut().unwrap().remove("reason");
    found.as_object_mut().unwrap().remove("kept");
    assert_eq!(reason.is_some(), found.get("code").is_some(), "a code has a reason");
    assert_eq!(found.to_string(), expected);
}

/// Only a loaded file shows whether it has a chat template.
#[test]
fn a_base_model_is_a_caution() {
    let verdict = judge(&AvailabilityFacts { lacks_template: true, ..ready() });
    assert_eq!(verdict.code.as_deref(), Some("BASE_MODEL"));
    assert!(
        verdict.status != crate::device::AvailabilityStatus::Unavailable
            && verdict.reason.is_some()
    );
}

#[test]
fn verdicts() {
    let gpu = r#""device":"gpu","gpuBytesNeeded":1000000000,"status""#;
    let fetch = r#""bytesToDownload":1000000000"#;
    check(|_| (), &format!(r#"{{{fetch},{gpu}:"downloadable"}}"#));
    check(|it| it.is_downloading = true, &format!(r#"{{{fetch},{gpu}:"downloading"}}"#));
    check(
        |it| (it.held, it.is_complete) = (1_000_000_000, true),
        &format!(r#"{{{gpu}:"available"}}"#),
    );
    check(|it| it.held = 999_999_999, &format!(r#"{{"bytesToDownload":1,{gpu}:"downloadable"}}"#));
    check(|it| it.bytes = None, r#"{"device":"gpu","status":"downloadable"}"#);
    check(
        |it| (it.wish, it.bytes) = (Wish::Cpu, Some(27_000_000)),
        r#"{"bytesToDownload":27000000,"device":"cpu","estimatedTokensPerSecond":100,"status":"downloadable"}"#,
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
fn a_shape_gives_the_memory_of_the_context_and_whether_the_gpu_is_large_enough() {
    let bytes = gemma_1b().unwrap().gpu_bytes(1_000_000_000, 4096);
    let fits = format!(
        r#"{{"bytesToDownload":1000000000,"device":"gpu","gpuBytesNeeded":{bytes},"status":"downloadable"}}"#
    );
    let small = Limits { binding: Some(128 << 20), ..Limits::default() };
    check(|it| (it.shape, it.limits) = (gemma_1b(), small.clone()), &fits);
    let too_small = r#"{"code":"GPU_LIMITS","status":"unavailable"}"#;
    let tight = Limits { binding: Some(2 << 20), ..Limits::default() };
    check(|it| (it.shape, it.limits) = (gemma_1b(), tight.clone()), too_small);
    check(|it| it.limits = Limits { invocations: Some(128), ..Limits::default() }, too_small);
    // A CPU that was measured to be fast accepts a model that a slow one refuses.
    check(
        |it| (it.gpu.available, it.cpu_bytes_per_second) = (false, Some(5_000_000_000)),
        r#"{"bytesToDownload":1000000000,"device":"cpu","estimatedTokensPerSecond":5,"status":"downloadable"}"#,
    );
    check(
        |it| (it.gpu.available, it.cpu_bytes_per_second) = (false, Some(4_900_000_000)),
        r#"{"code":"GPU_UNAVAILABLE","status":"unavailable"}"#,
    );
    // A small model does not depend on these limits.
    check(
        |it| (it.shape, it.limits, it.bytes) = (gemma_1b(), tight, Some(27_000_000)),
        r#"{"bytesToDownload":27000000,"device":"cpu","estimatedTokensPerSecond":100,"status":"downloadable"}"#,
    );
}

#[test]
fn cautions() {
    let text = |code: &str| {
        format!(
            r#"{{"bytesToDownload":1000000000,"code":"{code}","device":"gpu","gpuBytesNeeded":1000000000,"status":"downloadable"}}"#
        )
    };
    check(|it| it.saves_data = true, &text("DATA_SAVER"));
    check(|it| (it.gpu.software, it.wish) = (true, Wish::Gpu), &text("GPU_SOFTWARE"));
    check(
        |it| (it.saves_data, it.held, it.is_complete) = (true, 1_000_000_000, true),
        r#"{"device":"gpu","gpuBytesNeeded":1000000000,"status":"available"}"#,
    );
}

#[test]
fn facts_are_parsed_as_reported() {
    let text = r#"{"isSecure":true,"hasWorkers":true,"gpu":{"available":true,"isRight":true,"software":false},"wish":"auto",
        "bytes":1000000000,"held":0,"isComplete":false,"isDownloading":false,"free":2000000000,"isKept":true,"crashedAt":null,
        "contextWindow":4096,"cpuBytesPerSecond":2700000000}"#;
    assert_eq!(AvailabilityFacts::parse(text), Ok(ready()));
    assert_eq!(AvailabilityFacts::parse("{}"), Ok(AvailabilityFacts::default()));
    for (text, complaint) in [
        ("[]", "the facts must be an object"),
        (r#"{"held":-1}"#, "`held` of the facts must be a whole number of at least 0"),
        (r#"{"wish":"npu"}"#, "`wish` of the facts must be auto, gpu or cpu"),
        (r#"{"gpu":{"software":1}}"#, "`software` of the GPU must be true or false"),
    ] {
        assert_eq!(AvailabilityFacts::parse(text).unwrap_err().message, complaint);
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
    check(|it| it.lacks_simd = true, &unavailable("SIMD_UNAVAILABLE"));
    let huge = |it: &mut AvailabilityFacts| (it.wish, it.bytes) = (Wish::Cpu, Some(5 << 30));
    check(huge, &unavailable("OUT_OF_MEMORY"));
    check(|it| (it.shape, _) = (gemma_1b(), huge(it)), &unavailable("OUT_OF_MEMORY"));
    check(|it| it.look = Look::Refused(403), &unavailable("MODEL_GATED"));
    check(|it| it.look = Look::Refused(404), &unavailable("MODEL_NOT_FOUND"));
    check(
        |it| it.crashed_at = Some(8192),
        r#"{"bytesToDownload":1000000000,"device":"gpu","gpuBytesNeeded":1000000000,"status":"downloadable"}"#,
    );
    // A download that is not kept needs no storage, and neither do stored bytes.
    check(
        |it| (it.free, it.is_kept) = (Some(0), false),
        r#"{"bytesToDownload":1000000000,"device":"gpu","gpuBytesNeeded":1000000000,"status":"downloadable"}"#,
    );
}

/// A machine without a GPU, where the model's size decides.
fn without_gpu(it: &mut AvailabilityFacts) {
    it.gpu = GpuFacts::default();
    it.bytes = None;
}

#[test]
fn the_device_is_judged_only_by_a_file_that_was_read() {
    let unavailable = |code: &str| format!(r#"{{"code":"{code}","status":"unavailable"}}"#);
    let refused =
        |status| move |it: &mut AvailabilityFacts| (it.look, ()) = (Look::Refused(status), ());
    for (status, code) in [(401, "MODEL_GATED"), (404, "MODEL_NOT_FOUND"), (400, "MODEL_HTTP")] {
        check(|it| (without_gpu(it), refused(status)(it)).1, &unavailable(code));
        check(refused(status), &unavailable(code));
    }
    check(|it| (without_gpu(it), it.look = Look::Unreachable).1, &unavailable("NETWORK"));
    check(|it| it.look = Look::Unreachable, &unavailable("NETWORK"));
    check(|it| (without_gpu(it), it.look = Look::Page).1, &unavailable("MODEL_NOT_FOUND"));
    // A host that may answer later leaves the verdict open.
    let open = |code: &str| format!(r#"{{"code":"{code}","status":"downloadable"}}"#);
    let trouble = |status| {
        move |it: &mut AvailabilityFacts| (without_gpu(it), it.look = Look::Trouble(status)).1
    };
    check(trouble(Some(503)), &open("MODEL_HTTP"));
    check(trouble(None), &open("NETWORK"));
    check(|it| (without_gpu(it), it.saves_data = true).1, &open("DATA_SAVER"));
    check(|it| (without_gpu(it), it.look = Look::None).1, r#"{"status":"downloadable"}"#);
    check(
        |it| (trouble(Some(503))(it), it.wish = Wish::Cpu).1,
        r#"{"device":"cpu","status":"downloadable"}"#,
    );
    // With a GPU requested by name, or a known size, the verdict is final.
    check(|it| (trouble(None)(it), it.wish = Wish::Gpu).1, &unavailable("GPU_UNAVAILABLE"));
    check(|it| (without_gpu(it), it.look = Look::Read).1, &unavailable("GPU_UNAVAILABLE"));
    // A model that is stored completely needs no host.
    for look in [Look::Refused(404), Look::Unreachable] {
        check(
            |it| (it.look, it.held, it.is_complete) = (look.clone(), 1_000_000_000, true),
            r#"{"device":"gpu","gpuBytesNeeded":1000000000,"status":"available"}"#,
        );
    }
    let missing = Fault { code: "WASM_UNAVAILABLE".into(), message: "a file is missing".into() };
    check(
        |it| (without_gpu(it), it.engine_fault = Some(missing.clone())).1,
        &unavailable("WASM_UNAVAILABLE"),
    );
}

#[test]
fn a_file_that_isnt_a_model_is_rejected_wherever_it_is_stored() {
    let code = |header: &[u8], whole: bool| {
        let mut facts = ready();
        (facts.look, facts.is_complete) = (Look::Read, whole);
        facts.read_header(header);
        let found = judge(&facts);
        (found.status, found.code)
    };
    use super::AvailabilityStatus::{Available, Downloadable, Unavailable};
    for (whole, here) in [(false, Downloadable), (true, Available)] {
        assert_eq!(code(b"GGUF\x03\0\0\0", whole), (here, None));
        for (header, expected) in [
            (&b""[..], "GGUF_TRUNCATED"),
            (b"GG", "GGUF_INVALID"),
            (b"# README", "GGUF_INVALID"),
            (b"<!doctype html>", "GGUF_INVALID"),
            (b"version https://git-lfs.github.com/spec/v1", "GGUF_INVALID"),
        ] {
            assert_eq!(code(header, whole), (Unavailable, Some(expected.into())), "{header:?}");
        }
    }
    let mut unread = ready();
    unread.read_header(b"");
    assert_eq!(unread, ready(), "an unread file has no fault");
}

#[test]
fn no_speed_is_reported_for_a_file_smaller_than_a_header() {
    for (bytes, speed) in [(0, None), (351, None), (4095, None), (4096, Some(659_179))] {
        let facts = AvailabilityFacts { wish: Wish::Cpu, bytes: Some(bytes), ..ready() };
        assert_eq!(judge(&facts).estimated_tokens_per_second, speed, "{bytes} bytes");
    }
}

#[test]
fn whether_a_download_is_kept() {
    let kept = |is_kept, fault: Option<&str>| {
        let facts = AvailabilityFacts { is_kept, store_fault: fault.map(Into::into), ..ready() };
        let found = judge(&facts);
        (found.kept, found.not_kept_reason)
    };
    assert_eq!(kept(true, None), (Some(true), None));
    assert_eq!(
        kept(false, Some("a private window")),
        (Some(false), Some("a private window".into()))
    );
    assert_eq!(kept(false, None), (None, None));
}
