//! Saved rows in a tree of pages, keyed by the tokens that produced them.
//!
//! A page's rows depend on all tokens before it, so a page belongs to one parent. Sequences with a
//! common beginning share its pages. When the budget is used up, the least recently used rows are
//! evicted first: local rows after which no turn began, then those of older turns, then whole pages
//! from the end of a sequence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::shared;

/// The number of tokens in a page.
pub(crate) const PAGE: usize = 32;

type Id = u64;

/// The tree.
#[derive(Clone, Debug)]
pub(crate) struct Archive<R> {
    budget: u64,
    bytes: u64,
    pages: BTreeMap<Id, Page<R>>,
    /// Children of each page, and of the root.
    children: HashMap<Option<Id>, Vec<Id>>,
    /// Page numbers increase: a parent's is smaller than its children's.
    next: Id,
    turn: u64,
}

#[derive(Clone, Debug)]
struct Page<R> {
    parent: Option<Id>,
    /// The page's tokens; fewer than [`PAGE`] only in a page without children.
    tokens: Vec<u32>,
    global: Kept<R>,
    /// The page's rows; `None` if they were overwritten before they could be saved, or evicted.
    local: Option<Kept<R>>,
}

/// Rows, with the data that decides when they are evicted.
#[derive(Clone, Debug)]
struct Kept<R> {
    saved: R,
    bytes: u64,
    /// The turn that last used them; 0 for local rows until a turn begins right after them.
    used: u64,
}

/// A page along a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) page: Id,
    /// The number of tokens that the path shares with the page.
    pub(crate) positions: Range<usize>,
    pub(crate) has_local: bool,
}

impl<R> Archive<R> {
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget,
            bytes: 0,
            pages: BTreeMap::new(),
            children: HashMap::new(),
            next: 0,
            turn: 0,
        }
    }

    pub(crate) fn set_budget(&mut self, bytes: u64) {
        self.budget = bytes;
        self.turn += 1;
        self.make_room(0);
    }

    /// Returns the bytes and tokens of all pages.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.bytes, self.pages.values().map(|page| page.tokens.len() as u64).sum())
    }

    /// Recounts the bytes of all pages.
    #[cfg(test)]
    pub(crate) fn counted_bytes(&self) -> u64 {
        let of_page =
            |page: &Page<R>| page.global.bytes + page.local.as_ref().map_or(0, |local| local.bytes);
        self.pages.values().map(of_page).sum()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.budget);
    }

    /// Starts a new turn: later uses count as more recent than all before.
    pub(crate) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// Returns the pages along the tokens of a sequence and marks them as used.
    pub(crate) fn path(&mut self, tokens: &[u32]) -> Vec<Step> {
        let (mut steps, mut parent, mut start) = (Vec::new(), None, 0);
        while let Some((page, count)) = self.nearest(parent, tokens.get(start..).unwrap_or(&[])) {
            self.touch(page);
            let has_local = self.has_local(page);
            steps.push(Step { page, positions: start..start + count, has_local });
            if count < PAGE {
                break;
            }
            (parent, start) = (Some(page), start + count);
        }
        steps
    }

    /// Returns the child that shares the most tokens, at least one, and how many it shares.
    fn nearest(&self, parent: Option<Id>, tokens: &[u32]) -> Option<(Id, usize)> {
        let children = self.children.get(&parent)?.iter();
        let shares = |id: &Id| {
            let page = self.pages.get(id)?;
            Some((*id, shared(&page.tokens, tokens))).filter(|(_, count)| *count > 0)
        };
        children.filter_map(shares).max_by_key(|(_, count)| *count)
    }

    /// Returns the child that begins with these tokens.
    pub(crate) fn find(&self, parent: Option<Id>, tokens: &[u32]) -> Option<Id> {
        self.nearest(parent, tokens).filter(|(_, count)| *count == tokens.len()).map(|(id, _)| id)
    }

    /// Returns the global and the local rows of a page.
    pub(crate) fn saved(&self, page: Id) -> Option<(&R, Option<&R>)> {
        let page = self.pages.get(&page)?;
        Some((&page.global.saved, page.local.as_ref().map(|local| &local.saved)))
    }

    pub(crate) fn has_local(&self, page: Id) -> bool {
        self.pages.get(&page).is_some_and(|page| page.local.is_some())
    }

    pub(crate) fn touch(&mut self, page: Id) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.global.used = self.turn;
        }
    }

    /// Marks the local rows of a page as preceding the start of a turn.
    pub(crate) fn want_local(&mut self, page: Id) {
        if let Some(local) = self.pages.get_mut(&page).and_then(|page| page.local.as_mut()) {
            local.used = self.turn;
        }
    }

    /// The same for all pages along a path that contain one of these positions.
    pub(crate) fn touch_local(&mut self, steps: &[Step], positions: Range<usize>) {
        for step in steps {
            if step.positions.end > positions.start && step.positions.start < positions.end {
                self.want_local(step.page);
            }
        }
    }

    /// Makes room by evicting rows that this turn did not use. Returns whether there is enough.
    pub(crate) fn make_room(&mut self, bytes: u64) -> bool {
        while self.bytes + bytes > self.budget {
            // Parents are at least as recent as their children and have smaller numbers, so the
            // page found has no children.
            let page = self.pages.iter().map(|(id, page)| (page.global.used, Reverse(*id)));
            let page = page.min().filter(|(used, _)| *used < self.turn);
            let local = self
                .pages
                .iter()
                .filter_map(|(id, page)| page.local.as_ref().map(|local| (local.used, *id)));
            let local = local.min().filter(|(used, _)| *used < self.turn);
            match (local, page) {
                (Some((local, id)), page) if page.is_none_or(|(page, _)| local <= page) => {
                    let dropped = self.pages.get_mut(&id).and_then(|page| page.local.take());
                    self.bytes -= dropped.map_or(0, |local| local.bytes);
                }
                (_, Some((_, Reverse(id)))) => self.remove(id),
                (_, None) => return false,
            }
        }
        true
    }

    /// Adds a page, unless its parent was evicted. It replaces shorter pages with the same tokens.
    pub(crate) fn insert(
        &mut self,
        parent: Option<Id>,
        tokens: &[u32],
        saved: R,
        bytes: u64,
    ) -> Option<Id> {
        if parent.is_some_and(|parent| !self.pages.contains_key(&parent)) {
            return None;
        }
        let siblings = self.children.get(&parent).cloned().unwrap_or_default();
        let is_shorter =
            |id: &Id| self.pages.get(id).is_some_and(|page| tokens.starts_with(&page.tokens));
        let shorter: Vec<Id> = siblings.into_iter().filter(is_shorter).collect();
        shorter.into_iter().for_each(|id| self.remove(id));
        let id = self.next;
        self.next += 1;
        self.bytes += bytes;
        let global = Kept { saved, bytes, used: self.turn };
        self.pages.insert(id, Page { parent, tokens: tokens.to_vec(), global, local: None });
        self.children.entry(parent).or_default().push(id);
        Some(id)
    }

    /// Adds the local rows of a page that lacks them.
    pub(crate) fn insert_local(&mut self, page: Id, saved: R, bytes: u64) {
        if let Some(page) = self.pages.get_mut(&page).filter(|page| page.local.is_none()) {
            page.local = Some(Kept { saved, bytes, used: 0 });
            self.bytes += bytes;
        }
    }

    fn remove(&mut self, id: Id) {
        let Some(page) = self.pages.remove(&id) else { return };
        self.bytes -= page.global.bytes + page.local.map_or(0, |local| local.bytes);
        if let Some(siblings) = self.children.get_mut(&page.parent) {
            siblings.retain(|sibling| *sibling != id);
            if siblings.is_empty() {
                self.children.remove(&page.parent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, PAGE};

    /// A sequence with one letter per page.
    fn tokens(letters: &str) -> Vec<u32> {
        letters.chars().flat_map(|letter| vec![letter as u32; PAGE]).collect()
    }

    /// Adds sequences with pages of 10 bytes, and local rows of 100 bytes on pages in capitals, one
    /// turn each.
    fn archive(budget: u64, sequences: &str) -> Archive<()> {
        let mut archive = Archive::new(budget);
        for letters in sequences.split_whitespace() {
            archive.begin_turn();
            let mut parent = None;
            for letter in letters.chars() {
                let piece = tokens(&letter.to_lowercase().to_string());
                let known = archive.find(parent, &piece);
                if known.is_none() && !archive.make_room(10) {
                    break;
                }
                let Some(page) = known.or_else(|| archive.insert(parent, &piece, (), 10)) else {
                    break;
                };
                archive.touch(page);
                if letter.is_uppercase() && archive.make_room(100) {
                    archive.insert_local(page, (), 100);
                }
                parent = Some(page);
            }
        }
        archive
    }

    /// Returns the saved part of each sequence: letters of its path, capitals for pages with local
    /// rows.
    #[track_caller]
    fn check(budget: u64, sequences: &str, expected: &str) {
        let mut archive = archive(budget, sequences);
        let bytes: u64 = archive.size().0;
        assert!(bytes <= budget, "{bytes} of {budget}");
        let found: Vec<String> = sequences
            .split_whitespace()
            .map(|letters| {
                let path = archive.path(&tokens(&letters.to_lowercase()));
                letters
                    .to_lowercase()
                    .chars()
                    .zip(path)
                    .map(
                        |(letter, step)| {
                            if step.has_local { letter.to_ascii_uppercase() } else { letter }
                        },
                    )
                    .collect()
            })
            .collect();
        assert_eq!(found.join(" "), expected, "{sequences} in {budget}");
    }

    #[test]
    fn sequences_share_pages_and_the_oldest_goes_first() {
        check(1000, "abc abd xy", "abc abd xy");
        // The last pages of the oldest sequence are evicted; pages shared with a more recent one
        // stay.
        check(50, "abc abd xy", "ab abd xy");
        check(40, "abc abd xy", "ab ab xy");
        check(30, "abc xy", "a xy");
        // Rows used in a turn are not evicted during it.
        check(30, "abcdef", "abc");
        check(20, "ab xyz", " xy");
        check(0, "ab", "");
    }

    #[test]
    fn local_rows_before_no_turn_are_evicted_before_pages() {
        check(1000, "ABC xy", "ABC xy");
        check(250, "ABC", "Abc ".replace("Abc ", "aBC").as_str());
        check(150, "ABC xy", "abC xy");
        check(50, "ABC xy", "abc xy");
    }

    #[test]
    fn a_longer_page_replaces_its_prefix() {
        let mut archive = Archive::new(100);
        assert!(archive.insert(None, &[1, 2], (), 10).is_some());
        assert!(archive.insert(None, &[1, 3], (), 10).is_some());
        let page = archive.insert(None, &[1, 2, 4], (), 10);
        assert_eq!(archive.size(), (20, 5));
        assert_eq!(archive.find(None, &[1, 2]), page);
        assert_eq!(archive.path(&[1, 2, 9]).first().unwrap().positions, 0..2);
        assert_eq!(archive.path(&[2]), []);
        // An evicted page has no children.
        assert_eq!(archive.insert(Some(99), &[5], (), 10), None);
    }
}
