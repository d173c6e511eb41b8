//! Tokenises conversations, and batches rows of similar length.

use hybridge_gemma::Tokenizer;
use hybridge_gemma::testing::Random;
use hybridge_gemma::tokenizer::Control;

use crate::Result;
use crate::world::{self, Sample};

/// A conversation in tokens.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// All tokens, from `<bos>` to the last `<end_of_turn>`.
    pub(crate) ids: Vec<u32>,
    /// Which of the tokens the model must generate.
    pub(crate) is_answer: Vec<bool>,
    /// Whether the last answer is one of several that are equally right.
    pub(crate) is_refusal: bool,
}

impl Row {
    /// Renders a conversation like [`hybridge_gemma::template`]; a test compares both.
    pub(crate) fn new(tokenizer: &Tokenizer, sample: &Sample) -> Result<Self> {
        let start = tokenizer.control("<start_of_turn>")?;
        let end = tokenizer.control("<end_of_turn>")?;
        let text = |text: &str| tokenizer.encode(text, Control::AsText);
        let mut row =
            Self { ids: Vec::new(), is_answer: Vec::new(), is_refusal: sample.is_refusal() };
        row.push(&[tokenizer.bos()?], false);
        let mut prefix =
            if sample.system.is_empty() { String::new() } else { format!("{}\n\n", sample.system) };
        for (question, answer) in &sample.turns {
            if row.ids.len() > 1 {
                row.push(&text("\n"), false);
            }
            row.push(&[start], false);
            row.push(&text(&format!("user\n{}{question}", std::mem::take(&mut prefix))), false);
            row.push(&[end], false);
            row.push(&text("\n"), false);
            row.push(&[start], false);
            row.push(&text("model\n"), false);
            row.push(&text(answer), true);
            row.push(&[end], true);
        }
        Ok(row)
    }

    fn push(&mut self, ids: &[u32], is_answer: bool) {
        self.ids.extend(ids);
        self.is_answer.extend(ids.iter().map(|_| is_answer));
    }
}

/// Rows padded to one length. The target of a token is the one after it.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) rows: usize,
    pub(crate) length: usize,
    /// rows · length
    pub(crate) inputs: Vec<i32>,
    /// Positions in `inputs` after which the model answers, and the target tokens.
    pub(crate) places: Vec<i32>,
    pub(crate) targets: Vec<i32>,
    /// The row of each position.
    pub(crate) owners: Vec<usize>,
    /// For each row, whether the first token of its last answer is one of several.
    pub(crate) refuses: Vec<bool>,
}

impl Batch {
    pub(crate) fn new(rows: &[Row]) -> Self {
        let length =
            rows.iter().map(|row| row.ids.len() - 1).max().unwrap_or(0).next_multiple_of(4);
        let mut batch = Self {
            rows: rows.len(),
            length,
            inputs: vec![0; rows.len() * length],
            places: Vec::new(),
            targets: Vec::new(),
            owners: Vec::new(),
            refuses: rows.iter().map(|row| row.is_refusal).collect(),
        };
        for (number, row) in rows.iter().enumerate() {
            let start = number * length;
            for (at, pair) in row.ids.windows(2).enumerate() {
                batch.inputs[start + at] = pair[0].cast_signed();
                if row.is_answer[at + 1] {
                    batch.places.push(i32::try_from(start + at).unwrap_or(0));
                    batch.targets.push(pair[1].cast_signed());
                    batch.owners.push(number);
                }
            }
        }
        batch
    }
}

/// The number of samples that are sorted by length together.
const POOL: usize = 1024;

/// An endless stream of batches of about `tokens` tokens each.
pub(crate) struct Batches<'a> {
    tokenizer: &'a Tokenizer,
    random: Random,
    tokens: usize,
    ready: Vec<Vec<Row>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, seed: u64, tokens: usize) -> Self {
        Self { tokenizer, random: Random(seed), tokens, ready: Vec::new() }
    }

    /// Splits a batch into at most `parts` parts of similar size.
    pub(crate) fn next(&mut self, parts: usize) -> Result<Vec<Batch>> {
        loop {
            if let Some(rows) = self.ready.pop() {
                return Ok(rows.chunks(rows.len().div_ceil(parts)).map(Batch::new).collect());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut rows = (0..POOL)
            .map(|_| Row::new(self.tokenizer, &world::any(&mut self.random)))
            .collect::<Result<Vec<Row>>>()?;
        rows.sort_by_key(|row| row.ids.len());
        let mut group: Vec<Row> = Vec::new();
        for row in rows {
            if (group.len() + 1) * row.ids.len() > self.tokens {
                self.ready.push(std::mem::take(&mut group));
            }
            group.push(row);
        }
        self.ready.push(group);
        for last in (1..self.ready.len()).rev() {
            let other = self.random.below(u32::try_from(last + 1).unwrap_or(1)) as usize;
            self.ready.swap(last, other);
        }
        Ok(())
    }
}
