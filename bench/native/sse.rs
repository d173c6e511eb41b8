//! Measures the speed of the stream decoder: `cargo run --release -p hybridge-tests --example
//! sse_speed` prints MB/s.
//!
//! Built for wasm32 it exports `prepare` and `decode`, which `tests/browser/speed.test.mjs` times
//! in a browser.

use hybridge_core::cloud::sse::Decoder;

/// Events in Gemini's format, about this long each, in reads of 64 KB.
const KINDS: [(&str, usize); 3] = [("20 bytes", 20), ("300 bytes", 300), ("100 KB", 100_000)];
const READ: usize = 64 << 10;

fn stream(event: usize, total: usize) -> Vec<u8> {
    let one = format!("data: {{\"text\":\"{}\"}}\r\n\r\n", "x".repeat(event));
    one.repeat(total / one.len()).into_bytes()
}

/// Decodes everything and returns the number of bytes of data.
fn decode_all(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::default();
    let mut data = 0;
    for chunk in bytes.chunks(READ) {
        let fed = decoder.feed(chunk, |event| {
            data += event.data.len();
            Ok(())
        });
        assert!(fed.is_ok(), "no event here is too large");
    }
    data
}

#[cfg(not(target_family = "wasm"))]
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "its output is its purpose")]
fn main() {
    for (name, event) in KINDS {
        let bytes = stream(event, 64 << 20);
        let best = (0..5)
            .map(|_| {
                let started = std::time::Instant::now();
                assert!(decode_all(&bytes) > 0, "something is decoded");
                started.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        println!("events of {name}: {:.0} MB/s", bytes.len() as f64 / best / 1e6);
    }
}

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(target_family = "wasm")]
mod exports {
    use std::cell::RefCell;

    thread_local! {
        static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    /// Creates a stream of the given kind and returns its length.
    #[expect(unsafe_code, reason = "a program without bindings exports it")]
    #[unsafe(no_mangle)]
    extern "C" fn prepare(kind: usize) -> usize {
        let event = super::KINDS.get(kind).map_or(0, |(_, event)| *event);
        BYTES.replace(super::stream(event, 16 << 20));
        BYTES.with_borrow(Vec::len)
    }

    /// Decodes the stream.
    #[expect(unsafe_code, reason = "a program without bindings exports it")]
    #[unsafe(no_mangle)]
    extern "C" fn decode() -> usize {
        BYTES.with_borrow(|bytes| super::decode_all(bytes))
    }
}
