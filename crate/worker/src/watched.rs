//! A source of bytes that reports how much has been read.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use hybridge_core::Result;
use hybridge_gemma::source::Source;

/// The listener: a phase, the bytes done, and the total.
pub(crate) type Report = Rc<dyn Fn(&str, u64, u64)>;

/// The number of bytes read from all files.
pub(crate) struct Meter {
    report: Report,
    read: Cell<u64>,
    total: Cell<u64>,
}

impl Meter {
    pub(crate) fn new(report: Report) -> Rc<Self> {
        Rc::new(Self { report, read: Cell::new(0), total: Cell::new(0) })
    }

    /// Wraps the source.
    pub(crate) fn watch(self: &Rc<Self>, source: impl Source + 'static) -> Rc<dyn Source> {
        self.total.set(self.total.get() + source.size());
        Rc::new(Watched { source, meter: self.clone() })
    }

    fn add(&self, length: usize) {
        // A header may be read twice; the count is capped at the total.
        self.read.set((self.read.get() + length as u64).min(self.total.get()));
        (self.report)("upload", self.read.get(), self.total.get());
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("read", &self.read).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Watched<S> {
    source: S,
    meter: Rc<Meter>,
}

impl<S: Source> Source for Watched<S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
        Box::pin(async move {
            let bytes = self.source.read(offset, length).await?;
            self.meter.add(length);
            Ok(bytes)
        })
    }
}
