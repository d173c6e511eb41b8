//! Vision towers compared with records of an independent implementation, and invalid files.

use std::rc::Rc;

use futures::FutureExt;
use hybridge_gemma::cpu::{self, brief};
use hybridge_gemma::scalar;
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::{Entry, Random, TinyTower, Writer, fingerprint};
use hybridge_gemma::vision::{Budget, Picture, PictureEncoder, Prepared, VisionModel};
use pollster::block_on;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Golden {
    fingerprint: String,
    stride: usize,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    picture: (usize, usize),
    budget: usize,
    size: (usize, usize),
    tokens: usize,
    deviation: f64,
    values: Vec<f64>,
    mistakes: std::collections::BTreeMap<String, f64>,
}

fn golden(name: &str) -> Golden {
    let json = match name {
        "vision_gemma3" => include_str!("../../../../tests/oracle/goldens/vision_gemma3.json"),
        "vision_gemma3_exchanged" => {
            include_str!("../../../../tests/oracle/goldens/vision_gemma3_exchanged.json")
        }
        "vision_gemma3_square" => {
            include_str!("../../../../tests/oracle/goldens/vision_gemma3_square.json")
        }
        "vision_gemma4" => include_str!("../../../../tests/oracle/goldens/vision_gemma4.json"),
        "vision_gemma4_standard" => {
            include_str!("../../../../tests/oracle/goldens/vision_gemma4_standard.json")
        }
        "vision_gemma4_unified" => {
            include_str!("../../../../tests/oracle/goldens/vision_gemma4_unified.json")
        }
        _ => "there is no record of that name",
    };
    serde_json::from_str(json).unwrap()
}

fn open(bytes: Vec<u8>) -> hybridge_core::Result<VisionModel> {
    block_on(VisionModel::open(vec![Rc::new(Memory(bytes))]))
}

fn picture((width, height): (usize, usize)) -> Picture {
    Picture::new(width, height, TinyTower::pixels(width, height)).unwrap()
}

fn towers(model: &VisionModel) -> [(&'static str, Box<dyn PictureEncoder>); 2] {
    [
        ("scalar", block_on(scalar::load_tower(model, brief())).unwrap()),
        ("cpu", block_on(cpu::load_tower(model, brief())).unwrap()),
    ]
}

#[test]
fn rows_equal_the_record() {
    for tiny in TinyTower::all() {
        let (bytes, golden) = (tiny.bytes(), golden(tiny.name));
        assert_eq!(fingerprint(&bytes), golden.fingerprint, "{}: record it again", tiny.name);
        let model = open(bytes).unwrap();
        for (which, tower) in towers(&model) {
            for case in &golden.cases {
                let budget = Budget::new(case.budget).unwrap();
                let prepared =
                    Prepared::new(&picture(case.picture), &model.config, budget).unwrap();
                assert_eq!(prepared.size(), case.size, "{}", tiny.name);
                assert_eq!(prepared.tokens(&model.config), case.tokens, "{}", tiny.name);
                let mut shares = Vec::new();
                let rows =
                    block_on(tower.encode(&prepared, &mut |share| shares.push(share))).unwrap();
                assert_eq!((rows.tokens(), rows.width), (case.tokens, tiny.outputs));
                let values = rows.values.iter().step_by(golden.stride);
                let worst = values
                    .zip(&case.values)
                    .map(|(have, right)| (f64::from(*have) - right).abs() / case.deviation)
                    .fold(0.0, f64::max);
                assert!(worst < 2e-5, "{} {which}: {worst} deviations", tiny.name);
                assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
                // The tolerance would detect every known mistake.
                assert!(!case.mistakes.is_empty());
                assert!(case.mistakes.values().all(|moved| *moved > 0.01), "{:?}", case.mistakes);
            }
        }
    }
}

#[test]
fn encoding_stops_when_its_future_is_dropped() {
    let model = open(TinyTower::all().pop().unwrap().bytes()).unwrap();
    let tower = block_on(cpu::load_tower(&model, brief())).unwrap();
    let budget = Budget::new(70).unwrap();
    let prepared = Prepared::new(&picture((160, 90)), &model.config, budget).unwrap();
    let mut last = 0.0;
    let mut report = |share| last = share;
    let mut work = tower.encode(&prepared, &mut report);
    assert!((&mut work).now_or_never().is_none(), "the work takes more than one poll");
    drop(work);
    assert!(last < 0.5);
}

#[test]
fn invalid_towers_are_refused_by_name() {
    type Bend = fn(&mut Writer);
    let cases: [(&str, Bend); 15] = [
        ("MMPROJ_INVALID", |it| it.set("general.architecture", Entry::Text("gemma3".into()))),
        ("MMPROJ_INVALID", |it| it.remove("clip.has_vision_encoder")),
        ("MMPROJ_UNSUPPORTED", |it| {
            it.set("clip.vision.projector_type", Entry::Text("gemma3nv".into()));
        }),
        ("MODEL_KEY_MISSING", |it| it.remove("clip.vision.projector_type")),
        ("MODEL_KEY_MISSING", |it| it.remove("clip.vision.projection_dim")),
        ("MODEL_KEY_INVALID", |it| it.set("clip.vision.patch_size", Entry::U32(0))),
        // In 32 bits their product is 0.
        ("MODEL_KEY_INVALID", |it| it.set("clip.vision.patch_size", Entry::U32(1 << 16))),
        ("MODEL_KEY_INVALID", |it| {
            it.set("clip.vision.projector.scale_factor", Entry::U32(1 << 16));
        }),
        ("MODEL_KEY_INVALID", |it| it.set("clip.vision.block_count", Entry::U32(1 << 19))),
        ("MODEL_KEY_INVALID", |it| it.set("clip.vision.attention.head_count", Entry::U32(7))),
        ("MODEL_KEY_INVALID", |it| {
            it.set("clip.vision.image_std", Entry::Floats(vec![1.0, 0.0, 1.0]));
        }),
        ("MODEL_KEY_INVALID", |it| it.set("clip.vision.image_mean", Entry::Floats(vec![1.0]))),
        ("MODEL_TENSOR_MISSING", |it| it.remove_tensor("v.blk.1.attn_q.output_max")),
        ("MODEL_TENSOR_SHAPE", |it| it.reshape("v.blk.0.ffn_down.weight", &[48, 72])),
        ("MODEL_TENSOR_SHAPE", |it| it.reshape("v.position_embd.weight", &[48, 128])),
    ];
    let tiny = TinyTower::all().pop().unwrap();
    for (code, bend) in cases {
        let mut writer = tiny.writer();
        bend(&mut writer);
        let error = open(writer.bytes()).unwrap_err();
        assert_eq!(error.code.as_deref(), Some(code), "{error}");
    }
    let mut writer = tiny.writer();
    writer.remove_tensor("v.blk.0.attn_q.input_min");
    writer.tensor("v.blk.0.attn_q.input_min", &[1], hybridge_gemma::quant::Encoding::F32, &[9.0]);
    let error = block_on(cpu::load_tower(&open(writer.bytes()).unwrap(), brief())).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("MODEL_DAMAGED"), "{error}");
}

/// Whichever bytes of the header are changed, opening returns a result.
#[test]
fn damaged_headers_never_panic() {
    let mut random = Random(3);
    for tiny in TinyTower::all() {
        let bytes = tiny.bytes();
        let header = u32::try_from(tiny.writer().header().len()).unwrap();
        for _ in 0..400 {
            let mut bytes = bytes.clone();
            for _ in 0..=random.below(3) {
                bytes[random.below(header) as usize] = random.byte();
            }
            if let Ok(model) = open(bytes) {
                let _ = block_on(cpu::load_tower(&model, brief()));
            }
        }
    }
}

#[test]
fn a_picture_longer_than_the_positions_is_refused() {
    let tiny = TinyTower::all().pop().unwrap();
    let model = open(tiny.bytes()).unwrap();
    let tower = block_on(cpu::load_tower(&model, brief())).unwrap();
    let long = Picture::new(9000, 30, vec![9; 3 * 9000 * 30]).unwrap();
    let prepared = Prepared::new(&long, &model.config, Budget::USUAL).unwrap();
    let error = block_on(tower.encode(&prepared, &mut |_| {})).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("PICTURE_INVALID"));
}
