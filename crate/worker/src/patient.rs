//! A pass on the CPU that lets messages in: it holds the worker's only thread while it computes.

use futures::future::LocalBoxFuture;
use hybridge_core::Result;
use hybridge_gemma::sample::{Choice, Draw};
use hybridge_gemma::{Config, Pass};

use crate::platform::turn;

/// Tokens between two looks at the messages.
const CHUNK: usize = 16;

/// Another pass, with a turn of the event loop before each chunk and each token.
#[derive(Debug)]
pub(crate) struct Patient<P>(pub(crate) P);

impl<P: Pass> Pass for Patient<P> {
    fn config(&self) -> &Config {
        self.0.config()
    }

    fn adapter(&self) -> String {
        self.0.adapter()
    }

    fn chunk(&self) -> usize {
        self.0.chunk().min(CHUNK)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn position(&self) -> usize {
        self.0.position()
    }

    fn rewind(&mut self, length: usize) -> usize {
        self.0.rewind(length)
    }

    fn prefill<'a>(&'a mut self, tokens: &'a [u32]) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            turn().await;
            self.0.prefill(tokens).await
        })
    }

    fn logits(&mut self) -> LocalBoxFuture<'_, Result<Vec<f32>>> {
        self.0.logits()
    }

    fn choose<'a>(&'a mut self, draw: &'a Draw) -> LocalBoxFuture<'a, Result<Choice>> {
        self.0.choose(draw)
    }

    // Without a turn: between two tokens the page asks for the next one, which is one.
    fn step<'a>(&'a mut self, token: u32, draw: &'a Draw) -> LocalBoxFuture<'a, Result<Choice>> {
        self.0.step(token, draw)
    }
}
