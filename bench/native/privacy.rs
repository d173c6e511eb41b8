//! Measures how long all detectors take for 10 MB of a repeated unit, for known units and COUNT
//! random ones: `cargo run --release -p hybridge-tests --example privacy_speed [COUNT]`. Prints the
//! slowest.
//!
//! A unit over the limit is run three times, and its fastest run counts, on Linux by the time that
//! this thread had a core, so that other work on the machine counts little.

use std::io::Write as _;
use std::time::Instant;

use hybridge_core::privacy::kinds_of;

#[path = "../../crate/core/src/privacy/units.rs"]
mod units;

const BYTES: usize = 10_000_000;
const WANTED_MS: f64 = 150.0;
const RUNS: usize = 3;

fn main() -> std::io::Result<()> {
    let count = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(400);
    let mut state = 1_u64;
    let below = |end: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % end.max(1)
    };
    let begin = Instant::now();
    let mut times: Vec<(f64, String)> = units::units(count, below)
        .into_iter()
        .map(|unit| {
            let text = units::repeated(&unit, BYTES);
            let mut best = f64::MAX;
            for _ in 0..RUNS {
                let start = spent(begin);
                std::hint::black_box(kinds_of(&text));
                best = best.min(spent(begin) - start);
                if best <= WANTED_MS {
                    break;
                }
            }
            (best, unit)
        })
        .collect();
    times.sort_by(|one, other| other.0.total_cmp(&one.0));
    let over = times.iter().filter(|it| it.0 > WANTED_MS).count();
    let mut out = std::io::stdout();
    writeln!(out, "{} units, {over} over {WANTED_MS} ms", times.len())?;
    for (time, unit) in times.iter().take(40) {
        writeln!(out, "{time:7.0} ms {unit:?}")?;
    }
    Ok(())
}

/// Returns the milliseconds for which this thread had a core; where that is unknown, since the
/// start.
fn spent(begin: Instant) -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedule.and_then(|it| it.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| begin.elapsed().as_secs_f64() * 1e3, |it| it / 1e6)
}
