use serde_json::{Value, json};

use crate::learn::{Classifier, Input, MAX_LABELS, Sample};

fn sample<'a>(text: &'a str, label: &'a str) -> Sample<'a> {
    Sample { input: Input::Text(text), label }
}

fn small() -> Classifier {
    let texts = ["add 1 and 2", "add 7 and 9", "prove the theorem", "derive a proof"];
    let labels = ["simple", "simple", "hard", "hard"];
    let samples: Vec<_> =
        texts.into_iter().zip(labels).map(|(it, label)| sample(it, label)).collect();
    Classifier::train(&samples, 1).unwrap()
}

#[test]
fn it_learns_and_generalises() {
    let classifier = small();
    assert_eq!(classifier.labels(), ["hard", "simple"]);
    for (text, expected) in
        [("add 3 and 4", "simple"), ("prove the lemma", "hard"), ("add 55 and 66", "simple")]
    {
        let shares = classifier.classify(Input::Text(text)).unwrap();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let best = usize::from(shares[1] > shares[0]);
        assert_eq!(classifier.labels()[best], expected, "{text}: {shares:?}");
    }
}

#[test]
fn embeddings_are_classified_too() {
    let vectors: Vec<[f32; 4]> = (0_u8..30)
        .map(|at| {
            let mut vector = [0.1; 4];
            vector[usize::from(at % 3)] = 0.9 - f32::from(at) / 100.0;
            vector
        })
        .collect();
    let samples: Vec<Sample<'_>> = vectors
        .iter()
        .enumerate()
        .map(|(at, it)| Sample { input: Input::Vector(it), label: ["a", "b", "c"][at % 3] })
        .collect();
    let classifier = Classifier::train(&samples, 0).unwrap();
    let shares = classifier.classify(Input::Vector(&[0.1, 0.8, 0.1, 0.1])).unwrap();
    assert!(shares[1] > shares[0] && shares[1] > shares[2], "{shares:?}");
    for wrong in [Input::Text("a"), Input::Vector(&[0.1]), Input::Vector(&[f32::NAN; 4])] {
        assert!(classifier.classify(wrong).is_err());
    }
    assert!(small().classify(Input::Vector(&[0.1])).is_err());
}

#[test]
fn a_classifier_round_trips_and_is_small() {
    let many: Vec<(String, String)> =
        (0..200).map(|at| (format!("text {at}"), format!("label {}", at % MAX_LABELS))).collect();
    let many: Vec<Sample<'_>> = many.iter().map(|(text, label)| sample(text, label)).collect();
    for classifier in [small(), Classifier::train(&many, 5).unwrap()] {
        let json = classifier.to_json();
        assert!(json.len() <= 64 * 1024, "{} bytes", json.len());
        assert_eq!(Classifier::parse(&json).unwrap(), classifier);
    }
}

#[test]
fn training_needs_classes() {
    let labels: Vec<String> = (0..=MAX_LABELS).map(|it| it.to_string()).collect();
    let too_many: Vec<Sample<'_>> = labels.iter().map(|it| sample("a", it)).collect();
    let long = "x".repeat(200);
    for samples in [
        vec![],
        vec![sample("a", "one")],
        vec![sample("a", ""), sample("b", "one")],
        vec![sample("a", &long), sample("b", "one")],
        too_many,
        vec![sample("a", "one"), Sample { input: Input::Vector(&[1.0]), label: "two" }],
    ] {
        assert!(Classifier::train(&samples, 0).is_err());
    }
}

#[test]
fn invalid_classifiers_are_refused() {
    let good: Value = serde_json::from_str(&small().to_json()).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed.to_string()
    };
    let weights = good["weights"].as_str().unwrap();
    for bad in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        with("kind", json!("other")),
        with("version", json!(2)),
        with("version", json!("1")),
        with("input", json!("image")),
        with("size", json!(3)),
        with("size", json!(1e9)),
        with("size", json!(-1)),
        with("size", json!(0)),
        with("labels", json!(["simple", "hard"])),
        with("labels", json!(["hard", "hard"])),
        with("labels", json!(["hard"])),
        with("labels", json!([1, 2])),
        with("biases", json!([])),
        with("biases", json!(["x"])),
        with("scales", json!([1e300])),
        with("weights", json!("")),
        with("weights", json!(format!("{weights}AAAA"))),
        with("weights", json!(format!("!{}", &weights[1..]))),
        with("weights", json!([1, 2])),
    ] {
        assert!(Classifier::parse(&bad).is_err(), "{bad:.200}");
    }
}

#[test]
fn two_thousand_prompts_are_trained_quickly() {
    let texts: Vec<String> = (0..2000)
        .map(|at| format!("Please {} the number {at} for me", ["double", "prove"][at % 2]))
        .collect();
    let samples: Vec<Sample<'_>> =
        texts.iter().enumerate().map(|(at, it)| sample(it, ["simple", "hard"][at % 2])).collect();
    let classifier = Classifier::train(&samples, 0).unwrap();
    let shares = classifier.classify(Input::Text("Please prove the number 77 for me")).unwrap();
    assert!(shares[0] > 0.9, "{shares:?}");
}
