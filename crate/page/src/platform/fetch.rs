//! One request through `fetch`, and its body in the pieces the network makes.

use std::cell::{Cell, RefCell};

use hybridge_core::http::{HttpRequest, no_answer};
use hybridge_core::{Error, Status};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache,
    RequestCredentials, RequestInit, Response,
};

#[wasm_bindgen]
extern "C" {
    /// The host's own, looked up at each call, so that a page may replace it.
    #[wasm_bindgen(js_name = fetch)]
    fn host_fetch(url: &str, init: &RequestInit) -> Promise;
}

/// The body broke off while it was read.
pub(crate) struct Interrupted;

/// How the answer begins.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
}

/// A connection that is closed for good by `close`, whatever it is doing.
pub(crate) struct Connection {
    controller: AbortController,
    reader: RefCell<Option<ReadableStreamDefaultReader>>,
    is_closed: Cell<bool>,
}

impl Connection {
    pub(crate) fn new() -> Result<Self, Error> {
        let controller = AbortController::new().map_err(|_| {
            Error::new(Status::Unimplemented, "this browser has no AbortController")
        })?;
        Ok(Self { controller, reader: RefCell::new(None), is_closed: Cell::new(false) })
    }

    /// Sends the request. `headers` are name, value, name, value; the key is among them.
    pub(crate) async fn open(
        &self,
        http: &HttpRequest,
        headers: &[String],
        fetch: Option<&Function>,
    ) -> Result<Opened, Error> {
        let init = self.init(http, headers)?;
        let sent = match fetch {
            None => Ok(host_fetch(&http.url, &init)),
            Some(fetch) => {
                let arguments = Array::of2(&JsValue::from_str(&http.url), &init);
                fetch.apply(&JsValue::UNDEFINED, &arguments).map(|it| Promise::resolve(&it))
            }
        };
        let response = match sent {
            Ok(promise) => JsFuture::from(promise).await,
            Err(thrown) => Err(thrown),
        };
        let response: Response = match response {
            Ok(response) => response.unchecked_into(),
            Err(thrown) => return Err(self.failure(&thrown)),
        };
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let opened = Opened {
            status: response.status(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
        };
        let reader = response.body().map(|body| body.get_reader().unchecked_into());
        *self.reader.borrow_mut() = reader;
        if self.is_closed.get() {
            self.release();
            return Err(Error::cancelled());
        }
        Ok(opened)
    }

    /// The next bytes of the body, `None` at its end.
    pub(crate) async fn read(&self) -> Result<Option<Vec<u8>>, Interrupted> {
        let Some(reader) = self.reader.borrow().clone() else { return Ok(None) };
        let read = JsFuture::from(reader.read()).await.map_err(|_| Interrupted)?;
        let value = Reflect::get(&read, &JsValue::from_str("value")).map_err(|_| Interrupted)?;
        Ok(value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec))
    }

    /// Ends the request at once, before or during the body. Calling it again does nothing.
    pub(crate) fn close(&self) {
        if !self.is_closed.replace(true) {
            self.controller.abort();
            self.release();
        }
    }

    /// Whether it has been closed from this side.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// A `fetch` of the page's own may not heed the signal; its body is let go of all the same.
    fn release(&self) {
        let reader = self.reader.borrow_mut().take();
        if let Some(reader) = reader {
            let cancelled = reader.cancel();
            spawn_local(async move { drop(JsFuture::from(cancelled).await) });
        }
    }

    fn init(&self, http: &HttpRequest, headers: &[String]) -> Result<RequestInit, Error> {
        // What the host says about a bad header quotes it, so its words go no further.
        let refused = |_| {
            Error::invalid("the key or a header holds a character that HTTP does not allow")
                .with_code("HEADER_INVALID")
        };
        let map = Headers::new().map_err(refused)?;
        map.set("content-type", "application/json").map_err(refused)?;
        for pair in headers.chunks_exact(2) {
            if let [name, value] = pair {
                map.set(name, value).map_err(refused)?;
            }
        }
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_headers(&map);
        init.set_body(&JsValue::from_str(&http.body));
        init.set_signal(Some(&self.controller.signal()));
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        Ok(init)
    }

    /// What `fetch` threw. This is the one place where its `TypeError` means that nobody answered.
    fn failure(&self, thrown: &JsValue) -> Error {
        let name = text_of(thrown, "name").unwrap_or_default();
        if self.is_closed.get() || name == "AbortError" {
            return Error::cancelled();
        }
        if name == "TimeoutError" {
            return Error::new(Status::DeadlineExceeded, "no answer in time");
        }
        // A `fetch` of the page's own that knows better is taken at its word.
        if let Some(status) = text_of(thrown, "status").as_deref().and_then(Status::parse) {
            let error = Error::new(status, "the fetch function of this model failed");
            return match text_of(thrown, "code") {
                Some(code) => error.with_code(code),
                None => error,
            };
        }
        no_answer(is_offline())
    }
}

/// `navigator.onLine` can be believed when it says no.
fn is_offline() -> bool {
    let read = |object: &JsValue, key: &str| Reflect::get(object, &JsValue::from_str(key)).ok();
    let navigator = read(&js_sys::global(), "navigator");
    navigator
        .and_then(|it| read(&it, "onLine"))
        .is_some_and(|it| it.is_falsy() && !it.is_undefined())
}

fn text_of(thrown: &JsValue, key: &str) -> Option<String> {
    Reflect::get(thrown, &JsValue::from_str(key)).ok()?.as_string()
}
