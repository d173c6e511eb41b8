//! Low-rank adapters compared with `NumPy`, their composition, and invalid files.

use std::cell::Cell;
use std::rc::Rc;

use hybridge_core::{Error, Result};
use hybridge_gemma::adapter::Adapter;
use hybridge_gemma::cpu::{Cpu, Precision, bench};
use hybridge_gemma::engine::Pass;
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::{Memory, Source};
use hybridge_gemma::testing::{Entry, Tiny, Writer, find, fingerprint, golden, tiny_adapter};
use hybridge_gemma::weights::Model;
use pollster::block_on;

use crate::oracle::worst;

/// In standard deviations; nothing is rounded.
const SINGLE: f64 = 2e-5;

fn file(writer: &Writer) -> Vec<Rc<dyn Source>> {
    vec![Rc::new(Memory(writer.bytes()))]
}

fn model_of(tiny: &Tiny, adapters: &[Adapter]) -> Model {
    block_on(Model::open_adapted(file(&tiny.writer()), adapters)).unwrap()
}

fn adapter_of(tiny: &Tiny, seed: u64) -> Adapter {
    block_on(Adapter::open(file(&tiny_adapter(&model_of(tiny, &[]), seed)))).unwrap()
}

fn logits(pass: &mut dyn Pass, prompt: &[u32]) -> Vec<f32> {
    block_on(pass.prefill(prompt)).unwrap();
    block_on(pass.logits()).unwrap()
}

fn scalar(model: &Model, prompt: &[u32]) -> Vec<f32> {
    logits(&mut block_on(Scalar::load(model, 64)).unwrap(), prompt)
}

#[test]
fn adapted_models_agree_with_the_record() {
    for name in ["f32", "q4_k", "gemma4_q4_0", "gemma3n"] {
        let tiny = find(name).unwrap();
        let bytes = tiny_adapter(&model_of(&tiny, &[]), 17).bytes();
        let golden = golden(&format!("adapted_{name}")).expect("a record");
        assert_eq!(golden.fingerprint, fingerprint(&bytes), "{name}: record it again");
        assert!(golden.mistakes["adapter ignored"] > 1.0, "{name}");
        let adapter = block_on(Adapter::open(vec![Rc::new(Memory(bytes))])).unwrap();
        let model = model_of(&tiny, &[adapter]);
        let passes: [(&str, Box<dyn Pass>); 2] = [
            ("scalar", Box::new(block_on(Scalar::load(&model, 64)).unwrap())),
            ("cpu", Box::new(block_on(Cpu::load(&model, 64, Precision::Exact)).unwrap())),
        ];
        for (pass, mut it) in passes {
            let off = worst(&logits(&mut *it, &golden.prompt), &golden.logits);
            assert!(off < SINGLE, "{name}, {pass}: {off:.2e} standard deviations");
        }
    }
}

#[test]
fn adapters_add_up_and_scale() {
    let tiny = find("f32").unwrap();
    let prompt = tiny.prompt(12);
    let exactly = |model: &Model| scalar(model, &prompt);
    let as_f64 = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
    let adapter = || adapter_of(&tiny, 17);
    let twice = model_of(&tiny, &[adapter().scaled(2.0).unwrap()]);
    let stacked = model_of(&tiny, &[adapter(), adapter()]);
    assert!(worst(&exactly(&stacked), &as_f64(exactly(&twice))) < SINGLE);
    let undone = model_of(&tiny, &[adapter(), adapter().scaled(-1.0).unwrap()]);
    let without = as_f64(exactly(&model_of(&tiny, &[])));
    assert!(worst(&exactly(&undone), &without) < SINGLE);
    assert!(worst(&exactly(&stacked), &without) > 1.0);
    let other = model_of(&tiny, &[adapter(), adapter_of(&tiny, 18)]);
    assert!(worst(&exactly(&other), &as_f64(exactly(&stacked))) > 0.1);
}

/// Passes read matrices in chunks and in parts.
#[test]
fn rows_are_the_same_for_every_chunk_size() {
    for name in ["q4_k", "gemma3n"] {
        let tiny = find(name).unwrap();
        let model = model_of(&tiny, &[adapter_of(&tiny, 17)]);
        let plain = model_of(&tiny, &[]);
        let layer = &model.tensors.layers[1];
        for (tensor, before) in layer.all().into_iter().zip(plain.tensors.layers[1].all()) {
            let whole = block_on(model.rows(tensor, 0..tensor.rows)).unwrap();
            assert_eq!(whole.len() as u64, tensor.bytes());
            if tensor.rows == 1 {
                assert_eq!(tensor, before);
                continue;
            }
            let stored = block_on(plain.rows(before, 0..before.rows)).unwrap();
            assert_ne!(whole, stored, "{}", tensor.name);
            let rows = (0..tensor.rows).flat_map(|row| {
                let part = tensor.part(row..tensor.rows);
                block_on(model.rows(&part, 0..1)).unwrap()
            });
            assert_eq!(rows.collect::<Vec<u8>>(), whole, "{}", tensor.name);
        }
    }
}

#[test]
fn unused_keys_of_a_model_may_be_adapted() {
    let tiny = find("gemma4_unused").unwrap();
    let model = model_of(&tiny, &[]);
    let last = model.tensors.layers.len() - 1;
    let name = format!("blk.{last}.attn_k.weight");
    assert!(model.tensors.all().all(|tensor| tensor.name != name));
    let (_, info) = model.gguf().tensor(&name).unwrap();
    let sizes: Vec<usize> = info.shape.iter().map(|size| usize::try_from(*size).unwrap()).collect();
    let mut writer = tiny_adapter(&model, 17);
    for (part, shape) in [("lora_a", [sizes[0], 2]), ("lora_b", [2, sizes[1]])] {
        let values = vec![1.0; shape[0] * shape[1]];
        writer.tensor(&format!("{name}.{part}"), &shape, Encoding::F32, &values);
    }
    let adapter = block_on(Adapter::open(file(&writer))).unwrap();
    let prompt = tiny.prompt(12);
    let with = scalar(&model_of(&tiny, &[adapter]), &prompt);
    let without = scalar(&model_of(&tiny, &[adapter_of(&tiny, 17)]), &prompt);
    assert_eq!(with, without);
}

/// Invalid files, and the code of each error.
#[test]
fn invalid_adapters_are_refused_by_name() {
    let tiny = find("f32").unwrap();
    let base = tiny_adapter(&model_of(&tiny, &[]), 17);
    let text = |text: &str| Entry::Text(text.to_owned());
    let changed = |change: &dyn Fn(&mut Writer)| {
        let mut writer = base.clone();
        change(&mut writer);
        writer
    };
    let query = "blk.0.attn_q.weight";
    let (down, up) = (format!("{query}.lora_a"), format!("{query}.lora_b"));
    let cases: Vec<(&str, Writer, &str)> = vec![
        ("a model", tiny.writer(), "ADAPTER_INVALID"),
        ("no type", changed(&|it| it.remove("general.type")), "ADAPTER_INVALID"),
        (
            "a type that is not a string",
            changed(&|it| it.set("general.type", Entry::U32(1))),
            "ADAPTER_INVALID",
        ),
        (
            "another kind",
            changed(&|it| it.set("adapter.type", text("loha"))),
            "ADAPTER_UNSUPPORTED",
        ),
        (
            "switched on by a phrase",
            changed(&|it| it.set("adapter.alora.invocation_tokens", Entry::Integers(vec![2]))),
            "ADAPTER_UNSUPPORTED",
        ),
        (
            "alpha is text",
            changed(&|it| it.set("adapter.lora.alpha", text("6"))),
            "ADAPTER_INVALID",
        ),
        (
            "alpha is NaN",
            changed(&|it| it.set("adapter.lora.alpha", Entry::F32(f32::NAN))),
            "ADAPTER_INVALID",
        ),
        (
            "another family",
            changed(&|it| it.set("general.architecture", text("llama"))),
            "ADAPTER_MISMATCH",
        ),
        ("half a pair", changed(&|it| it.remove_tensor(&up)), "ADAPTER_INVALID"),
        ("the other half", changed(&|it| it.remove_tensor(&down)), "ADAPTER_INVALID"),
        ("another rank", changed(&|it| it.reshape(&up, &[2, 128])), "ADAPTER_INVALID"),
        (
            "rank 0",
            changed(&|it| {
                it.reshape(&up, &[0, 128]);
                it.reshape(&down, &[64, 0]);
            }),
            "ADAPTER_INVALID",
        ),
        ("narrower", changed(&|it| it.reshape(&down, &[32, 4])), "ADAPTER_MISMATCH"),
        ("fewer rows", changed(&|it| it.reshape(&up, &[4, 64])), "ADAPTER_MISMATCH"),
        ("no matrix", changed(&|it| it.reshape(&down, &[8, 8, 4])), "ADAPTER_INVALID"),
        (
            "a stray tensor",
            changed(&|it| it.tensor("extra.weight", &[4], Encoding::F32, &[0.0; 4])),
            "ADAPTER_INVALID",
        ),
        (
            "nothing",
            changed(&|it| {
                for layer in 0..7 {
                    for part in [
                        "attn_q",
                        "attn_k",
                        "attn_v",
                        "attn_output",
                        "ffn_gate",
                        "ffn_up",
                        "ffn_down",
                    ] {
                        it.remove_tensor(&format!("blk.{layer}.{part}.weight.lora_a"));
                        it.remove_tensor(&format!("blk.{layer}.{part}.weight.lora_b"));
                    }
                }
            }),
            "ADAPTER_INVALID",
        ),
        (
            "a matrix that the model does not have",
            changed(&|it| {
                it.tensor("blk.9.attn_q.weight.lora_a", &[64, 1], Encoding::F32, &[0.0; 64]);
                it.tensor("blk.9.attn_q.weight.lora_b", &[1, 64], Encoding::F32, &[0.0; 64]);
            }),
            "ADAPTER_MISMATCH",
        ),
        (
            "the embedding",
            changed(&|it| {
                it.tensor("token_embd.weight.lora_a", &[64, 1], Encoding::F32, &[0.0; 64]);
                it.tensor("token_embd.weight.lora_b", &[1, 64], Encoding::F32, &[0.0; 64]);
            }),
            "ADAPTER_UNSUPPORTED",
        ),
        (
            "a value that is not finite",
            changed(&|it| {
                it.remove_tensor(&down);
                it.tensor(&down, &[64, 4], Encoding::F32, &[f32::NAN; 256]);
            }),
            "MODEL_DAMAGED",
        ),
    ];
    for (what, writer, code) in cases {
        let error = open(&tiny, &writer).err().unwrap_or_else(|| panic!("{what} was taken"));
        assert_eq!(error.code.as_deref(), Some(code), "{what}: {error}");
    }
    let adapter = block_on(Adapter::open(file(&base))).unwrap();
    for scale in [f32::INFINITY, f32::NAN, f32::MAX] {
        let error = adapter.clone().scaled(scale).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("ADAPTER_INVALID"), "{error}");
    }
}

fn open(tiny: &Tiny, writer: &Writer) -> Result<Model, Error> {
    let adapter = block_on(Adapter::open(file(writer)))?;
    block_on(Model::open_adapted(file(&tiny.writer()), &[adapter]))
}

/// A file may contain finite values whose sum is infinite.
#[test]
fn infinite_sums_are_refused() {
    let tiny = find("q8_0").unwrap();
    let huge = || adapter_of(&tiny, 17).scaled(f32::MAX / 2.0).unwrap();
    let model = model_of(&tiny, &std::array::from_fn::<_, 32, _>(|_| huge()));
    let tensor = &model.tensors.layers[0].attn_q;
    let error = block_on(model.rows(tensor, 0..tensor.rows)).map(|_| ()).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("MODEL_DAMAGED"), "{error}");
    assert!(error.message.contains("blk.0.attn_q"), "{error}");
}

/// An estimate measures each encoding of the weights once, and adapters add none.
#[test]
fn an_estimate_measures_the_encodings_of_the_file() {
    let tiny = find("q4_k").unwrap();
    let measures = |adapters: &[Adapter]| {
        let calls = Cell::new(0);
        let clock = || {
            calls.set(calls.get() + 1);
            f64::from(calls.get()) * 10.0
        };
        bench::estimate(&model_of(&tiny, adapters), Precision::Exact, &clock).unwrap();
        calls.get()
    };
    assert_eq!(measures(&[adapter_of(&tiny, 17)]), measures(&[]));
}

/// Inputs rounded to 8 bits are not rounded for the factors.
#[test]
fn fast_products_keep_adapters_exact() {
    let tiny = find("q4_k").unwrap();
    let prompt = tiny.prompt(12);
    let run = |adapters: &[Adapter], precision: Precision| {
        let model = model_of(&tiny, adapters);
        logits(&mut block_on(Cpu::load(&model, 64, precision)).unwrap(), &prompt)
    };
    let apart = |adapters: &[Adapter]| {
        let exact: Vec<f64> = run(adapters, Precision::Exact).into_iter().map(f64::from).collect();
        worst(&run(adapters, Precision::Fast), &exact)
    };
    let (plain, adapted) = (apart(&[]), apart(&[adapter_of(&tiny, 17)]));
    assert!(adapted > 0.0 && adapted < 2.0 * plain, "{adapted:.2e}, without adapter {plain:.2e}");
}
