//! Completes few-shot prompts with a base model on the CPU, greedily, up to the end of the line:
//! `few_shot MODEL.gguf ITEMS.jsonl` writes a line of JSON for each item, in the format of
//! `bench/confidence.mjs`.

use std::io::Write as _;
use std::rc::Rc;

use hybridge_core::{Request, Result};
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::engine::Pass;
use hybridge_gemma::generate::{Options, Session};
use hybridge_gemma::sample::Sampler;
use hybridge_gemma::source::Memory;
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Model, Tokenizer};
use serde_json::{Value, json};

type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, items] = arguments.as_slice() else {
        return Err("few_shot MODEL.gguf ITEMS.jsonl".into());
    };
    let items = std::fs::read_to_string(items)?;
    let model = pollster::block_on(Model::open(vec![Rc::new(Memory(std::fs::read(model)?))]))?;
    let tokenizer = Rc::new(Tokenizer::read(model.gguf())?);
    let cpu = pollster::block_on(Cpu::load(&model, 512, Precision::Fast))?;
    for line in items.lines() {
        let item: Value = serde_json::from_str(line)?;
        let prompt = item.get("prompt").and_then(Value::as_str).ok_or("an item has no prompt")?;
        let (text, logprobs) = complete(Box::new(cpu.clone()), &tokenizer, prompt)?;
        let right = item.get("expected").and_then(Value::as_str) == Some(text.trim());
        let line =
            json!({ "task": item.get("task"), "right": right, "text": text, "logprobs": logprobs });
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

fn complete(
    pass: Box<dyn Pass>,
    tokenizer: &Rc<Tokenizer>,
    prompt: &str,
) -> Result<(String, Vec<f32>)> {
    let mut session = Session::new(pass, Some(Rc::clone(tokenizer)));
    let mut ids = vec![tokenizer.bos()?];
    tokenizer.encode_into(prompt, Control::AsText, &mut ids);
    let mut options = Options::of(&Request::default(), 0);
    options.sampler = Sampler::GREEDY;
    options.max_output_tokens = 16;
    options.top = 2;
    options.stop_sequences = vec!["\n".to_owned()];
    pollster::block_on(async {
        let mut generation = session.start(&ids, options).await?;
        let mut logprobs = Vec::new();
        while let Some(piece) = session.next(&mut generation).await? {
            logprobs.extend(piece.choices.iter().map(|choice| choice.logprob));
        }
        Ok((generation.text().to_owned(), logprobs))
    })
}
