//! The interface of every forward pass: generation works with any of them.
//!
//! A pass holds a sequence of tokens in its cache of keys and values. Feeding tokens lengthens it
//! and leaves the logits of the last one pending, wherever the pass keeps them; choosing turns
//! pending logits into a token. A GPU pass chooses where the logits are and reads back a few bytes.
//! Sequences before it are saved ([`crate::cache`]) and resumed.
//!
//! ```text
//!            prefill(tokens)            choose(draw) -> Sampled
//! position ───────────────► + n, pending ──────────────► pending still
//!    ▲                                     step(token, draw) = prefill([token]) + choose(draw)
//!    └─ resume(tokens): the longest prefix that is held or saved
//! ```
//!
//! Futures are boxed and not `Send`: the worker holds a `dyn Pass`, and in the browser it holds
//! JavaScript values.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::{Error, Result, Status};

use crate::cache::Reuse;
use crate::config::{Config, PictureSight};
use crate::sample::{Draw, Sampled, choose};

/// A network with a cache, wherever it runs.
pub trait Pass: fmt::Debug {
    /// The network.
    fn config(&self) -> &Config;

    /// Where it runs, for people.
    fn adapter(&self) -> String {
        "cpu".to_owned()
    }

    /// How many tokens are best fed at once. Between such chunks a caller can stop.
    fn chunk(&self) -> usize {
        256
    }

    /// How many tokens the cache can hold.
    fn capacity(&self) -> usize;

    /// The current tokens; more are fed after them.
    fn tokens(&self) -> &[u32];

    /// How many tokens are at hand.
    fn position(&self) -> usize {
        self.tokens().len()
    }

    /// Makes these the tokens at hand, as far as keys and values of them are anywhere; returns how
    /// many are. Those that were at hand are saved for a later call. Pending logits are dropped.
    fn resume(&mut self, tokens: &[u32]) -> usize;

    /// Goes back to the first `length` tokens at hand, or to fewer where the memory for saved keys
    /// and values was too short. Pending logits are dropped.
    fn rewind(&mut self, length: usize) -> usize {
        let tokens = self.tokens().get(..length).unwrap_or(self.tokens()).to_vec();
        self.resume(&tokens)
    }

    /// Drops all keys and values, saved ones too: after a failure none is to be trusted.
    fn forget(&mut self);

    /// Bounds the bytes of saved keys and values.
    fn set_budget(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// What was fed, what did not have to be, and what is saved.
    fn reuse(&self) -> Reuse {
        Reuse::default()
    }

    /// Feeds tokens; the logits of the last one are pending then. No tokens change nothing.
    ///
    /// Fails with [`context_full`] if they do not fit and with [`unknown_token`] for an id outside
    /// of the vocabulary, without having fed anything.
    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>>;

    /// Feeds rows of one picture instead of embedded tokens; `ids` name them in the sequence at
    /// hand ([`FIRST_ROW`]). Where rows see each other, these are the picture's last ones, all that
    /// are not held yet. As with tokens, the logits of the last one are pending then.
    fn prefill_rows<'a>(
        &'a mut self,
        ids: &'a [u32],
        rows: &'a [f32],
    ) -> LocalBoxFuture<'a, Result<()>> {
        let _ = (ids, rows);
        Box::pin(ready(Err(reads_no_pictures())))
    }

    /// All pending logits, after the soft cap.
    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>>;

    /// Whether the token picked next will be fed by [`Self::step`]: a pass that chooses where the
    /// logits are may then begin with that step before it is requested. What it began is thrown
    /// away where something else comes instead.
    fn look_ahead(&mut self, wanted: bool) {
        let _ = wanted;
    }

    /// Picks a token by the pending logits, which stay pending.
    fn choose<'a>(&'a mut self, draw: &'a Draw<'a>) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async move { choose(&self.logits().await?, draw) })
    }

    /// Feeds a token and picks the next. Overridden where both fit into one submission, or where
    /// the pass ran ahead with the token it chose itself.
    fn step<'a>(
        &'a mut self,
        token: u32,
        draw: &'a Draw<'a>,
    ) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async move {
            self.prefill(&[token]).await?;
            self.choose(draw).await
        })
    }
}

/// A network that reads a whole text at once and turns it into one vector.
pub trait TextEmbedder: fmt::Debug {
    /// The network.
    fn config(&self) -> &Config;

    /// Where it runs, for people.
    fn adapter(&self) -> String {
        "cpu".to_owned()
    }

    /// The mean over all tokens, through the dense layers, not yet normalised.
    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>>;
}

/// The tokens do not fit into the cache.
#[must_use]
pub fn context_full(wanted: usize, capacity: usize) -> Error {
    // Transient on purpose: a branch with more room may well take the same request.
    Error::new(
        Status::ResourceExhausted,
        format!("{wanted} tokens do not fit into a context of {capacity}"),
    )
    .with_code("CONTEXT_FULL")
}

/// A token id is outside of the vocabulary.
#[must_use]
pub fn unknown_token(token: u32, vocabulary: usize) -> Error {
    Error::invalid(format!("there is no token {token} in a vocabulary of {vocabulary}"))
        .with_code("UNKNOWN_TOKEN")
}

/// Ids from here on name rows of pictures, each of which a session numbers once: the same id is
/// always the same row, so that what was computed of it is found again as that of a token is.
pub const FIRST_ROW: u32 = 1 << 31;

/// A pass that takes tokens alone was given a picture.
#[must_use]
pub fn reads_no_pictures() -> Error {
    Error::new(Status::Unimplemented, "this pass of the engine reads no pictures: use the CPU's")
        .with_code("MEDIA_UNSUPPORTED")
}

/// Logits were requested before anything was fed.
#[must_use]
pub fn nothing_pending() -> Error {
    Error::precondition("no token has been fed, so there are no logits")
}

/// Refuses what a pass may not be fed: the check that every [`Pass::prefill`] begins with.
pub fn check_tokens(pass: &(impl Pass + ?Sized), tokens: &[u32]) -> Result<()> {
    let wanted = pass.position() + tokens.len();
    if wanted > pass.capacity() {
        return Err(context_full(wanted, pass.capacity()));
    }
    check_vocabulary(pass.config(), tokens)
}

/// Refuses rows that a pass may not be fed; `most` is how many can go through its layers together.
pub(crate) fn check_rows(
    pass: &(impl Pass + ?Sized),
    ids: &[u32],
    rows: &[f32],
    most: usize,
) -> Result<()> {
    let wanted = pass.position() + ids.len();
    if wanted > pass.capacity() {
        return Err(context_full(wanted, pass.capacity()));
    }
    let config = pass.config();
    if rows.len() != ids.len() * config.width || ids.iter().any(|id| *id < FIRST_ROW) {
        return Err(Error::internal("rows of a picture do not fit the network"));
    }
    if config.picture_sight() != PictureSight::Behind && ids.len() > most {
        return Err(Error::internal("the pass has no room for a picture of this many rows"));
    }
    Ok(())
}

/// Refuses tokens that the network has no embedding for.
pub fn check_vocabulary(config: &Config, tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|token| **token as usize >= config.vocabulary) {
        Some(token) => Err(unknown_token(*token, config.vocabulary)),
        None => Ok(()),
    }
}

/// Pending once, woken at once: others run, and may drop the work that waits.
pub(crate) async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
