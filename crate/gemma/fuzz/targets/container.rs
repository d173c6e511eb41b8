//! Reads any bytes as a model file: the result is an error or a model, never a panic, and a small
//! file never takes much memory.
#![no_main]

use std::rc::Rc;

use hybridge_gemma::Model;
use hybridge_gemma::gguf::{Header, Parsed};
use hybridge_gemma::source::{Memory, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    // A parser that requests more must accept that many bytes.
    let (mut length, mut turns) = (file.len().min(16), 0);
    while let Ok(Parsed::NeedMore(bytes)) = Header::parse(&file[..length], file.len() as u64) {
        let bytes = usize::try_from(bytes).expect("at most the file's length");
        assert!(bytes > length && bytes <= file.len());
        length = bytes;
        turns += 1;
        assert!(turns < 4096);
    }
    let source: Rc<dyn Source> = Rc::new(Memory(file.to_vec()));
    let _ = pollster::block_on(Model::open(vec![source]));
});
