//! Saved rows in a tree of pages, by the tokens that made them.
//!
//! A page's rows depend on all tokens before it, so a page belongs to one parent. Sequences with a
//! common beginning share its pages. Where the budget is used up, what was not used for the longest
//! time goes first: local rows that no turn began behind, then those of older turns, then whole
//! pages from the end of a sequence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::shared;

/// Tokens of a page.
pub(crate) const PAGE: usize = 32;

type Id = u64;

/// The tree.
#[derive(Clone, Debug)]
pub(crate) struct Archive<R> {
    budget: u64,
    bytes: u64,
    pages: BTreeMap<Id, Page<R>>,
    /// Of each page, and of the root.
    children: HashMap<Option<Id>, Vec<Id>>,
    /// Larger than every page's before it: a parent's is smaller than its children's.
    next: Id,
    turn: u64,
}

#[derive(Clone, Debug)]
struct Page<R> {
    parent: Option<Id>,
    /// Fewer than [`PAGE`] only in a page without children.
    tokens: Vec<u32>,
    global: Kept<R>,
    /// Absent where they were overwritten before they could be saved, or dropped.
    local: Option<Kept<R>>,
}

/// Rows with what decides when they are dropped.
#[derive(Clone, Debug)]
struct Kept<R> {
    saved: R,
    bytes: u64,
    /// The turn that used them last; of local rows 0 until a turn begins right behind them.
    used: u64,
}

/// A page along a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) page: Id,
    /// Those that the path shares with the page.
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

    /// Bytes and tokens.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.bytes, self.pages.values().map(|page| page.tokens.len() as u64).sum())
    }

    /// The bytes of all pages, counted anew.
    #[cfg(test)]
    pub(crate) fn counted_bytes(&self) -> u64 {
        let of_page =
            |page: &Page<R>| page.global.bytes + page.local.as_ref().map_or(0, |local| local.bytes);
        self.pages.values().map(of_page).sum()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.budget);
    }

    /// What is touched from here on was used later than everything before.
    pub(crate) fn begin_turn(&mut self) {
        self.turn += 1;
    }

    /// The pages whose tokens a sequence begins with; they count as used.
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

    /// The child that shares most with the tokens, and how many it shares: one at least.
    fn nearest(&self, parent: Option<Id>, tokens: &[u32]) -> Option<(Id, usize)> {
        let children = self.children.get(&parent)?.iter();
        let shares = |id: &Id| {
            let page = self.pages.get(id)?;
            Some((*id, shared(&page.tokens, tokens))).filter(|(_, count)| *count > 0)
        };
        children.filter_map(shares).max_by_key(|(_, count)| *count)
    }

    /// The child that begins with these tokens.
    pub(crate) fn find(&self, parent: Option<Id>, tokens: &[u32]) -> Option<Id> {
        self.nearest(parent, tokens).filter(|(_, count)| *count == tokens.len()).map(|(id, _)| id)
    }

    /// The global and the local rows of a page.
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

    /// The local rows of a page are before a place where a turn began.
    pub(crate) fn want_local(&mut self, page: Id) {
        if let Some(local) = self.pages.get_mut(&page).and_then(|page| page.local.as_mut()) {
            local.used = self.turn;
        }
    }

    /// The same for all pages along a path that hold one of these positions.
    pub(crate) fn touch_local(&mut self, steps: &[Step], positions: Range<usize>) {
        for step in steps {
            if step.positions.end > positions.start && step.positions.start < positions.end {
                self.want_local(step.page);
            }
        }
    }

    /// Makes room by dropping what this turn did not use; whether there is enough then.
    pub(crate) fn make_room(&mut self, bytes: u64) -> bool {
        while self.bytes + bytes > self.budget {
            // Old parents are no younger than their children, and their numbers are smaller: the
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

    /// A new page, unless its parent is gone. It takes the place of shorter ones with its tokens.
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

    /// The local rows of a page that has none.
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

    /// A sequence of one letter a page.
    fn tokens(letters: &str) -> Vec<u32> {
        letters.chars().flat_map(|letter| vec![letter as u32; PAGE]).collect()
    }

    /// Pages of 10 bytes, local rows of 100 bytes on those in capitals, a turn for each sequence.
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

    /// How much of each sequence is there: letters of its path, capitals where local rows are.
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
        // The last pages of the oldest go, those it shares with a younger one stay.
        check(50, "abc abd xy", "ab abd xy");
        check(40, "abc abd xy", "ab ab xy");
        check(30, "abc xy", "a xy");
        // What a turn used is not dropped in it.
        check(30, "abcdef", "abc");
        check(20, "ab xyz", " xy");
        check(0, "ab", "");
    }

    #[test]
    fn local_rows_that_no_turn_began_behind_go_before_pages() {
        check(1000, "ABC xy", "ABC xy");
        check(250, "ABC", "Abc ".replace("Abc ", "aBC").as_str());
        check(150, "ABC xy", "abC xy");
        check(50, "ABC xy", "abc xy");
    }

    #[test]
    fn a_longer_page_takes_the_place_of_its_beginning() {
        let mut archive = Archive::new(100);
        assert!(archive.insert(None, &[1, 2], (), 10).is_some());
        assert!(archive.insert(None, &[1, 3], (), 10).is_some());
        let page = archive.insert(None, &[1, 2, 4], (), 10);
        assert_eq!(archive.size(), (20, 5));
        assert_eq!(archive.find(None, &[1, 2]), page);
        assert_eq!(archive.path(&[1, 2, 9]).first().unwrap().positions, 0..2);
        assert_eq!(archive.path(&[2]), []);
        // Of a page that is gone no child can be found.
        assert_eq!(archive.insert(Some(99), &[5], (), 10), None);
    }
}
