//! The interface of every forward pass: generation works with any of them.
//!
//! A pass has a sequence of tokens in its cache of keys and values. Feeding tokens extends it and
//! leaves the logits of the last one pending, wherever the pass stores them; choosing turns pending
//! logits into a token. A GPU pass chooses on the GPU and reads back a few bytes. Earlier sequences
//! are saved ([`crate::cache`]) and resumed.
//!
//! ```text
//!            prefill(tokens)            choose(draw) -> Sampled
//! position ───────────────► + n, pending ──────────────► pending still
//!    ▲                                     step(token, draw) = prefill([token]) + choose(draw)
//!    └─ resume(tokens): the longest prefix that is held or saved
//! ```
//!
//! Futures are boxed and not `Send`: the worker has a `dyn Pass`, which contains JavaScript values
//! in the browser.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::{Error, Result, Status};

use crate::cache::Reuse;
use crate::config::{Config, PictureSight};
use crate::sample::{Draw, Sampled, choose};

/// A network with a cache, on any device.
pub trait Pass: fmt::Debug {
    /// Returns the network.
    fn config(&self) -> &Config;

    /// Returns a description of the device, for people.
    fn adapter(&self) -> String {
        "cpu".to_owned()
    }

    /// Returns how many tokens are best fed at once. Callers can abort between such chunks.
    fn chunk(&self) -> usize {
        256
    }

    /// Returns the capacity of the cache in tokens.
    fn capacity(&self) -> usize;

    /// Returns the current sequence, after which tokens are fed.
    fn tokens(&self) -> &[u32];

    /// Returns the length of the current sequence.
    fn position(&self) -> usize {
        self.tokens().len()
    }

    /// Makes these the current tokens, as far as their keys and values are cached; returns how many
    /// are. The previous sequence is saved for a later call. Pending logits are dropped.
    fn resume(&mut self, tokens: &[u32]) -> usize;

    /// Truncates the current sequence to its first `length` tokens, or fewer if the memory for
    /// saved keys and values was too small. Pending logits are dropped.
    fn rewind(&mut self, length: usize) -> usize {
        let tokens = self.tokens().get(..length).unwrap_or(self.tokens()).to_vec();
        self.resume(&tokens)
    }

    /// Drops all keys and values, including saved ones: after a failure none can be trusted.
    fn forget(&mut self);

    /// Limits the bytes of saved keys and values.
    fn set_budget(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// Returns statistics of computed, reused and saved tokens.
    fn reuse(&self) -> Reuse {
        Reuse::default()
    }

    /// Feeds tokens and leaves the logits of the last one pending. An empty list has no effect.
    ///
    /// Fails with [`context_full`] if they do not fit and with [`unknown_token`] for an id outside
    /// of the vocabulary, without having fed anything.
    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>>;

    /// Feeds rows of one picture instead of token embeddings; `ids` name them in the current
    /// sequence ([`FIRST_ROW`]). If rows attend to each other, these are all of the picture's rows
    /// that are missing. The logits of the last row are then pending.
    fn prefill_rows<'a>(
        &'a mut self,
        ids: &'a [u32],
        rows: &'a [f32],
    ) -> LocalBoxFuture<'a, Result<()>> {
        let _ = (ids, rows);
        Box::pin(ready(Err(reads_no_pictures())))
    }

    /// Returns all pending logits, after the soft cap.
    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>>;

    /// Sets whether the token picked next will be fed by [`Self::step`]. A pass that chooses on the
    /// GPU may then start that step early; its result is discarded if another call comes instead.
    fn look_ahead(&mut self, wanted: bool) {
        let _ = wanted;
    }

    /// Picks a token by the pending logits, which stay pending.
    fn choose<'a>(&'a mut self, draw: &'a Draw<'a>) -> LocalBoxFuture<'a, Result<Sampled>> {
        Box::pin(async move { choose(&self.logits().await?, draw) })
    }

    /// Feeds a token and picks the next. Overridden if both fit into one submission, or if the pass
    /// started the step early with the token it chose.
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

/// A network that reads a whole text at once and returns one vector.
pub trait TextEmbedder: fmt::Debug {
    /// Returns the network.
    fn config(&self) -> &Config;

    /// Returns a description of the device, for people.
    fn adapter(&self) -> String {
        "cpu".to_owned()
    }

    /// Returns the mean over all tokens after the dense layers, not normalised.
    fn encode<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<Vec<f32>>>;
}

/// The error of tokens that do not fit into the cache.
#[must_use]
pub fn context_full(wanted: usize, capacity: usize) -> Error {
    // Transient on purpose: a branch with a larger context window may be able to run the same
    // request.
    Error::new(
        Status::ResourceExhausted,
        format!("{wanted} tokens do not fit into a context of {capacity}"),
    )
    .with_code("CONTEXT_FULL")
}

/// The error of a token ID outside the vocabulary.
#[must_use]
pub fn unknown_token(token: u32, vocabulary: usize) -> Error {
    Error::invalid(format!("there is no token {token} in a vocabulary of {vocabulary}"))
        .with_code("UNKNOWN_TOKEN")
}

/// IDs from here on name rows of pictures. A session numbers each row once, so an ID always means
/// the same row, and its results can be reused like those of a token.
pub const FIRST_ROW: u32 = 1 << 31;

/// The error of a pass without support for pictures.
#[must_use]
pub fn reads_no_pictures() -> Error {
    Error::new(
        Status::Unimplemented,
        "this pass of the engine does not support pictures: use the CPU's",
    )
    .with_code("MEDIA_UNSUPPORTED")
}

/// The error of logits that were requested before any token was fed.
#[must_use]
pub fn nothing_pending() -> Error {
    Error::precondition("no token has been fed, so there are no logits")
}

/// Checks tokens before they are fed; every [`Pass::prefill`] begins with this.
pub fn check_tokens(pass: &(impl Pass + ?Sized), tokens: &[u32]) -> Result<()> {
    let wanted = pass.position() + tokens.len();
    if wanted > pass.capacity() {
        return Err(context_full(wanted, pass.capacity()));
    }
    check_vocabulary(pass.config(), tokens)
}

/// Checks rows before they are fed; `most` is how many can go through the layers together.
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

/// Checks that the network has an embedding for every token.
pub fn check_vocabulary(config: &Config, tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|token| **token as usize >= config.vocabulary) {
        Some(token) => Err(unknown_token(*token, config.vocabulary)),
        None => Ok(()),
    }
}

/// A future that is pending once, to yield to other tasks, which may drop the waiting one.
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
