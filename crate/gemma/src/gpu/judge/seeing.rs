//! Tests pictures: vision towers by kernels and by burn, and their rows among tokens, compared with
//! the scalar ones, which are tested with records.

use std::rc::Rc;

use hybridge_core::Result;

use crate::burn::BurnTower;
use crate::cpu::brief;
use crate::engine::{FIRST_ROW, Pass};
use crate::gpu::judge::checks::{GREEDY, near, open, widened, wrong};
use crate::gpu::judge::suite::IS_NATIVE;
use crate::gpu::kernels::to_u32;
use crate::gpu::{Device, KernelPass, KernelTower, Options};
use crate::scalar::{self, Scalar};
use crate::source::Memory;
use crate::testing::{Random, Tiny, TinyTower};
use crate::vision::{Budget, Picture, PictureEncoder, Prepared, VisionModel};

/// Browsers test one, because the other cases do not depend on the browser.
const IN_BROWSERS: [&str; 1] = ["vision_gemma4_standard"];
/// burn tunes its products, which takes long.
const BY_BURN: [&str; 2] = ["vision_gemma3_exchanged", "vision_gemma4"];

/// Checks that rows of pictures agree with the scalar tower.
///
/// # Errors
///
/// Returns the difference.
pub async fn towers_agree(device: &Device) -> Result<()> {
    for tiny in TinyTower::all() {
        if IS_NATIVE || IN_BROWSERS.contains(&tiny.name) {
            tower_agrees(device, &tiny).await?;
        }
    }
    Ok(())
}

async fn tower_agrees(device: &Device, tiny: &TinyTower) -> Result<()> {
    let model = VisionModel::open(vec![Rc::new(Memory(tiny.bytes()))]).await?;
    let mut towers: Vec<Box<dyn PictureEncoder>> =
        vec![Box::new(KernelTower::load(device, &model))];
    if IS_NATIVE && BY_BURN.contains(&tiny.name) {
        towers.push(Box::new(BurnTower::load(device, &model).await?));
    }
    let judge = scalar::load_tower(&model, brief()).await?;
    for (width, height) in [(160, 90), (70, 200)] {
        let picture = Picture::new(width, height, TinyTower::pixels(width, height))?;
        let prepared = Prepared::new(&picture, &model.config, Budget::new(70)?)?;
        let right = judge.encode(&prepared, &mut |_| {}).await?;
        for tower in &towers {
            let mut shares = Vec::new();
            let found = tower.encode(&prepared, &mut |share| shares.push(share)).await?;
            if found.width != right.width || found.tokens() != right.tokens() {
                return wrong(format!("{}: {} rows", tiny.name, found.tokens()));
            }
            near(tiny.name, &found.values, &widened(&right.values))?;
            if !shares.is_sorted() || shares.last() != Some(&1.0) {
                return wrong(format!("{}: {shares:?}", tiny.name));
            }
        }
    }
    Ok(())
}

/// Tokens, or rows of one picture with their IDs.
enum Part {
    Text(Vec<u32>),
    Picture(Vec<u32>, Vec<f32>),
}

impl Part {
    fn ids(&self) -> &[u32] {
        match self {
            Self::Text(ids) | Self::Picture(ids, _) => ids,
        }
    }
}

/// Returns texts of these lengths and pictures of these rows, alternately.
fn parts(lengths: &[usize], tiny: &Tiny, width: usize) -> Vec<Part> {
    let mut random = Random(5);
    let (mut tokens, mut next) = (tiny.prompt(64).into_iter(), FIRST_ROW);
    let part = |(index, length): (usize, &usize)| {
        if index % 2 == 0 {
            return Part::Text(tokens.by_ref().take(*length).collect());
        }
        let rows = (0..length * width).map(|_| 4.0 * random.symmetric()).collect();
        let ids = (next..).take(*length).collect();
        next += to_u32(*length);
        Part::Picture(ids, rows)
    };
    lengths.iter().enumerate().map(part).collect()
}

/// Feeds the parts except for the first `held` IDs.
async fn feed(pass: &mut dyn Pass, parts: &[Part], held: usize) -> Result<()> {
    let (mut rest, width) = (held, pass.config().width);
    for part in parts {
        let skipped = rest.min(part.ids().len());
        rest -= skipped;
        let ids = part.ids().get(skipped..).unwrap_or_default();
        match part {
            _ if ids.is_empty() => {}
            Part::Text(_) => pass.prefill(ids).await?,
            Part::Picture(_, rows) => {
                pass.prefill_rows(ids, rows.get(skipped * width..).unwrap_or_default()).await?;
            }
        }
    }
    Ok(())
}

/// Checks that logits after rows of pictures agree with the scalar pass, wherever a sequence is
/// resumed.
///
/// # Errors
///
/// Returns the difference.
pub(crate) async fn rows_agree(device: &Device, options: Options, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?.with_pictures(40);
    let parts = parts(&[4, 9, 3, 33, 5], tiny, model.config.width);
    let all: Vec<u32> = parts.iter().flat_map(Part::ids).copied().collect();
    let mut pass = KernelPass::load(device, &model, 80, options).await?;
    // After the second picture, and after the text that follows it.
    for length in [4, 5] {
        let parts = parts.get(..length).unwrap_or_default();
        let mut judge = Scalar::load(&model, 80).await?;
        feed(&mut judge, parts, 0).await?;
        let right = widened(&judge.logits().await?);
        feed(&mut pass, parts, 0).await?;
        near(tiny.name, &pass.logits().await?, &right)?;
        let count = parts.iter().map(|part| part.ids().len()).sum::<usize>();
        // In the first text, inside each picture, and before the last token or row.
        for cut in [2, 8, 30, count - 1] {
            // Another conversation, which overwrites the rings.
            let other = tiny.prompt(60);
            let held = pass.resume(&other);
            pass.prefill(other.get(held..).unwrap_or_default()).await?;
            let held = pass.resume(all.get(..cut).unwrap_or_default());
            feed(&mut pass, parts, held).await?;
            near(&format!("{} from {held}", tiny.name), &pass.logits().await?, &right)?;
        }
        // A choice leaves the logits pending, although the pass may submit a token early.
        pass.look_ahead(true);
        let right_token = judge.choose(&GREEDY).await?.token;
        for _ in 0..2 {
            let found = pass.choose(&GREEDY).await?.token;
            if found != right_token {
                return wrong(format!("{}: {found} and not {right_token}", tiny.name));
            }
        }
        near(tiny.name, &pass.logits().await?, &right)?;
        pass.look_ahead(false);
        pass.forget();
    }
    Ok(())
}

/// Checks that rows that do not fit, and models that do not support pictures, are refused.
///
/// # Errors
///
/// Returns what is not refused.
pub(crate) async fn rows_are_checked(device: &Device, options: Options, tiny: &Tiny) -> Result<()> {
    let model = open(tiny).await?;
    let ids = [FIRST_ROW, FIRST_ROW + 1];
    let rows = vec![0.0; 2 * model.config.width];
    let mut blind = KernelPass::load(device, &model, 80, options).await?;
    let code = |outcome: Result<()>| outcome.err().and_then(|error| error.code);
    if code(blind.prefill_rows(&ids, &rows).await).as_deref() != Some("MEDIA_UNSUPPORTED") {
        return wrong("rows of a picture are no tokens".to_owned());
    }
    let model = model.with_pictures(40);
    let mut pass = KernelPass::load(device, &model, 80, options).await?;
    let many: Vec<u32> = (FIRST_ROW..FIRST_ROW + 81).collect();
    let is_refused = pass.prefill_rows(&ids, rows.get(1..).unwrap_or_default()).await.is_err()
        && pass.prefill_rows(&[3, 4], &rows).await.is_err()
        && code(pass.prefill_rows(&many, &vec![0.0; 81 * model.config.width]).await).as_deref()
            == Some("CONTEXT_FULL")
        && pass.prefill(&ids).await.is_err();
    if is_refused { Ok(()) } else { wrong("rows that do not fit were fed".to_owned()) }
}
