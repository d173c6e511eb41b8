//! What every forward pass can do, so that generation does not know which one it drives.
//!
//! A pass holds a sequence of tokens in its cache of keys and values. Feeding tokens lengthens it
//! and leaves the logits of the last one pending, wherever the pass keeps them; choosing turns
//! pending logits into a token. A GPU pass chooses where the logits are and reads back a few bytes.
//!
//! ```text
//!            prefill(tokens)            choose(draw) -> Sampled
//! position ───────────────► + n, pending ──────────────► pending still
//!    ▲                                     step(token, draw) = prefill([token]) + choose(draw)
//!    └─ rewind(length): forgets the end
//! ```
//!
//! Futures are boxed and not `Send`: the worker holds a `dyn Pass`, and in the browser it holds
//! JavaScript values.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result, Status};

use crate::config::Config;
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

    /// How many tokens the cache holds.
    fn position(&self) -> usize;

    /// Forgets all but the first `length` tokens, and says how many are really left.
    ///
    /// Local layers keep a ring of the last positions. Where it no longer has the window before
    /// `length`, nothing can be kept and the answer is 0. Pending logits are forgotten too.
    fn rewind(&mut self, length: usize) -> usize;

    /// Feeds tokens; the logits of the last one are pending then. No tokens change nothing.
    ///
    /// Fails with [`context_full`] if they do not fit and with [`unknown_token`] for an id outside
    /// of the vocabulary, without having fed anything.
    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>>;

    /// All pending logits, after the soft cap.
    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>>;

    /// Whether the token picked next will be fed by [`Self::step`]: a pass that chooses where the
    /// logits are may then begin with that step before it is asked for. What it began is thrown away
    /// where something else comes instead.
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

/// Logits were asked for before anything was fed.
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

/// Refuses tokens that the network has no embedding for.
pub fn check_vocabulary(config: &Config, tokens: &[u32]) -> Result<()> {
    match tokens.iter().find(|token| **token as usize >= config.vocabulary) {
        Some(token) => Err(unknown_token(*token, config.vocabulary)),
        None => Ok(()),
    }
}

/// How many tokens can be kept when rewinding to `length`, with rings of `slots` positions.
///
/// The first position that a query at `length` sees is `length + 1 − window`; the ring holds the
/// last `slots` positions.
#[must_use]
pub fn kept_after_rewind(
    length: usize,
    position: usize,
    window: Option<usize>,
    slots: usize,
) -> usize {
    let length = length.min(position);
    let first_needed = window.map_or(0, |window| (length + 1).saturating_sub(window));
    let has_all = match window {
        None => true,
        Some(_) => first_needed >= position.saturating_sub(slots),
    };
    if has_all { length } else { 0 }
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

#[cfg(test)]
mod tests {
    use super::kept_after_rewind;

    #[test]
    fn a_ring_forgets_what_it_overwrote() {
        for (length, position, window, slots, kept) in [
            (5, 9, None, 0, 5),
            (9, 9, Some(4), 4, 9),
            (12, 9, Some(4), 4, 9),
            (8, 9, Some(4), 4, 8),
            (7, 9, Some(4), 4, 0),
            (7, 9, Some(4), 5, 7),
            // Nothing was overwritten yet.
            (1, 4, Some(4), 4, 1),
            (0, 100, Some(4), 4, 0),
        ] {
            let got = kept_after_rewind(length, position, window, slots);
            assert_eq!(got, kept, "{length} of {position}, {window:?}, {slots}");
        }
    }
}
