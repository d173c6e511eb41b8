//! Rows of a table that is too large for memory, read from the file when a token needs them.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::ops::Range;
use std::task::Poll;

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result};

use super::weights::{Model, Tensor, damaged};

/// The size of the row cache in bytes. Tokens recur in prompts and answers.
pub(crate) const REMEMBERED: usize = 8 << 20;
/// Rows between two needed ones that are read along with them, to merge their requests.
const GAP: usize = 4;
/// The maximum number of bytes in one request.
const PIECE: usize = 4 << 20;
/// The maximum number of parallel requests: in a browser one takes a fraction of a millisecond,
/// most of it waiting.
const AT_ONCE: usize = 32;

/// A table in a file, with a cache of recently used rows in packed form.
#[derive(Clone, Debug)]
pub struct Rows {
    model: Model,
    tensor: Tensor,
    /// Cached rows by index, as stored in the file.
    held: HashMap<usize, Vec<u8>>,
    /// Row indices, the oldest first.
    order: VecDeque<usize>,
    reads: u64,
}

impl Rows {
    /// Opens a table without reading anything.
    #[must_use]
    pub fn new(model: &Model, tensor: &Tensor) -> Self {
        Self {
            model: model.clone(),
            tensor: tensor.clone(),
            held: HashMap::new(),
            order: VecDeque::new(),
            reads: 0,
        }
    }

    /// Returns the number of values in a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.tensor.columns
    }

    /// Returns the number of requests made to the file.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// Returns the size of the cache in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.len() * self.tensor.row_bytes()
    }

    /// Returns the decoded rows of some tokens, concatenated. \[tokens, columns\]
    ///
    /// # Errors
    ///
    /// Returns errors of reading the file, and `DATA_LOSS` for a row with non-finite numbers.
    pub async fn gather(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut wanted: Vec<usize> = tokens.iter().map(|token| *token as usize).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|row| !self.held.contains_key(row));
        self.make_room(wanted.len(), tokens);
        let size = self.tensor.row_bytes();
        let stretches = stretches(&wanted, (PIECE / size.max(1)).max(1));
        for stretches in stretches.chunks(AT_ONCE) {
            let (model, tensor) = (&self.model, &self.tensor);
            let read = |(rows, _): &(Range<usize>, &[usize])| -> LocalBoxFuture<'_, _> {
                Box::pin(model.rows(tensor, rows.clone()))
            };
            let pieces = together(stretches.iter().map(read).collect()).await;
            self.reads += stretches.len() as u64;
            for ((rows, these), bytes) in stretches.iter().zip(pieces) {
                let bytes = bytes?;
                for row in *these {
                    let start = (row - rows.start) * size;
                    let row_bytes = bytes
                        .get(start..start + size)
                        .ok_or_else(|| Error::internal("a row was not read"))?;
                    self.held.insert(*row, row_bytes.to_vec());
                    self.order.push_back(*row);
                }
            }
        }
        let mut values = vec![0.0; tokens.len() * self.tensor.columns];
        for (token, values) in tokens.iter().zip(values.chunks_exact_mut(self.tensor.columns)) {
            if let Some(bytes) = self.held.get(&(*token as usize)) {
                self.tensor.encoding.decode(bytes, values);
            }
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(damaged(&self.tensor.name));
        }
        Ok(values)
    }

    /// Evicts the oldest rows until this many new ones fit, except those needed now.
    fn make_room(&mut self, new: usize, needed: &[u32]) {
        let most = (REMEMBERED / self.tensor.row_bytes().max(1)).max(1);
        let mut looked_at = 0;
        while self.held.len() + new > most && looked_at < self.order.len() {
            let Some(row) = self.order.pop_front() else { break };
            if needed.iter().any(|token| *token as usize == row) {
                self.order.push_back(row);
                looked_at += 1;
            } else {
                self.held.remove(&row);
            }
        }
    }
}

/// Groups rows in ascending order into requests, and returns which part of each is needed.
fn stretches(wanted: &[usize], most: usize) -> Vec<(Range<usize>, &[usize])> {
    let mut stretches = Vec::new();
    let mut rest = wanted;
    while let Some(first) = rest.first().copied() {
        let mut count = 1;
        while let (Some(last), Some(next)) = (rest.get(count - 1), rest.get(count)) {
            if next - last > GAP || next - first >= most {
                break;
            }
            count += 1;
        }
        let (these, others) = rest.split_at(count);
        rest = others;
        let end = these.last().map_or(first, |last| last + 1);
        stretches.push((first..end, these));
    }
    stretches
}

/// Awaits all requests and returns their results in order.
async fn together<T>(mut requests: Vec<LocalBoxFuture<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = requests.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_over = true;
        for (request, answer) in requests.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match request.as_mut().poll(context) {
                    Poll::Ready(it) => *answer = Some(it),
                    Poll::Pending => is_over = false,
                }
            }
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures::future::LocalBoxFuture;
    use hybridge_core::{Error, Result};
    use pollster::block_on;

    use super::{AT_ONCE, Rows, stretches};
    use crate::engine::yield_once;
    use crate::source::{Memory, Source};
    use crate::testing::find;
    use crate::weights::Model;

    #[test]
    fn neighbouring_rows_are_read_together() {
        let found = stretches(&[1, 2, 6, 11, 12], 100);
        assert_eq!(found, [(1..7, &[1, 2, 6][..]), (11..13, &[11, 12][..])]);
        let found = stretches(&[1, 2, 3, 4], 2);
        assert_eq!(found, [(1..3, &[1, 2][..]), (3..5, &[3, 4][..])]);
        assert!(stretches(&[], 4).is_empty());
    }

    /// A file whose every read waits once, and some of whose reads fail.
    #[derive(Debug)]
    struct Slow {
        bytes: Vec<u8>,
        open: Cell<usize>,
        most: Cell<usize>,
        breaks: Cell<bool>,
    }

    #[derive(Debug)]
    struct Shared(Rc<Slow>);

    impl Source for Shared {
        fn size(&self) -> u64 {
            self.0.bytes.len() as u64
        }

        fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
            Box::pin(async move {
                let slow = &self.0;
                slow.open.set(slow.open.get() + 1);
                slow.most.set(slow.most.get().max(slow.open.get()));
                yield_once().await;
                slow.open.set(slow.open.get() - 1);
                if slow.breaks.get() && slow.open.get().is_multiple_of(3) {
                    return Err(Error::unavailable("gone"));
                }
                Memory(&slow.bytes).read(offset, length).await
            })
        }
    }

    #[test]
    fn distant_rows_are_requested_in_parallel() {
        let bytes = find("gemma4_q4_0").unwrap().bytes();
        let slow = Rc::new(Slow {
            bytes: bytes.clone(),
            open: Cell::new(0),
            most: Cell::new(0),
            breaks: Cell::new(false),
        });
        let rows = |source: Rc<dyn Source>| {
            let model = block_on(Model::open(vec![source])).unwrap();
            Rows::new(&model, &model.tensors.inputs.as_ref().unwrap().token_embd)
        };
        let tokens: Vec<u32> = (0..100).map(|i| i * 997 % 1009).collect();
        let expected = block_on(rows(Rc::new(Memory(bytes))).gather(&tokens)).unwrap();
        let mut some = rows(Rc::new(Shared(slow.clone())));
        assert_eq!(slow.most.get(), 1);
        slow.breaks.set(true);
        assert_eq!(block_on(some.gather(&tokens)).unwrap_err().message, "gone");
        slow.breaks.set(false);
        // Rows read before the failure are cached, and the others are read now.
        assert_eq!(block_on(some.gather(&tokens)).unwrap(), expected);
        assert_eq!((slow.open.get(), slow.most.get()), (0, AT_ONCE));
        let reads = some.reads();
        assert_eq!(block_on(some.gather(&tokens)).unwrap(), expected);
        assert_eq!(some.reads(), reads);
    }
}
