//! Run on demand: prints what is found in external texts, and which texts take longest.

#[path = "../../src/privacy/units.rs"]
mod units;

use std::hint::black_box;
use std::time::Instant;

use hybridge_core::privacy::{kinds_of, spans_in};

/// Prints each match in the texts of the folders in `HYBRIDGE_TEXTS` (separated by `:`), for a
/// person to review.
#[test]
fn matches_in_external_texts() {
    let Ok(folders) = std::env::var("HYBRIDGE_TEXTS") else { return };
    let most = cases().unwrap_or(5_000);
    let mut files = Vec::new();
    let mut waiting: Vec<std::path::PathBuf> = folders.split(':').map(Into::into).collect();
    while let Some(path) = waiting.pop() {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|it| it.path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    // The same selection on every run: evenly spaced files.
    let step = (files.len() / most).max(1);
    let (mut read, mut raised, mut finds) = (0, 0, 0);
    for path in files.iter().step_by(step) {
        let is_small = path.metadata().is_ok_and(|it| it.len() < 1_000_000);
        let Some(text) = is_small.then(|| std::fs::read_to_string(path).ok()).flatten() else {
            continue;
        };
        if text.contains('\0') {
            continue;
        }
        read += 1;
        let spans = spans_in(&text);
        raised += usize::from(!spans.is_empty());
        finds += spans.len();
        for span in spans.iter().take(5) {
            let from = text.floor_char_boundary(span.from.saturating_sub(40));
            let to = text.ceil_char_boundary((span.to + 30).min(text.len()));
            let (found, around) = (text.get(span.from..span.to), text.get(from..to));
            println!("{}\t{found:?}\t{around:?}\t{}", span.kind.word(), path.display());
        }
    }
    println!("{raised} of {read} files raised {finds} finds");
}

/// Prints the slowest units in milliseconds for ten megabytes: `HYBRIDGE_CASES` random ones besides
/// the known ones.
#[test]
fn slow_units() {
    let Some(count) = cases().filter(|_| std::env::var("HYBRIDGE_TEXTS").is_err()) else { return };
    let mut state = 88_172_645_463_325_252_u64;
    let below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % end
    };
    let pace = |unit: &String| {
        let text = units::repeated(unit, 40_000);
        let tries = (0..3).map(|_| {
            let start = Instant::now();
            black_box((kinds_of(&text), spans_in(&text)));
            start.elapsed().as_secs_f64() / 2.0 / text.len() as f64
        });
        tries.fold(f64::MAX, f64::min) * 1e10
    };
    let mut paces: Vec<_> =
        units::units(count, below).into_iter().map(|it| (pace(&it), it)).collect();
    paces.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (pace, unit) in paces.iter().take(60) {
        println!("{pace:8.0} ms  {unit:?}");
    }
}

fn cases() -> Option<usize> {
    std::env::var("HYBRIDGE_CASES").ok()?.parse().ok()
}
