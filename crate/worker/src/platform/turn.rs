//! Yields to the worker's event loop, so that messages such as aborts are received.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    type MessageChannel;
    #[wasm_bindgen(constructor)]
    fn new() -> MessageChannel;
    #[wasm_bindgen(method, getter)]
    fn port1(this: &MessageChannel) -> MessagePort;
    #[wasm_bindgen(method, getter)]
    fn port2(this: &MessageChannel) -> MessagePort;

    type MessagePort;
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &MessagePort, handler: &Function);
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post_message(this: &MessagePort, message: &JsValue);
}

thread_local! {
    static BELL: Bell = Bell::new();
}

/// A message channel to itself. Browsers would delay nested timers by 4 ms, and those of hidden
/// pages by a second.
struct Bell {
    port: MessagePort,
    /// Waiting tasks in order: each message wakes one.
    waiting: Rc<RefCell<VecDeque<Function>>>,
    _ring: Closure<dyn FnMut()>,
}

impl Bell {
    fn new() -> Self {
        let waiting: Rc<RefCell<VecDeque<Function>>> = Rc::default();
        let woken = waiting.clone();
        let ring = Closure::<dyn FnMut()>::new(move || {
            let next = woken.borrow_mut().pop_front();
            if let Some(resolve) = next {
                // A promise's own `resolve` function does not throw.
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        let channel = MessageChannel::new();
        channel.port1().set_onmessage(ring.as_ref().unchecked_ref());
        Self { port: channel.port2(), waiting, _ring: ring }
    }
}

/// Resolves in the next turn of the event loop.
pub(crate) async fn turn() {
    let promise = Promise::new(&mut |resolve, _| {
        BELL.with(|bell| {
            bell.waiting.borrow_mut().push_back(resolve);
            bell.port.post_message(&JsValue::NULL);
        });
    });
    // This promise never rejects.
    let _ = JsFuture::from(promise).await;
}
