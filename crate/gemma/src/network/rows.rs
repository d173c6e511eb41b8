//! Rows of a table that is too large to hold: read from the file when a token needs them.

use std::collections::{HashMap, VecDeque};

use hybridge_core::{Error, Result};

use super::weights::{Model, Tensor, damaged};

/// Bytes of rows that are remembered. Prompts repeat tokens, and so do answers.
pub(crate) const REMEMBERED: usize = 8 << 20;
/// Rows whose gaps are read along, so that neighbours cost one request.
const GAP: usize = 4;
/// The most bytes of one request.
const PIECE: usize = 4 << 20;

/// A table in a file, of which the rows in use are remembered, packed.
#[derive(Clone, Debug)]
pub struct Rows {
    model: Model,
    tensor: Tensor,
    /// By row, as the file holds them.
    held: HashMap<usize, Vec<u8>>,
    /// The oldest first.
    order: VecDeque<usize>,
    reads: u64,
}

impl Rows {
    /// Opens a table; nothing is read yet.
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

    /// Values of one row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.tensor.columns
    }

    /// How many requests were made of the file.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// How many bytes are remembered.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.len() * self.tensor.row_bytes()
    }

    /// The rows of some tokens as numbers, one after the other. \[tokens, columns\]
    ///
    /// # Errors
    /// Whatever reading the file reports; `DATA_LOSS` where a row is not of finite numbers.
    pub async fn gather(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut wanted: Vec<usize> = tokens.iter().map(|token| *token as usize).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|row| !self.held.contains_key(row));
        self.make_room(wanted.len(), tokens);
        let size = self.tensor.row_bytes();
        let most = (PIECE / size.max(1)).max(1);
        let mut rest = wanted.as_slice();
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
            let bytes = self.model.rows(&self.tensor, first..end).await?;
            self.reads += 1;
            for row in these {
                let start = (row - first) * size;
                let row_bytes = bytes
                    .get(start..start + size)
                    .ok_or_else(|| Error::internal("a row was not read"))?;
                self.held.insert(*row, row_bytes.to_vec());
                self.order.push_back(*row);
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

    /// Forgets the oldest rows until so many new ones fit, but none that is needed now.
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
