//! Measures the time of a picture in Gemma 3's vision tower on this CPU: real widths and patches, a
//! few layers of random weights. `tower [LAYERS [FILE]]`: with a file it writes the tower for
//! `bench/tower.mjs` instead, in the width of a tiny text model.
#![expect(clippy::print_stdout, reason = "its purpose")]

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::ready;
use hybridge_core::{Error, Result};
use hybridge_gemma::cpu::{Pause, load_tower};
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::TinyTower;
use hybridge_gemma::vision::{Budget, Picture, Prepared, Projector, VisionModel};
use serde_json::json;

const SIDE: usize = 896;
/// As in the released tower.
const REAL_LAYERS: u32 = 27;
/// The multiply-adds of a layer: products of 4,096 patches with 15.2 million weights, and their
/// attention.
const OPERATIONS: f64 = 2.0 * 4096.0 * 15.2e6 + 4.0 * 4096.0 * 4096.0 * 1152.0;

fn main() -> Result<()> {
    let layers = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(2);
    let file = std::env::args().nth(2);
    let tower = TinyTower {
        name: "tower",
        projector: Projector::Gemma3,
        width: 1152,
        hidden: 4304,
        layers: layers as usize,
        heads: 16,
        patch: 14,
        pool: None,
        outputs: if file.is_some() { 64 } else { 2560 },
        extent: SIDE,
        encoding: Encoding::F16,
        is_clamped: false,
        is_standardised: false,
        is_exchanged: false,
    };
    if let Some(file) = file {
        return std::fs::write(file, tower.bytes())
            .map_err(|error| Error::internal(format!("the file cannot be written: {error}")));
    }
    let model = pollster::block_on(VisionModel::open(vec![Rc::new(Memory(tower.bytes()))]))?;
    let longest = Rc::new(Cell::new(Duration::ZERO));
    let started = Instant::now();
    let pause = watched(&longest);
    let encoder = pollster::block_on(load_tower(&model, pause.clone()))?;
    let loading = started.elapsed();
    let picture = Picture::new(SIDE, SIDE, TinyTower::pixels(SIDE, SIDE))?;
    let prepared = Prepared::new(&picture, &model.config, Budget::USUAL)?;
    // Earlier work is not part of the period that begins now.
    pollster::block_on(pause());
    longest.set(Duration::ZERO);
    let started = Instant::now();
    let rows = pollster::block_on(encoder.encode(&prepared, &mut |_| {}))?;
    let each = started.elapsed() / layers;
    let report = json!({
        "layers": layers,
        "bytes": model.bytes(),
        "tokens": rows.tokens(),
        "load_seconds": loading.as_secs_f64(),
        "seconds_a_layer": each.as_secs_f64(),
        "gflops": OPERATIONS / each.as_secs_f64() / 1e9,
        "seconds_of_27_layers": (each * REAL_LAYERS).as_secs_f64(),
        "longest_ms_without_a_pause": longest.get().as_secs_f64() * 1e3,
    });
    println!("{report}");
    Ok(())
}

/// A pause that records the longest time since the previous one.
fn watched(longest: &Rc<Cell<Duration>>) -> Pause {
    let (longest, last) = (Rc::clone(longest), Cell::new(Instant::now()));
    Rc::new(move || {
        longest.set(longest.get().max(last.replace(Instant::now()).elapsed()));
        Box::pin(ready(()))
    })
}
