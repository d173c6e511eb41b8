//! Checks that prompts whose dispatches are split give exactly the same numbers.

use hybridge_core::Result;

use crate::engine::{Pass as _, TextEmbedder as _};
use crate::gpu::judge::checks::{GREEDY, open, wrong};
use crate::gpu::judge::costs::dropped_at;
use crate::gpu::judge::suite::IS_NATIVE;
use crate::gpu::{Counters, Device, KernelEmbedder, KernelPass, Options};
use crate::testing::Tiny;

const ROOM: usize = 64;

/// Returns logits after a prompt of three chunks and after some more tokens, and the cost of the
/// prompt.
async fn read(device: &Device, tiny: &Tiny, options: Options) -> Result<(Vec<f32>, Counters)> {
    let mut pass = KernelPass::load(device, &open(tiny).await?, ROOM, options).await?;
    let before = pass.counters();
    pass.prefill(&tiny.prompt(40)).await?;
    let spent = pass.counters() - before;
    let mut logits = pass.logits().await?;
    let mut last = pass.choose(&GREEDY).await?.token;
    for _ in 0..3 {
        last = pass.step(last, &GREEDY).await?.token;
    }
    pass.prefill(&tiny.prompt(9)).await?;
    logits.extend(pass.logits().await?);
    Ok((logits, spent))
}

/// Checks that submissions of any size run the same workgroups with the same results.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn cutting_changes_nothing(
    device: &Device,
    tiny: &Tiny,
    options: Options,
) -> Result<()> {
    let (expected, whole) = read(device, tiny, options).await?;
    let mut most = whole.submits;
    // Each workgroup alone. In a browser each wait takes long: for most, each dispatch in two or
    // more parts.
    let finest = if IS_NATIVE || tiny.name == "q4_0" { 1 } else { 600_000 };
    for budget in [20_000_000, 1_500_000, finest] {
        let submission = Some(budget);
        let (found, cut) = read(device, tiny, Options { submission, ..options }).await?;
        if found != expected {
            return wrong(format!("by {budget} multiply-adds the logits differ"));
        }
        let is_bounded = cut.submits >= most && cut.dispatches <= whole.workgroups;
        if cut.workgroups != whole.workgroups || !is_bounded {
            return wrong(format!("by {budget} multiply-adds {cut:?}, whole {whole:?}"));
        }
        most = cut.submits;
        if budget == finest && (cut.submits != cut.dispatches || cut.dispatches <= whole.dispatches)
        {
            return wrong(format!("nothing was cut: {cut:?}"));
        }
    }
    Ok(())
}

/// The same for a text that is embedded, all of whose tokens attend to each other.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn cutting_changes_no_vector(device: &Device, tiny: &Tiny) -> Result<()> {
    let (model, text) = (open(tiny).await?, tiny.prompt(40));
    let (mut vectors, mut dispatches) = (Vec::new(), Vec::new());
    for submission in [None, Some(1_500_000), Some(1)] {
        let options = Options { submission, ..Options::USUAL };
        let mut encoder = KernelEmbedder::load(device, &model, ROOM, options).await?;
        vectors.push(encoder.encode(&text).await?);
        dispatches.push(encoder.counters().dispatches);
    }
    let is_same = vectors.iter().all(|vector| Some(vector) == vectors.first());
    if is_same && dispatches.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    wrong(format!("by {dispatches:?} dispatches vectors differ"))
}

/// Checks that a prompt aborted during a dispatch leaves nothing behind that affects the next one.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn stopping_amid_a_dispatch_is_right(
    device: &Device,
    tiny: &Tiny,
    options: Options,
) -> Result<()> {
    let model = open(tiny).await?;
    let prompt = tiny.prompt(40);
    let mut whole = KernelPass::load(device, &model, ROOM, options).await?;
    whole.prefill(&prompt).await?;
    let expected = whole.logits().await?;
    let options = Options { submission: Some(1), ..options };
    let mut pass = KernelPass::load(device, &model, ROOM, options).await?;
    let mut amid = 0;
    let waits = [1, 2, 3, 4, 6, 9, 14, 22, 35, 56, 90, 150];
    for wait in waits.into_iter().step_by(if IS_NATIVE { 1 } else { 2 }) {
        // A single token, as in decoding, then all missing ones.
        for is_alone in [true, false] {
            pass.rewind(0);
            if dropped_at(wait, pass.prefill(&prompt)).await {
                continue;
            }
            amid += u32::from(pass.known.progress.is_none());
            let position = pass.position();
            let rest = prompt.get(position..).unwrap_or_default();
            if !is_alone {
                pass.prefill(rest).await?;
                if pass.logits().await? != expected {
                    return wrong(format!("the prompt stopped at wait {wait} differs"));
                }
                continue;
            }
            let token = rest.first().copied().unwrap_or_default();
            whole.rewind(position);
            let step = whole.step(token, &GREEDY).await?;
            if pass.step(token, &GREEDY).await? != step
                || pass.logits().await? != whole.logits().await?
            {
                return wrong(format!("the token after a stop at wait {wait} differs"));
            }
            // Restores what was overwritten.
            whole.rewind(position);
            whole.prefill(rest).await?;
        }
    }
    if amid >= 8 { Ok(()) } else { wrong(format!("{amid} were stopped amid a chunk")) }
}
