//! A switch that aborts work, even while it waits.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use hybridge_core::{Error, Result};

/// A switch that aborts work; all clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Rc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_used: Cell<bool>,
    /// Wakers of tasks that wait for abortable work.
    waiting: RefCell<Option<Waker>>,
}

impl Cancel {
    /// Aborts after the token in flight, or before the next part of a prompt. Idempotent.
    pub fn cancel(&self) {
        self.0.is_used.set(true);
        // Taken out first, because some executors run a task as soon as it is woken.
        let waiting = self.0.waiting.take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether the switch was used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_used.get()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// Returns the result of a future; the future is dropped once the switch is used.
    pub(super) async fn unless<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Err(error) = self.check() {
                return Poll::Ready(Err(error));
            }
            self.0.waiting.replace(Some(context.waker().clone()));
            work.as_mut().poll(context)
        })
        .await
    }
}
