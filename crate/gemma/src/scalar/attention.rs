//! softmax(q·k) v over the positions that a query sees.

use std::ops::Range;

use super::vector::{dot, rounded};
use crate::cache::KeyValues;
use crate::config::Layer;

/// The positions to which a token attends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sight {
    /// Itself and earlier ones.
    Back,
    /// Like [`Self::Back`], and on layers where a picture's rows attend to each other also up to
    /// this position, the end of the picture.
    Until(usize),
    /// The whole text.
    Around,
}

/// Returns the positions to which the query at `position` attends, looking back.
pub(super) fn behind(position: usize, window: Option<usize>) -> Range<usize> {
    let start = window.map_or(0, |window| (position + 1).saturating_sub(window));
    start..position + 1
}

/// Returns the positions to which a picture's row attends: earlier ones, and up to the picture's
/// end.
pub(super) fn until(position: usize, window: Option<usize>, end: usize) -> Range<usize> {
    behind(position, window).start..end.max(position + 1)
}

/// Returns the positions to which the query at `position` attends, in both directions over `length`
/// tokens.
///
/// The window extends by half to each side, as in llama.cpp.
pub(super) fn around(position: usize, window: Option<usize>, length: usize) -> Range<usize> {
    match window {
        Some(window) => position.saturating_sub(window / 2)..length.min(position + window / 2 + 1),
        None => 0..length,
    }
}

/// Computes all heads of one query: \[heads · `head_dim`\] in, the same out.
pub(super) fn attend(
    layer: &Layer,
    queries: &[f32],
    cache: &KeyValues,
    visible: &Range<usize>,
) -> Vec<f32> {
    let dim = layer.head_dim;
    let mut mixed = Vec::with_capacity(queries.len());
    for (head, query) in queries.chunks_exact(dim).enumerate() {
        let kv_head = head / layer.group();
        let scores: Vec<f64> =
            visible.clone().map(|p| dot(query, cache.key(p, kv_head, dim))).collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut sums = vec![0.0_f64; dim];
        for (position, weight) in visible.clone().zip(&weights) {
            for (sum, value) in sums.iter_mut().zip(cache.value(position, kv_head, dim)) {
                *sum += weight * f64::from(*value);
            }
        }
        mixed.extend(sums.iter().map(|sum| rounded(sum / total)));
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::{around, behind};

    #[test]
    fn windows_are_as_wide_as_in_llama_cpp() {
        assert_eq!(behind(5, None), 0..6);
        assert_eq!(behind(5, Some(3)), 3..6);
        assert_eq!(behind(1, Some(3)), 0..2);
        assert_eq!(around(5, None, 9), 0..9);
        assert_eq!(around(5, Some(4), 9), 3..8);
        assert_eq!(around(5, Some(5), 7), 3..7);
        assert_eq!(around(0, Some(1), 7), 0..1);
    }
}
