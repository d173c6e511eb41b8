//! Measures the kernels on this machine's GPU with a synthetic model; prints one line of JSON.
//!
//! ```text
//! cargo run --release -p hybridge-gemma --example bench -- --shape mini
//! ```

mod measure;

use std::io::Write as _;
use std::process::ExitCode;

use hybridge_core::{Error, Result};
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::testing::SyntheticShape;

/// The options.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) shape: SyntheticShape,
    /// Lengths of prompts to process.
    pub(crate) prompts: Vec<usize>,
    /// Positions at which to decode.
    pub(crate) contexts: Vec<usize>,
    /// The number of tokens to decode.
    pub(crate) tokens: usize,
    /// Whether to use the kernels for software adapters; by default if the adapter is one.
    pub(crate) software: Option<bool>,
    /// Whether rounding kernels may be chosen too.
    pub(crate) may_round: bool,
}

fn main() -> ExitCode {
    let measured = plan().and_then(|plan| pollster::block_on(measure::measure(&plan)));
    let (text, code) = match measured {
        Ok(report) => (report.to_string(), ExitCode::SUCCESS),
        Err(error) => (format!("{error}"), ExitCode::FAILURE),
    };
    // If standard output is closed, no reader is left to see an error.
    let _ = writeln!(std::io::stdout(), "{text}");
    code
}

fn plan() -> Result<Plan> {
    let mut plan = Plan {
        shape: SyntheticShape::MINI,
        prompts: vec![128, 512],
        contexts: vec![128, 2048],
        tokens: 16,
        software: None,
        may_round: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| wrong(&format!("{word} needs a value")))?;
        match word.as_str() {
            "--shape" => {
                plan.shape = SyntheticShape::named(&value).ok_or_else(|| {
                    wrong("--shape is mini, 270m, 1b, 4b, 3n-e2b, 4-e2b or 4-e4b")
                })?;
            }
            "--body" => plan.shape.body = encoding(&value)?,
            "--head" => plan.shape.head = encoding(&value)?,
            // Superblocks need multiples of 256, which smaller shapes lack.
            "--width" => plan.shape.width = number(&value)?,
            "--prompts" => plan.prompts = numbers(&value)?,
            "--contexts" => plan.contexts = numbers(&value)?,
            "--tokens" => plan.tokens = number(&value)?,
            "--software" => plan.software = Some(value == "true"),
            "--precision" => plan.may_round = value == "fast",
            _ => return Err(wrong(&format!("{word} is unknown"))),
        }
    }
    Ok(plan)
}

fn encoding(name: &str) -> Result<Encoding> {
    let found = Encoding::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| wrong("there is no such encoding"))
}

fn numbers(text: &str) -> Result<Vec<usize>> {
    text.split(',').filter(|it| !it.is_empty()).map(number).collect()
}

fn number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| wrong(&format!("{text} is no number")))
}

fn wrong(message: &str) -> Error {
    Error::invalid(message.to_owned())
}
