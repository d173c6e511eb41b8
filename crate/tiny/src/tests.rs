//! Checks that right answers agree with the world, in the form that the engine renders.

use std::collections::BTreeSet;
use std::rc::Rc;

use hybridge_core::ToolDefinition;
use hybridge_gemma::Tokenizer;
use hybridge_gemma::gguf::Gguf;
use hybridge_gemma::source::Memory;
use hybridge_gemma::template::render;
use hybridge_gemma::testing::{Random, Writer};
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::tools::json_call;

use crate::batch::Row;
use crate::judge::{auroc, request};
use crate::vocabulary::vocabulary;
use crate::world::{self, Sample, Split, Task};

fn tokenizer() -> Tokenizer {
    let mut writer = Writer::default();
    vocabulary().write(&mut writer);
    let gguf = pollster::block_on(Gguf::open(vec![Rc::new(Memory(writer.bytes()))])).unwrap();
    Tokenizer::read(&gguf).unwrap()
}

fn samples(split: Split, seed: u64, count: usize) -> Vec<Sample> {
    let mut random = Random(seed);
    let tasks = Task::SHARES.iter().flat_map(|(task, _)| std::iter::repeat_n(*task, count));
    tasks.map(|task| world::sample(task, split, &mut random)).collect()
}

#[test]
fn rows_equal_the_engines_rendering() {
    let tokenizer = tokenizer();
    for sample in samples(Split::HeldOut, 11, 40) {
        let row = Row::new(&tokenizer, &sample).unwrap();
        let prompt = render(&tokenizer, &request(&sample), &[]).unwrap();
        let (_, answer) = sample.turns.last().unwrap();
        let answer = tokenizer.encode(answer, Control::AsText);
        let whole = [prompt, answer, vec![106]].concat();
        assert_eq!(row.ids, whole, "{:?}", sample.turns);
    }
}

#[test]
fn nothing_held_out_is_trained_on() {
    // Questions without a number, name or word are the same in both halves, and few.
    let last = |sample: &Sample| sample.turns.last().unwrap().clone();
    let trained: BTreeSet<_> = samples(Split::Training, 12, 2000).iter().map(last).collect();
    for sample in samples(Split::HeldOut, 13, 200) {
        let is_about_something = matches!(
            sample.task,
            Task::Sum | Task::Case | Task::Reverse | Task::Sorting | Task::Extraction
        );
        assert!(!(is_about_something && trained.contains(&last(&sample))), "{:?}", sample.turns);
    }
}

#[test]
fn sums_add_up() {
    for sample in samples(Split::Training, 14, 500).iter().filter(|it| it.task == Task::Sum) {
        let (_, answer) = sample.turns.last().unwrap();
        let sides = answer.trim_end_matches('.').split(" = ").map(|side| {
            let words: Vec<&str> = side.split(' ').collect();
            match words.as_slice() {
                [a, sign, b] => {
                    let (a, b): (i32, i32) = (a.parse().unwrap(), b.parse().unwrap());
                    match *sign {
                        "+" => a + b,
                        "-" => a - b,
                        _ => a * b,
                    }
                }
                [value] => value.parse().unwrap(),
                _ => unreachable!("{answer}"),
            }
        });
        let sides: Vec<i32> = sides.collect();
        assert!(sides.len() > 1 && sides.iter().all(|side| side == &sides[0]), "{answer}");
        assert!((0..100).contains(&sides[0]), "{answer}");
    }
}

#[test]
fn json_is_valid_and_names_one_of_the_tools() {
    for sample in samples(Split::Training, 15, 300) {
        let (_, answer) = &sample.turns[0];
        let is_call = sample.task == Task::Tools && answer.starts_with('{');
        if !is_call && sample.task != Task::Extraction {
            continue;
        }
        let value: serde_json::Value = serde_json::from_str(answer).unwrap();
        if is_call {
            let name = value["name"].as_str().unwrap();
            assert!(sample.system.contains(&format!("\"name\":\"{name}\"")), "{answer}");
            assert!(value["parameters"].is_object());
        }
    }
}

#[test]
fn tools_are_rendered_as_by_the_engine() {
    let mut seen = 0;
    for sample in samples(Split::Training, 16, 300).iter().filter(|it| it.task == Task::Tools) {
        let (head, list) = sample.system.split_once('\n').unwrap();
        let shown: Vec<serde_json::Value> = serde_json::from_str(list).unwrap();
        let tools: Vec<ToolDefinition> = shown
            .iter()
            .map(|tool| ToolDefinition {
                name: tool["name"].as_str().unwrap().to_owned(),
                description: tool["description"].as_str().unwrap().to_owned(),
                input_schema: Some(tool["parameters"].clone()),
                output_schema: None,
            })
            .collect();
        // The engine uses one of the two sentences of the training.
        if head.contains("Call one of them now.") {
            continue;
        }
        let engines = json_call::instructions(&tools).unwrap();
        assert_eq!(engines.split_once('\n').unwrap().0, head);
        // In training, keys were sorted or in their original order; the engine uses one of both.
        seen += usize::from(engines == sample.system);
    }
    assert!(seen > 20, "{seen} were shown as the engine does");
}

#[test]
fn quoted_words_are_split_into_letters() {
    let tokenizer = tokenizer();
    for word in ["lemon", "theatre", "TOMORROW", "isotope", "What"] {
        let quoted = tokenizer.encode(&format!("Reverse \"{word}\"."), Control::AsText);
        let letters = if word == "What" { 1 } else { word.len() };
        let around = tokenizer.encode("Reverse \"\".", Control::AsText).len();
        assert_eq!(quoted.len(), around + letters, "{word}");
        assert_eq!(tokenizer.decode(&quoted), format!("Reverse \"{word}\"."));
    }
}

#[test]
fn auroc_counts_pairs() {
    for (answers, wanted) in [
        (&[(0.9, true), (0.1, false)][..], Some(1.0)),
        (&[(0.1, true), (0.9, false)], Some(0.0)),
        (&[(0.5, true), (0.5, false)], Some(0.5)),
        (&[(0.9, true), (0.3, true), (0.5, false)], Some(0.5)),
        (&[(0.9, true)], None),
    ] {
        assert_eq!(auroc(answers), wanted, "{answers:?}");
    }
}
