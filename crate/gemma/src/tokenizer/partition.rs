//! Splits a text at its special tokens.
//!
//! Like llama.cpp, it finds every occurrence of the longest tokens first, before it looks for
//! shorter ones in the rest. If the end of one token is the beginning of another, that differs from
//! taking the longest token at each position.

use super::Control;
use super::vocabulary::{Kind, Vocabulary};

/// A fragment of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fragment<'a> {
    /// Text to be merged.
    Text(&'a str),
    /// A special token.
    Special(u32),
}

/// All special tokens as a byte trie.
#[derive(Clone, Debug)]
pub(super) struct Specials {
    roots: Vec<u32>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    byte: u8,
    /// The token that ends here.
    id: u32,
    is_control: bool,
    child: u32,
    sibling: u32,
}

/// A token at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    id: u32,
}

const NONE: u32 = u32::MAX;

impl Specials {
    pub(super) fn new(vocabulary: &Vocabulary) -> Self {
        let mut specials = Self { roots: vec![NONE; 256], nodes: Vec::new() };
        for (id, piece, kind) in vocabulary.iter() {
            match kind {
                Kind::UserDefined => specials.insert(piece, id, false),
                Kind::Control | Kind::Unknown => specials.insert(piece, id, true),
                Kind::Normal | Kind::Unused | Kind::Byte => {}
            }
        }
        specials
    }

    /// Returns the fragments of a text, in order. Empty ones are left out.
    pub(super) fn partition<'a>(&self, text: &'a str, control: Control) -> Vec<Fragment<'a>> {
        let mut fragments = Vec::new();
        let mut done = 0;
        for found in self.find(text.as_bytes(), control) {
            push_text(text, done, found.start, &mut fragments);
            fragments.push(Fragment::Special(found.id));
            done = found.end;
        }
        push_text(text, done, text.len(), &mut fragments);
        fragments
    }

    fn insert(&mut self, piece: &str, id: u32, is_control: bool) {
        let mut at = NONE;
        for byte in piece.bytes() {
            at = match self.step(at, byte) {
                Some(next) => next,
                None => self.grow(at, byte),
            };
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            (node.id, node.is_control) = (id, is_control);
        }
    }

    /// Adds a child; without a parent it becomes a root.
    fn grow(&mut self, parent: u32, byte: u8) -> u32 {
        let new = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let sibling = match self.nodes.get_mut(parent as usize) {
            Some(parent) => std::mem::replace(&mut parent.child, new),
            None => {
                if let Some(root) = self.roots.get_mut(usize::from(byte)) {
                    *root = new;
                }
                NONE
            }
        };
        self.nodes.push(Node { byte, id: NONE, is_control: false, child: NONE, sibling });
        new
    }

    fn step(&self, at: u32, byte: u8) -> Option<u32> {
        let Some(node) = self.nodes.get(at as usize) else {
            return self.roots.get(usize::from(byte)).copied().filter(|root| *root != NONE);
        };
        let mut next = node.child;
        while let Some(child) = self.nodes.get(next as usize) {
            if child.byte == byte {
                return Some(next);
            }
            next = child.sibling;
        }
        None
    }

    /// Returns every token that begins at `start`, shorter ones first.
    fn at<'a>(
        &'a self,
        text: &'a [u8],
        start: usize,
        control: Control,
    ) -> impl Iterator<Item = Found> + 'a {
        let mut at = NONE;
        let rest = text.get(start..).unwrap_or_default();
        rest.iter()
            .map_while(move |byte| {
                at = self.step(at, *byte)?;
                self.nodes.get(at as usize)
            })
            .zip(start + 1..)
            .filter(move |(node, _)| {
                node.id != NONE && (control == Control::Parsed || !node.is_control)
            })
            .map(move |(node, end)| Found { start, end, id: node.id })
    }

    fn find(&self, text: &[u8], control: Control) -> Vec<Found> {
        let mut taken = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let Some(longest) = self.at(text, start, control).last() else {
                start += 1;
                continue;
            };
            // A region of overlapping tokens. The choice inside it does not affect the outside.
            let mut end = longest.end;
            let mut inside = start + 1;
            while inside < end {
                if let Some(longest) = self.at(text, inside, control).last() {
                    end = end.max(longest.end);
                }
                inside += 1;
            }
            if is_run(text.get(start..end).unwrap_or_default()) {
                self.take_run(text, start..end, control, &mut taken);
            } else {
                self.take_longest_first(text, start..end, control, &mut taken);
            }
            start = end;
        }
        taken
    }

    /// In a run of one byte, the longest token at each position equals the longest token first, and
    /// a megabyte of newlines has too many overlapping tokens to list.
    fn take_run(
        &self,
        text: &[u8],
        region: std::ops::Range<usize>,
        control: Control,
        taken: &mut Vec<Found>,
    ) {
        let mut start = region.start;
        while start < region.end {
            match self.at(text, start, control).last() {
                Some(found) => {
                    taken.push(found);
                    start = found.end;
                }
                None => start += 1,
            }
        }
    }

    fn take_longest_first(
        &self,
        text: &[u8],
        region: std::ops::Range<usize>,
        control: Control,
        taken: &mut Vec<Found>,
    ) {
        let mut all: Vec<Found> = region.flat_map(|start| self.at(text, start, control)).collect();
        all.sort_by_key(|found| (std::cmp::Reverse(found.end - found.start), found.start));
        let mut chosen: Vec<Found> = Vec::new();
        for found in all {
            let after = chosen.partition_point(|other| other.start < found.start);
            let is_free = chosen.get(after).is_none_or(|next| found.end <= next.start)
                && after
                    .checked_sub(1)
                    .and_then(|before| chosen.get(before))
                    .is_none_or(|before| before.end <= found.start);
            if is_free {
                chosen.insert(after, found);
            }
        }
        taken.append(&mut chosen);
    }
}

fn is_run(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| bytes.iter().all(|byte| byte == first))
}

fn push_text<'a>(text: &'a str, start: usize, end: usize, fragments: &mut Vec<Fragment<'a>>) {
    match text.get(start..end) {
        Some(part) if !part.is_empty() => fragments.push(Fragment::Text(part)),
        _ => {}
    }
}
