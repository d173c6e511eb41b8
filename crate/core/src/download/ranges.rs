//! The byte ranges of a file that are stored.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Byte ranges: sorted, disjoint and non-empty, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range and merges it with those that it overlaps or touches.
    pub fn insert(&mut self, mut added: Range<u64>) {
        if added.is_empty() {
            return;
        }
        self.0.retain(|held| {
            let apart = held.end < added.start || added.end < held.start;
            if !apart {
                added = added.start.min(held.start)..added.end.max(held.end);
            }
            apart
        });
        let at = self.0.partition_point(|held| held.start < added.start);
        self.0.insert(at, added);
    }

    /// Returns the number of bytes in all ranges.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.0.iter().map(|held| held.end - held.start).sum()
    }

    /// Returns the number of bytes from the start up to the first gap.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|held| held.start == 0).map_or(0, |held| held.end)
    }

    /// Returns the gaps below `size`, in order.
    #[must_use]
    pub fn gaps(&self, size: u64) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for held in &self.0 {
            if held.start >= size {
                break;
            }
            if held.start > at {
                gaps.push(at..held.start);
            }
            at = held.end;
        }
        if at < size {
            gaps.push(at..size);
        }
        gaps
    }

    /// Drops everything beyond `size`.
    pub fn clip(&mut self, size: u64) {
        self.0.retain(|held| held.start < size);
        if let Some(last) = self.0.last_mut() {
            last.end = last.end.min(size);
        }
    }

    /// Whether all ranges end at or before `size`.
    #[must_use]
    pub fn fits(&self, size: u64) -> bool {
        self.0.last().is_none_or(|held| held.end <= size)
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    /// Sorts once, so that the cost stays low for any number of ranges.
    fn from(mut pairs: Vec<(u64, u64)>) -> Self {
        pairs.sort_unstable();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (start, end) in pairs.into_iter().filter(|(start, end)| start < end) {
            match ranges.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => ranges.push(start..end),
            }
        }
        Self(ranges)
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0.into_iter().map(|held| (held.start, held.end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use proptest::prelude::*;

    proptest! {
        /// Compares with one flag per byte.
        #[test]
        fn agrees_with_a_flag_for_each_byte(
            added in prop::collection::vec((0_u64..40, 0_u64..12), 0..12),
        ) {
            const SIZE: u64 = 64;
            let mut flags = vec![false; 64];
            let mut ranges = Ranges::default();
            for (start, length) in added {
                ranges.insert(start..start + length);
                for at in start..start + length {
                    flags[usize::try_from(at).unwrap()] = true;
                }
            }
            prop_assert_eq!(ranges.covered(), flags.iter().filter(|it| **it).count() as u64);
            prop_assert_eq!(ranges.prefix(), flags.iter().take_while(|it| **it).count() as u64);
            let mut missing = vec![true; 64];
            let gaps = ranges.gaps(SIZE);
            for gap in &gaps {
                prop_assert!(gap.start < gap.end);
                for at in gap.clone() {
                    missing[usize::try_from(at).unwrap()] = false;
                }
            }
            prop_assert_eq!(missing, flags);
            prop_assert!(gaps.windows(2).all(|pair| pair[0].end < pair[1].start));
            let pairs: Vec<(u64, u64)> = ranges.clone().into();
            prop_assert_eq!(Ranges::from(pairs), ranges);
        }

        /// Compares with insertion one by one, and with flags that are cleared.
        #[test]
        fn a_record_in_any_order_equals_insertion_one_by_one(
            pairs in prop::collection::vec((0_u64..40, 0_u64..40), 0..12),
            size in 0_u64..64,
        ) {
            let mut inserted = Ranges::default();
            for (start, end) in &pairs {
                inserted.insert(*start..*end);
            }
            let mut read = Ranges::from(pairs);
            prop_assert_eq!(&read, &inserted);
            read.clip(size);
            prop_assert!(read.fits(size));
            let covered = (0..size).filter(|at| inserted.0.iter().any(|held| held.contains(at)));
            prop_assert_eq!(read.covered(), covered.count() as u64);
        }
    }
}
