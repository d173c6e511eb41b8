//! Resizes with an antialiased filter, bit for bit like Pillow, which was used in the models'
//! training.

/// The number of fractional bits of the weights.
const BITS: u32 = 22;

/// The filter for pixels between samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Bilinear,
    /// The cubic filter with a = −½.
    Bicubic,
}

impl Filter {
    fn reach(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Bicubic => 0.0,
        }
    }
}

/// The samples for one output.
struct Taps {
    start: usize,
    weights: Vec<i32>,
}

/// Resizes a picture whose rows arrive one after the other, without storing it whole.
pub(super) struct Resizer {
    across: Vec<Taps>,
    /// Rows of the new width. \[rows, `to_width`, 3\]
    narrow: Vec<u8>,
    from: (usize, usize),
    to: (usize, usize),
    filter: Filter,
}

impl Resizer {
    pub(super) fn new(from: (usize, usize), to: (usize, usize), filter: Filter) -> Self {
        let across = taps(from.0, to.0, filter);
        Self { across, narrow: Vec::new(), from, to, filter }
    }

    /// Takes the next rows of three or four channels, the fourth of which is dropped. \[rows,
    /// width, channels\]
    pub(super) fn rows(&mut self, pixels: &[u8], channels: usize) {
        for row in pixels.chunks_exact(channels * self.from.0.max(1)) {
            for taps in &self.across {
                let samples = row.get(channels * taps.start..).unwrap_or_default();
                self.narrow.extend(mixed(samples.chunks_exact(channels), &taps.weights));
            }
        }
    }

    /// Returns the number of rows received.
    pub(super) fn row_count(&self) -> usize {
        self.narrow.len() / (3 * self.to.0).max(1)
    }

    /// Returns the picture. \[`to_height`, `to_width`, 3\]
    pub(super) fn finish(self) -> Vec<u8> {
        let (width, height) = self.to;
        let mut out = Vec::with_capacity(3 * width * height);
        for taps in taps(self.from.1, height, self.filter) {
            let rows = self.narrow.get(3 * width * taps.start..).unwrap_or_default();
            for x in 0..width {
                let column = rows.get(3 * x..).unwrap_or_default();
                out.extend(mixed(column.chunks(3 * width), &taps.weights));
            }
        }
        out
    }
}

/// Resizes a picture of three channels. \[height, width, 3\] in, the same out.
pub(super) fn resize(
    pixels: &[u8],
    from: (usize, usize),
    to: (usize, usize),
    filter: Filter,
) -> Vec<u8> {
    let mut resizer = Resizer::new(from, to, filter);
    resizer.rows(pixels, 3);
    resizer.finish()
}

/// Computes Σ weight · sample for each channel, rounded and clamped to a byte.
fn mixed<'a>(samples: impl Iterator<Item = &'a [u8]>, weights: &[i32]) -> [u8; 3] {
    let mut sums = [1_i64 << (BITS - 1); 3];
    for (sample, weight) in samples.zip(weights) {
        for (sum, value) in sums.iter_mut().zip(sample) {
            *sum += i64::from(*weight) * i64::from(*value);
        }
    }
    sums.map(|sum| u8::try_from((sum >> BITS).clamp(0, 255)).unwrap_or(u8::MAX))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are far below 2^52, and positions are clamped to the picture"
)]
fn taps(from: usize, to: usize, filter: Filter) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let wide = scale.max(1.0);
    // A product with the inverse, as in Pillow: a quotient can differ in its last bit.
    let inverse = 1.0 / wide;
    let reach = filter.reach() * wide;
    (0..to)
        .map(|index| {
            let centre = (index as f64 + 0.5) * scale;
            let start = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let exact: Vec<f64> = (start..end)
                .map(|tap| filter.weight((tap as f64 - centre + 0.5) * inverse))
                .collect();
            let total: f64 = exact.iter().sum();
            let one = f64::from(1 << BITS);
            let weights = exact.iter().map(|weight| (weight / total * one).round() as i32);
            Taps { start, weights: weights.collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Filter, resize};
    use crate::testing::Random;

    #[test]
    fn resizing_to_the_same_size_has_no_effect() {
        let mut random = Random(1);
        let pixels: Vec<u8> = (0..3 * 7 * 5).map(|_| random.byte()).collect();
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            assert_eq!(resize(&pixels, (7, 5), (7, 5), filter), pixels, "{filter:?}");
        }
    }

    #[test]
    fn one_colour_stays_the_same() {
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            for (from, to) in [((1, 1), (48, 96)), ((301, 7), (96, 48)), ((50, 50), (48, 48))] {
                let pixels = [7, 128, 255].repeat(from.0 * from.1);
                let resized = resize(&pixels, from, to, filter);
                assert_eq!(resized, [7, 128, 255].repeat(to.0 * to.1), "{from:?} {to:?}");
            }
        }
    }

    /// Recorded from Pillow 11.3 (13 may resize the other axis first) by `tests/oracle/vision.py
    /// resize`.
    #[test]
    fn bytes_equal_those_of_pillow() {
        let json = include_str!("../../../../tests/oracle/goldens/resize.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
        assert!(cases.len() > 20);
        for case in cases {
            let size =
                |key: &str, at: usize| usize::try_from(case[key][at].as_u64().unwrap()).unwrap();
            let (from, to) = ((size("from", 0), size("from", 1)), (size("to", 0), size("to", 1)));
            let mut random = Random(case["seed"].as_u64().unwrap());
            let pixels: Vec<u8> = (0..3 * from.0 * from.1).map(|_| random.byte()).collect();
            let filter =
                if case["filter"] == "bilinear" { Filter::Bilinear } else { Filter::Bicubic };
            let resized = resize(&pixels, from, to, filter);
            assert_eq!(
                crate::testing::fingerprint(&resized),
                case["fingerprint"].as_str().unwrap(),
                "{case}"
            );
        }
    }
}
