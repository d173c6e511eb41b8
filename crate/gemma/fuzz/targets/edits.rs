//! Changes a few bytes of a valid model file: if it opens, it can be read to its end.
#![no_main]

use std::rc::Rc;
use std::sync::OnceLock;

use hybridge_gemma::source::{Memory, Source};
use hybridge_gemma::testing::{Tiny, find};
use hybridge_gemma::tokenizer::Control;
use hybridge_gemma::{Model, Tokenizer};
use libfuzzer_sys::fuzz_target;

/// The offset of a change, and the eight bytes written there.
type Edit = (u16, [u8; 8], u8);

fn file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let q8 = find("q8_0").expect("a model of this name");
        Tiny { layers: 1, vocabulary: 500, ..q8 }.bytes()
    })
}

fuzz_target!(|edits: Vec<Edit>| {
    let mut file = file().to_vec();
    for (place, bytes, length) in edits.iter().take(8) {
        let length = usize::from(length % 8) + 1;
        if let Some(there) = file.get_mut(usize::from(*place)..usize::from(*place) + length) {
            there.copy_from_slice(&bytes[..length]);
        }
    }
    let source: Rc<dyn Source> = Rc::new(Memory(file));
    let Ok(model) = pollster::block_on(Model::open(vec![source])) else { return };
    if let Ok(tokenizer) = Tokenizer::read(model.gguf()) {
        let ids = tokenizer.encode("héllo <eos> 12", Control::Parsed);
        assert!(ids.len() < 64);
    }
    for tensor in model.tensors.all() {
        pollster::block_on(model.rows(tensor, 0..tensor.rows)).expect("checked when opened");
    }
});
