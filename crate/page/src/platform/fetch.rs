//! One request through `fetch`, and its body in the chunks that the network delivers.
//!
//! A page may supply its own `fetch`, so nothing that it returns is trusted: each member of a
//! response is looked up and called dynamically, and exceptions become errors instead of aborting
//! the wasm.

use std::cell::{Cell, RefCell};

use hybridge_core::cloud::{HttpRequest, no_answer};
use hybridge_core::{Error, Status};
use js_sys::{Array, ArrayBuffer, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    AbortController, Headers, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit,
    RequestRedirect,
};

#[wasm_bindgen]
extern "C" {
    /// The browser's `fetch`, looked up at each call, so that a page may replace it.
    #[wasm_bindgen(js_name = fetch, catch)]
    fn host_fetch(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;
}

/// The body broke off while being read.
pub(crate) struct Interrupted;

/// Status and headers of the response.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
}

/// A connection. `close` ends it permanently in any state.
pub(crate) struct Connection {
    controller: AbortController,
    /// The body's reader, from the browser or a custom `fetch`.
    reader: RefCell<Option<JsValue>>,
    reads: Cell<u32>,
    is_closed: Cell<bool>,
}

/// The maximum number of chunks in an answer. A custom `fetch` could otherwise deliver empty chunks
/// for ever and keep the event loop from delivering an abort.
const MOST_READS: u32 = 1 << 17;

impl Connection {
    pub(crate) fn new() -> Result<Self, Error> {
        let controller = AbortController::new().map_err(|_| {
            Error::new(Status::Unimplemented, "this browser has no AbortController")
        })?;
        Ok(Self {
            controller,
            reader: RefCell::new(None),
            reads: Cell::new(0),
            is_closed: Cell::new(false),
        })
    }

    /// Sends the request. `headers` alternates names and values and includes the key.
    pub(crate) async fn open(
        &self,
        http: &HttpRequest,
        headers: &[String],
        fetch: Option<&Function>,
    ) -> Result<Opened, Error> {
        let init = self.init(http, headers)?;
        let sent = match fetch {
            None => host_fetch(&http.url, &init),
            Some(fetch) => {
                let arguments = Array::of2(&JsValue::from_str(&http.url), &init);
                fetch.apply(&JsValue::UNDEFINED, &arguments)
            }
        };
        let response = match sent {
            Ok(promise) => JsFuture::from(Promise::resolve(&promise)).await,
            Err(thrown) => Err(thrown),
        };
        let response = response.map_err(|thrown| self.failure(&thrown))?;
        let opened = head_of(&response)?;
        *self.reader.borrow_mut() = reader_of(&response)?;
        if self.is_closed.get() {
            self.release();
            return Err(Error::cancelled());
        }
        Ok(opened)
    }

    /// Returns the next bytes of the body, or `None` at its end.
    pub(crate) async fn read(&self) -> Result<Option<Vec<u8>>, Interrupted> {
        let Some(reader) = self.reader.borrow().clone() else { return Ok(None) };
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() > MOST_READS {
            return Err(Interrupted);
        }
        let read = call(&reader, "read").map_err(|_| Interrupted)?;
        let read = JsFuture::from(Promise::resolve(&read)).await.map_err(|_| Interrupted)?;
        if !read.is_object() {
            return Err(Interrupted);
        }
        if member(&read, "done").is_some_and(|done| done.is_truthy()) {
            return Ok(None);
        }
        match member(&read, "value") {
            // An array from another realm isn't an instance of this realm's `Uint8Array`; copy it
            // anyway.
            Some(bytes) if ArrayBuffer::is_view(&bytes) => {
                Ok(Some(Uint8Array::new(&bytes).to_vec()))
            }
            Some(text) => text.as_string().map(String::into_bytes).map(Some).ok_or(Interrupted),
            None => Err(Interrupted),
        }
    }

    /// Ends the request at once, before or during the body. Idempotent.
    pub(crate) fn close(&self) {
        if !self.is_closed.replace(true) {
            self.controller.abort();
            self.release();
        }
    }

    /// Whether `close` was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// A custom `fetch` may ignore the signal, so its body is cancelled as well.
    fn release(&self) {
        let reader = self.reader.borrow_mut().take();
        if let Some(cancelled) = reader.and_then(|reader| call(&reader, "cancel").ok()) {
            spawn_local(async move { drop(JsFuture::from(Promise::resolve(&cancelled)).await) });
        }
    }

    fn init(&self, http: &HttpRequest, headers: &[String]) -> Result<RequestInit, Error> {
        // The browser's message about an invalid header quotes it, so it is dropped.
        let refused = |_| {
            Error::invalid("the key or a header contains a character that HTTP does not allow")
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
        // On a redirect to another origin, browsers strip only `Authorization`, which isn't the
        // key's header.
        init.set_redirect(RequestRedirect::Error);
        Ok(init)
    }

    /// Converts an exception from `fetch`. Only here does its `TypeError` mean that there was no
    /// response.
    fn failure(&self, thrown: &JsValue) -> Error {
        let name = text_of(thrown, "name").unwrap_or_default();
        if self.is_closed.get() || name == "AbortError" {
            return Error::cancelled();
        }
        if name == "TimeoutError" {
            return Error::new(Status::DeadlineExceeded, "no answer in time");
        }
        // An error with a status, thrown by a custom `fetch`, keeps that status.
        if let Some(status) = text_of(thrown, "status").as_deref().and_then(Status::parse) {
            let error = Error::new(status, "the fetch function of this model failed");
            return match text_of(thrown, "code") {
                Some(code) => error.with_code(code),
                None => error,
            };
        }
        let cause = member(thrown, "cause").and_then(|cause| text_of(&cause, "message"));
        let is_redirect =
            [cause, text_of(thrown, "message")].into_iter().flatten().any(|message| {
                message.as_bytes().windows(8).any(|it| it.eq_ignore_ascii_case(b"redirect"))
            });
        if is_redirect {
            return redirected();
        }
        let mut error = no_answer(is_offline());
        if error.code.as_deref() == Some("NETWORK") {
            // Browsers report only that the request failed, not why.
            let message = format!("{}; or it redirects, which is not followed", error.message);
            error.message = message.into();
        }
        error
    }
}

/// Reads status and headers. `expected` names what a `fetch` must return.
fn head_of(response: &JsValue) -> Result<Opened, Error> {
    if !response.is_object() {
        return Err(unfit(&format!("returned {}", kind_of(response))));
    }
    let status = member(response, "status").and_then(|it| it.as_f64());
    if status == Some(0.0) && text_of(response, "type").as_deref() == Some("opaqueredirect") {
        return Err(redirected());
    }
    let Some(status) = status.filter(|it| (100.0..600.0).contains(it) && it.fract() == 0.0) else {
        return Err(unfit("returned an object without an HTTP status"));
    };
    let headers = member(response, "headers");
    let header = |name: &str| {
        let get = method(headers.as_ref()?, "get")?;
        get.call1(headers.as_ref()?, &JsValue::from_str(name)).ok()?.as_string()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "100 to 599")]
    let status = status as u16;
    if (300..400).contains(&status) && header("location").is_some() {
        return Err(redirected());
    }
    Ok(Opened {
        status,
        content_type: header("content-type").unwrap_or_default(),
        retry_after: header("retry-after"),
    })
}

/// Returns the body's reader, if there is a body.
fn reader_of(response: &JsValue) -> Result<Option<JsValue>, Error> {
    let is_true =
        |object: &JsValue, key: &str| member(object, key).is_some_and(|it| it.is_truthy());
    if is_true(response, "bodyUsed") {
        return Err(unfit("returned a Response whose body was read already; read a clone() of it"));
    }
    let body = Reflect::get(response, &JsValue::from_str("body")).unwrap_or_default();
    if body.is_null() {
        return Ok(None);
    }
    if !body.is_object() {
        return Err(unfit("returned an object whose `body` is not a stream"));
    }
    if is_true(&body, "locked") {
        return Err(unfit("returned a Response whose body is being read; read a clone() of it"));
    }
    let reader = call(&body, "getReader").ok().filter(|reader| method(reader, "read").is_some());
    reader.map(Some).ok_or_else(|| unfit("returned an object whose `body` is not a stream"))
}

fn unfit(what: &str) -> Error {
    Error::internal(format!(
        "the `fetch` function of this model {what}; expected a Response as `fetch` returns it"
    ))
    .with_code("FETCH_INVALID")
}

fn redirected() -> Error {
    Error::unavailable(
        "the service redirects to another address, which is not followed: it would get the key \
         and the prompt; name the final address in `baseUrl`",
    )
    .with_code("REDIRECTED")
}

/// Whether the browser reports being offline: `navigator.onLine` is reliable only if false.
fn is_offline() -> bool {
    let navigator = member(&js_sys::global(), "navigator");
    navigator.and_then(|it| member(&it, "onLine")).is_some_and(|it| it.is_falsy())
}

/// Returns a member that is set; one whose getter throws counts as unset.
fn member(object: &JsValue, key: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &JsValue::from_str(key)).ok()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

fn method(object: &JsValue, key: &str) -> Option<Function> {
    member(object, key)?.dyn_into().ok()
}

fn call(object: &JsValue, key: &str) -> Result<JsValue, JsValue> {
    method(object, key).ok_or(JsValue::UNDEFINED)?.call0(object)
}

fn text_of(thrown: &JsValue, key: &str) -> Option<String> {
    member(thrown, key)?.as_string()
}

fn kind_of(value: &JsValue) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    value.js_typeof().as_string().unwrap_or_default()
}
