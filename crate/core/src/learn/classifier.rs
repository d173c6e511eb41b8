//! A prompt classifier: trained from labelled samples, stored as JSON of at most 64 KB.

use serde_json::{Map, Value};

use super::features::{Features, Term};
use super::head::{Example, Head, probabilities, vectors_for};
use crate::json::{Build, Look};
use crate::{Error, Result, base64, json};

/// The maximum number of classes.
pub const MAX_LABELS: usize = 32;
/// The maximum number of weights of all vectors: 8 bits each, so that the JSON stays below 64 KB.
const MAX_WEIGHTS: usize = 40_960;
const MOST_BUCKETS: usize = 16_384;
const MAX_LABEL_BYTES: usize = 128;
const KIND: &str = "hybridge.classifier";
const VERSION: u64 = 1;

/// The input of a classifier.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A prompt.
    Text(&'a str),
    /// A prompt's embedding.
    Vector(&'a [f32]),
}

/// A labelled prompt.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The prompt.
    pub input: Input<'a>,
    /// Its label.
    pub label: &'a str,
}

/// A trained classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    labels: Vec<String>,
    is_text: bool,
    /// The number of buckets for a text, or of dimensions of an embedding.
    size: usize,
    planes: Vec<Plane>,
}

/// One vector of weights: integers times a scale.
#[derive(Clone, Debug, PartialEq)]
struct Plane {
    bias: f32,
    scale: f32,
    weights: Vec<i8>,
}

impl Classifier {
    /// Trains a classifier. The same samples and seed give the same classifier on every machine.
    ///
    /// # Errors Returns `INVALID_ARGUMENT` for fewer than two labels, too many, or embeddings of
    /// different lengths.
    pub fn train(samples: &[Sample<'_>], seed: u32) -> Result<Self> {
        let mut labels: Vec<String> = samples.iter().map(|it| it.label.to_owned()).collect();
        labels.sort_unstable();
        labels.dedup();
        check_labels(&labels)?;
        let vectors = vectors_for(labels.len());
        let (is_text, size) = match samples.first().map(|it| it.input) {
            Some(Input::Vector(vector)) => (false, vector.len()),
            _ => (true, buckets_for(vectors)),
        };
        check_size(vectors, size)?;
        let mut examples: Vec<Example> = Vec::with_capacity(samples.len());
        for sample in samples {
            let class = labels.iter().position(|it| it == sample.label).unwrap_or_default();
            examples.push((terms_of(sample.input, is_text, size)?, class));
        }
        let head = Head::train(&examples, labels.len(), size, seed);
        let planes = head.weights.iter().zip(&head.biases).map(|(it, bias)| Plane::of(it, *bias));
        Ok(Self { labels, is_text, size, planes: planes.collect() })
    }

    /// Returns the labels, in alphabetical order.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Returns the probability of each class, in the order of the labels.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for a text if the classifier was trained on embeddings, or the
    /// reverse.
    pub fn classify(&self, input: Input<'_>) -> Result<Vec<f64>> {
        let terms = terms_of(input, self.is_text, self.size)?;
        let score = |plane: &Plane| {
            let weight = |term: &Term| plane.weights.get(term.bucket).copied().unwrap_or_default();
            let sum: f64 = terms.iter().fold(0.0, |sum, it| sum + f64::from(weight(it)) * it.value);
            f64::from(plane.bias) + sum * f64::from(plane.scale)
        };
        let mut scores: Vec<f64> = self.planes.iter().map(score).collect();
        probabilities(&mut scores);
        Ok(match scores.as_slice() {
            [second] if self.planes.len() == 1 => vec![1.0 - second, *second],
            _ => scores,
        })
    }

    /// Returns the classifier as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let numbers = |of: fn(&Plane) -> f32| {
            Value::from(self.planes.iter().map(|it| f64::from(of(it))).collect::<Vec<_>>())
        };
        let weights = self.planes.iter().flat_map(|it| &it.weights);
        let bytes: Vec<u8> = weights.map(|it| it.cast_unsigned()).collect();
        let mut object = Map::new();
        object.put_text("kind", KIND);
        object.put("version", Value::from(VERSION));
        object.put_text("input", if self.is_text { "text" } else { "vector" });
        object.put("size", Value::from(self.size));
        object.put("labels", Value::from(self.labels.clone()));
        object.put("biases", numbers(|it| it.bias));
        object.put("scales", numbers(|it| it.scale));
        object.put_text("weights", &base64::encode(&bytes));
        Value::Object(object).to_string()
    }

    /// Reads a classifier written by [`Classifier::to_json`].
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for anything else, and for the format of a later version.
    pub fn parse(text: &str) -> Result<Self> {
        let found = json::parse(text, "the classifier")?;
        if found.text("kind") != Some(KIND) {
            return Err(refused("its kind is not hybridge.classifier"));
        }
        match found.count("version") {
            Some(VERSION) => {}
            Some(later) if later > VERSION => {
                return Err(refused("a later version of hybridge wrote it; train it again"));
            }
            _ => return Err(refused("it has no known version")),
        }
        let labels = json::texts(found.list("labels"));
        let is_text = match found.text("input") {
            Some("text") => true,
            Some("vector") => false,
            _ => return Err(refused("its input is neither text nor vector")),
        };
        if labels.len() != found.list("labels").len() || !labels.is_sorted_by(|a, b| a < b) {
            return Err(refused("its labels must be different strings in alphabetical order"));
        }
        check_labels(&labels)?;
        let vectors = vectors_for(labels.len());
        let size = found.count("size").and_then(|it| usize::try_from(it).ok()).unwrap_or_default();
        check_size(vectors, size)?;
        if is_text && (!size.is_power_of_two() || size > MOST_BUCKETS) {
            return Err(refused("the size of a text classifier must be a power of two"));
        }
        let (biases, scales) = (numbers(&found, "biases")?, numbers(&found, "scales")?);
        let encoded = found.text("weights").unwrap_or_default();
        let bytes = base64::decode(encoded);
        let is_whole = bytes.len() == vectors * size && base64::encode(&bytes) == encoded;
        if biases.len() != vectors || scales.len() != vectors || !is_whole {
            return Err(refused("its weights do not have the size that it states"));
        }
        let planes = bytes.chunks(size).zip(biases.into_iter().zip(scales));
        let plane = |(bytes, (bias, scale)): (&[u8], _)| {
            let weights = bytes.iter().map(|it| it.cast_signed()).collect();
            Plane { bias, scale, weights }
        };
        Ok(Self { labels, is_text, size, planes: planes.map(plane).collect() })
    }
}

impl Plane {
    /// Rounds weights to integers between -127 and 127 times a scale.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is intended")]
    fn of(weights: &[f64], bias: f64) -> Self {
        let largest = weights.iter().fold(0.0, |most: f64, it| most.max(it.abs()));
        let scale = (largest / 127.0) as f32;
        let round = |weight: &f64| {
            if scale == 0.0 {
                0
            } else {
                (weight / f64::from(scale) + 0.5).floor().clamp(-127.0, 127.0) as i8
            }
        };
        Self { bias: bias as f32, scale, weights: weights.iter().map(round).collect() }
    }
}

/// Returns the maximum number of buckets within the size limit.
fn buckets_for(vectors: usize) -> usize {
    let mut buckets = MOST_BUCKETS;
    while buckets * vectors > MAX_WEIGHTS {
        buckets /= 2;
    }
    buckets
}

fn terms_of(input: Input<'_>, is_text: bool, size: usize) -> Result<Vec<Term>> {
    match input {
        Input::Text(text) if is_text => Ok(Features { buckets: size }.of(text)),
        Input::Vector(vector) if !is_text && vector.len() == size => {
            if !vector.iter().all(|it| it.is_finite()) {
                return Err(Error::invalid("an embedding must contain finite numbers only"));
            }
            let term = |(bucket, value): (usize, &f32)| Term { bucket, value: f64::from(*value) };
            Ok(vector.iter().enumerate().map(term).collect())
        }
        Input::Text(_) => Err(Error::invalid("this classifier judges embeddings, not texts")),
        Input::Vector(_) if is_text => {
            Err(Error::invalid("this classifier judges texts, not embeddings"))
        }
        Input::Vector(vector) => Err(Error::invalid(format!(
            "the embedding has {} numbers; this classifier judges those of {size}",
            vector.len()
        ))),
    }
}

fn check_labels(labels: &[String]) -> Result<()> {
    if !(2..=MAX_LABELS).contains(&labels.len()) {
        return Err(Error::invalid(format!(
            "a classifier needs 2 to {MAX_LABELS} different labels, found {}",
            labels.len()
        )));
    }
    if labels.iter().any(|it| it.is_empty() || it.len() > MAX_LABEL_BYTES) {
        return Err(Error::invalid(format!(
            "a label must have 1 to {MAX_LABEL_BYTES} bytes of UTF-8"
        )));
    }
    Ok(())
}

fn check_size(vectors: usize, size: usize) -> Result<()> {
    if size == 0 || size.saturating_mul(vectors) > MAX_WEIGHTS {
        return Err(Error::invalid(format!(
            "a classifier has at most {MAX_WEIGHTS} weights; {vectors} vectors of {size} are not possible"
        )));
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "they were written as f32")]
fn numbers(json: &Value, key: &str) -> Result<Vec<f32>> {
    let number = |it: &Value| it.as_f64().map(|it| it as f32).filter(|it| it.is_finite());
    let numbers: Option<Vec<f32>> = json.list(key).iter().map(number).collect();
    numbers.ok_or_else(|| refused("its biases and scales must be finite numbers"))
}

fn refused(why: &str) -> Error {
    Error::invalid(format!("this is not a classifier: {why}"))
}
