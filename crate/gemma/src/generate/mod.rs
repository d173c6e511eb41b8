//! From a prompt to an answer, one piece at a time, over any forward pass.
//!
//! ```text
//! start: resume what is saved of the prompt ─► feed the rest in chunks
//! next:  mask ─► choose or step ─► stop id? ─► text
//!        ─► stop sequence? ─► finished? length? ─► piece
//! ```
//!
//! The caller pulls, and nothing runs between two pulls. A [`Cancel`] is checked before every
//! token, and interrupts the prefill of a prompt at every await. Several answers can be in
//! progress: each resumes its own conversation if another one ran in between.

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
mod word;

pub use cancel::Cancel;
pub use generation::Generation;
pub use prompt::Prompt;
use prompt::{Run, first_run};
pub use word::CutWord;

/// The number of answers that are remembered with their token IDs, for conversations that continue.
const REMEMBERED: usize = 256;

/// The default limit for continuing a text: a model without turns seldom ends by itself.
const MOST_OF_TEXT: usize = 256;

/// Options of an answer.
#[derive(Clone, Debug)]
pub struct Options {
    /// How tokens are chosen.
    pub sampler: Sampler,
    /// The maximum number of tokens; the context window is another limit.
    pub max_output_tokens: usize,
    /// Texts that end the answer and are not part of it. They are ignored in an answer with a
    /// constraint.
    pub stop_sequences: Vec<String>,
    /// The number of largest logits to return with each token.
    pub top: usize,
    /// The constraint of the answer.
    pub constraint: Option<Constraint>,
    /// Separates tool calls from text.
    pub listener: Option<Listener>,
    /// Aborts the answer.
    pub cancel: Cancel,
    /// Receives the progress of picture processing.
    pub progress: Option<Progress>,
}

/// A listener for the progress of picture processing, from 0 to 1.
#[derive(Clone)]
pub struct Progress(Rc<dyn Fn(f32)>);

impl Progress {
    /// Calls `report` with the progress.
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
    /// Returns the sampling options of a request; `seed` is used if it has none.
    /// [`Session::options`] sets the others.
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
    /// Reasoning, before the text.
    pub reasoning: String,
    /// Text in whole characters that cannot become part of a stop sequence; empty at most at the
    /// end.
    pub text: String,
    /// Tool calls, after the text.
    pub calls: Vec<ToolRequest>,
    /// The tokens chosen since the previous piece.
    pub choices: Vec<Sampled>,
}

/// A forward pass with its tokenizer and the answers it generated.
#[derive(Debug)]
pub struct Session {
    pass: Box<dyn Pass>,
    tokenizer: Option<Rc<Tokenizer>>,
    /// The vision tower, if the model has one.
    gallery: Option<Gallery>,
    stop_ids: Vec<u32>,
    answers: Vec<Answer>,
    /// The vocabulary prepared for masks, created for the first answer with a constraint.
    pieces: Option<Arc<Pieces>>,
    constraints: Constraints,
    /// The number of answers begun.
    started: u64,
    /// The answer whose tokens are current; unknown after an aborted step.
    current: Option<u64>,
}

impl Session {
    /// Creates a session with an empty cache. Without a tokenizer it accepts and returns token IDs
    /// only.
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

    /// Adds a vision tower, for a model prepared by [`crate::vision::attach`].
    #[must_use]
    pub fn with_gallery(self, gallery: Gallery) -> Self {
        Self { gallery: Some(gallery), ..self }
    }

    /// Assigns IDs to a picture's rows, for a prompt.
    ///
    /// # Errors
    ///
    /// Returns `MEDIA_UNSUPPORTED` if the model does not support pictures, `PICTURE_INVALID` for an
    /// extreme aspect ratio.
    pub fn show(&mut self, picture: &Picture) -> Result<Shown> {
        self.gallery.as_mut().ok_or_else(sees_nothing)?.show(picture)
    }

    /// Assigns IDs to the rows of a picture of the tower's size.
    ///
    /// # Errors
    ///
    /// Returns `MEDIA_UNSUPPORTED` if the model does not support pictures.
    pub fn show_prepared(&mut self, picture: Prepared) -> Result<Shown> {
        self.gallery.as_mut().ok_or_else(sees_nothing)?.show_prepared(picture)
    }

    /// Returns the forward pass.
    #[must_use]
    pub fn pass(&self) -> &dyn Pass {
        &*self.pass
    }

    /// Returns the token IDs of a request, with this session's earlier answers as they were chosen.
    pub fn prompt(&self, request: &Request) -> Result<Vec<u32>> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(no_tokenizer)?;
        render_with(tokenizer, request, &self.answers, &[])
    }

    /// Returns the token IDs of a request with the pictures of its media parts, in order.
    ///
    /// # Errors
    ///
    /// Returns `MEDIA_UNSUPPORTED` if a part has no picture.
    pub fn prompt_with(&self, request: &Request, pictures: Vec<Shown>) -> Result<Prompt> {
        let tokenizer = self.tokenizer.as_ref().ok_or_else(no_tokenizer)?;
        let rows: Vec<Range<u32>> = pictures.iter().map(Shown::ids).collect();
        let mut ids = render_with(tokenizer, request, &self.answers, &rows)?;
        // A constrained answer begins where its constraint begins.
        let is_free = wish_of(request, Dialect::of(tokenizer))?.is_none();
        let cut = match is_free {
            true => CutWord::take(tokenizer, request, &mut ids),
            false => CutWord::default(),
        };
        Ok(Prompt { ids, pictures, cut })
    }

    /// Returns the options that a request sets; `seed` is used if it has none.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for a schema that cannot be enforced on the device, with the
    /// keyword's name.
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

    /// Feeds a prompt, except for the part that is cached.
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
        // An answer needs room for one token after the last one chosen.
        if length >= self.pass.capacity() {
            return Err(context_full(length + 1, self.pass.capacity()));
        }
        // The last token is always fed, because its logits are needed.
        let kept = self.read(&prompt.ids, &prompt.pictures, length - 1, &options).await?;
        self.started += 1;
        self.current = Some(self.started);
        let mut generation = Generation::new(self.started, options, prompt, kept);
        if let Some(tokenizer) = &self.tokenizer {
            generation.spell(tokenizer);
        }
        Ok(generation)
    }

    /// Makes these tokens current: reuses at most `most` of them and feeds the others. Returns how
    /// many were reused.
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
                .ok_or_else(|| Error::internal("a prompt refers to a row of an unknown picture"))?;
            let fed = match run {
                Run::Tokens(count) => {
                    // The pass may change its chunk size during the prefill.
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

    /// Drops the cache after a failure, because its contents are unknown; after an allocation
    /// failure also lowers its limit.
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

    /// Resumes an answer's conversation if another one ran in between.
    async fn take_up(&mut self, generation: &Generation) -> Result<()> {
        if self.current == Some(generation.number) {
            return Ok(());
        }
        let mut tokens = generation.prompt.ids.clone();
        // The next step feeds the last token chosen; at the end of a prompt its logits are needed.
        let fed = generation.ids.len().saturating_sub(1);
        tokens.extend(generation.ids.iter().take(fed));
        let most = if generation.ids.is_empty() { tokens.len() - 1 } else { tokens.len() };
        self.read(&tokens, &generation.prompt.pictures, most, &generation.options).await?;
        self.current = Some(generation.number);
        Ok(())
    }

    /// Returns all logits after the last fed token.
    pub async fn logits(&mut self) -> Result<Vec<f32>> {
        self.pass.logits().await
    }

    /// Returns the next piece of an answer, or `None` once it has ended.
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

    /// Runs one step.
    async fn token(&mut self, generation: &mut Generation, piece: &mut Piece) -> Result<()> {
        let count = generation.ids.len();
        if count >= generation.options.max_output_tokens {
            generation.end(FinishReason::Length, piece);
            return Ok(());
        }
        let Options { sampler, top, .. } = generation.options;
        let has_budget = generation.options.listener.as_ref().is_some_and(Listener::has_budget);
        let last = generation.ids.last().copied();
        // The mask depends on the token just chosen.
        let goes_on = count + 1 < generation.options.max_output_tokens && !has_budget;
        let allowed = generation.allowed(self.pass.config().vocabulary, &self.stop_ids)?;
        let draw = Draw { sampler, step: u32::try_from(count).unwrap_or(u32::MAX), top, allowed };
        self.pass.look_ahead(goes_on && draw.allowed.is_none());
        let choice = match last {
            None => self.pass.choose(&draw).await,
            // After the last token nothing needs to be predicted.
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
        if let Some(spelling) = &mut generation.spelling {
            spelling.accept(choice.token);
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
            generation.hear(choice.token, &text, piece);
        }
        // Log-probabilities of reasoning do not describe the answer.
        if !is_aside {
            piece.choices.push(choice);
        }
        if generation.finish.is_none()
            && generation.guard.as_ref().is_some_and(|guard| guard.state.is_finished())
        {
            // Only the end of the answer could follow.
            generation.end(FinishReason::Stop, piece);
        }
        if generation.finish.is_none() && count + 1 >= generation.options.max_output_tokens {
            generation.end(FinishReason::Length, piece);
        }
        Ok(())
    }

    /// Remembers the token IDs of an answer for the next turn, if they decode to exactly its text.
    fn remember(&mut self, generation: &Generation) {
        let Some(tokenizer) = &self.tokenizer else { return };
        let Generation { text, parts, spoken, ids, .. } = generation;
        let is_call = |part: &Part| matches!(part.content, Content::ToolRequest(_));
        let has_calls = parts.iter().any(is_call);
        let is_whole = if has_calls {
            // Only an end token ends an answer with calls, and the spelling of arguments can vary.
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
            // While the calls are answered, the reasoning before them stays in the conversation.
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

/// The error of a picture in a request to a model without a vision tower.
#[must_use]
pub fn sees_nothing() -> Error {
    Error::invalid(
        "this model was loaded without a vision tower and reads no pictures: pass its mmproj file, or ask a model that takes pictures",
    )
    .with_code("MEDIA_UNSUPPORTED")
}

fn no_tokenizer() -> Error {
    Error::precondition("the file has no vocabulary, so only token IDs can be used")
        .with_code("TOKENIZER_MISSING")
}
