//! Compares extraction with and without the grammar, for the same model and prompts.

use hybridge_core::schema::validate;
use hybridge_core::{FinishReason, Output, Request};
use hybridge_gemma::sample::Sampler;
use serde_json::Value;

use crate::Result;
use crate::judge::{Candidate, request};
use crate::world::{self, Sample, Split, Task};

/// The maximum length of an answer; every right one is shorter.
const LONGEST: usize = 96;

/// How often an answer is right, and how often it is valid for its schema.
#[derive(Default)]
struct Score {
    right: usize,
    valid: usize,
    /// How often the answer exceeded the maximum length.
    cut: usize,
}

/// Parses the schema in a question, with its members in their order there.
fn schema_of(question: &str) -> Result<Value> {
    let text = &question[question.find('{').ok_or("no schema")?..];
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut schema = values.next().ok_or("no schema")??;
    let properties = schema["properties"].as_object().ok_or("no properties")?;
    let mut names: Vec<String> = properties.keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":{{")));
    schema["propertyOrdering"] = names.into();
    Ok(schema)
}

/// Generates one answer, with or without the grammar, and returns whether it was cut.
fn answer(
    model: &Candidate,
    sample: &Sample,
    schema: &Value,
    is_held: bool,
    temperature: f32,
) -> Result<(String, bool)> {
    let mut session = model.session();
    let asked = request(sample);
    // The prompt has no schema section, because the question contains the schema.
    let prompt = session.prompt(&asked)?;
    let output = is_held.then(|| Output { schema: Some(schema.clone()), ..Output::default() });
    let mut options = session.options(&Request { output, ..asked }, 0)?;
    options.max_output_tokens = LONGEST;
    options.sampler = Sampler { temperature, ..Sampler::GREEDY };
    pollster::block_on(async {
        let mut generation = session.start(&prompt, options).await?;
        while session.next(&mut generation).await?.is_some() {}
        Ok((generation.text().to_owned(), generation.finish_reason() == Some(FinishReason::Length)))
    })
}

/// Formats a table.
pub(crate) fn table(model: &Candidate, seed: u64, count: usize) -> Result<String> {
    let mut random = hybridge_gemma::testing::Random(seed);
    let samples: Vec<Sample> =
        (0..count).map(|_| world::sample(Task::Extraction, Split::HeldOut, &mut random)).collect();
    let mut out = format!(
        "{count} held-out extractions, seed {seed}, held to their schema while decoding or not; every token is drawn from all.\n\n\
         | temperature | right, free | right, held | valid, free | valid, held | cut, held |\n|---:|---:|---:|---:|---:|---:|\n"
    );
    for temperature in [0.0, 1.0, 1.5, 2.0] {
        let mut scores = [Score::default(), Score::default()];
        for sample in &samples {
            let question = sample.turns.last().map_or("", |(question, _)| question);
            let schema = schema_of(question)?;
            for (score, is_held) in scores.iter_mut().zip([false, true]) {
                let (text, is_cut) = answer(model, sample, &schema, is_held, temperature)?;
                score.right += usize::from(sample.accepts(&text));
                let value = serde_json::from_str::<Value>(&text);
                let is_valid =
                    value.is_ok_and(|value| validate(&schema, &value, &|_, _| None).is_ok());
                score.valid += usize::from(is_valid);
                score.cut += usize::from(is_cut);
                if is_held && !is_valid && !is_cut {
                    return Err(format!("complete and not valid: {text}").into());
                }
            }
        }
        let share = |of: usize| format!("{:.1} %", 100.0 * of as f64 / count as f64);
        let [free, held] = &scores;
        out += &format!(
            "| {temperature} | {} | {} | {} | {} | {} |\n",
            share(free.right),
            share(held.right),
            share(free.valid),
            share(held.valid),
            share(held.cut)
        );
    }
    Ok(out)
}
