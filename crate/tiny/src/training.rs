//! The training loop: batches, steps, progress, checkpoints, and a loss curve.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use hybridge_gemma::quant::Encoding;
use hybridge_gemma::testing::{Random, Vocabulary};
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Config, Tokenizer};

use crate::batch::{Batch, Batches, Row};
use crate::learning::Optimiser;
use crate::learning::pass::Pass;
use crate::learning::weights::{Layout, untrained};
use crate::shape::Shape;
use crate::world::{self, Split, Task};
use crate::{Result, curve, pack};

/// The settings of a training. The same plan produces the same model.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) steps: usize,
    pub(crate) tokens: usize,
    pub(crate) rate: f32,
    pub(crate) shape: Shape,
    /// Whether to train with burn's autodiff instead of the hand-written passes.
    pub(crate) by_burn: bool,
    /// The folder for checkpoints, the curve and the log.
    pub(crate) folder: PathBuf,
}

/// Parts of a batch, each on its own thread. Fixed, so that sums are the same on every machine.
const PARTS: usize = 2;
/// The number of steps between evaluations on the held-out half, each of which writes a checkpoint.
const LOOK: usize = 500;
/// The number of held-out samples of each task per evaluation.
const LOOKED_AT: usize = 48;

impl Plan {
    /// Linear warm-up, then a cosine decay to a twentieth.
    fn rate_at(&self, step: usize) -> f32 {
        let warm = (self.steps / 30).clamp(20, 300);
        if step < warm {
            return self.rate * (step + 1) as f32 / warm as f32;
        }
        let done = (step - warm) as f32 / (self.steps - warm).max(1) as f32;
        self.rate * (0.05 + 0.475 * (1.0 + (std::f32::consts::PI * done).cos()))
    }
}

/// Trains, and writes `tiny-f32.gguf` and `curve.svg` to the folder.
pub(crate) fn train(plan: &Plan, vocabulary: &Vocabulary, tokenizer: &Tokenizer) -> Result<()> {
    std::fs::create_dir_all(&plan.folder)?;
    let config = plan.shape.config(vocabulary.pieces.len());
    let layout = Layout::new(&config);
    let mut weights = untrained(&config, &layout, plan.seed);
    say(
        &plan.folder,
        &format!("{} weights, {} pieces, {plan:?}", layout.total, config.vocabulary),
    )?;
    let mut batches = Batches::new(tokenizer, plan.seed ^ 0xba7c, plan.tokens);
    let exam = exam(tokenizer, plan.tokens)?;
    let openers: Vec<usize> = world::REFUSALS
        .iter()
        .filter_map(|text| tokenizer.encode(text, Control::AsText).first().map(|id| *id as usize))
        .collect();
    let mut optimiser = Optimiser::new(&layout);
    let mut passes: [Pass; PARTS] = Default::default();
    let (mut losses, mut looks) = (Vec::new(), Vec::new());
    let (began, mut tokens) = (Instant::now(), 0);
    for step in 0..plan.steps {
        let parts = batches.next(PARTS)?;
        tokens += parts.iter().map(|part| part.inputs.len()).sum::<usize>();
        let count = parts.iter().map(|part| part.places.len()).sum::<usize>() as f32;
        let (config_of, layout_of, weights_of) = (&config, &layout, &weights);
        let learn = |pass: &mut Pass, part: &Batch| {
            #[cfg(feature = "twin")]
            if plan.by_burn {
                let (loss, found) =
                    crate::twin::learn(config_of, layout_of, weights_of, part, 1.0 / count);
                pass.gradients = found;
                return loss;
            }
            pass.forward(config_of, layout_of, weights_of, part);
            pass.backward(config_of, layout_of, weights_of, part, 1.0 / count)
        };
        let value = std::thread::scope(|scope| {
            let threads: Vec<_> = passes
                .iter_mut()
                .zip(&parts)
                .map(|(pass, part)| scope.spawn(move || learn(pass, part)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(f32::NAN)).sum::<f32>()
        }) / count;
        if !value.is_finite() {
            return Err(format!("the loss is {value} at step {step}").into());
        }
        losses.push(value);
        let [first, others @ ..] = &mut passes;
        for other in others.iter().take(parts.len() - 1) {
            for (sum, gradient) in first.gradients.iter_mut().zip(&other.gradients) {
                *sum += gradient;
            }
        }
        let norm = optimiser.step(&layout, &mut weights, &first.gradients, plan.rate_at(step));
        let seconds = began.elapsed().as_secs_f32();
        if step % 25 == 24 {
            let recent = losses.iter().rev().take(25).sum::<f32>() / 25.0;
            let speed = tokens as f32 / seconds;
            let left = seconds / (step + 1) as f32 * (plan.steps - step - 1) as f32 / 60.0;
            say(
                &plan.folder,
                &format!(
                    "step {:5}  loss {recent:.4}  gradient {norm:.2}  {speed:.0} tokens/s  {:.1} min, {left:.1} left",
                    step + 1,
                    seconds / 60.0
                ),
            )?;
        }
        if step % LOOK == LOOK - 1 || step + 1 == plan.steps {
            let scores = look(&mut passes[0], &config, &layout, &weights, &exam, &openers);
            let line: Vec<String> = scores
                .iter()
                .map(|(task, score)| format!("{} {:.0}", task.name(), score * 100.0))
                .collect();
            say(&plan.folder, &format!("held out: {}", line.join(", ")))?;
            looks.push((step + 1, scores));
            std::fs::write(plan.folder.join("curve.svg"), curve::svg(&losses, &looks))?;
            let file = pack::pack(&weights, &layout, &config, vocabulary, Encoding::F32);
            std::fs::write(plan.folder.join("tiny-f32.gguf"), file)?;
        }
    }
    Ok(())
}

/// Held-out rows by task, a batch of each.
fn exam(tokenizer: &Tokenizer, tokens: usize) -> Result<Vec<(Task, Vec<Batch>)>> {
    let mut random = Random(0xe7a3);
    let mut exam = Vec::new();
    for (task, _) in Task::SHARES {
        let rows = (0..LOOKED_AT)
            .map(|_| Row::new(tokenizer, &world::sample(task, Split::HeldOut, &mut random)))
            .collect::<Result<Vec<Row>>>()?;
        let each = (tokens / rows.iter().map(|row| row.ids.len()).max().unwrap_or(1)).max(1);
        exam.push((task, rows.chunks(each).map(Batch::new).collect()));
    }
    Ok(exam)
}

/// Returns the share of rows in which every token of every answer is the most likely one.
fn look(
    pass: &mut Pass,
    config: &Config,
    layout: &Layout,
    weights: &[f32],
    exam: &[(Task, Vec<Batch>)],
    openers: &[usize],
) -> BTreeMap<Task, f32> {
    let mut scores = BTreeMap::new();
    for (task, batches) in exam {
        let (mut right, mut all) = (0, 0);
        for batch in batches {
            pass.forward(config, layout, weights, batch);
            let mut is_right = vec![true; batch.rows];
            let rows = pass.logits.chunks_exact(config.vocabulary);
            for ((row, target), owner) in rows.zip(&batch.targets).zip(&batch.owners) {
                let is_likeliest = |id: usize| row.iter().all(|logit| *logit <= row[id]);
                // A refusal has one turn and several possible beginnings.
                is_right[*owner] &= is_likeliest(*target as usize)
                    || (batch.refuses[*owner] && openers.iter().any(|id| is_likeliest(*id)));
            }
            right += is_right.iter().filter(|is_right| **is_right).count();
            all += batch.rows;
        }
        scores.insert(*task, right as f32 / all.max(1) as f32);
    }
    scores
}

/// Prints a line and appends it to the log.
fn say(folder: &Path, line: &str) -> Result<()> {
    use std::io::Write;
    println!("{line}");
    let mut log =
        std::fs::OpenOptions::new().create(true).append(true).open(folder.join("training.log"))?;
    writeln!(log, "{line}")?;
    Ok(())
}
