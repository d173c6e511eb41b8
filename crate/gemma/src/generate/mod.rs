//! From a prompt to an answer, one piece at a time, over any forward pass.
//!
//! ```text
//! start: resume what is saved of the prompt ─► feed the rest in chunks
//! next:  mask ─► choose or step ─► stop id? ─► text
//!        ─► stop sequence? ─► finished? length? ─► piece
//! ```
//!
//! The caller pulls. Between two pulls nothing runs. A [`Cancel`] is looked at before every token,
//! and stops the reading of a prompt wherever that waits. Several answers can be in progress: each
//! takes its own conversation up again where another came between.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use hybridge_core::{Content, Error, FinishReason, Part, Request, Result, Status, ToolRequest};

use crate::constrain::{Constraint, Constraints, Pieces};
use crate::engine::{Pass, context_full};
use crate::sample::{Draw, Sampled, Sampler};
use crate::template::{Answer, render_with};
use crate::tokenizer::Tokenizer;
use crate::tools::{self, Dialect, Listener, wish_of};
use crate::vision::{Gallery, Picture, Prepared, Shown};

mod cancel;
mod generation;
mod prompt;

pub use cancel::Cancel;
pub use generation::Generation;
pub use prompt::Prompt;
use prompt::{Run, first_run};

/// Answers that are remembered with their ids, for a conversation that continues.
const REMEMBERED: usize = 256;

/// Tokens that a text is continued by where the request sets no limit: a model without turns seldom
/// ends by itself.
const MOST_OF_TEXT: usize = 256;

/// How to answer.
#[derive(Clone, Debug)]
pub struct Options {
    /// How tokens are chosen.
    pub sampler: Sampler,
    /// The most tokens; the context's end is another bound.
    pub max_output_tokens: usize,
    /// Texts that end the answer and are not part of it. They do not cut one that must satisfy a
    /// constraint.
    pub stop_sequences: Vec<String>,
    /// How many of the largest logits come with each token.
    pub top: usize,
    /// The constraint of the answer.
    pub constraint: Option<Constraint>,
    /// Separates tool calls from text.
    pub listener: Option<Listener>,
    /// Stops it.
    pub cancel: Cancel,
    /// Learns how far the work on a picture is.
    pub progress: Option<Progress>,
}

/// Who learns how far the work on a picture is: the share that is done, from 0 to 1.
#[derive(Clone)]
pub struct Progress(Rc<dyn Fn(f32)>);

impl Progress {
    /// Calls `report` with each share.
    #[must_use]
    pub fn new(report: impl Fn(f32) + 'static) -> Self {
        Self(Rc::new(report))
    }

    fn report(&self, share: f32) {
        (self.0)(share);
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

impl Options {
    /// How a request asks to sample; `seed` where it names none. [`Session::options`] knows the
    /// rest.
    #[must_use]
    pub fn of(request: &Request, seed: u64) -> Self {
        let config = &request.config;
        Self {
            sampler: Sampler::of(config, seed),
            max_output_tokens: config.max_output_tokens.map_or(usize::MAX, |it| it as usize),
            stop_sequences: config.stop_sequences.clone(),
            top: 0,
            constraint: None,
            listener: None,
            cancel: Cancel::default(),
            progress: None,
        }
    }
}

/// A part of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Piece {
    /// The model's thinking, before the text.
    pub reasoning: String,
    /// Whole characters that cannot become part of a stop sequence; empty at most at the end.
    pub text: String,
    /// Calls of tools, after the text.
    pub calls: Vec<ToolRequest>,
    /// The tokens chosen since the piece before.
    pub choices: Vec<Sampled>,
}

/// A forward pass with its tokenizer, and the answers it gave.
#[derive(Debug)]
pub struct Session {
    pass: Box<dyn Pass>,
    tokenizer: Option<Rc<Tokenizer>>,
    /// Where the model reads pictures.
    gallery: Option<Gallery>,
    stop_ids: Vec<u32>,
    answers: Vec<Answer>,
    /// The vocabulary as masks need it, made for the first answer that is held to anything.
    pieces: Option<Arc<Pieces>>,
    constraints: Constraints,
    /// How many answers were begun.
    started: u64,
    /// Whose tokens are at hand; unknown after a step that was given up.
    current: Option<u64>,
}

impl Session {
    /// A session with an empty cache. Without a tokenizer it takes and returns ids alone.
    #[must_use]
    pub fn new(pass: Box<dyn Pass>, tokenizer: Option<Rc<Tokenizer>>) -> Self {
        let stop_ids = tokenizer.as_ref().map_or_else(Vec::new, |it| it.stop_ids());
        Self {
            pass,
            tokenizer,
            gallery: None,
            stop_ids,
            answers: Vec::new(),
            started: 0,
            current: None,
            pieces: None,
            constraints: Constraints::default(),
        }
    }

    /// The same session, for a model that [`crate::vision::attach`] made ready for pictures.
    #[must_use]
    pub fn with_gallery(self, gallery: Gallery) -> Self {
        Self { gallery: Some(gallery), ..self }
    }

    /// Gives a picture's rows ids, for a prompt.
    ///
    /// # Errors
    /// `MEDIA_UNSUPPORTED` where the model reads none, `PICTURE_INVALID` for an extreme shape.
    pub fn show(&mut self, picture: &Picture) -> Result<Shown> {
        self.gallery.as_mut().ok_or_else(sees_nothing)?.show(picture)
    }

    /// The same for a picture of the tower's size.
    ///
    /// # Errors
    /// `MEDIA_UNSUPPORTED` where the model reads none.
    pub fn show_prepared(&mut self, picture: Prepared) -> Result<Shown> {
        self.gallery.as_mut().ok_or_else(sees_nothing)?.show_prepared(picture)
    }

    /// The forward pass.
    #[must_use]
    pub fn pass(&self) -> &dyn Pass {
        &*self.pass
    }

    /// The ids of a request: earlier answers of this session as they were chosen.
    pub fn prompt(&self, request: &Request) -> Result<Vec<u32>> {
        self.prompt_with(request, Vec::new()).map(|prompt| prompt.ids)
    }

    /// The same with the pictures of the request's media parts, in order.
    ///
    /// # Errors
    /// `MEDIA_UNSUPPORTED` where a part has no picture.
    pub fn prompt_with(&self, request: &Request, pictures: Vec<Shown>) -> Result<Prompt> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(no_tokenizer)?;
        let rows: Vec<Range<u32>> = pictures.iter().map(Shown::ids).collect();
        let ids = render_with(tokenizer, request, &self.answers, &rows)?;
        Ok(Prompt { ids, pictures })
    }

    /// All that a request asks of its answer; `seed` where it names none.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a schema that the device cannot hold an answer to, with the keyword's
    /// name.
    pub fn options(&mut self, request: &Request, seed: u64) -> Result<Options> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(no_tokenizer)?;
        let constraint = match wish_of(request, Dialect::of(tokenizer))? {
            None => None,
            Some(wish) => {
                let pieces =
                    self.pieces.get_or_insert_with(|| Arc::new(Pieces::from(tokenizer.as_ref())));
                Some(self.constraints.get(&wish, pieces)?)
            }
        };
        let listener = Listener::of(request, tokenizer)?;
        let mut options = Options { constraint, listener, ..Options::of(request, seed) };
        if tokenizer.is_raw() && request.config.max_output_tokens.is_none() {
            options.max_output_tokens = MOST_OF_TEXT;
        }
        Ok(options)
    }

    /// Feeds a prompt, but for what the cache already holds of it.
    pub async fn start(
        &mut self,
        prompt: impl Into<Prompt>,
        options: Options,
    ) -> Result<Generation> {
        let prompt: Prompt = prompt.into();
        let length = prompt.ids.len();
        if prompt.ids.is_empty() {
            return Err(Error::invalid("the prompt is empty"));
        }
        // An answer needs room for a token that is fed after it was chosen.
        if length >= self.pass.capacity() {
            return Err(context_full(length + 1, self.pass.capacity()));
        }
        // The last token is fed in any case: its logits are wanted.
        let kept = self.read(&prompt.ids, &prompt.pictures, length - 1, &options).await?;
        self.started += 1;
        self.current = Some(self.started);
        Ok(Generation::new(self.started, options, prompt, kept))
    }

    /// Takes up these tokens: resumes `most` of them at most and feeds the others. How many were
    /// resumed.
    async fn read(
        &mut self,
        ids: &[u32],
        pictures: &[Shown],
        most: usize,
        options: &Options,
    ) -> Result<usize> {
        options.cancel.check()?;
        self.current = None;
        let kept = self.pass.resume(ids.get(..most).unwrap_or(ids));
        let fed = self.feed(ids.get(kept..).unwrap_or_default(), pictures, options).await;
        if let Some(gallery) = &mut self.gallery {
            gallery.free_tower();
        }
        fed.map(|()| kept)
    }

    async fn feed(&mut self, ids: &[u32], pictures: &[Shown], options: &Options) -> Result<()> {
        let cancel = &options.cancel;
        let mut rest = ids;
        while !rest.is_empty() {
            let run = first_run(rest, pictures)
                .ok_or_else(|| Error::internal("a prompt names a row of no picture"))?;
            let fed = match run {
                Run::Tokens(count) => {
                    // A pass learns how long its chunks may be while it reads.
                    let count = self.pass.chunk().clamp(1, count);
                    let (chunk, others) = rest.split_at(count);
                    rest = others;
                    cancel.unless(self.pass.prefill(chunk)).await
                }
                Run::Rows(shown, range) => {
                    let (chunk, others) = rest.split_at(range.len());
                    rest = others;
                    let gallery = self.gallery.as_mut().ok_or_else(sees_nothing)?;
                    let mut report = |share| {
                        if let Some(progress) = &options.progress {
                            progress.report(share);
                        }
                    };
                    let rows = cancel.unless(gallery.rows(shown, &mut report)).await?;
                    let width = rows.width;
                    let rows = rows.values.get(range.start * width..range.end * width);
                    cancel.unless(self.pass.prefill_rows(chunk, rows.unwrap_or_default())).await
                }
            };
            // A stopped step leaves the cache unchanged.
            fed.inspect_err(|error| self.recover(error))?;
        }
        Ok(())
    }

    /// After a failure the contents of the cache are unknown; after one for want of memory less of
    /// it is saved from here on.
    fn recover(&mut self, error: &Error) {
        if error.status == Status::Cancelled {
            return;
        }
        if error.code.as_deref() == Some("OUT_OF_MEMORY") {
            let saved = self.pass.reuse().saved_bytes;
            self.pass.set_budget(saved / 2);
        }
        self.pass.forget();
    }

    /// Takes an answer's conversation up again where another came between.
    async fn take_up(&mut self, generation: &Generation) -> Result<()> {
        if self.current == Some(generation.number) {
            return Ok(());
        }
        let mut tokens = generation.prompt.ids.clone();
        // The last token chosen is fed by the step after it; of a prompt the logits are wanted.
        let fed = generation.ids.len().saturating_sub(1);
        tokens.extend(generation.ids.iter().take(fed));
        let most = if generation.ids.is_empty() { tokens.len() - 1 } else { tokens.len() };
        self.read(&tokens, &generation.prompt.pictures, most, &generation.options).await?;
        self.current = Some(generation.number);
        Ok(())
    }

    /// All logits after the tokens fed last.
    pub async fn logits(&mut self) -> Result<Vec<f32>> {
        self.pass.logits().await
    }

    /// The next piece of an answer; `None` once it has ended.
    pub async fn next(&mut self, generation: &mut Generation) -> Result<Option<Piece>> {
        let mut piece = Piece::default();
        let is_silent = |piece: &Piece| {
            piece.text.is_empty() && piece.calls.is_empty() && piece.reasoning.is_empty()
        };
        while generation.finish.is_none() && is_silent(&piece) {
            generation.options.cancel.check()?;
            self.take_up(generation).await?;
            self.token(generation, &mut piece).await?;
        }
        let is_over = is_silent(&piece) && piece.choices.is_empty();
        generation.keep(&piece);
        if generation.finish.is_some() {
            self.remember(generation);
        }
        Ok(if is_over { None } else { Some(piece) })
    }

    /// One token further.
    async fn token(&mut self, generation: &mut Generation, piece: &mut Piece) -> Result<()> {
        let count = generation.ids.len();
        if count >= generation.options.max_output_tokens {
            generation.end(FinishReason::Length, piece);
            return Ok(());
        }
        let Options { sampler, top, .. } = generation.options;
        let has_budget = generation.options.listener.as_ref().is_some_and(Listener::has_budget);
        let last = generation.ids.last().copied();
        // What may follow a token is known only once that token is.
        let goes_on = count + 1 < generation.options.max_output_tokens && !has_budget;
        let allowed = generation.allowed(self.pass.config().vocabulary, &self.stop_ids)?;
        let draw = Draw { sampler, step: u32::try_from(count).unwrap_or(u32::MAX), top, allowed };
        self.pass.look_ahead(goes_on && draw.allowed.is_none());
        let choice = match last {
            None => self.pass.choose(&draw).await,
            // The last token chosen has nothing left to predict into.
            Some(_) if self.pass.position() >= self.pass.capacity() => {
                generation.end(FinishReason::Length, piece);
                return Ok(());
            }
            Some(last) => {
                self.current = None;
                self.pass.step(last, &draw).await
            }
        };
        let choice = choice.inspect_err(|error| self.recover(error))?;
        self.current = Some(generation.number);
        let is_aside = generation.is_aside(choice.token);
        if let Some(guard) = generation.guard.as_mut().filter(|_| !is_aside) {
            guard.state.accept(choice.token)?;
        }
        if self.stop_ids.contains(&choice.token) {
            generation.end(FinishReason::Stop, piece);
            return Ok(());
        }
        generation.ids.push(choice.token);
        if !is_aside {
            generation.spoken.push(choice.token);
            if generation.logprobs.is_empty() {
                generation.first_margin = choice.margin;
            }
            generation.logprobs.push(f64::from(choice.logprob));
            generation.entropies.extend(choice.entropy);
        }
        if let Some(tokenizer) = &self.tokenizer {
            let text = generation.detokenizer.push(tokenizer.vocabulary(), choice.token);
            generation.hear(choice.token, text, piece);
        }
        // The log-probabilities of a thought do not describe the answer.
        if !is_aside {
            piece.choices.push(choice);
        }
        if generation.finish.is_none()
            && generation.guard.as_ref().is_some_and(|guard| guard.state.is_finished())
        {
            // Only its end could follow.
            generation.end(FinishReason::Stop, piece);
        }
        if generation.finish.is_none() && count + 1 >= generation.options.max_output_tokens {
            generation.end(FinishReason::Length, piece);
        }
        Ok(())
    }

    /// Keeps the ids of an answer for the turn after it, where they make exactly its text.
    fn remember(&mut self, generation: &Generation) {
        let Some(tokenizer) = &self.tokenizer else { return };
        let Generation { text, parts, spoken, ids, .. } = generation;
        let is_call = |part: &Part| matches!(part.content, Content::ToolRequest(_));
        let has_calls = parts.iter().any(is_call);
        let is_whole = if has_calls {
            // Nothing but its end ends an answer with calls, and arguments may be spelled in many
            // ways.
            generation.finish == Some(FinishReason::Stop)
        } else {
            text.trim() == text && !text.is_empty() && tokenizer.decode(spoken) == *text
        };
        if !is_whole {
            return;
        }
        let said = Dialect::of(tokenizer).said(text.trim(), parts);
        if has_calls && let Some(Content::Reasoning(thought)) = parts.first().map(|it| &it.content)
        {
            // While the calls are answered, the thought that led to them stays in the conversation.
            let said = tools::gemma4::thought(thought).into_iter().chain(said.clone()).collect();
            self.keep(Answer { said, ids: ids.clone() });
        }
        self.keep(Answer { said, ids: spoken.clone() });
    }

    fn keep(&mut self, new: Answer) {
        self.answers.retain(|answer| answer.said != new.said);
        self.answers.push(new);
        if self.answers.len() > REMEMBERED {
            self.answers.remove(0);
        }
    }
}

/// A picture came to a model without a tower.
#[must_use]
pub fn sees_nothing() -> Error {
    Error::invalid(
        "this model was loaded without a vision tower and reads no pictures: pass its mmproj file, or ask a model that takes pictures",
    )
    .with_code("MEDIA_UNSUPPORTED")
}

fn no_tokenizer() -> Error {
    Error::precondition("the file has no vocabulary, so that only ids can be used")
        .with_code("TOKENIZER_MISSING")
}
