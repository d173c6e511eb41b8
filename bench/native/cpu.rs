//! Measures the CPU pass with the shape of Gemma 3 270M, natively on one thread: medians of three.
//!
//! `cargo bench -p hybridge-gemma --no-default-features --bench cpu`
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::time::Instant;

use hybridge_core::Result;
use hybridge_gemma::cpu::bench::{Plan, bench};
use hybridge_gemma::quant::Encoding;
use pollster::block_on;

fn main() -> Result<()> {
    let start = Instant::now();
    let clock = || start.elapsed().as_secs_f64() * 1000.0;
    for (body, head) in [(Encoding::Q4_0, Encoding::Q8_0), (Encoding::Q8_0, Encoding::Q8_0)] {
        let report = block_on(bench(&Plan::peers(body, head), &clock))?;
        println!("{} body, {} head: {report:.3?}", body.name(), head.name());
        println!("  {:.0} % of the read bandwidth while decoding fast", 100.0 * report.share());
    }
    Ok(())
}
