//! A turn of the worker's event loop: messages are read between two of them, aborts among them.

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, milliseconds: i32);
}

/// Resolves in the next turn.
pub(crate) async fn turn() {
    let promise = Promise::new(&mut |resolve, _| set_timeout(&resolve, 0));
    // A promise that nothing rejects.
    let _ = JsFuture::from(promise).await;
}
