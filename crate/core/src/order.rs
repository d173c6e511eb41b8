//! Sorting in a few hundred bytes: the standard library's sorts would add two kilobytes to every
//! page's download.

/// Sorts by a key, in place, in O(n log n) steps. The sort is not stable.
pub(crate) fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    let at = |list: &[T], index: usize| list.get(index).map(&key);
    // Heapsort: the largest element is at the root.
    let sift = |list: &mut [T], mut root: usize, end: usize| {
        loop {
            let mut child = 2 * root + 1;
            if child + 1 < end && at(list, child) < at(list, child + 1) {
                child += 1;
            }
            if child >= end || at(list, root) >= at(list, child) {
                return;
            }
            list.swap(root, child);
            root = child;
        }
    };
    for root in (0..list.len() / 2).rev() {
        sift(list, root, list.len());
    }
    for end in (1..list.len()).rev() {
        list.swap(0, end);
        sift(list, 0, end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::{prop_assert_eq, proptest};

    use super::sort_by_key;

    proptest! {
        #[test]
        fn orders_like_the_standard_library(mut list in vec(any::<u8>(), 0..200)) {
            let mut expected = list.clone();
            expected.sort_unstable();
            sort_by_key(&mut list, |it| *it);
            prop_assert_eq!(list, expected);
        }
    }
}
