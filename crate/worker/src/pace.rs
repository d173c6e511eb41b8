//! Yields to the event loop during CPU work, which otherwise occupies the worker's only thread.

use std::cell::Cell;
use std::rc::Rc;

use futures::future::ready;
use hybridge_gemma::cpu::Pause;

use crate::platform::{milliseconds, turn};

/// About one frame. A yield costs some hundredths of a millisecond.
const MILLISECONDS: f64 = 16.0;

/// Yields to the event loop if the last yield was a frame ago.
pub(crate) fn pace() -> Pause {
    let last = Rc::new(Cell::new(milliseconds()));
    Rc::new(move || {
        if milliseconds() - last.get() < MILLISECONDS {
            return Box::pin(ready(()));
        }
        let last = last.clone();
        Box::pin(async move {
            turn().await;
            last.set(milliseconds());
        })
    })
}
