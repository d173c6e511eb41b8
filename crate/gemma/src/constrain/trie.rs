//! A trie of the vocabulary's tokens, so that a walk can skip whole branches.

use super::small;

/// One byte of one or more tokens. Nodes are in depth-first order.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The index in `tokens` of the first token that ends here.
    first: u32,
    /// The first node after this subtree.
    next: u32,
    /// The number of tokens that end here: more than one if tokens have the same bytes.
    count: u8,
    byte: u8,
    /// The depth in bytes, including this one.
    depth: u8,
}

/// A byte trie of tokens in a flat layout.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    tokens: Vec<u32>,
}

/// Longer tokens are left out, and so never allowed: a depth is one byte.
pub(super) const LONGEST_PIECE: usize = 255;

impl Trie {
    /// Builds a trie from tokens sorted by their bytes, none of them empty or longer than
    /// [`LONGEST_PIECE`].
    pub(super) fn build<'a>(sorted: impl Iterator<Item = (&'a [u8], u32)>) -> Self {
        let mut trie = Self::default();
        let mut path: Vec<usize> = Vec::new();
        let mut before: &[u8] = &[];
        for (bytes, token) in sorted {
            let shared = before.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            trie.close(&mut path, shared);
            for &byte in bytes.iter().skip(shared) {
                let depth = u8::try_from(path.len() + 1).unwrap_or(u8::MAX);
                let first = small(trie.tokens.len());
                path.push(trie.nodes.len());
                trie.nodes.push(Node { first, next: 0, count: 0, byte, depth });
            }
            // Equal tokens are adjacent, so the last node has no children yet.
            if let Some(node) = path.last().and_then(|&at| trie.nodes.get_mut(at))
                && node.count < u8::MAX
            {
                node.count += 1;
                trie.tokens.push(token);
            }
            before = bytes;
        }
        trie.close(&mut path, 0);
        trie
    }

    fn close(&mut self, path: &mut Vec<usize>, keep: usize) {
        let end = small(self.nodes.len());
        while path.len() > keep {
            if let Some(node) = path.pop().and_then(|at| self.nodes.get_mut(at)) {
                node.next = end;
            }
        }
    }

    /// Sets the bit of every token on which `step` stays alive from `start`; 0 is the dead state.
    pub(super) fn walk(&self, start: u32, bits: &mut [u32], mut step: impl FnMut(u32, u8) -> u32) {
        let mut states = [0_u32; LONGEST_PIECE + 1];
        states[0] = start;
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            let depth = usize::from(node.depth);
            let state = step(states.get(depth - 1).copied().unwrap_or(0), node.byte);
            if state == 0 {
                at = node.next as usize;
                continue;
            }
            if let Some(slot) = states.get_mut(depth) {
                *slot = state;
            }
            let first = node.first as usize;
            for &token in self.tokens.get(first..first + usize::from(node.count)).unwrap_or(&[]) {
                set(bits, token);
            }
            at += 1;
        }
    }
}

/// Sets one bit of a mask.
pub(super) fn set(bits: &mut [u32], token: u32) {
    if let Some(word) = bits.get_mut(token as usize >> 5) {
        *word |= 1 << (token & 31);
    }
}

/// Clears one bit of a mask.
pub(super) fn clear(bits: &mut [u32], token: u32) {
    if let Some(word) = bits.get_mut(token as usize >> 5) {
        *word &= !(1 << (token & 31));
    }
}
