//! A switch that stops the work, in the middle of a wait too.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use hybridge_core::{Error, Result};

/// A switch that stops the work; every clone is the same switch.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Rc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    is_used: Cell<bool>,
    /// Who waits for what may be stopped.
    waiting: RefCell<Option<Waker>>,
}

impl Cancel {
    /// Stops after the token in flight, or before the next part of a prompt. Again does nothing.
    pub fn cancel(&self) {
        self.0.is_used.set(true);
        // Taken out first: some executors run at once whom they wake.
        let waiting = self.0.waiting.take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Whether it was used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_used.get()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// What some work comes to; it is dropped where it stands once the switch is used.
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
