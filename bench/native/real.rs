//! Compares a real file on the CPU with a record: `real MODEL.gguf RECORD.json TEXT.txt [same]`.
//! With `same`, the record was made from the same file, and logits are compared too. Ends with one
//! line of JSON, which `pkg-scripts/real` formats as a table.

use std::io::Write as _;
use std::rc::Rc;
use std::time::Instant;

use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::engine::Pass;
use hybridge_gemma::source::Memory;
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Model, Tokenizer};
use serde::Deserialize;
use serde_json::{Map, Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Record {
    every: usize,
    tokens: Vec<Encoding>,
    prompts: Vec<Prompt>,
    text: Surprise,
}

#[derive(Deserialize)]
struct Encoding {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Prompt {
    ids: Vec<u32>,
    greedy: Vec<u32>,
    margins: Vec<f64>,
    deviation: f64,
    logits: Vec<f64>,
}

#[derive(Deserialize)]
struct Surprise {
    surprise: f64,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, record, text, is_same) = match arguments.as_slice() {
        [model, record, text] => (model, record, text, false),
        [model, record, text, same] if same == "same" => (model, record, text, true),
        _ => return Err("real MODEL.gguf RECORD.json TEXT.txt [same]".into()),
    };
    let record: Record = serde_json::from_str(&std::fs::read_to_string(record)?)?;
    let text = std::fs::read_to_string(text)?;
    let model = pollster::block_on(Model::open(vec![Rc::new(Memory(std::fs::read(model)?))]))?;
    let tokenizer = Tokenizer::read(model.gguf())?;
    let ids = |text: &str| {
        let mut ids = Vec::new();
        tokenizer.encode_into(text, Control::AsText, &mut ids);
        ids
    };
    let same = record.tokens.iter().filter(|it| ids(&it.text) == it.ids).count();
    let mut passes = Map::new();
    for (name, precision) in [("exact", Precision::Exact), ("fast", Precision::Fast)] {
        let start = Instant::now();
        let mut pass = pollster::block_on(Cpu::load(&model, 2_048, precision))?;
        let load_ms = milliseconds(start);
        let mut report = measure(&mut pass, &[vec![tokenizer.bos()?], ids(&text)].concat())?;
        report.insert("load_ms".to_owned(), json!(load_ms));
        if is_same {
            report.insert("surprise_recorded".to_owned(), json!(record.text.surprise));
            let (distances, alike, clear) = compare(&mut pass, &record)?;
            report.insert("worst".to_owned(), json!(distances.last()));
            report.insert("median".to_owned(), json!(distances.get(distances.len() / 2)));
            report.insert("alike".to_owned(), json!(alike));
            report.insert("clear".to_owned(), json!(clear));
        }
        passes.insert(name.to_owned(), Value::Object(report));
    }
    let report = json!({ "texts": record.tokens.len(), "texts_alike": same, "passes": passes });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Returns the mean of -ln p over the text, and the speed of prefill and decode.
fn measure(pass: &mut Cpu, ids: &[u32]) -> Outcome<Map<String, Value>> {
    let mut total = 0.0;
    pass.forget();
    for (id, next) in ids.iter().zip(ids.iter().skip(1)) {
        pollster::block_on(pass.prefill(&[*id]))?;
        let logits = pollster::block_on(pass.logits())?;
        total += surprise(&logits, *next)?;
    }
    let prompt = ids.get(..256.min(ids.len())).ok_or("the text is empty")?;
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        pass.forget();
        let start = Instant::now();
        pollster::block_on(pass.prefill(prompt))?;
        let mut next = largest(&pollster::block_on(pass.logits())?);
        read.push(milliseconds(start));
        let start = Instant::now();
        for _ in 0..32 {
            pollster::block_on(pass.prefill(&[next]))?;
            next = largest(&pollster::block_on(pass.logits())?);
        }
        written.push(milliseconds(start));
    }
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let report = [
        ("surprise", total / count(ids.len() - 1)),
        ("prefill_tps", count(prompt.len()) / middle(read) * 1e3),
        ("decode_tps", 32.0 / middle(written) * 1e3),
    ];
    Ok(report.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn surprise(logits: &[f32], next: u32) -> Outcome<f64> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|it| f64::from(it - largest).exp()).sum();
    let own = logits.get(usize::try_from(next)?).ok_or("a token outside the vocabulary")?;
    Ok(sum.ln() + f64::from(largest - own))
}

fn largest(logits: &[f32]) -> u32 {
    let at = logits.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
    at.and_then(|(at, _)| u32::try_from(at).ok()).unwrap_or_default()
}

/// Returns differences of logits in standard deviations, sorted, and how many greedy choices along
/// the recorded path agree, of those with a margin above a thousandth.
fn compare(pass: &mut Cpu, record: &Record) -> Outcome<(Vec<f64>, usize, usize)> {
    let (mut distances, mut alike, mut clear) = (Vec::new(), 0, 0);
    for prompt in &record.prompts {
        pass.forget();
        pollster::block_on(pass.prefill(&prompt.ids))?;
        for (step, (chosen, margin)) in prompt.greedy.iter().zip(&prompt.margins).enumerate() {
            let logits = pollster::block_on(pass.logits())?;
            if step == 0 {
                let sampled = logits.iter().step_by(record.every).zip(&prompt.logits);
                distances.extend(
                    sampled.map(|(ours, it)| (f64::from(*ours) - it).abs() / prompt.deviation),
                );
            }
            if *margin > 0.001 {
                clear += 1;
                alike += usize::from(largest(&logits) == *chosen);
            }
            pollster::block_on(pass.prefill(&[*chosen]))?;
        }
    }
    distances.sort_by(f64::total_cmp);
    Ok((distances, alike, clear))
}
