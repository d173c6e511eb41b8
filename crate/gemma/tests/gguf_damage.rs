//! Damaged headers: for all bytes, an error and little memory; never a panic.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hybridge_gemma::source::{Memory, Source};
use hybridge_gemma::testing::{Tiny, find};
use hybridge_gemma::{Model, Tokenizer};
use pollster::block_on;
use proptest::prelude::*;

/// Records the largest single allocation.
struct Largest(AtomicUsize);

#[expect(unsafe_code, reason = "an allocator requires unsafe code")]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_max(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.0.fetch_max(size, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static LARGEST: Largest = Largest(AtomicUsize::new(0));

/// Opens the file, and reads what a pass would read.
fn survive(file: Vec<u8>) {
    let most = 16 * file.len() + (1 << 20);
    let source: Rc<dyn Source> = Rc::new(Memory(file));
    LARGEST.0.store(0, Ordering::Relaxed);
    if let Ok(model) = block_on(Model::open(vec![source])) {
        let _ = Tokenizer::read(model.gguf())
            .map(|it| it.encode("hello <eos>", hybridge_gemma::tokenizer::Control::Parsed));
        for tensor in model.tensors.all() {
            block_on(model.rows(tensor, 0..tensor.rows)).unwrap();
        }
    }
    let largest = LARGEST.0.load(Ordering::Relaxed);
    assert!(largest <= most, "{largest} bytes at once for a file of {most}");
}

fn small() -> Tiny {
    Tiny { layers: 1, vocabulary: 700, ..find("q8_0").unwrap() }
}

/// Each position in turn is overwritten by implausible numbers.
#[test]
fn numbers_in_the_header_are_not_trusted() {
    let writer = small().writer();
    let (header, file) = (writer.header().len(), writer.bytes());
    // The vocabulary's texts are 90 % of the header, and uniform: only its ends are tested closely.
    let places =
        (0..1500).chain((1500..header - 2500).step_by(61)).chain(header - 2500..header - 8);
    for place in places {
        for value in [u64::MAX, 1 << 62, 1 << 32, 0x0fff_ffff, 0] {
            let mut damaged = file.clone();
            damaged[place..place + 8].copy_from_slice(&value.to_le_bytes());
            survive(damaged);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damage_at_any_position_is_survived(
        changes in prop::collection::vec((any::<bool>(), 0..2000_usize, any::<u8>()), 1..8),
        cut in 0..24_usize,
    ) {
        let writer = small().writer();
        let (header, mut file) = (writer.header().len(), writer.bytes());
        for (is_late, place, byte) in changes {
            // Near the ends of the header the structure is dense.
            file[if is_late { header - 1 - place } else { place }] = byte;
        }
        file.truncate(file.len() * cut / 20);
        survive(file);
    }

    #[test]
    fn noise_is_rejected(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(noise);
        survive(file);
    }
}
