//! Estimates the work of a token and of a prompt on real GPUs from the dispatches of the pass
//! itself. Models have real sizes and no weights, so this takes seconds on any machine.
//!
//! ·
//!
//! Counts are exact. Times are modelled for GPUs that are not available here
//! (`gpu::roofline::Adapter`), and correct within a factor of 1.5 at best: use them to compare
//! changes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::rc::Rc;

use hybridge_core::{Error, Result};
use hybridge_gemma::Model;
use hybridge_gemma::gpu::roofline::{Adapter, Prompt, Token, empty, kernels};
use hybridge_gemma::gpu::{AdapterFacts, Device, Options, Plan};
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::testing::{Synthetic, SyntheticShape};

/// The number of tokens of the prompt.
const PROMPT: usize = 512;

struct Asked {
    shapes: Vec<SyntheticShape>,
    body: Option<Encoding>,
    context: u32,
    plan: Option<String>,
    /// The folder for the kernels' text.
    kernels: Option<String>,
}

fn main() -> ExitCode {
    let (text, code) = match asked().and_then(|asked| pollster::block_on(report(&asked))) {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("{error}\n"), ExitCode::FAILURE),
    };
    // If standard output is closed, no reader is left to see an error.
    let _ = write!(std::io::stdout(), "{text}");
    code
}

fn asked() -> Result<Asked> {
    let named = |name: &str| {
        SyntheticShape::named(name).ok_or_else(|| wrong(&format!("{name} is no shape")))
    };
    let mut asked =
        Asked { shapes: Vec::new(), body: None, context: 512, plan: None, kernels: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| wrong(&format!("{word} needs a value")))?;
        match word.as_str() {
            "--shape" => asked.shapes.push(named(&value)?),
            "--body" => asked.body = Some(encoding(&value)?),
            "--context" => asked.context = value.parse().map_err(|_| wrong("a number of keys"))?,
            "--plan" => asked.plan = Some(value),
            "--kernels" => asked.kernels = Some(value),
            _ => return Err(wrong(&format!("{word} is unknown"))),
        }
    }
    if asked.shapes.is_empty() {
        asked.shapes = ["270m", "1b", "4b"].map(named).into_iter().collect::<Result<_>>()?;
    }
    Ok(asked)
}

fn encoding(name: &str) -> Result<Encoding> {
    let found = Encoding::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| wrong("there is no such encoding"))
}

fn wrong(message: &str) -> Error {
    Error::invalid(message.to_owned())
}

async fn report(asked: &Asked) -> Result<String> {
    let device = Device::open().await?;
    let plan = asked.plan.as_deref().map(|name| plan_of(name, device.facts())).transpose()?;
    let options = Options { software: Some(false), plan, clock: Some(|| 0.0), ..Options::USUAL };
    let mut text = String::new();
    for shape in &asked.shapes {
        let shape = match asked.body {
            Some(body) => SyntheticShape { body, ..shape.clone() },
            None => shape.clone(),
        };
        let model = Model::open(vec![Rc::new(Synthetic::new(&shape))]).await?;
        let capacity = usize::try_from(asked.context).unwrap_or(1).max(PROMPT) + 1;
        let pass = empty(&device, &model, capacity, options).await?;
        if let Some(folder) = &asked.kernels {
            for (name, text) in kernels(&device, &pass) {
                let path = std::path::Path::new(folder).join(format!("{name}.wgsl"));
                std::fs::write(path, text).map_err(|error| wrong(&error.to_string()))?;
            }
        }
        let greedy = Token::of(&pass, asked.context.saturating_sub(1), false);
        let sampled = Token::of(&pass, asked.context.saturating_sub(1), true);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{} {:?}, context {}\n", shape.name, shape.body, asked.context);
        text += "| kernel | times | invocations | lanes | steps | MB | MB in flight |\n";
        text += "|---|--:|--:|--:|--:|--:|--:|\n";
        for (cost, times) in sampled.kinds() {
            let _ = writeln!(
                text,
                "| {} | {times} | {} | {:.0} % | {} | {:.2} | {:.2} |",
                cost.label,
                cost.invocations,
                100.0 * cost.lanes,
                cost.steps,
                megabytes(cost.bytes),
                megabytes(cost.in_flight)
            );
        }
        let _ = writeln!(
            text,
            "\n{} dispatches for {} layers, {:.0} MB a token\n",
            sampled.dispatches.len(),
            sampled.layers,
            megabytes(sampled.bytes())
        );
        text +=
            "| modelled | greedy tok/s | sampled | of bandwidth | waits: first prompt, next |\n";
        text += "|---|--:|--:|--:|--:|\n";
        for adapter in Adapter::ALL {
            // Greedy steps are submitted early; sampled ones wait for the choice.
            let greedy = adapter.milliseconds(&greedy).max(adapter.round_trip / 2.0);
            let sampling = adapter.milliseconds(&sampled) + adapter.round_trip;
            let [first, next] = Prompt::of(&pass, PROMPT, &adapter);
            let share = megabytes(sampled.bytes()) / adapter.bandwidth / greedy;
            let _ = writeln!(
                text,
                "| {} | {:.0} | {:.0} | {:.0} % | {}, {} |",
                adapter.name,
                1e3 / greedy,
                1e3 / sampling,
                100.0 * share,
                first.waits,
                next.waits
            );
        }
    }
    Ok(text)
}

/// A plan for other adapters than this one.
fn plan_of(name: &str, facts: &AdapterFacts) -> Result<Plan> {
    let any = AdapterFacts {
        software: false,
        subgroups: true,
        subgroup_min_size: 32,
        packed_products: true,
        ..facts.clone()
    };
    Plan::parse(name, &any, true).ok_or_else(|| wrong(&format!("{name} is no plan")))
}

#[expect(clippy::cast_precision_loss, reason = "only the first digits matter")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
