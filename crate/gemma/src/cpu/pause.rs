//! Letting others run in the middle of long work.

use std::rc::Rc;

use futures::future::LocalBoxFuture;

use crate::engine::yield_once;

/// Lets others run. It is awaited before every layer, some thousand times a second on small
/// models: where a turn of the event loop is dear, return at once unless some time has passed.
pub type Pause = Rc<dyn Fn() -> LocalBoxFuture<'static, ()>>;

/// Yields to the executor once.
#[must_use]
pub fn brief() -> Pause {
    Rc::new(|| Box::pin(yield_once()))
}
