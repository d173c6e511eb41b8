//! Valid, split, truncated and damaged files: which of them open, and the errors of the others.

use std::rc::Rc;

use hybridge_core::{Result, Status};
use hybridge_gemma::Tokenizer;
use hybridge_gemma::gguf::{Header, List, Parsed, Value};
use hybridge_gemma::quant::Encoding;
use hybridge_gemma::scalar::Scalar;
use hybridge_gemma::source::{Memory, Source};
use hybridge_gemma::testing::{Entry, Tiny, Writer, find};
use hybridge_gemma::weights::{Model, pieces};
use pollster::block_on;

fn open(files: Vec<Vec<u8>>) -> Result<Model> {
    let sources = files.into_iter().map(|bytes| Rc::new(Memory(bytes)) as Rc<dyn Source>);
    block_on(Model::open(sources.collect()))
}

/// Small enough to open it at every length.
fn small() -> Tiny {
    Tiny { layers: 1, vocabulary: 700, ..find("q8_0").unwrap() }
}

#[test]
fn every_prefix_of_a_header_requests_more_within_the_file() {
    let writer = small().writer();
    let (header, file) = (writer.header(), writer.bytes());
    let size = file.len() as u64;
    for length in (0..header.len()).step_by(7).chain(header.len() - 40..header.len()) {
        match Header::parse(&file[..length], size).unwrap() {
            Parsed::NeedMore(bytes) => {
                assert!(bytes > length as u64 && bytes <= header.len() as u64, "{length}");
            }
            Parsed::Complete(_) => panic!("complete at {length} of {}", header.len()),
        }
    }
    let Parsed::Complete(whole) = Header::parse(&file[..header.len()], size).unwrap() else {
        panic!("the header is complete");
    };
    assert_eq!(whole.value("gemma3.block_count"), Some(&Value::Integer(1)));
    let tokens = whole.value("tokenizer.ggml.tokens").and_then(Value::as_list);
    assert!(matches!(tokens, Some(List::Texts(texts)) if texts.get(106) == Some("<end_of_turn>")));
}

#[test]
fn a_truncated_file_is_reported() {
    let file = small().bytes();
    let cuts = [0, 3, 4, 8, 24, 25, 100, 5000, file.len() / 2, file.len() - 64, file.len() - 33];
    for cut in cuts {
        let error = open(vec![file[..cut].to_vec()]).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("GGUF_TRUNCATED"), "cut at {cut}: {error}");
        assert_eq!(error.status, Status::DataLoss);
    }
}

#[test]
fn a_split_model_is_one_model() {
    let writer = find("mixed").unwrap().writer();
    let whole = open(vec![writer.bytes()]).unwrap();
    let mut parts = writer.split(3);
    parts.rotate_left(1);
    let split = open(parts).unwrap();
    for (a, b) in whole.tensors.all().zip(split.tensors.all()) {
        let read = |model: &Model, tensor| block_on(model.rows(tensor, 0..a.rows)).unwrap();
        assert_eq!(read(&whole, a), read(&split, b), "{}", a.name);
    }
}

#[test]
fn parts_of_different_models_are_refused() {
    let parts = small().writer().split(3);
    let other = Tiny { name: "other", ..small() }.writer().split(2);
    for (files, what) in [
        (vec![parts[0].clone()], "one of three"),
        (vec![parts[1].clone(), parts[2].clone()], "the first is missing"),
        (vec![parts[0].clone(), parts[1].clone(), parts[1].clone()], "one twice"),
        (vec![parts[0].clone(), parts[1].clone(), other[1].clone()], "a stranger"),
        (vec![small().bytes(), small().bytes()], "two models"),
        (vec![], "nothing"),
    ] {
        let error = open(files).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("GGUF_SPLIT"), "{what}: {error}");
    }
}

#[test]
fn rows_are_read_in_chunks_of_any_size() {
    let model = open(vec![find("q4_0").unwrap().bytes()]).unwrap();
    let tensor = &model.tensors.token_embd;
    let whole = block_on(model.rows(tensor, 0..tensor.rows)).unwrap();
    for most in [1, 36, 100, 4096, usize::MAX] {
        let mut joined = Vec::new();
        for rows in pieces(tensor, most) {
            let piece = block_on(model.rows(tensor, rows)).unwrap();
            assert!(piece.len() <= most.max(tensor.row_bytes()));
            joined.extend(piece);
        }
        assert_eq!(joined, whole, "{most}");
    }
    assert!(block_on(model.rows(tensor, 5..tensor.rows + 1)).is_err());
}

/// Modifies a valid file and returns the error: a code, and a word that names the cause.
#[track_caller]
fn check(bend: impl FnOnce(&mut Writer), code: &str, names: &str) {
    let mut writer = small().writer();
    bend(&mut writer);
    let error = open(vec![writer.bytes()]).unwrap_err();
    assert_eq!(error.code.as_deref(), Some(code), "{error}");
    assert!(error.message.contains(names), "{error} does not name {names}");
}

#[test]
fn missing_and_invalid_keys_are_reported() {
    for tensor in ["token_embd.weight", "output_norm.weight", "blk.0.ffn_up.weight"] {
        check(|it| it.remove_tensor(tensor), "MODEL_TENSOR_MISSING", tensor);
    }
    let query = "blk.0.attn_q.weight";
    check(|it| it.reshape(query, &[128, 64]), "MODEL_TENSOR_SHAPE", query);
    check(|it| it.reshape(query, &[64, 64, 2]), "MODEL_TENSOR_SHAPE", query);
    check(|it| it.reshape("blk.0.attn_q_norm.weight", &[16]), "MODEL_TENSOR_SHAPE", "attn_q_norm");
    check(
        |it| {
            it.remove_tensor(query);
            it.raw_tensor(query, &[64, 128], 20, vec![0; 18 * 256]);
        },
        "MODEL_TENSOR_TYPE",
        query,
    );
    for key in ["block_count", "embedding_length", "feed_forward_length", "attention.head_count"] {
        let key = format!("gemma3.{key}");
        check(|it| it.remove(&key), "MODEL_KEY_MISSING", &key);
        check(|it| it.set(&key, Entry::U32(0)), "MODEL_KEY_INVALID", &key);
        check(|it| it.set(&key, Entry::Text("x".to_owned())), "MODEL_KEY_INVALID", &key);
    }
    let kv = "gemma3.attention.head_count_kv";
    check(|it| it.set(kv, Entry::U32(3)), "MODEL_KEY_INVALID", kv);
    check(
        |it| it.set("gemma3.attention.value_length", Entry::U32(8)),
        "MODEL_KEY_INVALID",
        "value",
    );
    for key in [
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.local.freq_base",
        "rope.scaling.factor",
        "attention.layer_norm_rms_epsilon",
    ] {
        let key = format!("gemma3.{key}");
        for number in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            check(|it| it.set(&key, Entry::F32(number)), "MODEL_KEY_INVALID", &key);
        }
    }
    // Wider heads than any model's would take minutes to compile.
    let width = "gemma3.attention.key_length";
    for head in [0, 7, 514, 4096] {
        check(|it| it.set(width, Entry::U32(head)), "MODEL_KEY_INVALID", width);
    }
    let scaling = "gemma3.rope.scaling";
    check(
        |it| {
            it.set(&format!("{scaling}.type"), Entry::Text("yarn".to_owned()));
            it.set(&format!("{scaling}.factor"), Entry::F32(4.0));
        },
        "MODEL_KEY_INVALID",
        "yarn",
    );
    let pattern = "gemma3.attention.sliding_window_pattern";
    check(|it| it.set(pattern, Entry::Bools(vec![])), "MODEL_KEY_INVALID", pattern);
    check(|it| it.remove("general.architecture"), "MODEL_KEY_MISSING", "general.architecture");
}

#[test]
fn unsupported_features_are_reported() {
    for architecture in ["gemma2", "llama", "gemma4-assistant"] {
        let mut writer = small().writer();
        writer.set("general.architecture", Entry::Text(architecture.to_owned()));
        let error = open(vec![writer.bytes()]).unwrap_err();
        assert_eq!(error.status, Status::Unimplemented);
        assert!(error.message.contains(architecture), "{error}");
    }
    check(|it| it.version = 1, "GGUF_UNSUPPORTED", "version 1");
}

#[test]
fn an_embedding_model_without_its_dense_layers_is_refused() {
    for tensor in ["dense_2.weight", "dense_3.weight"] {
        let mut writer = find("embedding").unwrap().writer();
        writer.remove_tensor(tensor);
        let error = open(vec![writer.bytes()]).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("MODEL_TENSOR_MISSING"));
        assert!(error.message.contains(tensor), "{error}");
    }
}

#[test]
fn unknown_tensors_and_keys_are_ignored() {
    let mut writer = small().writer();
    writer.raw_tensor("v.patch_embd.weight", &[32], 99, vec![1; 7]);
    writer.raw_tensor("mm.input_projection.weight", &[1, 1], 0, vec![0; 4]);
    writer.set("gemma3.vision.block_count", Entry::U64(27));
    open(vec![writer.bytes()]).unwrap();
    writer.version = 2;
    open(vec![writer.bytes()]).unwrap();
}

#[test]
fn the_container_is_validated() {
    check(
        |it| it.metadata.push(("general.name".to_owned(), Entry::U16(1))),
        "GGUF_INVALID",
        "name",
    );
    check(|it| it.raw_tensor("output_norm.weight", &[1], 0, vec![0; 4]), "GGUF_INVALID", "twice");
    check(|it| it.raw_tensor("x", &[48], 8, vec![0; 51]), "GGUF_INVALID", "x");
    check(|it| it.raw_tensor("x", &[1; 5], 0, vec![0; 4]), "GGUF_INVALID", "dimensions");
    check(
        |it| it.reshape("output_norm.weight", &[1 << 40, 1 << 40]),
        "GGUF_INVALID",
        "output_norm",
    );
    check(|it| it.reshape("output_norm.weight", &[1 << 40]), "GGUF_TRUNCATED", "output_norm");
    let more = "blk.0.attn_k_norm.weight";
    check(|it| it.reshape(more, &[64]), "GGUF_INVALID", "attn_k_norm.weight overlaps blk.0.");
    check(
        |it| it.reshape("token_embd.weight", &[64, 701]),
        "GGUF_INVALID",
        "token_embd.weight overlaps",
    );
    check(|it| it.set("general.alignment", Entry::U32(0)), "GGUF_INVALID", "alignment");
    check(|it| it.set("general.alignment", Entry::U32(48)), "GGUF_INVALID", "alignment");
    let error = open(vec![b"ggml, not GGUF, and long enough to be read".to_vec()]).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("GGUF_INVALID"));
}

#[test]
fn an_empty_file_is_reported() {
    let error = open(vec![Vec::new()]).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("GGUF_TRUNCATED"));
    assert!(error.message.contains("the file is empty"), "{error}");
}

#[test]
fn non_finite_weights_are_refused_by_name() {
    let norm = "blk.0.ffn_norm.weight";
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut writer = small().writer();
        writer.remove_tensor(norm);
        let values: Vec<f32> = (0..64).map(|at| if at == 63 { wrong } else { 1.0 }).collect();
        writer.tensor(norm, &[64], Encoding::F32, &values);
        let model = open(vec![writer.bytes()]).unwrap();
        let error = block_on(Scalar::load(&model, 8)).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("MODEL_DAMAGED"), "{error}");
        assert!(error.message.contains(norm), "{error}");

        let mut writer = small().writer();
        let mut scores = vec![0.0; 700];
        scores[650] = wrong;
        writer.set("tokenizer.ggml.scores", Entry::Floats(scores));
        let model = open(vec![writer.bytes()]).unwrap();
        let error = Tokenizer::read(model.gguf()).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("TOKENIZER_INVALID"), "{error}");
        assert!(error.message.contains("scores"), "{error}");
    }
}
