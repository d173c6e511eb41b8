//! Pictures in their original size, and in the size that a tower reads.

use hybridge_core::{Error, Result};

use super::config::{Projector, VisionConfig};
use super::resize::{Filter, Resizer, resize};

/// More pixels than any camera produces: 400 megabytes.
const MOST_PIXELS: usize = 1 << 27;

/// Decoded pixels: RGB, eight bits per channel, no alpha, upright.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// \[height, width, 3\]
    pixels: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

impl Picture {
    /// Creates a picture from pixels row by row.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with code `PICTURE_INVALID` if a side is 0, there are too many
    /// pixels, or the bytes do not match the size.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self> {
        let count = pixel_count((width, height))?;
        if pixels.len() != 3 * count {
            return Err(invalid(format!(
                "a picture of {width} × {height} pixels has {} bytes, not {}",
                3 * count,
                pixels.len()
            )));
        }
        Ok(Self { width, height, pixels })
    }

    /// Creates a picture from pixels of four channels and drops the alpha channel.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn from_rgba(width: usize, height: usize, pixels: &[u8]) -> Result<Self> {
        let rgb = pixels.chunks_exact(4).flat_map(|pixel| pixel.iter().take(3).copied()).collect();
        Self::new(width, height, rgb)
    }

    /// Returns width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }
}

/// The number of tokens of a picture of any shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(usize);

impl Budget {
    /// The number most used in Gemma 4's training.
    pub const USUAL: Self = Self(280);
    /// The largest number in Gemma 4's training.
    pub const LARGEST: Self = Self(1120);
    const KNOWN: [usize; 5] = [70, 140, 280, 560, 1120];

    /// Returns the maximum number of tokens.
    #[must_use]
    pub fn tokens(self) -> usize {
        self.0
    }

    /// Returns one of the numbers in Gemma 4's training.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` for any other number.
    pub fn new(tokens: usize) -> Result<Self> {
        if Self::KNOWN.contains(&tokens) {
            return Ok(Self(tokens));
        }
        Err(invalid(format!("a picture's tokens must be 70, 140, 280, 560 or 1120, not {tokens}")))
    }
}

/// A picture in the size that a tower reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    picture: Picture,
}

impl Prepared {
    /// Resizes a picture as in the tower's training: stretched to a square for Gemma 3, to about
    /// its own shape within the budget for Gemma 4.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with code `PICTURE_INVALID` for an extreme aspect ratio.
    pub fn new(picture: &Picture, config: &VisionConfig, budget: Budget) -> Result<Self> {
        let (width, height) = size_for(picture.size(), config, budget)?;
        let filter = filter_of(config);
        let pixels = resize(&picture.pixels, picture.size(), (width, height), filter);
        Ok(Self { picture: Picture::new(width, height, pixels)? })
    }

    /// Returns width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.picture.size()
    }

    /// Returns the bytes that identify a picture for a tower.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.picture.pixels
    }

    /// Returns its number of tokens.
    #[must_use]
    pub fn tokens(&self, config: &VisionConfig) -> usize {
        let unit = config.unit();
        (self.picture.width / unit) * (self.picture.height / unit)
    }

    /// Returns the number of patches per row and per column.
    pub(crate) fn grid(&self, config: &VisionConfig) -> (usize, usize) {
        (self.picture.width / config.patch, self.picture.height / config.patch)
    }

    /// Returns the pixels of one patch, channel by channel, in the tower's order. \[3, patch,
    /// patch\]
    pub(crate) fn patch(&self, index: usize, config: &VisionConfig, to: &mut Vec<f32>) {
        let (columns, side) = (self.grid(config).0.max(1), config.patch);
        let (left, top) = (index % columns * side, index / columns * side);
        let is_signed = config.projector == Projector::Gemma4;
        for (channel, (mean, deviation)) in config.mean.iter().zip(&config.deviation).enumerate() {
            for y in top..top + side {
                let start = 3 * (y * self.picture.width + left) + channel;
                let row = self.picture.pixels.get(start..).unwrap_or_default();
                to.extend(row.iter().step_by(3).take(side).map(|value| {
                    let value = (f32::from(*value) / 255.0 - mean) / deviation;
                    if is_signed { 2.0 * value - 1.0 } else { value }
                }));
            }
        }
    }
}

/// A picture whose rows arrive one after the other, and which stores only the resized result.
pub struct Incoming {
    from: (usize, usize),
    to: (usize, usize),
    resizer: Resizer,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({:?} → {:?})", self.from, self.to)
    }
}

impl Incoming {
    /// Creates a picture of this size without rows.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with code `PICTURE_INVALID` if a side is 0, there are too many
    /// pixels, or the aspect ratio is extreme.
    pub fn new(from: (usize, usize), config: &VisionConfig, budget: Budget) -> Result<Self> {
        pixel_count(from)?;
        let to = size_for(from, config, budget)?;
        Ok(Self { from, to, resizer: Resizer::new(from, to, filter_of(config)) })
    }

    /// Takes the next complete rows. The alpha channel is dropped. \[rows, width, 4\]
    pub fn rows(&mut self, rgba: &[u8]) {
        self.resizer.rows(rgba, 4);
    }

    /// Returns the picture in the tower's size.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_ARGUMENT` with code `PICTURE_INVALID` if there are missing or extra rows.
    pub fn finish(self) -> Result<Prepared> {
        let (rows, height) = (self.resizer.row_count(), self.from.1);
        if rows != height {
            return Err(invalid(format!("a picture of {height} rows came with {rows}")));
        }
        Ok(Prepared { picture: Picture::new(self.to.0, self.to.1, self.resizer.finish())? })
    }
}

/// Returns the number of tokens of a picture of this size.
///
/// # Errors
///
/// As for [`Incoming::new`].
pub fn tokens_of(from: (usize, usize), config: &VisionConfig, budget: Budget) -> Result<usize> {
    pixel_count(from)?;
    let (width, height) = size_for(from, config, budget)?;
    Ok((width / config.unit()) * (height / config.unit()))
}

fn filter_of(config: &VisionConfig) -> Filter {
    match config.projector {
        Projector::Gemma3 => Filter::Bilinear,
        Projector::Gemma4 | Projector::Gemma4Unified => Filter::Bicubic,
    }
}

fn size_for(from: (usize, usize), config: &VisionConfig, budget: Budget) -> Result<(usize, usize)> {
    match config.side {
        Some(side) => Ok((side, side)),
        None => fitted(from, config.unit(), budget),
    }
}

fn pixel_count((width, height): (usize, usize)) -> Result<usize> {
    let count = width.checked_mul(height).filter(|count| (1..=MOST_PIXELS).contains(count));
    count.ok_or_else(|| {
        invalid(format!(
            "a picture of {width} × {height} pixels is refused: {MOST_PIXELS} are the most"
        ))
    })
}

/// Returns the largest size of about the same shape whose sides are whole units within the budget;
/// small pictures are enlarged.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides are below 2^27 and not negative"
)]
fn fitted(
    (width, height): (usize, usize),
    unit: usize,
    Budget(budget): Budget,
) -> Result<(usize, usize)> {
    let area = (budget * unit * unit) as f64;
    let factor = (area / (width as f64 * height as f64)).sqrt();
    let whole = |side: usize| (factor * side as f64 / unit as f64).floor() as usize * unit;
    let long = |long: usize, short: usize| (long / short).min(budget) * unit;
    match (whole(width), whole(height)) {
        (0, 0) => {
            Err(invalid(format!("a picture of {width} × {height} pixels has no usable size")))
        }
        (0, _) => Ok((unit, long(height, width))),
        (_, 0) => Ok((long(width, height), unit)),
        size => Ok(size),
    }
}

fn invalid(message: String) -> Error {
    Error::invalid(message).with_code("PICTURE_INVALID")
}

#[cfg(test)]
mod tests {
    use super::{Budget, Picture, fitted};

    #[test]
    fn sizes_agree_with_the_reference() {
        // Computed by hand from the published rule.
        for (from, budget, to) in [
            ((768, 768), 280, (768, 768)),
            ((1, 1), 280, (768, 768)),
            ((1600, 1200), 280, (912, 672)),
            ((1200, 1600), 280, (672, 912)),
            ((10_000, 10), 280, (280 * 48, 48)),
            ((10, 2_000), 70, (48, 70 * 48)),
        ] {
            assert_eq!(fitted(from, 48, Budget(budget)).unwrap(), to, "{from:?}");
        }
        for width in (1..4000).step_by(37) {
            for height in (1..4000).step_by(41) {
                let (w, h) = fitted((width, height), 48, Budget::USUAL).unwrap();
                assert!(w > 0 && h > 0 && w % 48 == 0 && h % 48 == 0);
                assert!(w / 48 * (h / 48) <= 280, "{width} × {height}: {w} × {h}");
            }
        }
    }

    #[test]
    fn a_picture_in_bands_equals_the_whole_picture() {
        use super::{Incoming, Prepared, tokens_of};
        use crate::testing::{Random, TinyTower};
        let mut random = Random(7);
        for tower in TinyTower::all() {
            let model = crate::vision::VisionModel::open(vec![std::rc::Rc::new(
                crate::source::Memory(tower.bytes()),
            )]);
            let config = pollster::block_on(model).unwrap().config;
            let (width, height) = (1 + random.below(90) as usize, 1 + random.below(90) as usize);
            let rgba: Vec<u8> = (0..4 * width * height).map(|_| random.byte()).collect();
            let whole = Picture::from_rgba(width, height, &rgba).unwrap();
            let whole = Prepared::new(&whole, &config, Budget::USUAL).unwrap();
            let size = (width, height);
            let tokens = tokens_of(size, &config, Budget::USUAL).unwrap();
            assert_eq!(tokens, whole.tokens(&config));
            let mut incoming = Incoming::new(size, &config, Budget::USUAL).unwrap();
            let mut rest = rgba.as_slice();
            while !rest.is_empty() {
                let rows = 1 + random.below(20) as usize;
                let (band, others) = rest.split_at((4 * width * rows).min(rest.len()));
                incoming.rows(band);
                rest = others;
            }
            assert_eq!(incoming.finish().unwrap(), whole);
            let short = Incoming::new(size, &config, Budget::USUAL).unwrap().finish();
            assert_eq!(short.unwrap_err().code.as_deref(), Some("PICTURE_INVALID"));
        }
    }

    #[test]
    fn bytes_that_do_not_match_the_size_are_rejected() {
        for (width, height, bytes) in [(0, 1, 0), (1, 1, 4), (2, 2, 11), (usize::MAX, 2, 6)] {
            let error = Picture::new(width, height, vec![0; bytes]).unwrap_err();
            assert_eq!(error.code.as_deref(), Some("PICTURE_INVALID"));
        }
        assert!(
            Picture::from_rgba(1, 2, &[1, 2, 3, 0, 4, 5, 6, 9]).unwrap().pixels
                == [1, 2, 3, 4, 5, 6]
        );
        assert!(Budget::new(281).is_err() && Budget::new(1120).is_ok());
    }
}
