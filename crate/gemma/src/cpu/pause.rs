//! Yields to other tasks during long work.

use std::rc::Rc;

use futures::future::LocalBoxFuture;

use crate::engine::yield_once;

/// Yields to other tasks. It is awaited before every layer, thousands of times a second on small
/// models: if a turn of the event loop is expensive, return at once unless some time has passed.
pub type Pause = Rc<dyn Fn() -> LocalBoxFuture<'static, ()>>;

/// Yields to the executor once.
#[must_use]
pub fn brief() -> Pause {
    Rc::new(|| Box::pin(yield_once()))
}
