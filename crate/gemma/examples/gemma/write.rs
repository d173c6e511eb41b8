//! Prints answers, as streamed text or as one object.

use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use hybridge_core::{Content, Error, Media, Message, Request, Result, Role};
use hybridge_gemma::engine::FIRST_ROW;
use hybridge_gemma::generate::{Cancel, Options, Session};
use hybridge_gemma::sample::largest;
use hybridge_gemma::template::render_with;
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::tools::{Dialect, Listener};
use hybridge_gemma::vision::{Shown, attach};
use hybridge_gemma::{Model, Tokenizer};
use serde_json::{Value, json};

use crate::args::{Args, Backend, Generate, Prompt};
use crate::backend;
use crate::pictures;
use crate::progress::Bar;

/// Generates and prints an answer.
pub(crate) async fn answer(args: &Args, ask: &Generate, model: &Model, bar: &Bar) -> Result<()> {
    // Token IDs need no vocabulary; other prompts report its errors.
    let tokenizer = match (&ask.prompt, Tokenizer::read(model.gguf())) {
        (_, Ok(tokenizer)) => Some(Rc::new(tokenizer.in_form(ask.form))),
        (Prompt::Ids(_), Err(_)) => None,
        (_, Err(error)) => return Err(error),
    };
    let request = request_of(ask, args.pictures.files.len())?;
    let mut model = model.clone();
    let mut gallery = None;
    if args.pictures.mmproj.is_some() || !args.pictures.files.is_empty() {
        let vision = pictures::open(args, bar).await?;
        model = attach(model, &vision.config, args.pictures.budget, tokenizer.as_deref())?;
        gallery = Some(pictures::gallery(args, vision));
    }
    let mut shown = Vec::new();
    for file in &args.pictures.files {
        if let Some(gallery) = &mut gallery {
            shown.push(gallery.show(&pictures::read(file)?)?);
        }
    }
    let ids = prompt_ids(&ask.prompt, request.as_ref(), tokenizer.as_deref(), &shown)?;
    // The burn pass takes only tokens.
    let backend = match args.backend {
        Backend::Burn if gallery.is_some() => Backend::Cpu { is_exact: true },
        backend => backend,
    };
    let pass = backend::pass(backend, &model, ids.len() + ask.tokens.max(1)).await?;
    bar.finish();
    // Thoughts are separated; everything else is printed as generated.
    let thinks = |it: &&Rc<Tokenizer>| Dialect::of(it) == Dialect::Gemma4;
    let listener = match tokenizer.as_ref().filter(thinks).zip(request.as_ref()) {
        Some((tokenizer, request)) => Listener::of(request, tokenizer)?,
        None => None,
    };
    let mut session = Session::new(pass, tokenizer);
    if let Some(gallery) = gallery {
        session = session.with_gallery(gallery);
    }
    let options = Options {
        sampler: ask.sampler,
        max_output_tokens: ask.tokens,
        stop_sequences: ask.stop.clone(),
        top: 0,
        constraint: None,
        listener,
        cancel: Cancel::default(),
        progress: None,
    };
    let start = Instant::now();
    let prompt_ids: Vec<i64> = ids.iter().map(|id| shown_id(*id)).collect();
    let prompt = hybridge_gemma::generate::Prompt { ids, pictures: shown, ..Default::default() };
    let mut generation = session.start(prompt, options).await?;
    // Read before any token is chosen, so they belong to the last prompt position.
    let top = match ask.top_logits {
        0 => Vec::new(),
        count => largest(&session.logits().await?, count),
    };
    let prefill = start.elapsed();
    let start = Instant::now();
    let mut logprobs = Vec::new();
    while let Some(piece) = session.next(&mut generation).await? {
        logprobs.extend(piece.choices.iter().map(|choice| choice.logprob));
        if !args.json {
            // A failure to print a thought does not stop the answer.
            let _ = write!(io::stderr(), "{}", piece.reasoning);
            write_all(&piece.text)?;
            for call in &piece.calls {
                say(&json!({ "toolRequest": call }).to_string())?;
            }
        }
    }
    let decode = start.elapsed();
    if !args.json {
        return finish_text(&top);
    }
    let finish = generation.finish_reason().unwrap_or_default();
    say(&json!({
        "prompt_ids": prompt_ids,
        "ids": generation.ids(),
        "text": generation.text(),
        "content": generation.content(),
        "logprobs": logprobs,
        "top_logits": top,
        "finish": finish,
        "prefill_ms": prefill.as_secs_f64() * 1e3,
        "decode_ms": decode.as_secs_f64() * 1e3,
        "adapter": session.pass().adapter(),
    })
    .to_string())
}

fn finish_text(top: &[(u32, f32)]) -> Result<()> {
    say("")?;
    for (id, logit) in top {
        say(&format!("{id:>8} {logit}"))?;
    }
    Ok(())
}

/// The input of the template.
fn request_of(ask: &Generate, pictures: usize) -> Result<Option<Request>> {
    let mut request = match &ask.prompt {
        Prompt::Ids(_) | Prompt::Raw(_) => return Ok(None),
        Prompt::Text(text) => {
            let mut message = Message::text(Role::User, text.as_str());
            let media = Media { url: String::new(), content_type: None };
            let media = std::iter::repeat_n(Content::Media(media).into(), pictures);
            message.content.splice(0..0, media);
            Request { messages: vec![message], ..Request::default() }
        }
        Prompt::Messages(path) => read_request(path)?,
    };
    let extra = &mut request.config.extra;
    if ask.thinks {
        extra.insert("includeReasoning".to_owned(), json!(true));
    }
    if let Some(budget) = ask.think_budget {
        extra.insert("thinkingConfig".to_owned(), json!({ "thinkingBudget": budget }));
    }
    Ok(Some(request))
}

fn prompt_ids(
    prompt: &Prompt,
    request: Option<&Request>,
    tokenizer: Option<&Tokenizer>,
    shown: &[Shown],
) -> Result<Vec<u32>> {
    let needed = || tokenizer.ok_or_else(|| Error::internal("no tokenizer"));
    if let Some(request) = request {
        let rows: Vec<std::ops::Range<u32>> = shown.iter().map(Shown::ids).collect();
        return render_with(needed()?, request, &[], &rows);
    }
    match prompt {
        Prompt::Ids(ids) => {
            let mut rows = shown.iter().flat_map(Shown::ids);
            let none = || Error::invalid("--ids names more rows than the pictures have");
            ids.iter().map(|id| id.or_else(|| rows.next()).ok_or_else(none)).collect()
        }
        Prompt::Raw(text) => {
            let mut ids = vec![needed()?.bos()?];
            needed()?.encode_into(text, Control::Parsed, &mut ids);
            Ok(ids)
        }
        Prompt::Text(_) | Prompt::Messages(_) => Err(Error::internal("no request")),
    }
}

/// The format of `--ids`: −1 for a row.
fn shown_id(id: u32) -> i64 {
    if id < FIRST_ROW { i64::from(id) } else { -1 }
}

/// A request, or only its messages. Content may be a string, and the model's role `assistant`.
fn read_request(path: &Path) -> Result<Request> {
    let wrong = |what: String| Error::invalid(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if value.is_array() {
        value = json!({ "messages": value });
    }
    let messages = value.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten() {
        if message.get("role").and_then(Value::as_str) == Some("assistant") {
            set(message, "role", json!("model"));
        }
        if let Some(text) = message.get("content").and_then(Value::as_str) {
            set(message, "content", json!([{ "text": text }]));
        }
    }
    Request::from_json(value)
}

fn set(message: &mut Value, key: &str, value: Value) {
    if let Some(fields) = message.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// Prints a line to standard output.
pub(crate) fn say(line: &str) -> Result<()> {
    write_all(&format!("{line}\n"))
}

/// Prints a line to standard error.
pub(crate) fn warn(line: &str) {
    // If this fails, there is nowhere left to report it.
    let _ = writeln!(io::stderr(), "{line}");
}

fn write_all(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::unavailable(format!("standard output: {error}")))
}
