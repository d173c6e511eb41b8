//! Checks that rounding a vector changes nothing else.

use std::ops::Range;

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result};

use crate::engine::Pass;
use crate::gpu::device::launcher::{Launcher as _, Progress, Recorder};
use crate::gpu::judge::checks::{Kind, agrees_with_record, distance, open, wrong};
use crate::gpu::judge::self_check::ramp;
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::planes::Format;
use crate::gpu::kernels::products::{Ending, Product, Rows};
use crate::gpu::kernels::upload::Uploader;
use crate::gpu::{Device, KernelPass, Options, Plan};
use crate::quant::{Encoding, Rounding, encode::encode};
use crate::scalar::Scalar;
use crate::scalar::vector::dot;
use crate::testing::Tiny;

/// Tolerances of a rounding, in standard deviations.
struct Bounds {
    /// Compared with the sum over the rounded vector: halves are rounded once more when added.
    product: f64,
    /// Compared with its twin: a number between two others may round to either, which random layers
    /// amplify. Rounding itself costs more.
    twin: f64,
    /// The error of rounding in random networks.
    loss: Range<f64>,
}

fn bounds(rounding: Rounding) -> Bounds {
    match rounding {
        Rounding::Halves => Bounds { product: 1e-2, twin: 0.03, loss: 1e-4..0.05 },
        Rounding::Bytes => Bounds { product: 1e-5, twin: 0.03, loss: 1e-3..0.35 },
    }
}

/// Returns the rounding plans that this device can run, one for each kind of adapter.
fn plans(device: &Device) -> impl Iterator<Item = (Plan, Rounding)> {
    let plans = [Plan::alone(device.facts()), Plan::TOGETHER];
    let rounded = plans.into_iter().flat_map(|plan| plan.roundings(device.facts(), true));
    rounded.filter_map(|plan| plan.rounding().map(|rounding| (plan, rounding)))
}

const ROWS: usize = 41;
const COLUMNS: usize = 512;

/// Checks that products with rounded vectors are sums over exactly those, in every encoding that
/// has them.
///
/// # Errors
///
/// Returns the difference.
pub async fn rounded_products_are_sums(device: &Device, _: &Tiny) -> Result<()> {
    let input = ramp(COLUMNS, 11);
    let weights: Vec<f32> = ramp(ROWS * COLUMNS, 17);
    for encoding in Encoding::ALL {
        if !Format::of(encoding).is_whole() {
            continue;
        }
        let bytes = encode(encoding, &weights);
        let mut decoded = vec![0.0; weights.len()];
        encoding.decode(&bytes, &mut decoded);
        for (plan, rounding) in plans(device) {
            let left = rounding.of(&input);
            let expected: Vec<f64> =
                decoded.chunks_exact(COLUMNS).map(|row| dot(row, &left)).collect();
            let words: Vec<u8> =
                rounding.words(&input).into_iter().flat_map(u32::to_le_bytes).collect();
            let found = product(device, plan, encoding, &bytes, &words).await?;
            let worst = distance(&found, &expected);
            if worst > bounds(rounding).product {
                return wrong(format!("{} {}: {worst:.1e}", encoding.name(), plan.name()));
            }
        }
    }
    Ok(())
}

/// Checks that lanes that sum by shuffles are correct, or report that they cannot: they are wrong
/// on no adapter.
///
/// # Errors
///
/// Returns what is wrong.
pub async fn subgroups_are_right_or_told(device: &Device, tiny: &Tiny) -> Result<()> {
    let facts = device.facts();
    if !facts.subgroups {
        return Ok(());
    }
    let (input, weights) = (ramp(COLUMNS, 11), ramp(ROWS * COLUMNS, 17));
    let bytes = encode(Encoding::Q4_0, &weights);
    let mut decoded = vec![0.0; weights.len()];
    Encoding::Q4_0.decode(&bytes, &mut decoded);
    let expected: Vec<f64> = decoded.chunks_exact(COLUMNS).map(|row| dot(row, &input)).collect();
    let vector: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
    for plan in [Plan::SHUFFLING_4, Plan::SHUFFLING_8, Plan::SHUFFLING_32] {
        let found = product(device, plan, Encoding::Q4_0, &bytes, &vector).await?;
        let is_right = distance(&found, &expected) < 1e-5;
        let is_told = found.iter().all(|value| value.is_nan());
        let must = plan.shape().lanes <= facts.subgroup_min_size;
        if !is_right && (must || !is_told) {
            return wrong(format!("{}: {found:?}", plan.name()));
        }
    }
    if facts.subgroup_min_size < 4 {
        return Ok(());
    }
    let plan = Some(Plan::SHUFFLING_4);
    let options = Options { chunk: 40, software: Some(false), plan, ..Options::USUAL };
    agrees_with_record(device, Kind::Kernels(options), tiny).await
}

async fn product(
    device: &Device,
    plan: Plan,
    encoding: Encoding,
    matrix: &[u8],
    vector: &[u8],
) -> Result<Vec<f32>> {
    let mut uploader = Uploader::new(device.clone(), None);
    let recorder = Recorder::new(device.clone());
    let planes = uploader.packed(encoding, [ROWS, COLUMNS], matrix)?;
    let input = uploader.values("input", vector.len() / 4)?;
    recorder.write(&input, 0, vector);
    let output = uploader.values("output", ROWS)?;
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let progress = uploader.buffer("progress", 16, usage)?;
    recorder.write(&progress, 0, &[0_u32, 1, 0, 0].map(u32::to_le_bytes).concat());
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = uploader.buffer("output to read", output.size(), usage)?;
    let product = Product {
        label: "rounded product",
        rows: Rows::Stacked(vec![planes.shape]),
        in_quads: crate::gpu::kernels::to_u32(COLUMNS / 4),
        out_stride: 0,
        out_first: 0,
        ending: Ending::Plain,
        intake: Intake::Stored,
    };
    let (source, grid) = product.for_one(plan, None);
    let kernel = recorder.kernel(&source);
    let mut bound = vec![&input, &output, &progress];
    bound.extend(planes.buffers());
    let dispatch = recorder.bind(&kernel, &bound, grid);
    recorder.run(&[&[dispatch]], Progress { position: 0, tokens: 1 }, &[(&output, &staging)]);
    let bytes = recorder.read(&staging).await?;
    let words = bytes.as_chunks::<4>().0.iter().take(ROWS);
    Ok(words.map(|word| f32::from_le_bytes(*word)).collect())
}

/// Checks that decoding with rounded vectors agrees with its twin, that prompts are not rounded,
/// and that the error is as measured.
///
/// # Errors
///
/// Returns the difference.
pub async fn rounding_agrees_with_its_twin(device: &Device, tiny: &Tiny) -> Result<()> {
    for (plan, rounding) in plans(device) {
        let (loss, bounds) = (rounding_loss(device, plan, rounding, tiny).await?, bounds(rounding));
        if loss.beside_twin > bounds.twin || !bounds.loss.contains(&loss.of_decoding) {
            return wrong(format!("{}: {loss:?}", plan.name()));
        }
        if loss.of_reading > crate::gpu::judge::checks::TOLERANCE {
            return wrong(format!("{} while reading: {loss:?}", plan.name()));
        }
    }
    Ok(())
}

/// Errors of logits, in standard deviations.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// After a prompt.
    of_reading: f64,
    /// After tokens that were fed one by one.
    of_decoding: f64,
    /// From the scalar pass with the same rounding.
    beside_twin: f64,
}

/// Measures the error of a plan on a tiny model.
async fn rounding_loss(
    device: &Device,
    plan: Plan,
    rounding: Rounding,
    tiny: &Tiny,
) -> Result<Loss> {
    let model = open(tiny).await?;
    let text = tiny.prompt(24);
    let (prompt, steps) = text.split_at(16);
    let software = Some(plan.shape().lanes == 1);
    let options = Options { chunk: 32, software, plan: Some(plan), ..Options::USUAL };
    let mut pass = KernelPass::load(device, &model, 32, options).await?;
    let mut exact = Scalar::load(&model, 32).await?;
    let mut twin = exact.clone().rounding(rounding);
    let mut results = Vec::new();
    let passes: [&mut dyn Pass; 3] = [&mut pass, &mut twin, &mut exact];
    for it in passes {
        it.prefill(prompt).await?;
        results.push(it.logits().await?);
        for token in steps {
            it.prefill(std::slice::from_ref(token)).await?;
        }
        results.push(it.logits().await?);
    }
    let apart = |found: &[f32], right: &[f32]| {
        distance(found, &right.iter().copied().map(f64::from).collect::<Vec<_>>())
    };
    match results.as_slice() {
        [read, decoded, _, rounded, right, exact] => Ok(Loss {
            of_reading: apart(read, right),
            of_decoding: apart(decoded, exact),
            beside_twin: apart(decoded, rounded),
        }),
        _ => Err(Error::internal("three passes tell twice")),
    }
}
