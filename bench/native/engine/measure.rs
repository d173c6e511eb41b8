//! The measurements.

use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use hybridge_core::Result;
use hybridge_gemma::Model;
use hybridge_gemma::engine::Pass as _;
use hybridge_gemma::gpu::bench::{Part, ceilings, readback_milliseconds};
use hybridge_gemma::gpu::{Device, KernelPass, Options, Plan as GpuPlan, choose};
use hybridge_gemma::sample::{Draw, Sampler};
use hybridge_gemma::source::Source as _;
use hybridge_gemma::testing::Synthetic;
use serde_json::{Value, json};

use crate::Plan;

const GREEDY: Draw<'_> = Draw { sampler: Sampler::GREEDY, step: 0, top: 0, allowed: None };

pub(crate) async fn measure(plan: &Plan) -> Result<Value> {
    let begin = Instant::now();
    let clock = || begin.elapsed().as_secs_f64() * 1000.0;
    let device = Device::open().await?;
    let limits = ceilings(&device, &clock).await?;
    let file = Rc::new(Synthetic::new(&plan.shape));
    let file_bytes = file.size();
    let start = clock();
    let model = Model::open(vec![file]).await?;
    let longest = plan.prompts.iter().chain(&plan.contexts).max().copied().unwrap_or(0);
    let capacity = longest + 8 * plan.tokens + 8;
    let begun = clock();
    let choice = choose(&device, "", plan.may_round, milliseconds).await?;
    let choice_ms = clock() - begun;
    // Naming the kind of kernels selects the defaults of that kind.
    let chosen = plan.software.is_none().then_some(choice.plan);
    let options = Options {
        software: plan.software,
        plan: chosen,
        clock: Some(milliseconds),
        ..Options::USUAL
    };
    let mut pass = KernelPass::load(&device, &model, capacity, options).await?;
    let load_s = (clock() - start) / 1000.0;
    pass.prefill(&[2]).await?;
    pass.choose(&GREEDY).await?;

    let head = model.tensors.head();
    let head_ms = pass.part_milliseconds(Part::Head, &clock).await?;
    let body_ms = pass.part_milliseconds(Part::Body, &clock).await?;
    let weights: usize =
        model.tensors.layers.iter().flat_map(|it| it.all()).map(|it| it.rows * it.columns).sum();
    let (encode_us, dispatches) = pass.encoding(&clock).await?;

    let vocabulary = u32::try_from(model.config.vocabulary).unwrap_or(u32::MAX);
    let (mut prefill, mut submits) = (serde_json::Map::new(), serde_json::Map::new());
    let mut first_token_ms = Value::Null;
    for length in &plan.prompts {
        let prompt: Vec<u32> =
            (0..).map(|i: u32| i.wrapping_mul(2_654_435_761) % vocabulary).take(*length).collect();
        pass.forget();
        let before = pass.counters().submits;
        let start = clock();
        pass.prefill(&prompt).await?;
        device.idle().await?;
        let took = clock() - start;
        submits.insert(length.to_string(), json!(pass.counters().submits - before));
        pass.choose(&GREEDY).await?;
        if first_token_ms.is_null() {
            first_token_ms = rounded(clock() - start, 1.0);
        }
        prefill.insert(length.to_string(), rounded(1000.0 * *length as f64 / took, 10.0));
    }

    let mut decode = serde_json::Map::new();
    let (mut dispatched, mut read_back) = (0, 0);
    for context in &plan.contexts {
        pass.forget();
        pass.skip_to(context.saturating_sub(2));
        let mut token = 5;
        // Two runs to warm up: the second one generates nothing.
        for _ in 0..2 {
            token = pass.step(token, &GREEDY).await?.token;
        }
        let before = pass.counters();
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..plan.tokens {
            let start = clock();
            token = pass.step(token, &GREEDY).await?.token;
            times.push(clock() - start);
        }
        let spent = pass.counters() - before;
        dispatched = spent.dispatches / plan.tokens as u64;
        read_back = spent.bytes_read / plan.tokens as u64;
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        decode.insert(context.to_string(), rounded(1000.0 / median, 100.0));
    }

    let matvec = head.bytes() as f64 / head_ms / 1e6;
    Ok(json!({
        "adapter": device.facts().name,
        "software": device.facts().software,
        "subgroup_min_size": device.facts().subgroups.then_some(device.facts().subgroup_min_size),
        "shape": plan.shape.name,
        "plan": chosen.map(GpuPlan::name),
        "plans_tried": choice.tried,
        "choice_ms": rounded(choice_ms, 1.0),
        "read_gbps": rounded(limits.read / 1e9, 1000.0),
        "reference_gweights": rounded(limits.reference / 1e9, 1000.0),
        "matvec_gbps": rounded(matvec, 1000.0),
        "matvec_ratio": rounded(matvec / (limits.read / 1e9), 1000.0),
        "matvec_gweights": rounded((head.rows * head.columns) as f64 / head_ms / 1e6, 1000.0),
        "body_gweights": rounded(weights as f64 / body_ms / 1e6, 1000.0),
        "encode_us_per_dispatch": rounded(encode_us, 100.0),
        "encode_ms_per_token": rounded(encode_us * f64::from(dispatches) / 1000.0, 1000.0),
        "readback_ms": rounded(readback_milliseconds(&device, &clock).await?, 1000.0),
        "dispatches_per_token": dispatched,
        "readback_bytes_per_token": read_back,
        "prefill_tps": prefill,
        "prefill_submits": submits,
        "decode_tps": decode,
        "first_token_ms": first_token_ms,
        "load_s": rounded(load_s, 100.0),
        "gpu_bytes": pass.gpu_bytes(),
        "file_bytes": file_bytes,
    }))
}

/// This process's options, for functions that take them.
fn milliseconds() -> f64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1000.0
}

/// Rounded to a fraction of one, for display.
fn rounded(value: f64, parts: f64) -> Value {
    json!((value * parts).round() / parts)
}
