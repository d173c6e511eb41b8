//! Fixed texts as tries of bytes: the values of an `enum`, the names of an object's properties.

use super::small;

/// A trie of words.
#[derive(Clone, Debug)]
pub(super) struct Words {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Child nodes, sorted by byte.
    children: Vec<(u8, u32)>,
    /// The word that ends here.
    word: Option<u32>,
    /// The words with this prefix, in their order.
    under: Vec<u32>,
}

impl Words {
    /// Numbers the words in the given order; of equal ones the first counts.
    pub(super) fn new<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (number, word) in (0..).zip(words) {
            tree.insert(number, word);
        }
        tree
    }

    fn insert(&mut self, number: u32, word: &[u8]) {
        let mut at = 0_usize;
        for &byte in word {
            let grown = small(self.nodes.len());
            let Some(node) = self.nodes.get_mut(at) else { return };
            node.under.push(number);
            match node.children.binary_search_by_key(&byte, |&(known, _)| known) {
                Ok(found) => at = node.children.get(found).map_or(0, |&(_, child)| child as usize),
                Err(place) => {
                    node.children.insert(place, (byte, grown));
                    self.nodes.push(Node::default());
                    at = grown as usize;
                }
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.under.push(number);
            node.word.get_or_insert(number);
        }
    }

    /// Returns the node after a byte.
    pub(super) fn next(&self, node: u32, byte: u8) -> Option<u32> {
        let children = &self.nodes.get(node as usize)?.children;
        let found = children.binary_search_by_key(&byte, |&(known, _)| known).ok()?;
        children.get(found).map(|&(_, child)| child)
    }

    /// Returns the word that ends here.
    pub(super) fn word(&self, node: u32) -> Option<u32> {
        self.nodes.get(node as usize)?.word
    }

    /// Returns the words with this prefix.
    pub(super) fn under(&self, node: u32) -> &[u32] {
        self.nodes.get(node as usize).map_or(&[], |node| node.under.as_slice())
    }

    /// Whether longer words have this prefix.
    pub(super) fn goes_on(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|node| !node.children.is_empty())
    }
}
