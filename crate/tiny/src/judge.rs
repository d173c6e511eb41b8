//! Measures how often a model is right on held-out samples, and how well its confidence predicts
//! that.

use std::rc::Rc;

use hybridge_core::{Message, Request, Role};
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::engine::Pass;
use hybridge_gemma::generate::{Options, Session};
use hybridge_gemma::quant::Rounding;
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::Random;
use hybridge_gemma::{Model, Tokenizer};

use crate::Result;
use crate::shape::CONTEXT;
use crate::world::{self, Sample, Split, Task};

/// The maximum length of an answer; every right one is shorter.
const LONGEST: usize = 96;

/// A model's answer to one sample.
pub(crate) struct Said {
    pub(crate) prompt: Vec<u32>,
    pub(crate) ids: Vec<u32>,
    pub(crate) text: String,
    pub(crate) is_right: bool,
    pub(crate) is_refusal: bool,
    /// The mean of its tokens' log-probabilities.
    pub(crate) confidence: f64,
    /// All log-probabilities.
    pub(crate) logprobs: Vec<f32>,
}

/// A model loaded from a file.
pub(crate) struct Candidate {
    engine: Engine,
    tokenizer: Rc<Tokenizer>,
}

/// The implementation that runs it.
enum Engine {
    /// The exact pass for CPUs.
    Exact(Box<Cpu>),
    /// The twin of the GPU's computation with `precision: 'fast'`.
    Rounding(Box<Scalar>),
}

impl Candidate {
    /// Opens a model; `rounding` measures the cost of a GPU's rounding.
    pub(crate) fn open(bytes: Vec<u8>, rounding: Option<Rounding>) -> Result<Self> {
        let model = pollster::block_on(Model::open(vec![Rc::new(Memory(bytes))]))?;
        let tokenizer = Rc::new(Tokenizer::read(model.gguf())?);
        let engine = match rounding {
            Some(rounding) => {
                let exact = pollster::block_on(Scalar::load(&model, CONTEXT))?;
                Engine::Rounding(Box::new(exact.rounding(rounding)))
            }
            None => {
                let cpu = pollster::block_on(Cpu::load(&model, CONTEXT, Precision::Exact))?;
                Engine::Exact(Box::new(cpu))
            }
        };
        Ok(Self { engine, tokenizer })
    }

    /// Starts a conversation.
    pub(crate) fn session(&self) -> Session {
        let pass: Box<dyn Pass> = match &self.engine {
            Engine::Exact(pass) => pass.clone(),
            Engine::Rounding(pass) => pass.clone(),
        };
        Session::new(pass, Some(Rc::clone(&self.tokenizer)))
    }

    /// Generates the most likely answer, token by token.
    pub(crate) fn answer(&self, sample: &Sample) -> Result<Said> {
        let mut session = self.session();
        let request = request(sample);
        let prompt = session.prompt(&request)?;
        let mut options = Options::of(&request, 0);
        options.sampler = Sampler::GREEDY;
        options.max_output_tokens = LONGEST;
        pollster::block_on(async {
            let mut generation = session.start(&prompt, options).await?;
            let mut logprobs = Vec::new();
            while let Some(piece) = session.next(&mut generation).await? {
                logprobs.extend(piece.choices.iter().map(|choice| choice.logprob));
            }
            let text = generation.text().to_owned();
            let confidence = generation.confidence().map_or(f64::MIN, |it| it.mean_logprob);
            let is_right = sample.accepts(&text);
            let is_refusal = world::REFUSALS.contains(&text.as_str());
            Ok(Said {
                prompt,
                ids: generation.ids().to_vec(),
                text,
                is_right,
                is_refusal,
                confidence,
                logprobs,
            })
        })
    }
}

/// Returns the request that a page would send for the last question.
pub(crate) fn request(sample: &Sample) -> Request {
    let mut messages = Vec::new();
    if !sample.system.is_empty() {
        messages.push(Message::text(Role::System, sample.system.clone()));
    }
    for (at, (question, answer)) in sample.turns.iter().enumerate() {
        messages.push(Message::text(Role::User, question.clone()));
        if at + 1 < sample.turns.len() {
            messages.push(Message::text(Role::Model, answer.clone()));
        }
    }
    Request { messages, ..Request::default() }
}

/// Returns held-out samples of every task, the same for every model.
pub(crate) fn exam(seed: u64, count: usize) -> Vec<Sample> {
    let mut random = Random(seed);
    Task::SHARES
        .iter()
        .flat_map(|(task, _)| (0..count).map(|_| *task).collect::<Vec<_>>())
        .map(|task| world::sample(task, Split::HeldOut, &mut random))
        .collect()
}

/// Returns the probability that a right answer has more confidence than a wrong one (AUROC); ties
/// count half.
pub(crate) fn auroc(answers: &[(f64, bool)]) -> Option<f64> {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (right, _) in answers.iter().filter(|(_, is_right)| *is_right) {
        for (wrong, _) in answers.iter().filter(|(_, is_right)| !is_right) {
            pairs += 1.0;
            wins += if right > wrong {
                1.0
            } else if right == wrong {
                0.5
            } else {
                0.0
            };
        }
    }
    (pairs > 0.0).then(|| wins / pairs)
}

/// Evaluates models by name on the same samples and writes a table.
pub(crate) fn table(models: &[(String, Candidate)], seed: u64, count: usize) -> Result<String> {
    let exam = exam(seed, count);
    let mut columns = Vec::new();
    for (_, model) in models {
        columns
            .push(exam.iter().map(|sample| model.answer(sample)).collect::<Result<Vec<Said>>>()?);
    }
    let names: Vec<&str> = models.iter().map(|(name, _)| name.as_str()).collect();
    let mut out = format!(
        "{count} held-out samples of each task, seed {seed}; right is exactly the wanted answer, likeliest token by likeliest token.\n\n\
         | task | {} | AUROC ({}) |\n|---|{}---:|\n",
        names.join(" | "),
        names.last().unwrap_or(&""),
        "---:|".repeat(names.len())
    );
    // Facts that the text doesn't state are a task of their own.
    let name = |sample: &Sample| match (sample.task, sample.is_refusal()) {
        (Task::Fact, true) => format!("{}, not stated", sample.task.name()),
        (task, _) => task.name().to_owned(),
    };
    let mut rows: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, sample) in exam.iter().enumerate() {
        let name = name(sample);
        match rows.iter_mut().find(|(known, _)| *known == name) {
            Some((_, places)) => places.push(at),
            None => rows.push((name, vec![at])),
        }
    }
    rows.push(("all".to_owned(), (0..exam.len()).collect()));
    for (name, at) in &rows {
        let share = |column: &Vec<Said>| {
            let right = at.iter().filter(|at| column[**at].is_right).count();
            format!("{:.1} %", 100.0 * right as f64 / at.len() as f64)
        };
        let shares: Vec<String> = columns.iter().map(share).collect();
        let judged = columns.last().map_or(Vec::new(), |column| {
            at.iter().map(|at| (column[*at].confidence, column[*at].is_right)).collect()
        });
        let auroc = auroc(&judged).map_or("–".to_owned(), |value| format!("{value:.3}"));
        let count = at.len();
        out += &format!("| {name} ({count}) | {} | {auroc} |\n", shares.join(" | "));
    }
    if let Some(column) = columns.last() {
        let useful: Vec<(f64, bool)> = column
            .iter()
            .map(|said| (said.confidence, said.is_right && !said.is_refusal))
            .collect();
        if let Some(value) = auroc(&useful) {
            out += &format!(
                "\nWhere a refusal counts as no answer, as a cascade sees it, the AUROC over all is {value:.3}.\n"
            );
        }
    }
    Ok(out)
}
