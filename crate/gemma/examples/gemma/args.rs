//! Parses the command line.

use std::path::PathBuf;
use std::str::FromStr;

use hybridge_core::{Error, Result};
use hybridge_gemma::embed::Task;
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::template::Form;
use hybridge_gemma::vision::Budget;

pub(crate) const HELP: &str = "\
gemma MODEL.gguf [WORK] [OPTIONS]

WORK
  --prompt TEXT          one question, through the chat template
  --messages FILE.json   a conversation or a whole request, through the chat template
  --raw TEXT             a text after <bos>, without the template; control pieces in it are parsed
  --ids 2,105,-1,...     token ids as they are; -1 is the next row of the pictures given
  --tokenize TEXT        the ids of a text, without <bos>; --special parses control pieces
  --embed TEXT           a vector; --task NAME puts that task's prefix before the text,
                         --dimensions N keeps the first N values
  --info                 what the file holds
  --image-embeddings     the rows that pictures become

OPTIONS
  --backend NAME         gpu (default), cpu, burn or scalar; --exact keeps activations of cpu in f32;
                         with pictures gpu and burn mean cpu --exact
  --tokens N             at most N tokens (128)
  --temperature T        0 is greedy (0)
  --top-k K --top-p P --min-p P --seed S
  --template NAME        auto (default), chat, or none: the text alone, as auto takes it for base models
  --think                thoughts first, on standard error, where the model knows how
  --think-budget N       at most N tokens of thought; 0 for none
  --stop TEXT            ends the answer; can be given several times
  --top-logits K         the K largest logits of the last prompt position
  --lora FILE.gguf       an adapter, applied at load; FILE.gguf:0.5 at half its strength;
                         can be given several times
  --mmproj FILE.gguf     the vision tower of the model
  --image FILE.png       a picture; can be given several times
  --image-tokens N       at most N tokens a picture: 70, 140, 280 (default), 560 or 1120
  --json                 one object instead of text
";

/// The forward pass to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Scalar,
    Burn,
    Gpu,
    /// The CPU's fast pass, which rounds activations to 8 bits unless `exact` is set.
    Cpu {
        is_exact: bool,
    },
}

/// All options.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) model: PathBuf,
    pub(crate) backend: Backend,
    pub(crate) json: bool,
    /// Adapters and their scales.
    pub(crate) adapters: Vec<(PathBuf, f32)>,
    pub(crate) pictures: Pictures,
    pub(crate) work: Work,
}

/// Pictures, and the tower that reads them.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) mmproj: Option<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) budget: Budget,
}

/// The command.
#[derive(Debug)]
pub(crate) enum Work {
    Info,
    ImageEmbeddings,
    Tokenize { text: String, special: bool },
    Embed { text: String, task: Option<Task>, dimensions: Option<usize> },
    Generate(Generate),
}

/// Generate an answer.
#[derive(Debug)]
pub(crate) struct Generate {
    pub(crate) prompt: Prompt,
    pub(crate) form: Form,
    pub(crate) thinks: bool,
    pub(crate) think_budget: Option<u32>,
    pub(crate) sampler: Sampler,
    pub(crate) tokens: usize,
    pub(crate) stop: Vec<String>,
    pub(crate) top_logits: usize,
}

/// The prompt.
#[derive(Debug)]
pub(crate) enum Prompt {
    Text(String),
    Messages(PathBuf),
    Raw(String),
    /// The next row of a picture, if there is no ID.
    Ids(Vec<Option<u32>>),
}

impl Args {
    /// Parses the arguments; `None` requests the help.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut words = words;
        let mut model = None;
        let (mut backend, mut json, mut special) = (Backend::Gpu, false, false);
        let mut is_exact = false;
        let (mut task, mut dimensions) = (None, None);
        let (mut form, mut thinks, mut think_budget) = (Form::Auto, false, None);
        let mut work = None;
        let mut prompt = None;
        let (mut tokens, mut top_logits, mut stop) = (128, 0, Vec::new());
        let (mut mmproj, mut files, mut budget) = (None, Vec::new(), Budget::USUAL);
        let mut adapters = Vec::new();
        let mut sampler = Sampler { top_k: 64, top_p: 0.95, ..Sampler::GREEDY };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| wrong(&format!("{word} needs a value")));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => json = true,
                "--exact" => is_exact = true,
                "--special" => special = true,
                "--image-embeddings" => work = Some(Work::ImageEmbeddings),
                "--lora" => adapters.push(adapter(&value()?)),
                "--mmproj" => mmproj = Some(PathBuf::from(value()?)),
                "--image" => files.push(PathBuf::from(value()?)),
                "--image-tokens" => budget = Budget::new(number(&word, &value()?)?)?,
                "--info" => work = Some(Work::Info),
                "--backend" => backend = self::backend(&value()?)?,
                "--prompt" => prompt = Some(Prompt::Text(value()?)),
                "--raw" => prompt = Some(Prompt::Raw(value()?)),
                "--messages" => prompt = Some(Prompt::Messages(value()?.into())),
                "--ids" => prompt = Some(Prompt::Ids(ids(&value()?)?)),
                "--tokenize" => work = Some(Work::Tokenize { text: value()?, special: false }),
                "--embed" => {
                    work = Some(Work::Embed { text: value()?, task: None, dimensions: None });
                }
                "--task" => task = Some(self::task(&value()?)?),
                "--dimensions" => dimensions = Some(number(&word, &value()?)?),
                "--template" => form = self::form(&value()?)?,
                "--think" => thinks = true,
                "--think-budget" => think_budget = Some(number(&word, &value()?)?),
                "--tokens" => tokens = number(&word, &value()?)?,
                "--temperature" => sampler.temperature = number(&word, &value()?)?,
                "--top-k" => sampler.top_k = number(&word, &value()?)?,
                "--top-p" => sampler.top_p = number(&word, &value()?)?,
                "--min-p" => sampler.min_p = number(&word, &value()?)?,
                "--seed" => sampler.seed = number(&word, &value()?)?,
                "--stop" => stop.push(value()?),
                "--top-logits" => top_logits = number(&word, &value()?)?,
                _ if word.starts_with("--") => return Err(wrong(&format!("{word} is unknown"))),
                _ if model.is_none() => model = Some(PathBuf::from(word)),
                _ => return Err(wrong(&format!("{word} is one word too many"))),
            }
        }
        if let Backend::Cpu { .. } = backend {
            backend = Backend::Cpu { is_exact };
        }
        let Some(model) = model else { return Ok(None) };
        let work = match (work, prompt) {
            (Some(Work::Tokenize { text, .. }), _) => Work::Tokenize { text, special },
            (Some(Work::Embed { text, .. }), _) => Work::Embed { text, task, dimensions },
            (Some(work), _) => work,
            (None, Some(prompt)) => {
                let thinks = thinks || think_budget.is_some_and(|budget| budget > 0);
                Work::Generate(Generate {
                    prompt,
                    form,
                    thinks,
                    think_budget,
                    sampler,
                    tokens,
                    stop,
                    top_logits,
                })
            }
            (None, None) => return Ok(None),
        };
        let pictures = Pictures { mmproj, files, budget };
        Ok(Some(Self { model, backend, json, adapters, pictures, work }))
    }
}

/// Splits a path from the scale after its last colon, if that is a number.
fn adapter(word: &str) -> (PathBuf, f32) {
    let scaled = word.rsplit_once(':').and_then(|(path, scale)| Some((path, scale.parse().ok()?)));
    let (path, scale) = scaled.unwrap_or((word, 1.0));
    (PathBuf::from(path), scale)
}

fn backend(name: &str) -> Result<Backend> {
    match name {
        "scalar" => Ok(Backend::Scalar),
        "burn" => Ok(Backend::Burn),
        "gpu" => Ok(Backend::Gpu),
        "cpu" => Ok(Backend::Cpu { is_exact: false }),
        _ => Err(wrong("--backend is scalar, cpu, burn or gpu")),
    }
}

fn form(name: &str) -> Result<Form> {
    match name {
        "auto" => Ok(Form::Auto),
        "chat" => Ok(Form::Chat),
        "none" => Ok(Form::None),
        _ => Err(wrong("--template is auto, chat or none")),
    }
}

fn task(name: &str) -> Result<Task> {
    Task::parse(name).ok_or_else(|| {
        let names = Task::ALL.map(Task::name).join(", ");
        wrong(&format!("--task is one of {names}"))
    })
}

fn ids(text: &str) -> Result<Vec<Option<u32>>> {
    let id = |text: &str| match text.trim() {
        "-1" => Ok(None),
        text => number("--ids", text).map(Some),
    };
    text.split(',').map(id).collect()
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| wrong(&format!("{name} needs a number, not {text}")))
}

fn wrong(message: &str) -> Error {
    Error::invalid(message.to_owned())
}
