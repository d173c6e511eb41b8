//! Loading for the CPU streams into place: at no time is there more in memory than the model and a
//! few chunks of its file.
#![expect(unsafe_code, reason = "only a counting allocator can measure a peak")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hybridge_gemma::cpu::{Cpu, Precision, memory_of};
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Tiny, find};
use hybridge_gemma::weights::Model;
use pollster::block_on;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator; only sums are recorded.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_peak_of_a_load_is_within_its_estimate() {
    let tiny = Tiny { width: 1024, hidden: 4096, layers: 4, ..find("q8_0").unwrap() };
    let model = block_on(Model::open(vec![Rc::new(Memory(tiny.bytes()))])).unwrap();
    let needs = memory_of(&model, 512);
    assert!(needs.weights > 40 << 20, "{needs:?}: too small to tell two copies from one");
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut pass = block_on(Cpu::load(&model, 512, Precision::Fast)).unwrap();
    let loaded = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(loaded >= needs.weights && loaded <= needs.total(), "{loaded} bytes, {needs:?}");
    block_on(hybridge_gemma::Pass::prefill(&mut pass, &tiny.prompt(200))).unwrap();
    let run = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(run <= needs.total(), "{run} bytes, {needs:?}");
}
