//! Rows of pictures among tokens, compared with records of an independent implementation, however
//! they are fed.
#![expect(clippy::indexing_slicing, reason = "helpers of tests may panic")]

use std::rc::Rc;

use futures::FutureExt;
use hybridge_gemma::cpu::{Cpu, Precision};
use hybridge_gemma::engine::{FIRST_ROW, Pass};
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Random, find, fingerprint};
use hybridge_gemma::weights::Model;
use pollster::block_on;
use serde::Deserialize;

/// In standard deviations of the logits.
const FURTHEST: f64 = 1e-4;

#[derive(Debug, Deserialize)]
struct Golden {
    model: String,
    fingerprint: String,
    /// −1 stands for the next row of a picture.
    prompt: Vec<i64>,
    /// Rows of each picture.
    spans: Vec<usize>,
    seed: u64,
    stride: usize,
    deviation: f64,
    logits: Vec<f64>,
    mistakes: std::collections::BTreeMap<String, f64>,
}

fn goldens() -> [Golden; 3] {
    [
        include_str!("../../../../tests/oracle/goldens/seeing_period_2.json"),
        include_str!("../../../../tests/oracle/goldens/seeing_gemma4.json"),
        include_str!("../../../../tests/oracle/goldens/seeing_gemma4_dense.json"),
    ]
    .map(|json| serde_json::from_str(json).unwrap())
}

/// Tokens, or rows of one picture with their IDs.
#[derive(Clone)]
enum Part {
    Text(Vec<u32>),
    Picture(Vec<u32>, Vec<f32>),
}

impl Part {
    fn ids(&self) -> &[u32] {
        match self {
            Self::Text(ids) | Self::Picture(ids, _) => ids,
        }
    }
}

impl Golden {
    fn open(&self) -> Model {
        let bytes = find(&self.model).unwrap().bytes();
        assert_eq!(self.fingerprint, fingerprint(&bytes), "{}: record it again", self.model);
        block_on(Model::open(vec![Rc::new(Memory(bytes))])).unwrap().with_pictures(40)
    }

    fn parts(&self, width: usize) -> Vec<Part> {
        let mut random = Random(self.seed);
        let (mut parts, mut rest, mut next) = (Vec::new(), self.prompt.as_slice(), FIRST_ROW);
        for span in &self.spans {
            let text = rest.iter().take_while(|id| **id >= 0).count();
            parts.push(text_of(&rest[..text]));
            rest = &rest[text + span..];
            let rows = (0..span * width).map(|_| 4.0 * random.symmetric()).collect();
            let end = next + u32::try_from(*span).unwrap();
            parts.push(Part::Picture((next..end).collect(), rows));
            next = end;
        }
        parts.push(text_of(rest));
        parts
    }

    #[track_caller]
    fn check(&self, logits: &[f32], how: &str) {
        let ours = logits.iter().step_by(self.stride);
        let worst = ours
            .zip(&self.logits)
            .map(|(ours, right)| (f64::from(*ours) - right).abs() / self.deviation)
            .fold(0.0, |most, it| if it > most || it.is_nan() { it } else { most });
        assert!(worst < FURTHEST, "{} {how}: {worst:.2e} deviations", self.model);
    }
}

fn text_of(ids: &[i64]) -> Part {
    Part::Text(ids.iter().map(|id| u32::try_from(*id).unwrap()).collect())
}

fn passes(model: &Model) -> [Box<dyn Pass>; 2] {
    [
        Box::new(block_on(Scalar::load(model, 128)).unwrap()),
        Box::new(block_on(Cpu::load(model, 128, Precision::Exact)).unwrap()),
    ]
}

/// Feeds the parts except for the first `held` IDs.
fn feed(pass: &mut dyn Pass, parts: &[Part], held: usize) {
    let mut rest = held;
    for part in parts {
        let skipped = rest.min(part.ids().len());
        rest -= skipped;
        match part {
            _ if skipped == part.ids().len() => {}
            Part::Text(ids) => block_on(pass.prefill(&ids[skipped..])).unwrap(),
            Part::Picture(ids, rows) => {
                let rows = &rows[skipped * pass.config().width..];
                block_on(pass.prefill_rows(&ids[skipped..], rows)).unwrap();
            }
        }
    }
}

#[test]
fn logits_after_pictures_are_exact() {
    for golden in goldens() {
        let model = golden.open();
        let parts = golden.parts(model.config.width);
        for mut pass in passes(&model) {
            feed(&mut *pass, &parts, 0);
            golden.check(&block_on(pass.logits()).unwrap(), &pass.adapter());
        }
        // The tolerance would detect every known mistake.
        assert!(golden.mistakes.len() >= 5);
        assert!(golden.mistakes.values().all(|moved| *moved > 0.1), "{:?}", golden.mistakes);
    }
}

/// A sequence can be resumed anywhere, including inside a picture.
#[test]
fn cached_rows_of_pictures_are_reused() {
    for golden in goldens() {
        let model = golden.open();
        let parts = golden.parts(model.config.width);
        let all: Vec<u32> = parts.iter().flat_map(Part::ids).copied().collect();
        for mut pass in passes(&model) {
            feed(&mut *pass, &parts, 0);
            for length in (0..all.len()).rev().step_by(7) {
                // Another conversation, which overwrites the rings.
                let other: Vec<u32> = (0..90).map(|it| it % 50).collect();
                let held = pass.resume(&other[..90.min(1 + length)]);
                block_on(pass.prefill(&other[held..])).unwrap();
                let held = pass.resume(&all[..length]);
                assert!(held <= length);
                feed(&mut *pass, &parts, held);
                golden.check(&block_on(pass.logits()).unwrap(), &format!("from {held}"));
            }
            assert!(pass.reuse().reused > 0);
        }
    }
}

#[test]
fn a_stop_between_slabs_leaves_the_sequence_unchanged() {
    let golden = goldens().into_iter().next().unwrap();
    let model = golden.open();
    let parts = golden.parts(model.config.width);
    let mut pass = block_on(Cpu::load(&model, 128, Precision::Exact)).unwrap();
    for (index, part) in parts.iter().enumerate() {
        let before = pass.position();
        if let Part::Picture(ids, rows) = part {
            // With a pause before each slab, one turn of the event loop is not enough for all of
            // the work.
            let mut work = pass.prefill_rows(ids, rows);
            assert!((&mut work).now_or_never().is_none());
            drop(work);
        }
        assert_eq!(pass.position(), before);
        feed(&mut pass, &parts[..=index], before);
    }
    golden.check(&block_on(pass.logits()).unwrap(), "after stops");
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let golden = goldens().into_iter().next().unwrap();
    let model = golden.open();
    let width = model.config.width;
    let ids = |count: u32| (FIRST_ROW..FIRST_ROW + count).collect::<Vec<u32>>();
    for mut pass in passes(&model) {
        let mut check = |ids: &[u32], count: usize, code: Option<&str>| {
            let error = block_on(pass.prefill_rows(ids, &vec![0.0; count * width])).unwrap_err();
            assert_eq!(error.code.as_deref(), code, "{error}");
        };
        check(&ids(3), 2, None);
        check(&[4, 5], 2, None);
        check(&ids(100), 100, None);
        check(&ids(129), 129, Some("CONTEXT_FULL"));
        // An ID of a row isn't a token.
        let error = block_on(pass.prefill(&[FIRST_ROW])).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("UNKNOWN_TOKEN"));
    }
}
