//! A progress bar on the terminal during a load.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use hybridge_core::Result;
use hybridge_gemma::source::Source;

const WIDTH: u64 = 40;

/// Counts bytes and draws the bar, which all clones share.
#[derive(Clone, Debug)]
pub(crate) struct Bar(Rc<Count>);

#[derive(Debug)]
struct Count {
    is_shown: bool,
    read: Cell<u64>,
    total: Cell<u64>,
    drawn: Cell<u64>,
}

impl Bar {
    /// Draws only on a terminal.
    pub(crate) fn new(is_wanted: bool) -> Self {
        let is_shown = is_wanted && std::io::stderr().is_terminal();
        Self(Rc::new(Count {
            is_shown,
            read: Cell::new(0),
            total: Cell::new(0),
            drawn: Cell::new(u64::MAX),
        }))
    }

    fn add(&self, bytes: u64) {
        let count = &self.0;
        count.read.set(count.read.get() + bytes);
        let total = count.total.get().max(1);
        let full = count.read.get().min(total) * WIDTH / total;
        if count.is_shown && count.drawn.replace(full) != full {
            let bar: String = (0..WIDTH).map(|at| if at < full { '█' } else { '░' }).collect();
            let (read, total) = (count.read.get() >> 20, total >> 20);
            // A failure to draw does not stop the load.
            let _ = write!(std::io::stderr(), "\r{bar} {read} of {total} MB");
        }
    }

    /// Clears the bar.
    pub(crate) fn finish(&self) {
        if self.0.is_shown && self.0.drawn.get() != u64::MAX {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// A source that reports reads to a progress bar.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    source: S,
    bar: Bar,
}

impl<S: Source> Watched<S> {
    pub(crate) fn new(source: S, bar: Bar) -> Self {
        bar.0.total.set(bar.0.total.get() + source.size());
        Self { source, bar }
    }
}

impl<S: Source> Source for Watched<S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
        self.bar.add(length as u64);
        self.source.read(offset, length)
    }
}
