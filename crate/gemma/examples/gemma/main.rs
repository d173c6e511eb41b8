//! Gemma in a terminal: generation, token IDs, vectors, and the contents of a file.
//!
//! ```text
//! cargo run --release -p hybridge-gemma --example gemma -- \
//!   MODEL.gguf --prompt "Why is the sky blue?"
//! ```

mod args;
mod backend;
mod info;
mod pictures;
mod progress;
mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use hybridge_core::{Error, Result};
use hybridge_gemma::adapter::Adapter;
use hybridge_gemma::embed::embed;
use hybridge_gemma::gguf::part_names;
use hybridge_gemma::source::{File, Source};
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Model, Tokenizer};
use serde_json::json;

use args::{Args, Work};
use progress::{Bar, Watched};
use write::{say, warn};

fn main() -> ExitCode {
    let outcome = match Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => pollster::block_on(run(&args)),
        Ok(None) => say(args::HELP),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.code.as_deref().map(|code| format!(" [{code}]")).unwrap_or_default();
            warn(&format!("{error}{code}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<()> {
    let bar = Bar::new(!args.json);
    let mut adapters = Vec::new();
    for (path, scale) in &args.adapters {
        adapters.push(Adapter::open(sources(path, &bar)?).await?.scaled(*scale)?);
    }
    let model = Model::open_adapted(sources(&args.model, &bar)?, &adapters).await?;
    match &args.work {
        Work::Info => info::show(&model, args.json),
        Work::Tokenize { text, special } => {
            let control = if *special { Control::Parsed } else { Control::AsText };
            let ids = Tokenizer::read(model.gguf())?.encode(text, control);
            say(&if args.json { json!({ "ids": ids }).to_string() } else { format!("{ids:?}") })
        }
        Work::Embed { text, task, dimensions } => {
            let tokenizer = Tokenizer::read(model.gguf())?;
            let mut encoder = backend::encoder(args.backend, &model).await?;
            bar.finish();
            let prefix = task.map(|task| task.prefix(None)).unwrap_or_default();
            let text = format!("{prefix}{text}");
            let vector = embed(&mut *encoder, &tokenizer, &text, *dimensions).await?;
            say(&if args.json {
                json!({ "vector": vector, "adapter": encoder.adapter() }).to_string()
            } else {
                format!("{vector:?}")
            })
        }
        Work::ImageEmbeddings => {
            let rows = pictures::rows(args, &model, &bar).await?;
            bar.finish();
            let rows: Vec<&[f32]> =
                rows.iter().flat_map(|rows| rows.values.chunks_exact(rows.width.max(1))).collect();
            say(&if args.json {
                json!({ "image_embeddings": rows }).to_string()
            } else {
                rows.iter().map(|row| format!("{row:?}\n")).collect()
            })
        }
        Work::Generate(generate) => write::answer(args, generate, &model, &bar).await,
    }
}

/// Returns the file, or all parts of a split one if its first part is named.
fn sources(path: &Path, bar: &Bar) -> Result<Vec<Rc<dyn Source>>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let paths: Vec<PathBuf> = match part_names(name) {
        Some(names) => names.iter().map(|name| path.with_file_name(name)).collect(),
        None => vec![path.to_owned()],
    };
    let open = |path: &PathBuf| {
        let file = File::open(path).map_err(|error| Error {
            message: format!("{}: {}", path.display(), error.message).into(),
            ..error
        })?;
        Ok(Rc::new(Watched::new(file, bar.clone())) as Rc<dyn Source>)
    };
    paths.iter().map(open).collect()
}
