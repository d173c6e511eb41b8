//! The page's wasm: routing and cloud. It converts and forwards; every decision is made in
//! `hybridge-core`.

mod chat;
mod cloud;
mod device;
mod platform;
mod privacy;
mod router;
mod schema;
#[cfg(all(test, target_family = "wasm"))]
mod tests;
mod thrown;

pub use chat::{dangling, fit_conversation};
pub use cloud::{CloudCall, retry_delay};
pub use device::judge_device;
pub use privacy::sensitive_spans;
pub use router::{Consideration, Hybrid, Run};
pub use schema::find_mismatch;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once when the wasm is instantiated.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
