//! How the CPU's work lets messages in: it holds the worker's only thread while it computes.

use std::cell::Cell;
use std::rc::Rc;

use futures::future::ready;
use hybridge_gemma::cpu::Pause;

use crate::platform::{milliseconds, turn};

/// About one frame. A turn costs some hundredths of a millisecond.
const MILLISECONDS: f64 = 16.0;

/// A turn of the event loop wherever the last one is a frame ago.
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
