//! Trains, evaluates and packs the tiny model. See README.md beside this crate.

mod batch;
#[cfg(any(test, feature = "twin"))]
#[expect(dead_code, reason = "training does not use the cache of the engine's module")]
mod burn_model;
mod curve;
mod held;
mod judge;
mod learning;
mod pack;
mod shape;
#[cfg(feature = "twin")]
mod speed;
#[cfg(test)]
mod tests;
mod training;
#[cfg(any(test, feature = "twin"))]
mod twin;
mod vocabulary;
mod world;

use std::path::PathBuf;
use std::rc::Rc;

use hybridge_gemma::Tokenizer;
use hybridge_gemma::gguf::Gguf;
use hybridge_gemma::quant::{Encoding, Rounding};
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Random, Writer};

use shape::Shape;
use training::Plan;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name: &str, default: usize| -> Result<usize> {
        Ok(option(name).map_or(Ok(default), |text| text.parse())?)
    };
    let shape = || -> Result<Shape> {
        Ok(Shape {
            layers: number("--layers", 6)?,
            width: number("--width", 160)?,
            hidden: number("--hidden", 512)?,
            heads: number("--heads", 4)?,
            kv_heads: number("--kv", 2)?,
            head_dim: number("--head", 32)?,
        })
    };
    let vocabulary = vocabulary::vocabulary();
    let mut writer = Writer::default();
    vocabulary.write(&mut writer);
    let gguf = pollster::block_on(Gguf::open(vec![Rc::new(Memory(writer.bytes()))]))?;
    let tokenizer = Tokenizer::read(&gguf)?;
    match arguments.first().map(String::as_str) {
        Some("train") => {
            let plan = Plan {
                seed: number("--seed", 1)? as u64,
                steps: number("--steps", 9000)?,
                tokens: number("--tokens", 3072)?,
                rate: option("--rate").map_or(Ok(3e-3), |text| text.parse())?,
                shape: shape()?,
                by_burn: arguments.iter().any(|argument| argument == "--burn"),
                folder: PathBuf::from(option("--out").unwrap_or_else(|| "target/tiny".to_owned())),
            };
            if plan.by_burn && !cfg!(feature = "twin") {
                return Err("--burn needs a build with `--features twin`".into());
            }
            training::train(&plan, &vocabulary, &tokenizer)
        }
        Some("show") => {
            let mut random = Random(number("--seed", 1)? as u64);
            for _ in 0..number("--count", 30)? {
                let sample = world::any(&mut random);
                let row = batch::Row::new(&tokenizer, &sample)?;
                let pieces: Vec<String> =
                    row.ids.iter().map(|id| vocabulary.pieces[*id as usize].clone()).collect();
                println!(
                    "{:?} {} tokens: {}\n  {:?}",
                    sample.task,
                    row.ids.len(),
                    pieces.join("|"),
                    sample.turns
                );
            }
            println!("{} pieces: {:?}", vocabulary.pieces.len(), &vocabulary.pieces[494..]);
            Ok(())
        }
        // judge NAME=FILE…: the last model's confidence is evaluated as well. --rounding
        // halves|bytes rounds like a GPU.
        Some("judge") => {
            let rounding = match arguments.iter().position(|argument| argument == "--rounding") {
                None => None,
                Some(at) => match arguments.get(at + 1).map(String::as_str) {
                    Some("halves") => Some(Rounding::Halves),
                    Some("bytes") => Some(Rounding::Bytes),
                    _ => return Err("--rounding halves|bytes".into()),
                },
            };
            let models = arguments[1..]
                .iter()
                .filter_map(|argument| argument.split_once('='))
                .map(|(name, path)| {
                    Ok((name.to_owned(), judge::Candidate::open(std::fs::read(path)?, rounding)?))
                })
                .collect::<Result<Vec<_>>>()?;
            let (seed, count) = (number("--seed", 2)? as u64, number("--count", 300)?);
            print!("{}", judge::table(&models, seed, count)?);
            Ok(())
        }
        // held FILE: extraction with and without the grammar.
        Some("held") => {
            let path = arguments.get(1).ok_or("held FILE")?;
            let model = judge::Candidate::open(std::fs::read(path)?, None)?;
            let (seed, count) = (number("--seed", 2)? as u64, number("--count", 500)?);
            print!("{}", held::table(&model, seed, count)?);
            Ok(())
        }
        // pack F32-FILE ENCODING FILE
        Some("pack") => {
            let [_, from, encoding, to] = arguments.as_slice() else {
                return Err("pack F32-FILE q8_0|q4_0|f16 FILE".into());
            };
            let encoding = match encoding.as_str() {
                "q8_0" => Encoding::Q8_0,
                "q4_0" => Encoding::Q4_0,
                "f16" => Encoding::F16,
                other => return Err(format!("no encoding {other}").into()),
            };
            Ok(std::fs::write(to, pack::repack(&std::fs::read(from)?, &vocabulary, encoding)?)?)
        }
        // answers FILE: JSON lines of prompts and answers, to compare with another engine.
        Some("answers") => {
            let path = arguments.get(1).ok_or("answers FILE")?;
            let model = judge::Candidate::open(std::fs::read(path)?, None)?;
            for sample in judge::exam(number("--seed", 3)? as u64, number("--count", 20)?) {
                let said = model.answer(&sample)?;
                println!(
                    "{}",
                    serde_json::json!({
                        "task": sample.task.name(), "system": sample.system, "turns": sample.turns,
                        "prompt": said.prompt, "ids": said.ids, "text": said.text, "right": said.is_right,
                        "refusal": said.is_refusal, "confidence": said.confidence, "logprobs": said.logprobs,
                    })
                );
            }
            Ok(())
        }
        #[cfg(feature = "twin")]
        Some("speed") => speed::compare(shape()?, vocabulary.pieces.len()),
        _ => Err("train, show, pack, judge, held or answers".into()),
    }
}

/// Paths that the engine's module refers to.
#[cfg(any(test, feature = "twin"))]
mod config {
    pub(crate) use hybridge_gemma::config::{Config, Layer};
}
