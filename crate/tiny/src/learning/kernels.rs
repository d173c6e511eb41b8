//! The operations of training, forwards and backwards, over slices.

use gemm::{Parallelism, gemm};

/// A matrix's strides: between rows, and within a row.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> View<'a> {
    /// Rows of `row` values.
    pub(crate) fn rows(values: &'a [f32], row: usize) -> Self {
        Self { values, row, column: 1 }
    }

    /// Rows and columns swapped.
    pub(crate) fn turned(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }
}

/// out\[m, n\] = `keep` · out + `scale` · a\[m, k\] · b\[k, n\], rows of `out` being `row` apart.
#[expect(unsafe_code, reason = "gemm takes pointers; every bound is asserted before")]
pub(crate) fn multiply(
    out: &mut [f32],
    row: usize,
    [m, n, k]: [usize; 3],
    keep: bool,
    scale: f32,
    a: View<'_>,
    b: View<'_>,
) {
    let last = |view: View<'_>, rows: usize, columns: usize| {
        (rows - 1) * view.row + (columns - 1) * view.column
    };
    assert!(m > 0 && n > 0 && k > 0, "an empty product");
    assert!(
        (m - 1) * row + n <= out.len()
            && last(a, m, k) < a.values.len()
            && last(b, k, n) < b.values.len()
    );
    let step = |step: usize| step.cast_signed();
    // SAFETY: the assertions above keep every index inside its slice.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step(row),
            keep,
            a.values.as_ptr(),
            step(a.column),
            step(a.row),
            b.values.as_ptr(),
            step(b.column),
            step(b.row),
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// e^x to a few units in the last place, in a form that compiles to vector instructions.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    y * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

/// Normalises rows; stores 1/√(mean(x²) + ε) of each.
#[inline(always)]
fn plain_norm(x: &[f32], weight: &[f32], out: &mut [f32], inverses: &mut [f32]) {
    let width = weight.len();
    for ((x, out), inverse) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(inverses)
    {
        let squares: f32 = lanes(x, |i| x[i] * x[i]);
        *inverse = (squares / width as f32 + 1e-6).sqrt().recip();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * *inverse * weight;
        }
    }
}

/// A sum in sixteen lanes, because compilers must not reorder a plain one.
#[inline(always)]
fn lanes(like: &[f32], value: impl Fn(usize) -> f32) -> f32 {
    let mut sums = [0.0_f32; 16];
    let whole = like.len() / 16 * 16;
    for start in (0..whole).step_by(16) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
    }
    sums.iter().sum::<f32>() + (whole..like.len()).map(value).sum::<f32>()
}

/// Adds the gradients of a norm's input to `dx`, and of its weight to `dweight`.
#[inline(always)]
fn plain_norm_back(
    dy: &[f32],
    x: &[f32],
    weight: &[f32],
    inverses: &[f32],
    dx: &mut [f32],
    dweight: &mut [f32],
) {
    let width = weight.len();
    let rows = dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
    for (((dy, x), dx), r) in rows.zip(inverses) {
        let dot = lanes(x, |i| dy[i] * weight[i] * x[i]);
        let pull = r * r * r / width as f32 * dot;
        for i in 0..width {
            dweight[i] += dy[i] * x[i] * r;
            dx[i] += r * weight[i] * dy[i] - pull * x[i];
        }
    }
}

const ROOT: f32 = 0.797_884_6;
const CUBE: f32 = 0.044_715;

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let e = exp(2.0 * x.clamp(-9.01, 9.01));
    (e - 1.0) / (e + 1.0)
}

/// gelu(gate) · up, where each row contains the gates and then the ups.
#[inline(always)]
fn plain_gated(both: &[f32], hidden: usize, out: &mut [f32]) {
    for (both, out) in both.chunks_exact(2 * hidden).zip(out.chunks_exact_mut(hidden)) {
        let (gate, up) = both.split_at(hidden);
        for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
            let t = tanh(ROOT * (g + CUBE * g * g * g));
            *out = 0.5 * g * (1.0 + t) * u;
        }
    }
}

/// Replaces `both` by its gradients, given the product's.
#[inline(always)]
fn plain_gated_back(dy: &[f32], hidden: usize, both: &mut [f32]) {
    for (both, dy) in both.chunks_exact_mut(2 * hidden).zip(dy.chunks_exact(hidden)) {
        let (gate, up) = both.split_at_mut(hidden);
        for ((dy, g), u) in dy.iter().zip(gate).zip(up) {
            let t = tanh(ROOT * (*g + CUBE * *g * *g * *g));
            let slope =
                0.5 * (1.0 + t) + 0.5 * *g * (1.0 - t * t) * ROOT * (1.0 + 3.0 * CUBE * *g * *g);
            let gelu = 0.5 * *g * (1.0 + t);
            *g = dy * *u * slope;
            *u = dy * gelu;
        }
    }
}

/// Rotates the pairs (j, j + half) of a head by a position's angles; backwards with −sin.
#[inline(always)]
pub(crate) fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], way: f32) {
    let (left, right) = head.split_at_mut(head.len() / 2);
    for (((a, b), cos), sin) in left.iter_mut().zip(right).zip(cos).zip(sin) {
        let (x, y) = (*a, *b);
        *a = x * cos - way * y * sin;
        *b = y * cos + way * x * sin;
    }
}

/// Softmax over the keys of each row that its query attends to; the others become 0.
#[inline(always)]
fn plain_softmax(scores: &mut [f32], length: usize, window: usize) {
    for (query, row) in scores.chunks_exact_mut(length).enumerate() {
        let first = (query + 1).saturating_sub(window);
        row[..first].fill(0.0);
        row[query + 1..].fill(0.0);
        let seen = &mut row[first..=query];
        let most = seen.iter().copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0;
        for score in seen.iter_mut() {
            *score = exp(*score - most);
            sum += *score;
        }
        let share = 1.0 / sum;
        seen.iter_mut().for_each(|score| *score *= share);
    }
}

/// Converts `d` from gradients of weights to gradients of scores.
#[inline(always)]
fn plain_softmax_back(d: &mut [f32], weights: &[f32], length: usize) {
    for (d, weights) in d.chunks_exact_mut(length).zip(weights.chunks_exact(length)) {
        let dot = lanes(weights, |i| d[i] * weights[i]);
        for (d, weight) in d.iter_mut().zip(weights) {
            *d = weight * (*d - dot);
        }
    }
}

/// Compiles a kernel twice, once for wide vectors, and selects one at run time.
macro_rules! wide {
    ($($(#[$about:meta])* $name:ident = $plain:ident($($argument:ident: $type:ty),*);)*) => {$(
        $(#[$about])*
        #[expect(unsafe_code, reason = "the instructions were just found to be supported")]
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn wide($($argument: $type),*) {
                    $plain($($argument),*);
                }
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("fma")
                {
                    // SAFETY: the CPU has the features that the function was compiled for.
                    return unsafe { wide($($argument),*) };
                }
            }
            $plain($($argument),*);
        }
    )*};
}

wide! {
    /// Normalises rows; stores 1/√(mean(x²) + ε) of each.
    norm = plain_norm(x: &[f32], weight: &[f32], out: &mut [f32], inverses: &mut [f32]);
    /// Adds the gradients of a norm's input to `dx`, and of its weight to `dweight`.
    norm_back = plain_norm_back(
        dy: &[f32], x: &[f32], weight: &[f32], inverses: &[f32], dx: &mut [f32], dweight: &mut [f32]
    );
    /// gelu(gate) · up, where each row contains the gates and then the ups.
    gated = plain_gated(both: &[f32], hidden: usize, out: &mut [f32]);
    /// Replaces `both` by its gradients, given the product's.
    gated_back = plain_gated_back(dy: &[f32], hidden: usize, both: &mut [f32]);
    /// Softmax over the keys of each row that its query attends to; the others become 0.
    softmax = plain_softmax(scores: &mut [f32], length: usize, window: usize);
    /// Converts `d` from gradients of weights to gradients of scores.
    softmax_back = plain_softmax_back(d: &mut [f32], weights: &[f32], length: usize);
}
