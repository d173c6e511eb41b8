//! Reads a model's shape from the first bytes of its file, so that its memory is known before any
//! weights are downloaded.

use serde_json::Value;

use crate::Result;
use crate::json::{Fields, FromJson};

/// Size of Gemma's vocabulary, for files whose vocabulary lies beyond the bytes that were read.
const VOCABULARY: u32 = 262_144;
/// Width of a head in files that don't state it, as their converters assumed.
const HEAD_DIM: u32 = 256;
/// Every sixth layer is global in files that don't state the pattern.
const PERIOD: u32 = 6;
/// Tokens of one pass on a GPU, and slots of a ring beyond its window, as the engine has them.
const CHUNK: u64 = 64;
/// Layers of Gemma 3n with their own keys and values.
const OWN_CACHES_3N: u32 = 20;
/// Bytes of a value in GPU buffers.
const NUMBER: u64 = 4;

/// The sizes of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Number of layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub width: u32,
    /// Width of the hidden layer of a feed-forward network.
    pub hidden: u32,
    /// Number of query heads.
    pub heads: u32,
    /// Number of key/value heads.
    pub kv_heads: u32,
    /// Width of a head.
    pub head_dim: u32,
    /// Window of local layers; 0 if there are none.
    pub window: u32,
    /// Period of global layers; 0 means the usual six.
    pub period: u32,
    /// Maximum context length.
    pub context: u32,
    /// Size of the vocabulary; 0 means Gemma's.
    pub vocabulary: u32,
    /// Width of the heads of local layers; 0 if all heads have the same width.
    pub local_head_dim: u32,
    /// Number of layers at the end that share the keys and values of earlier layers.
    pub shared: u32,
    /// Width of each layer's per-token input. Its table is read from the file row by row.
    pub per_layer: u32,
}

impl FromJson for Shape {
    fn from_json(json: Value) -> Result<Self> {
        let mut fields = Fields::of("the model's shape", json);
        let mut size = |key| fields.small_count(key).unwrap_or_default();
        let shape = Self {
            layers: size("layers"),
            width: size("width"),
            hidden: size("hidden"),
            heads: size("heads"),
            kv_heads: size("kvHeads"),
            head_dim: size("headDim"),
            window: size("window"),
            period: size("period"),
            context: size("context"),
            vocabulary: size("vocabulary"),
            local_head_dim: size("localHeadDim"),
            shared: size("shared"),
            per_layer: size("perLayer"),
        };
        fields.done(shape)
    }
}

impl Shape {
    /// Reads the metadata before the vocabulary. Returns `None` if the prefix is too short or isn't
    /// GGUF.
    #[must_use]
    pub fn peek(prefix: &[u8]) -> Option<Self> {
        let mut shape = Self { head_dim: HEAD_DIM, ..Self::default() };
        let mut is_3n = false;
        let mut reader = Reader(prefix);
        // If the prefix ends inside an entry, all entries before it have been read.
        let _ = reader.walk(|key, size| {
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            let name = key.iter().position(|byte| *byte == b'.').and_then(|dot| key.get(dot + 1..));
            is_3n |= key.starts_with(b"gemma3n.");
            let slot = match name {
                Some(b"block_count") => &mut shape.layers,
                Some(b"embedding_length") => &mut shape.width,
                Some(b"feed_forward_length") => &mut shape.hidden,
                Some(b"attention.head_count") => &mut shape.heads,
                Some(b"attention.head_count_kv") => &mut shape.kv_heads,
                Some(b"attention.key_length") => &mut shape.head_dim,
                Some(b"attention.key_length_swa") => &mut shape.local_head_dim,
                Some(b"attention.shared_kv_layers") => &mut shape.shared,
                Some(b"embedding_length_per_layer_input") => &mut shape.per_layer,
                Some(b"attention.sliding_window") => &mut shape.window,
                Some(b"attention.sliding_window_pattern") => &mut shape.period,
                Some(b"context_length") => &mut shape.context,
                Some(b"ggml.tokens") => &mut shape.vocabulary,
                _ => return,
            };
            *slot = size;
        });
        if shape.kv_heads == 0 {
            shape.kv_heads = shape.heads;
        }
        if is_3n && shape.shared == 0 {
            // Some files store the number as a fraction, and some omit it.
            shape.shared = shape.layers.saturating_sub(OWN_CACHES_3N);
        }
        let sizes = [shape.layers, shape.width, shape.hidden, shape.heads, shape.context];
        (!sizes.contains(&0)).then_some(shape)
    }

    /// Returns the bytes on the GPU: weights as stored in the file, keys and values, and
    /// intermediate results.
    #[must_use]
    pub fn gpu_bytes(&self, file: u64, context_window: u32) -> u64 {
        let capacity = self.capacity(context_window);
        let width = u64::from(self.width);
        let inputs = 3 * u64::from(self.layers) * u64::from(self.per_layer);
        let between = 4 * width + 3 * self.queries() + 2 * self.keys() + u64::from(self.hidden);
        let logits = 2 * u64::from(self.vocabulary());
        let scratch = CHUNK * (between + inputs) + u64::from(self.heads) * capacity + logits;
        self.held(file) + self.cache_bytes(context_window) + NUMBER * scratch
    }

    /// Returns the bytes of the weights kept in memory, out of all in the file: all but the table
    /// of per-layer inputs, by the mean size of a weight.
    #[must_use]
    pub fn held(&self, file: u64) -> u64 {
        let row = u64::from(self.layers) * u64::from(self.per_layer);
        let table = u64::from(self.vocabulary()).saturating_mul(row);
        file - share(file, table, self.values().saturating_add(table)).min(file)
    }

    /// Returns the bytes of keys and values. Local layers keep a ring of their window.
    #[must_use]
    pub fn cache_bytes(&self, context_window: u32) -> u64 {
        let capacity = self.capacity(context_window);
        let period = if self.period == 0 { PERIOD } else { self.period };
        let own = self.layers.saturating_sub(self.shared);
        let (local, ring) = match self.window {
            0 => (0, 0),
            window => (own - own / period, capacity.min(u64::from(window) + CHUNK)),
        };
        let local_keys = match self.local_head_dim {
            0 => self.keys(),
            head_dim => u64::from(self.kv_heads) * u64::from(head_dim),
        };
        let values =
            u64::from(local) * ring * local_keys + u64::from(own - local) * capacity * self.keys();
        2 * NUMBER * values
    }

    /// Returns the size of the largest buffer that cannot be split: a matrix, the keys, or the
    /// scores. The vocabulary can be split.
    #[must_use]
    pub fn largest_buffer(&self, weights: u64, context_window: u32) -> u64 {
        let capacity = self.capacity(context_window);
        let scores = NUMBER * u64::from(self.heads) * capacity;
        let keys = NUMBER * self.keys() * capacity;
        scores.max(keys).max(self.largest_matrix(weights))
    }

    /// Returns the bytes of a feed-forward matrix, by the mean size of a weight.
    fn largest_matrix(&self, file: u64) -> u64 {
        let part = u64::from(self.width) * u64::from(self.hidden);
        share(self.held(file), part, self.values())
    }

    /// Counts the weights of the layers and the vocabulary.
    fn values(&self) -> u64 {
        let [width, hidden] = [self.width, self.hidden].map(u64::from);
        let layer = width * (3 * hidden + 2 * self.queries() + 2 * self.keys());
        u64::from(self.layers) * layer + u64::from(self.vocabulary()) * width
    }

    fn capacity(&self, context_window: u32) -> u64 {
        u64::from(if self.context == 0 { context_window } else { context_window.min(self.context) })
    }

    fn queries(&self) -> u64 {
        u64::from(self.heads) * u64::from(self.head_dim)
    }

    fn keys(&self) -> u64 {
        u64::from(self.kv_heads) * u64::from(self.head_dim)
    }

    /// Returns the size of the vocabulary, which is also the number of logits.
    pub(super) fn vocabulary(&self) -> u32 {
        if self.vocabulary == 0 { VOCABULARY } else { self.vocabulary }
    }
}

/// Returns `bytes · part / all`.
fn share(bytes: u64, part: u64, all: u64) -> u64 {
    let all = all.max(1);
    // The product may not fit 64 bits, and 128-bit division adds a kilobyte of code.
    let rest = (bytes % all).saturating_mul(part) / all;
    (bytes / all).saturating_mul(part).saturating_add(rest)
}

/// The first part of a GGUF file.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Calls `tell` with each integer entry, the maximum of each list of 32-bit integers, the
    /// period of each list of flags, and the length of each other list.
    fn walk(&mut self, mut tell: impl FnMut(&[u8], u64)) -> Option<()> {
        if self.take(4)? != b"GGUF" {
            return None;
        }
        self.take(4 + 8)?;
        for _ in 0..self.number(8)? {
            let key = self.text()?;
            match self.number(4)? {
                8 => drop(self.text()?),
                9 => {
                    let (kind, count) = (self.number(4)?, self.number(8)?);
                    if kind == 8 {
                        // The prefix often ends inside the vocabulary, so its length is reported
                        // first.
                        tell(key, count);
                    }
                    let items = self.skip(kind, count)?;
                    match kind {
                        4 | 5 => tell(key, largest(items)),
                        7 => tell(key, count / unset(items).max(1)),
                        _ => {}
                    }
                }
                kind => {
                    let width = width_of(kind)?;
                    let value = self.number(width)?;
                    // Floats and booleans are skipped.
                    if !matches!(kind, 6 | 7 | 12) {
                        tell(key, value);
                    }
                }
            }
        }
        Some(())
    }

    fn skip(&mut self, kind: u64, count: u64) -> Option<&'a [u8]> {
        if kind == 8 {
            (0..count).try_for_each(|_| self.text().map(drop))?;
            return Some(&[]);
        }
        let bytes = count.checked_mul(width_of(kind)? as u64)?;
        self.take(usize::try_from(bytes).ok()?)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(8)?).ok()?;
        self.take(length)
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        let bytes = self.take(width)?;
        Some(bytes.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

fn largest(items: &[u8]) -> u64 {
    let items = items.as_chunks::<4>().0.iter();
    u64::from(items.map(|item| u32::from_le_bytes(*item)).max().unwrap_or(0))
}

fn unset(flags: &[u8]) -> u64 {
    flags.iter().filter(|flag| **flag == 0).count() as u64
}

/// Returns the bytes of a value of this type. Nested lists are not supported, because no Gemma file
/// has any.
fn width_of(kind: u64) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    fn gemma_1b() -> Shape {
        Shape {
            layers: 26,
            width: 1152,
            hidden: 6912,
            heads: 4,
            kv_heads: 1,
            head_dim: 256,
            window: 512,
            period: 0,
            context: 32_768,
            vocabulary: 262_144,
            ..Shape::default()
        }
    }

    /// A header with the shape of Gemma 4 E2B.
    fn gemma_4_e2b() -> Shape {
        Shape {
            layers: 35,
            width: 1536,
            hidden: 12_288,
            heads: 8,
            head_dim: 512,
            period: 5,
            context: 131_072,
            local_head_dim: 256,
            shared: 20,
            per_layer: 256,
            ..gemma_1b()
        }
    }

    /// A header's key and value: a list of numbers, a list of flags, or a single value.
    enum Key<'a> {
        Number(u32),
        Numbers(&'a [u32]),
        Flags(&'a [u8]),
    }

    fn header_of(prefix: &str, keys: &[(&str, Key<'_>)]) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend((keys.len() as u64).to_le_bytes());
        for (key, value) in keys {
            text(&mut bytes, &format!("{prefix}.{key}"));
            let list = |kind: u32, count: usize| {
                [&9_u32.to_le_bytes()[..], &kind.to_le_bytes(), &(count as u64).to_le_bytes()]
                    .concat()
            };
            match value {
                Key::Number(number) => {
                    bytes.extend([4_u32, *number].map(u32::to_le_bytes).concat());
                }
                Key::Numbers(numbers) => {
                    bytes.extend(list(4, numbers.len()));
                    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
                }
                Key::Flags(flags) => {
                    bytes.extend(list(7, flags.len()));
                    bytes.extend_from_slice(flags);
                }
            }
        }
        bytes
    }

    #[test]
    fn sizes_by_layer_are_read() {
        let hidden: Vec<u32> =
            (0..35).map(|layer| if layer < 15 { 6144 } else { 12_288 }).collect();
        let local: Vec<u8> = (0..35).map(|layer| u8::from(layer % 5 != 4)).collect();
        let keys = [
            ("block_count", Key::Number(35)),
            ("context_length", Key::Number(131_072)),
            ("embedding_length", Key::Number(1536)),
            ("feed_forward_length", Key::Numbers(&hidden)),
            ("attention.head_count", Key::Number(8)),
            ("attention.head_count_kv", Key::Number(1)),
            ("attention.key_length", Key::Number(512)),
            ("attention.key_length_swa", Key::Number(256)),
            ("attention.sliding_window", Key::Number(512)),
            ("attention.sliding_window_pattern", Key::Flags(&local)),
            ("attention.shared_kv_layers", Key::Number(20)),
            ("embedding_length_per_layer_input", Key::Number(256)),
        ];
        let found = Shape::peek(&header_of("gemma4", &keys)).unwrap();
        assert_eq!(found, Shape { vocabulary: 0, ..gemma_4_e2b() });
        let keys = [
            ("block_count", Key::Number(30)),
            ("context_length", Key::Number(32_768)),
            ("embedding_length", Key::Number(2048)),
            ("feed_forward_length", Key::Number(8192)),
            ("attention.head_count", Key::Number(8)),
        ];
        assert_eq!(Shape::peek(&header_of("gemma3n", &keys)).unwrap().shared, 10);
        assert_eq!(Shape::peek(&header_of("gemma3", &keys)).unwrap().shared, 0);
    }

    #[test]
    fn tables_are_not_counted_and_shared_caches_count_once() {
        let (shape, file) = (gemma_4_e2b(), 2_841_481_184);
        // About 1.5 GB of the published file are not tables.
        assert!((1_200_000_000..1_600_000_000).contains(&shape.held(file)), "{}", shape.held(file));
        assert_eq!(gemma_1b().held(file), file);
        // 12 rings and 3 full-context layers.
        assert_eq!(shape.cache_bytes(4096), 8 * (12 * 576 * 256 + 3 * 4096 * 512));
    }

    fn text(bytes: &mut Vec<u8>, text: &str) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }

    /// The beginning of a file, with keys in the order of the usual converter.
    fn header() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(340_u64.to_le_bytes());
        bytes.extend(12_u64.to_le_bytes());
        text(&mut bytes, "general.architecture");
        bytes.extend(8_u32.to_le_bytes());
        text(&mut bytes, "gemma3");
        for (key, value) in [
            ("context_length", 32_768_u32),
            ("embedding_length", 1152),
            ("block_count", 26),
            ("feed_forward_length", 6912),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 1),
            ("attention.key_length", 256),
            ("attention.sliding_window", 512),
        ] {
            text(&mut bytes, &format!("gemma3.{key}"));
            bytes.extend(4_u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        text(&mut bytes, "gemma3.rope.freq_base");
        bytes.extend(6_u32.to_le_bytes());
        bytes.extend(1e6_f32.to_le_bytes());
        text(&mut bytes, "tokenizer.ggml.tokens");
        bytes.extend(9_u32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(262_144_u64.to_le_bytes());
        bytes
    }

    #[test]
    fn the_shape_is_read_from_the_first_bytes_and_less_from_fewer() {
        let bytes = header();
        assert_eq!(Shape::peek(&bytes), Some(gemma_1b()));
        let mut read = 0;
        for cut in 0..bytes.len() {
            let Some(shape) = Shape::peek(&bytes[..cut]) else { continue };
            read += 1;
            assert_eq!((shape.layers, shape.width, shape.context), (26, 1152, 32_768), "at {cut}");
        }
        assert!(read > 0 && read < bytes.len() / 2, "{read} cuts of {}", bytes.len());
    }

    #[test]
    fn damaged_bytes_give_no_shape() {
        let bytes = header();
        assert_eq!(Shape::peek(b"<!doctype html>"), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] = 0xff;
            // Any result is accepted as long as nothing panics.
            let _ = Shape::peek(&damaged);
        }
    }

    #[test]
    fn memory_of_a_context() {
        let (shape, file) = (gemma_1b(), 806_000_000);
        // 22 rings of 576 and 4 full-context layers, 2 · 4 bytes for each of 256 values.
        assert_eq!(shape.cache_bytes(4096), 8 * 256 * (22 * 576 + 4 * 4096));
        assert_eq!(shape.cache_bytes(100), 8 * 256 * 26 * 100);
        // The window never exceeds the file's maximum.
        assert_eq!(shape.cache_bytes(1 << 20), shape.cache_bytes(32_768));
        let unlimited = Shape { window: 0, ..gemma_1b() };
        assert_eq!(unlimited.cache_bytes(4096), 8 * 256 * 26 * 4096);
        let extra = shape.gpu_bytes(file, 4096) - file - shape.cache_bytes(4096);
        assert!((5 << 20..20 << 20).contains(&extra), "{extra} bytes beside");
        assert!(shape.gpu_bytes(file, 8192) > shape.gpu_bytes(file, 4096));
        // A matrix is the largest buffer for short contexts, keys are for long ones.
        assert!((5 << 20..9 << 20).contains(&shape.largest_buffer(file, 512)));
        assert_eq!(shape.largest_buffer(file, 32_768), 4 * 256 * 32_768);
    }
}
