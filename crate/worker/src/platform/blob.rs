//! A `Blob` as a source of bytes: a file that the user chose, one in the origin private file
//! system, or a download in memory. The browser decides where to keep it; only the requested range
//! is copied.

use futures::future::LocalBoxFuture;
use hybridge_core::{Error, Result, Status};
use hybridge_gemma::source::{Source, past_the_end};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

// Three methods, bound by hand: another feature of web-sys would rebuild the whole GPU stack.
#[wasm_bindgen]
extern "C" {
    /// The browser's `Blob`.
    #[derive(Clone, Debug)]
    pub(crate) type Blob;

    #[wasm_bindgen(method, getter)]
    fn size(this: &Blob) -> f64;

    #[wasm_bindgen(method)]
    fn slice(this: &Blob, start: f64, end: f64) -> Blob;

    #[wasm_bindgen(method, js_name = arrayBuffer)]
    fn array_buffer(this: &Blob) -> Promise;
}

/// One `Blob`.
#[derive(Debug)]
pub(crate) struct BlobSource {
    blob: Blob,
    size: u64,
}

impl BlobSource {
    /// Wraps a JavaScript value; `None` if it isn't a `Blob`.
    pub(crate) fn of(value: JsValue) -> Option<Self> {
        // Checked by its methods instead of its class, because a `File` may come from another
        // realm.
        let blob: Blob = value.is_object().then(|| value.unchecked_into())?;
        let size = js_sys::Reflect::get(&blob, &"size".into()).ok()?.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes of files"
        )]
        let size = size as u64;
        Some(Self { blob, size })
    }

    async fn read_range(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let end = offset
            .checked_add(length as u64)
            .filter(|end| *end <= self.size)
            .ok_or_else(|| past_the_end(offset, length, self.size))?;
        #[expect(clippy::cast_precision_loss, reason = "files are shorter than 2^52 bytes")]
        let part = self.blob.slice(offset as f64, end as f64);
        let buffer = JsFuture::from(part.array_buffer()).await.map_err(|_| lost())?;
        let bytes = Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()).to_vec();
        if bytes.len() == length { Ok(bytes) } else { Err(lost()) }
    }
}

/// A file that the user chose may change or disappear while it is read.
fn lost() -> Error {
    Error::new(Status::DataLoss, "the model's file cannot be read any more; choose it again")
        .with_code("SOURCE_LOST")
}

impl Source for BlobSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
        Box::pin(self.read_range(offset, length))
    }
}
