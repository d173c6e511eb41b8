//! Logistic regression over terms, trained by `AdaGrad`.

use super::arithmetic::{Random, exp, softmax};
use super::features::Term;

const EPOCHS: usize = 24;
const RATE: f64 = 0.4;
/// L2 regularisation, applied to the weights of each sample.
const DECAY: f64 = 2e-4;
const SMALLEST: f64 = 1e-8;

/// Weights during training: one vector per class, or a single one for two classes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    /// `[vector][term]`
    pub(super) weights: Vec<Vec<f64>>,
    /// `[vector]`
    pub(super) biases: Vec<f64>,
}

/// Returns the number of vectors for this many classes.
pub(super) fn vectors_for(classes: usize) -> usize {
    if classes <= 2 { 1 } else { classes }
}

/// A sample: its terms, and its class.
pub(super) type Example = (Vec<Term>, usize);

impl Head {
    /// Trains on examples in an order determined by `seed`.
    pub(super) fn train(examples: &[Example], classes: usize, size: usize, seed: u32) -> Self {
        let vectors = vectors_for(classes);
        let mut head = Self { weights: vec![vec![0.0; size]; vectors], biases: vec![0.0; vectors] };
        let mut squares = head.clone();
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = Random(seed);
        for _ in 0..EPOCHS {
            random.shuffle(&mut order);
            for (terms, class) in order.iter().filter_map(|at| examples.get(*at)) {
                head.step(&mut squares, terms, *class);
            }
        }
        head
    }

    /// Updates the weights for one example. `squares` contains the sums of squared gradients.
    fn step(&mut self, squares: &mut Self, terms: &[Term], class: usize) {
        let mut errors = self.scores(terms);
        probabilities(&mut errors);
        let hit = |vector: usize| if errors.len() == 1 { class == 1 } else { class == vector };
        let errors: Vec<f64> =
            errors.iter().enumerate().map(|(at, it)| it - f64::from(u8::from(hit(at)))).collect();
        let biases = self.biases.iter_mut().zip(&mut squares.biases);
        for ((bias, square), error) in biases.zip(&errors) {
            descend(bias, square, *error);
        }
        let planes = self.weights.iter_mut().zip(&mut squares.weights);
        for ((weights, squares), error) in planes.zip(&errors) {
            for term in terms {
                let pair = weights.get_mut(term.bucket).zip(squares.get_mut(term.bucket));
                if let Some((weight, square)) = pair {
                    let gradient = error * term.value + DECAY * *weight;
                    descend(weight, square, gradient);
                }
            }
        }
    }

    /// Returns the score of each vector.
    pub(super) fn scores(&self, terms: &[Term]) -> Vec<f64> {
        let score = |(weights, bias): (&Vec<f64>, &f64)| {
            let weight = |term: &Term| weights.get(term.bucket).copied().unwrap_or_default();
            terms.iter().fold(*bias, |sum, term| sum + weight(term) * term.value)
        };
        self.weights.iter().zip(&self.biases).map(score).collect()
    }
}

fn descend(weight: &mut f64, square: &mut f64, gradient: f64) {
    *square += gradient * gradient;
    *weight -= RATE * gradient / (*square + SMALLEST).sqrt();
}

/// Converts scores to probabilities; a single score is that of the second class.
pub(super) fn probabilities(scores: &mut [f64]) {
    match scores {
        [score] => *score = 1.0 / (1.0 + exp(-*score)),
        _ => softmax(scores),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arithmetic::Random;
    use super::{DECAY, EPOCHS, Example, Head, RATE, SMALLEST, vectors_for};
    use crate::learn::features::Features;

    /// The same by definition: dense vectors, every weight visited, the library's exponential.
    fn dense(examples: &[Example], classes: usize, size: usize, seed: u32) -> Head {
        let vectors = vectors_for(classes);
        let mut head = Head { weights: vec![vec![0.0; size]; vectors], biases: vec![0.0; vectors] };
        let mut sums = vec![vec![0.0; size + 1]; vectors];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = Random(seed);
        for _ in 0..EPOCHS {
            random.shuffle(&mut order);
            for &at in &order {
                let (terms, class) = &examples[at];
                let mut x = vec![0.0; size];
                for term in terms {
                    x[term.bucket] = term.value;
                }
                let z: Vec<f64> = (0..vectors)
                    .map(|v| {
                        let weights = &head.weights[v];
                        head.biases[v] + (0..size).map(|i| weights[i] * x[i]).sum::<f64>()
                    })
                    .collect();
                let p: Vec<f64> = if vectors == 1 {
                    vec![1.0 / (1.0 + (-z[0]).exp())]
                } else {
                    let sum: f64 = z.iter().map(|it| it.exp()).sum();
                    z.iter().map(|it| it.exp() / sum).collect()
                };
                for v in 0..vectors {
                    let is_hit = if vectors == 1 { *class == 1 } else { *class == v };
                    let error = p[v] - if is_hit { 1.0 } else { 0.0 };
                    sums[v][size] += error * error;
                    head.biases[v] -= RATE * error / (sums[v][size] + SMALLEST).sqrt();
                    for i in (0..size).filter(|i| x[*i] != 0.0) {
                        let gradient = error * x[i] + DECAY * head.weights[v][i];
                        sums[v][i] += gradient * gradient;
                        head.weights[v][i] -= RATE * gradient / (sums[v][i] + SMALLEST).sqrt();
                    }
                }
            }
        }
        head
    }

    #[test]
    fn training_agrees_with_its_dense_twin() {
        let features = Features { buckets: 256 };
        for classes in [2, 3, 5] {
            let mut random = Random(7);
            let examples: Vec<Example> = (0..60)
                .map(|at| {
                    let class = at % classes;
                    let text = format!("kind{class} {} {}", random.below(50), random.below(9));
                    (features.of(&text), class)
                })
                .collect();
            let ours = Head::train(&examples, classes, 256, 3);
            let twin = dense(&examples, classes, 256, 3);
            let flat = |it: &Head| {
                let weights = it.weights.iter().flatten().chain(&it.biases);
                weights.copied().collect::<Vec<_>>()
            };
            for (ours, twin) in flat(&ours).into_iter().zip(flat(&twin)) {
                assert!((ours - twin).abs() < 1e-9, "{ours} and {twin}");
            }
        }
    }
}
