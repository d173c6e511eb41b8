//! Measures the error of logits, in standard deviations, if vectors are rounded to halves or 8 bits
//! as on a GPU with `precision: 'fast'`. Uses the scalar twin on tiny random models, and prints one
//! line of JSON.

use std::io::Write as _;
use std::rc::Rc;

use hybridge_core::{Error, Result};
use hybridge_gemma::Model;
use hybridge_gemma::engine::Pass as _;
use hybridge_gemma::quant::Rounding;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::find;
use serde_json::{Map, Value, json};

const NAMES: [&str; 3] = ["q4_0", "q6_k", "q8_0"];

fn main() -> Result<()> {
    let mut losses = Map::new();
    for (kind, rounding) in ["halves", "bytes"].into_iter().zip(Rounding::ALL) {
        for name in NAMES {
            losses.insert(format!("{name} {kind}"), pollster::block_on(loss(name, rounding))?);
        }
    }
    // If standard output is closed, no reader is left to see an error.
    let _ = writeln!(std::io::stdout(), "{}", Value::Object(losses));
    Ok(())
}

/// Returns the largest error of 24 tokens fed one by one.
async fn loss(name: &str, rounding: Rounding) -> Result<Value> {
    let tiny = find(name).ok_or_else(|| Error::invalid("there is no such model"))?;
    let model = Model::open(vec![Rc::new(Memory(tiny.bytes()))]).await?;
    let mut exact = Scalar::load(&model, 64).await?;
    let mut rounding = exact.clone().rounding(rounding);
    let mut most = 0.0_f64;
    for token in tiny.prompt(24) {
        exact.prefill(&[token]).await?;
        rounding.prefill(&[token]).await?;
        most = most.max(distance(&rounding.logits().await?, &exact.logits().await?));
    }
    Ok(json!((most * 1e4).round() / 1e4))
}

fn distance(found: &[f32], right: &[f32]) -> f64 {
    let count = right.len() as f64;
    let mean = right.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = right.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    let apart = found.iter().zip(right).map(|(a, b)| f64::from((a - b).abs()));
    apart.fold(0.0, f64::max) / variance.sqrt()
}
