//! A packed matrix in memory.

use std::marker::PhantomData;
use std::ops::Range;

use hybridge_core::{Error, Result, Status};

use super::format::{self, Chunk, Codes, Values};
use super::inputs::{Inputs, Precision};
use super::lanes::{Kernel, Lanes, run};
use super::pack::{Lift, ROWS, block_size, pack, packed_bytes};
use super::product::{Many, One, Product, Target, View};
use super::team;
use crate::gguf::Gguf;
use crate::quant::Encoding;
use crate::weights::{Model, Tensor, damaged};

/// Weights are read in chunks of about this size.
const PIECE: usize = 4 << 20;

/// A matrix with packed rows.
#[derive(Clone)]
pub(super) struct Matrix {
    encoding: Encoding,
    rows: usize,
    columns: usize,
    lift: Lift,
    chunks: Vec<Chunk>,
    added: Option<Box<Added>>,
}

/// The factors of adapters.
#[derive(Clone)]
struct Added {
    down: Matrix,
    up: Matrix,
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Matrix({} × {} {})", self.rows, self.columns, self.encoding.name())
    }
}

/// Calls a generic function with the format of an encoding.
macro_rules! with_format {
    ($encoding:expr, $codes:ident, $values:ident, ($($argument:expr),*)) => {
        match $encoding {
            Encoding::Q4_0 => $codes::<format::Q4_0>($($argument),*),
            Encoding::Q4_1 => $codes::<format::Q4_1>($($argument),*),
            Encoding::Q5_0 => $codes::<format::Q5_0>($($argument),*),
            Encoding::Q5_1 => $codes::<format::Q5_1>($($argument),*),
            Encoding::Q8_0 => $codes::<format::Q8_0>($($argument),*),
            Encoding::Q4K => $codes::<format::Q4K>($($argument),*),
            Encoding::Q5K => $codes::<format::Q5K>($($argument),*),
            Encoding::Q6K => $codes::<format::Q6K>($($argument),*),
            Encoding::F32 => $values::<format::F32>($($argument),*),
            Encoding::F16 => $values::<format::F16>($($argument),*),
            Encoding::BF16 => $values::<format::BF16>($($argument),*),
        }
    };
}

impl Matrix {
    /// Reads a tensor of a model.
    pub(super) async fn load(model: &Model, tensor: &Tensor) -> Result<Self> {
        let mut matrix = Self::read(model.gguf(), &tensor.unchanged()).await?;
        matrix.added = Added::of(tensor)?.map(Box::new);
        Ok(matrix)
    }

    /// Reads a tensor of any file in chunks, each packed into place before the next is read.
    pub(super) async fn read(gguf: &Gguf, tensor: &Tensor) -> Result<Self> {
        for lift in [Lift::Lifted, Lift::Flat] {
            if let Some(matrix) = Self::read_lifted(gguf, tensor, lift).await? {
                return Ok(matrix);
            }
        }
        Err(Error::new(
            Status::DataLoss,
            format!("{} contains a scale that is not finite", tensor.name),
        )
        .with_code("MODEL_DAMAGED"))
    }

    async fn read_lifted(gguf: &Gguf, tensor: &Tensor, lift: Lift) -> Result<Option<Self>> {
        let Tensor { encoding, rows, columns, .. } = *tensor;
        let mut matrix = Self::empty(encoding, rows, columns, lift)?;
        let step = (PIECE / tensor.row_bytes().max(1)).next_multiple_of(ROWS);
        for start in (0..rows).step_by(step) {
            let bytes = tensor.read(gguf, start..rows.min(start + step)).await?;
            let all: Vec<&[u8]> = bytes.chunks_exact(tensor.row_bytes().max(1)).collect();
            for group in all.chunks(ROWS) {
                if pack(encoding, columns, group, lift, &mut matrix.chunks).is_none() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(matrix))
    }

    /// Creates a matrix from numbers; `None` if one is not finite. \[rows, columns\]
    pub(super) fn dense(values: &[f32], rows: usize, columns: usize) -> Result<Option<Self>> {
        let mut matrix = Self::empty(Encoding::F32, rows, columns, Lift::Lifted)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let all: Vec<&[u8]> = bytes.chunks_exact((4 * columns).max(1)).collect();
        for group in all.chunks(ROWS) {
            if pack(Encoding::F32, columns, group, Lift::Lifted, &mut matrix.chunks).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(matrix))
    }

    /// Allocates a matrix without rows.
    pub(super) fn empty(
        encoding: Encoding,
        rows: usize,
        columns: usize,
        lift: Lift,
    ) -> Result<Self> {
        let bytes = packed_bytes(encoding, rows, columns);
        let size = usize::try_from(bytes / size_of::<Chunk>() as u64);
        let mut chunks = Vec::new();
        // Allocated once and exactly, because growing would need two copies for a moment.
        let has_room = size.is_ok_and(|size| chunks.try_reserve_exact(size).is_ok());
        if !has_room {
            return Err(crate::cache::no_room(bytes));
        }
        Ok(Self { encoding, rows, columns, lift, chunks, added: None })
    }

    /// Appends rows in the file's format.
    #[cfg(test)]
    pub(super) fn push(&mut self, rows: &[&[u8]]) -> Option<()> {
        pack(self.encoding, self.columns, rows, self.lift, &mut self.chunks)
    }

    /// Appends a chunk in the kernels' format.
    pub(super) fn push_chunk(&mut self, chunk: Chunk) {
        self.chunks.push(chunk);
    }

    /// Returns the weights in the kernels' format.
    pub(super) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the bytes of weights that a product reads.
    pub(super) fn bytes(&self) -> usize {
        let added = self.added.as_ref().map_or(0, |it| it.down.bytes() + it.up.bytes());
        size_of_val(self.chunks.as_slice()) + added
    }

    /// Whether it reads rounded inputs. Matrices of plain numbers never do, because rounding their
    /// inputs would gain nothing.
    pub(super) fn wants_rounded(&self, precision: Precision) -> bool {
        precision == Precision::Fast && self.encoding.block_values() > 1
    }

    /// Whether it reads exact inputs.
    pub(super) fn wants_plain(&self, precision: Precision) -> bool {
        !self.wants_rounded(precision) || self.added.is_some()
    }

    /// Decodes one row; leaves the output unchanged if there is none.
    pub(super) fn row(&self, index: usize, values: &mut [f32]) {
        let size = block_size(self.encoding).0 * self.blocks();
        let group = index / ROWS * size;
        let Some(chunks) = self.chunks.get(group..group + size) else { return };
        let view = View { chunks, ..self.view() };
        with_format!(self.encoding, row_of, row_of, (view, index % ROWS, values));
    }

    /// W·x for each token. \[tokens, rows\]
    pub(super) fn times(&self, inputs: &Inputs, precision: Precision, output: &mut [f32]) {
        times_all([self], inputs, precision, [output]);
    }

    /// Computes some groups of eight rows of W·x.
    fn times_groups(
        &self,
        groups: Range<usize>,
        inputs: &Inputs,
        precision: Precision,
        output: Target<'_>,
    ) {
        let size = block_size(self.encoding).0 * self.blocks();
        let range = groups.start * size..groups.end * size;
        let Some(chunks) = self.chunks.get(range) else { return };
        let view = View { chunks, ..self.view() };
        let rounded = self.wants_rounded(precision);
        with_format!(self.encoding, times_codes, times_values, (view, inputs, rounded, output));
    }

    /// Returns the number of groups of eight rows.
    fn groups(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    fn view(&self) -> View<'_> {
        View { chunks: &self.chunks, blocks: self.blocks(), factor: self.lift.factor() }
    }

    fn blocks(&self) -> usize {
        self.columns.div_ceil(block_size(self.encoding).1)
    }
}

impl Added {
    fn of(tensor: &Tensor) -> Result<Option<Self>> {
        let Some(change) = tensor.change() else { return Ok(None) };
        let dense = |values: &[f32], rows: usize, columns: usize| {
            Matrix::dense(values, rows, columns)?.ok_or_else(|| damaged(&tensor.name))
        };
        Ok(Some(Self {
            down: dense(change.down(), change.rank(), tensor.columns)?,
            up: dense(change.up(), tensor.rows, change.rank())?,
        }))
    }

    /// Adds `up · (down · x)` to the output of each token.
    fn add(&self, inputs: &Inputs, output: &mut [f32]) {
        let mut low = vec![0.0; inputs.tokens * self.down.rows];
        self.down.times(inputs, Precision::Exact, &mut low);
        let mut narrow = Inputs::default();
        narrow.set(&low, self.down.rows, true, false);
        let mut more = vec![0.0; output.len()];
        self.up.times(&narrow, Precision::Exact, &mut more);
        output.iter_mut().zip(more).for_each(|(output, more)| *output += more);
    }
}

/// Multiplies one input by several matrices of the same width, on all threads. \[tokens, rows\] of
/// each
pub(super) fn times_all<const N: usize>(
    matrices: [&Matrix; N],
    inputs: &Inputs,
    precision: Precision,
    mut outputs: [&mut [f32]; N],
) {
    let mut places = outputs.iter_mut();
    let products = matrices.map(|matrix| {
        let output = places.next().map(|output| &mut **output);
        (matrix, Target::of(output.unwrap_or_default(), matrix.rows))
    });
    let groups: usize = matrices.iter().map(|matrix| matrix.groups()).sum();
    let columns = matrices.first().map_or(0, |matrix| matrix.columns);
    let parts = team::parts(groups, ROWS * columns * inputs.tokens);
    team::share(parts, |part| {
        let mine = groups * part / parts..groups * (part + 1) / parts;
        let mut first = 0;
        for (matrix, target) in products {
            let end = first + matrix.groups();
            let own = mine.start.clamp(first, end) - first..mine.end.clamp(first, end) - first;
            #[expect(unsafe_code, reason = "threads write groups of their own")]
            // SAFETY: parts are ranges of groups that do not overlap.
            let target = unsafe { target.at_group(own.start) };
            matrix.times_groups(own, inputs, precision, target);
            first = end;
        }
    });
    for (matrix, output) in matrices.iter().zip(outputs) {
        if let Some(added) = &matrix.added {
            added.add(inputs, output);
        }
    }
}

fn times_codes<F: Codes>(view: View<'_>, inputs: &Inputs, rounded: bool, output: Target<'_>) {
    let (tokens, format) = (inputs.tokens, PhantomData::<F>);
    if rounded {
        let product = Product { view, inputs: &inputs.rounded, tokens, output, format };
        if tokens == 1 { run(One(product)) } else { run(Many(product)) }
    } else {
        let product = Product { view, inputs: &inputs.plain, tokens, output, format };
        if tokens == 1 { run(One(product)) } else { run(Many(product)) }
    }
}

fn times_values<F: Values>(view: View<'_>, inputs: &Inputs, _rounded: bool, output: Target<'_>) {
    let (tokens, format) = (inputs.tokens, PhantomData::<F>);
    run(Many(Product { view, inputs: &inputs.plain, tokens, output, format }));
}

fn row_of<F: Values>(view: View<'_>, lane: usize, values: &mut [f32]) {
    run(Row { view, lane, values, format: PhantomData::<F> });
}

/// Decodes one row of the first group.
struct Row<'a, F> {
    view: View<'a>,
    lane: usize,
    values: &'a mut [f32],
    format: PhantomData<F>,
}

impl<F: Values> Kernel for Row<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let factor = lanes.splat(self.view.factor);
        let blocks = self.view.chunks.chunks_exact(F::CHUNKS);
        for (block, values) in blocks.zip(self.values.chunks_mut(32 * F::SUBS)) {
            for (sub, values) in values.chunks_mut(32).enumerate() {
                F::values(
                    lanes,
                    block,
                    sub,
                    factor,
                    #[inline(always)]
                    |column, eight| {
                        let eight = lanes.array(eight);
                        if let (Some(to), Some(value)) =
                            (values.get_mut(column), eight.get(self.lane))
                        {
                            *to = *value;
                        }
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Inputs, Lift, Matrix, ROWS};
    use crate::cpu::Precision;
    use crate::cpu::lanes::with_and_without;
    use crate::quant::Encoding;
    use crate::quant::encode::encode;

    /// Non-repeating numbers from −1 to 1.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    struct Case {
        matrix: Matrix,
        /// Decodes with the reference decoder. \[rows, columns\]
        weights: Vec<f32>,
    }

    fn case(encoding: Encoding, rows: usize, columns: usize, size: f32, lift: Lift) -> Case {
        let values: Vec<f32> =
            noise(rows * columns, 7).into_iter().map(|value| value * size).collect();
        let bytes = encode(encoding, &values);
        let mut weights = vec![0.0; rows * columns];
        encoding.decode(&bytes, &mut weights);
        let mut matrix = Matrix::empty(encoding, rows, columns, lift).unwrap();
        let all: Vec<&[u8]> = bytes.chunks_exact(encoding.bytes_of(columns)).collect();
        for group in all.chunks(ROWS) {
            matrix.push(group).unwrap();
        }
        assert_eq!(matrix.bytes() as u64, crate::cpu::pack::packed_bytes(encoding, rows, columns));
        Case { matrix, weights }
    }

    fn shapes(encoding: Encoding) -> Vec<(usize, usize)> {
        match encoding.block_values() {
            1 => vec![(13, 40), (8, 1), (1, 64), (3, 33)],
            width => vec![(13, 2 * width), (8, width), (1, 3 * width), (24, 2 * width)],
        }
    }

    #[test]
    fn rows_round_trip_exactly() {
        for encoding in Encoding::ALL {
            for (rows, columns) in shapes(encoding) {
                // The smallest size makes half-precision scales subnormal.
                for (size, lift) in [
                    (1.0, Lift::Lifted),
                    (1.0, Lift::Flat),
                    (3e-5, Lift::Lifted),
                    (3e-5, Lift::Flat),
                ] {
                    let case = case(encoding, rows, columns, size, lift);
                    let decoded = with_and_without(|| {
                        let mut values = vec![0.0; rows * columns];
                        for (row, values) in values.chunks_exact_mut(columns).enumerate() {
                            case.matrix.row(row, values);
                        }
                        values
                    });
                    for values in decoded {
                        // Compared as numbers, so the sign of zero does not matter.
                        assert_eq!(values, case.weights, "{encoding:?} {rows} × {columns}, {size}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_too_large_to_scale_are_rejected_and_can_be_stored_unscaled() {
        for (encoding, value) in [(Encoding::F16, 1e4), (Encoding::Q8_0, 1e4), (Encoding::Q4K, 1e5)]
        {
            let bytes = encode(encoding, &[value; 256]);
            let mut matrix = Matrix::empty(encoding, 1, 256, Lift::Lifted).unwrap();
            assert!(matrix.push(&[&bytes]).is_none(), "{encoding:?}");
            let mut matrix = Matrix::empty(encoding, 1, 256, Lift::Flat).unwrap();
            assert!(matrix.push(&[&bytes]).is_some(), "{encoding:?}");
        }
    }

    /// Compares products of any number of tokens with sums in f64 over the decoded weights.
    #[test]
    fn products_agree_with_f64_sums() {
        for encoding in Encoding::ALL {
            for (rows, columns) in shapes(encoding) {
                let case = case(encoding, rows, columns, 1.0, Lift::Lifted);
                for tokens in [1, 2, 4, 7, 9] {
                    for precision in [Precision::Exact, Precision::Fast] {
                        check(&case, encoding, tokens, precision);
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check(case: &Case, encoding: Encoding, tokens: usize, precision: Precision) {
        let Case { matrix, weights } = case;
        let (rows, columns) = (matrix.rows(), matrix.columns());
        let x = noise(tokens * columns, 99);
        let rounded = matrix.wants_rounded(precision);
        let mut inputs = Inputs::default();
        inputs.set(&x, columns, !rounded, rounded);
        let outputs = with_and_without(|| {
            let mut output = vec![f32::NAN; tokens * rows];
            matrix.times(&inputs, precision, &mut output);
            output
        });
        // Rounding the inputs is part of the definition; the test covers the product.
        let value = |token: usize, column: usize| {
            if !rounded {
                return f64::from(x[token * columns + column]);
            }
            let block = &inputs.rounded[column / 32 * tokens + token];
            let code = block.codes.as_flattened()[column % 32];
            f64::from(block.scale) * f64::from(code)
        };
        for output in &outputs {
            for token in 0..tokens {
                for row in 0..rows {
                    let right: f64 = (0..columns)
                        .map(|k| f64::from(weights[row * columns + k]) * value(token, k))
                        .sum();
                    let error = (f64::from(output[token * rows + row]) - right).abs();
                    let most = 3e-6 * (columns as f64).sqrt();
                    assert!(error < most, "{encoding:?} {precision:?} {rows} × {columns}: {error}");
                }
            }
        }
    }
}
