//! Letting others run in the middle of long work.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use futures::future::LocalBoxFuture;

/// Lets others run. It is awaited before every layer, some thousand times a second on small
/// models: where a turn of the event loop is dear, return at once unless some time has passed.
pub type Pause = Rc<dyn Fn() -> LocalBoxFuture<'static, ()>>;

/// Yields to the executor once.
pub(super) fn brief() -> Pause {
    Rc::new(|| Box::pin(yield_once()))
}

/// Pending once, woken at once.
async fn yield_once() {
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
