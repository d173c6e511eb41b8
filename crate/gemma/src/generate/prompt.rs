//! A prompt: IDs of tokens and of picture rows.

use super::word::CutWord;
use crate::engine::FIRST_ROW;
use crate::vision::Shown;

/// IDs, and the pictures to whose rows some of them refer.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// Tokens, and from [`FIRST_ROW`] on rows of `pictures`.
    pub ids: Vec<u32>,
    /// Every picture that occurs, in any order.
    pub pictures: Vec<Shown>,
    /// A word at the end that the IDs omit: the answer begins with it, without returning it.
    pub cut: CutWord,
}

impl From<Vec<u32>> for Prompt {
    fn from(ids: Vec<u32>) -> Self {
        Self { ids, ..Self::default() }
    }
}

impl From<&Vec<u32>> for Prompt {
    fn from(ids: &Vec<u32>) -> Self {
        ids.clone().into()
    }
}

impl From<&[u32]> for Prompt {
    fn from(ids: &[u32]) -> Self {
        ids.to_vec().into()
    }
}

impl<const N: usize> From<&[u32; N]> for Prompt {
    fn from(ids: &[u32; N]) -> Self {
        ids.to_vec().into()
    }
}

/// The first part of the IDs: a number of tokens, or rows of a picture.
#[derive(Debug)]
pub(super) enum Run<'a> {
    Tokens(usize),
    /// The picture, and the range of its rows.
    Rows(&'a Shown, std::ops::Range<usize>),
}

/// Returns the longest prefix of one kind; `None` for a row of an unknown picture.
pub(super) fn first_run<'a>(ids: &[u32], pictures: &'a [Shown]) -> Option<Run<'a>> {
    let tokens = ids.iter().take_while(|id| **id < FIRST_ROW).count();
    if tokens > 0 {
        return Some(Run::Tokens(tokens));
    }
    let first = *ids.first()?;
    let shown = pictures.iter().find(|shown| shown.ids().contains(&first))?;
    let start = (first - shown.ids().start) as usize;
    let count = ids.iter().zip(first..shown.ids().end).take_while(|(id, row)| *id == row).count();
    Some(Run::Rows(shown, start..start + count))
}
