//! Tests the router's boundary in a real browser: JSON in both directions, and no traps.

use crate::{Hybrid, Run};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const PLAN: &str = r#"{"keys":["device","cloud"],"strategyName":"FallbackStrategy","strategy":{"fallback":{"order":["device","cloud"]}}}"#;

fn run() -> Run {
    Hybrid::new(PLAN).unwrap().run(r#"{"id":"1","streaming":true}"#)
}

/// Fails unless the actions contain `wanted`.
#[track_caller]
fn does(actions: Option<String>, wanted: &str) {
    let actions = actions.unwrap_or_default();
    assert!(actions.contains(wanted), "{actions} holds no {wanted}");
}

#[wasm_bindgen_test]
fn an_unreachable_branch_falls_back() {
    let run = run();
    does(run.start(0.0), r#""branch":"device""#);
    let gone = r#"{"status":"UNAVAILABLE","message":"not here"}"#;
    does(run.failed(0, gone, None, 1.0), r#""branch":"cloud""#);
    does(run.finished(1, "{}", 2.0), r#""do":"finish""#);
}

#[wasm_bindgen_test]
fn after_the_first_chunk_no_other_branch_is_tried() {
    let run = run();
    does(run.start(0.0), r#""branch":"device""#);
    assert_eq!(run.chunk(0, 5, 0, 0, None, 1.0), 1, "shown as it comes");
    let gone = r#"{"status":"UNAVAILABLE","message":"cut"}"#;
    does(run.failed(0, gone, None, 2.0), r#""do":"fail""#);
}

#[wasm_bindgen_test]
fn an_invalid_plan_throws_an_error_as_json() {
    for plan in ["", "{", r#"{"keys":["a"],"strategy":{"nonsense":{}}}"#] {
        let error = Hybrid::new(plan).err().unwrap_or_else(|| panic!("{plan} was taken"));
        assert!(error.contains(r#""status":"#), "{error}");
    }
}
