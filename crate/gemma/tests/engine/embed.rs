//! Embedding of texts: prefixes, and the number of values.

use std::rc::Rc;

use hybridge_gemma::embed::{Task, embed, tokens};
use hybridge_gemma::engine::TextEmbedder;
use hybridge_gemma::scalar::{Scalar, ScalarEmbedder};
use hybridge_gemma::source::Memory;
use hybridge_gemma::testing::find;
use hybridge_gemma::{Model, Tokenizer};
use pollster::block_on;

fn model(name: &str) -> Model {
    block_on(Model::open(vec![Rc::new(Memory(find(name).unwrap().bytes()))])).unwrap()
}

#[test]
fn tasks_have_their_trained_prefixes() {
    for (name, title, prefix) in [
        ("query", None, "task: search result | query: "),
        ("document", None, "title: none | text: "),
        ("document", Some("Dogs"), "title: Dogs | text: "),
        ("question-answering", None, "task: question answering | query: "),
        ("fact-checking", None, "task: fact checking | query: "),
        ("classification", None, "task: classification | query: "),
        ("clustering", None, "task: clustering | query: "),
        ("similarity", None, "task: sentence similarity | query: "),
        ("code", None, "task: code retrieval | query: "),
        ("summarization", None, "task: summarization | query: "),
    ] {
        assert_eq!(Task::parse(name).unwrap().prefix(title), prefix);
    }
    assert_eq!(Task::parse("Query"), None);
}

#[test]
fn a_truncated_text_keeps_its_first_and_last_token() {
    let tokenizer = Tokenizer::read(model("embedding").gguf()).unwrap();
    let whole = tokens(&tokenizer, "the <eos> dog", 99).unwrap();
    assert_eq!((whole[0], *whole.last().unwrap()), (2, 1));
    assert_eq!(whole.iter().filter(|id| **id == 1).count(), 1, "<eos> in the user's text is text");
    let cut = tokens(&tokenizer, "the <eos> dog", 4).unwrap();
    assert_eq!(cut, [&whole[..3], &[1]].concat());
}

#[test]
fn shorter_vectors_are_normalised_again() {
    let model = model("embedding");
    let tokenizer = Tokenizer::read(model.gguf()).unwrap();
    let mut encoder = block_on(ScalarEmbedder::load(&model)).unwrap();
    let mut vector =
        |dimensions| block_on(embed(&mut encoder, &tokenizer, "the weather", dimensions));
    let whole = vector(None).unwrap();
    assert_eq!(whole.len(), 64);
    for dimensions in [1, 16, 64] {
        let short = vector(Some(dimensions)).unwrap();
        let length = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        assert!((length(&short) - 1.0).abs() < 1e-6);
        let ratio = f64::from(whole[0]) / length(&whole[..dimensions]);
        assert!((f64::from(short[0]) - ratio).abs() < 1e-6, "{dimensions}");
    }
    for dimensions in [0, 65] {
        assert!(vector(Some(dimensions)).is_err());
    }
}

#[test]
fn text_models_and_embedding_models_are_distinguished() {
    let error = block_on(Scalar::load(&model("embedding"), 8)).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("MODEL_ARCHITECTURE"));
    assert!(block_on(ScalarEmbedder::load(&model("no_window"))).is_err());
    let mut encoder = block_on(ScalarEmbedder::load(&model("embedding"))).unwrap();
    assert!(block_on(encoder.encode(&[])).is_err());
    let error = block_on(encoder.encode(&[1009])).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("UNKNOWN_TOKEN"));
}
