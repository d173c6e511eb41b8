//! Tests that scanning takes time proportional to the text, whatever it contains, by counting the
//! bytes that detectors read, which is the same on every machine; `bench/native/privacy.rs` prints
//! times.

use super::corpus::Random;
use super::text::reads::take;
use super::units::{repeated, units};
use super::{kinds_of, spans_in};

/// The limit for both scans of a text with escapes.
const MOST: usize = 60;

#[test]
fn no_text_is_read_too_often() {
    let mut random = Random::new(3);
    for unit in units(400, |end| random.below(end)) {
        let text = repeated(&unit, 3_000);
        take();
        let _ = kinds_of(&text);
        let reads = take();
        assert!(reads < MOST * text.len(), "{unit:?}: {} reads a byte", reads / text.len());
        let _ = spans_in(&text);
        let reads = take();
        assert!(reads < MOST * text.len(), "{unit:?}: {} for spans", reads / text.len());
    }
}
