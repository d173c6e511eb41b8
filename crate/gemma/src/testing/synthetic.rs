//! Synthetic models of real sizes that are not stored anywhere: the header is generated, and the
//! weights repeat a short pattern. They are for measuring speed and memory; their output is
//! meaningless.

use std::fmt;

use futures::future::{LocalBoxFuture, ready};
use hybridge_core::Result;

use super::random::Random;
use super::synthetic_newer::NewerShape;
use super::vocabulary::Vocabulary;
use super::writer::{ALIGNMENT, Entry, Writer};
use crate::quant::Encoding;
use crate::quant::encode::encode;
use crate::source::{Source, past_the_end};

/// The number of blocks in a pattern: a prime, so that the first rows of a matrix all differ.
const BLOCKS: usize = 1021;

/// The sizes of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct SyntheticShape {
    /// Its name on the command line.
    pub name: &'static str,
    /// Number of layers; every sixth is global.
    pub layers: usize,
    /// `embedding_length`.
    pub width: usize,
    /// `feed_forward_length`.
    pub hidden: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key and value heads.
    pub kv_heads: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// `sliding_window`.
    pub window: u32,
    /// Encoding of the layers.
    pub body: Encoding,
    /// Encoding of the embedding, which is also the output matrix.
    pub head: Encoding,
    /// Additional settings of Gemma 3n and 4; the other sizes are those of local layers.
    pub newer: Option<NewerShape>,
}

/// Width of a head, the same in all.
const HEAD: usize = 256;

impl SyntheticShape {
    /// Gemma 3 270M with a third of its layers and an eighth of its vocabulary, small enough for
    /// software adapters.
    pub const MINI: Self = Self { name: "mini", layers: 6, vocabulary: 32_768, ..Self::SMALL };
    /// Gemma 3 270M.
    pub const SMALL: Self = Self {
        name: "270m",
        layers: 18,
        width: 640,
        hidden: 2048,
        heads: 4,
        kv_heads: 1,
        vocabulary: 262_144,
        window: 512,
        body: Encoding::Q4_0,
        head: Encoding::Q8_0,
        newer: None,
    };
    /// Gemma 3 1B.
    pub const MEDIUM: Self =
        Self { name: "1b", layers: 26, width: 1152, hidden: 6912, ..Self::SMALL };
    /// Gemma 3 4B without its vision tower.
    pub const LARGE: Self = Self {
        name: "4b",
        layers: 34,
        width: 2560,
        hidden: 10_240,
        heads: 8,
        kv_heads: 4,
        window: 1024,
        ..Self::SMALL
    };

    /// Returns the shape of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let gemma_3 = [Self::MINI, Self::SMALL, Self::MEDIUM, Self::LARGE];
        let newer = [Self::GEMMA_3N_E2B, Self::GEMMA_4_E2B, Self::GEMMA_4_E4B];
        gemma_3.into_iter().chain(newer).find(|it| it.name == name)
    }

    fn keys(&self, writer: &mut Writer) {
        let architecture = self.newer.as_ref().map_or("gemma3", |newer| newer.architecture);
        writer.set("general.architecture", Entry::Text(architecture.to_owned()));
        writer.set("general.name", Entry::Text(format!("synthetic {}", self.name)));
        let number = |size: usize| Entry::U32(u32::try_from(size).unwrap_or(u32::MAX));
        for (key, entry) in [
            ("context_length", number(32_768)),
            ("embedding_length", number(self.width)),
            ("block_count", number(self.layers)),
            ("feed_forward_length", number(self.hidden)),
            ("attention.head_count", number(self.heads)),
            ("attention.head_count_kv", number(self.kv_heads)),
            ("attention.key_length", number(HEAD)),
            ("attention.value_length", number(HEAD)),
            ("attention.sliding_window", Entry::U32(self.window)),
            ("attention.layer_norm_rms_epsilon", Entry::F32(1e-6)),
            ("rope.freq_base", Entry::F32(1e6)),
        ] {
            writer.set(&format!("{architecture}.{key}"), entry);
        }
        if let Some(newer) = &self.newer {
            newer.keys(self, writer);
        }
        Vocabulary::new(self.vocabulary).write(writer);
    }

    /// Returns every tensor's name and size, the embedding first.
    pub(crate) fn tensors(&self) -> Vec<(String, usize, usize, Encoding)> {
        if let Some(newer) = &self.newer {
            return newer.tensors(self);
        }
        let Self { width, hidden, body, .. } = *self;
        let (query, kv) = (self.heads * HEAD, self.kv_heads * HEAD);
        let mut all = vec![
            ("token_embd.weight".to_owned(), width, self.vocabulary, self.head),
            ("output_norm.weight".to_owned(), width, 1, Encoding::F32),
        ];
        for layer in 0..self.layers {
            for (part, columns, rows, encoding) in [
                ("attn_norm", width, 1, Encoding::F32),
                ("attn_q_norm", HEAD, 1, Encoding::F32),
                ("attn_k_norm", HEAD, 1, Encoding::F32),
                ("post_attention_norm", width, 1, Encoding::F32),
                ("ffn_norm", width, 1, Encoding::F32),
                ("post_ffw_norm", width, 1, Encoding::F32),
                ("attn_q", width, query, body),
                ("attn_k", width, kv, body),
                ("attn_v", width, kv, body),
                ("attn_output", query, width, body),
                ("ffn_gate", width, hidden, body),
                ("ffn_up", width, hidden, body),
                ("ffn_down", hidden, width, body),
            ] {
                all.push((format!("blk.{layer}.{part}.weight"), columns, rows, encoding));
            }
        }
        all
    }
}

/// Fills bytes from the pattern that repeats from `start` on.
#[derive(Clone, Debug)]
struct Region {
    start: u64,
    length: usize,
    pattern: usize,
}

/// A file whose content is computed when read.
#[derive(Clone)]
pub struct Synthetic {
    header: Vec<u8>,
    /// The repeated pattern, by encoding and columns.
    patterns: Vec<(Encoding, usize, Vec<u8>)>,
    regions: Vec<Region>,
    size: u64,
}

impl Synthetic {
    /// Creates the file of a network of this shape.
    #[must_use]
    pub fn new(shape: &SyntheticShape) -> Self {
        let mut writer = Writer::default();
        shape.keys(&mut writer);
        let (mut patterns, mut which) = (Vec::<(Encoding, usize, Vec<u8>)>::new(), Vec::new());
        for (name, columns, rows, encoding) in shape.tensors() {
            let length = encoding.bytes_of(columns) * rows;
            let sizes: &[usize] = match rows {
                1 => &[columns],
                // A square matrix for each stream except one.
                _ if name.contains("altup_") && name.ends_with("proj.weight") => {
                    &[columns, columns, rows / columns]
                }
                _ => &[columns, rows],
            };
            writer.announce(&name, sizes, encoding.id(), length);
            let have = patterns.iter().position(|(e, c, _)| (*e, *c) == (encoding, columns));
            let pattern = have.unwrap_or_else(|| {
                patterns.push((encoding, columns, pattern(encoding, columns)));
                patterns.len() - 1
            });
            which.push((length, pattern));
        }
        let mut header = writer.header();
        header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
        let begin = header.len() as u64;
        let regions: Vec<_> = writer
            .places()
            .zip(which)
            .map(|(place, (length, pattern))| Region {
                start: begin + place as u64,
                length,
                pattern,
            })
            .collect();
        let end = |region: &Region| region.start + region.length.next_multiple_of(ALIGNMENT) as u64;
        let size = regions.last().map_or(begin, end);
        Self { header, patterns, regions, size }
    }

    /// Returns the file's beginning, up to the first tensor.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        self.patterns.iter().map(|(_, _, bytes)| bytes.as_slice())
    }

    /// Returns where patterns repeat: start, length, and which pattern. Everything between is zero.
    pub fn regions(&self) -> impl Iterator<Item = (u64, usize, usize)> {
        self.regions.iter().map(|it| (it.start, it.length, it.pattern))
    }

    fn bytes(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.size)?;
        let mut out = vec![0; length];
        let mut copy = |start: u64, count: usize, from: &[u8]| -> Option<()> {
            let (first, last) = (start.max(offset), (start + count as u64).min(end));
            let mut at = first;
            while at < last {
                let phase = usize::try_from((at - start) % from.len() as u64).ok()?;
                let to = usize::try_from(at - offset).ok()?;
                let most = usize::try_from(last - at).ok()?.min(from.len() - phase);
                out.get_mut(to..to + most)?.copy_from_slice(from.get(phase..phase + most)?);
                at += most as u64;
            }
            Some(())
        };
        copy(0, self.header.len(), &self.header)?;
        for Region { start, length, pattern } in &self.regions {
            copy(*start, *length, &self.patterns.get(*pattern)?.2)?;
        }
        Some(out)
    }
}

/// Returns values scaled so that outputs are as large as inputs; norms multiply by 1.
fn pattern(encoding: Encoding, columns: usize) -> Vec<u8> {
    if encoding == Encoding::F32 {
        return 1.0_f32.to_le_bytes().to_vec();
    }
    #[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
    let size = (3.0 / columns as f32).sqrt();
    let mut random = Random(columns as u64);
    let values: Vec<f32> = std::iter::repeat_with(|| random.symmetric() * size)
        .take(BLOCKS * encoding.block_values().max(32))
        .collect();
    encode(encoding, &values)
}

impl fmt::Debug for Synthetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Synthetic").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Source for Synthetic {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: usize) -> LocalBoxFuture<'_, Result<Vec<u8>>> {
        let bytes = self.bytes(offset, length);
        Box::pin(ready(bytes.ok_or_else(|| past_the_end(offset, length, self.size))))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use pollster::block_on;

    use super::{Synthetic, SyntheticShape};
    use crate::source::Source as _;
    use crate::weights::Model;

    #[test]
    fn every_cut_of_a_synthetic_file_reads_the_same_bytes() {
        let shape = SyntheticShape { layers: 1, vocabulary: 700, ..SyntheticShape::MINI };
        let file = Synthetic::new(&shape);
        let size = usize::try_from(file.size()).unwrap();
        let whole = file.bytes(0, size).unwrap();
        for step in [999, 4096, 100_003] {
            let cut: Vec<u8> = (0..size)
                .step_by(step)
                .flat_map(|at| file.bytes(at as u64, step.min(size - at)).unwrap())
                .collect();
            assert!(cut == whole, "in steps of {step}");
        }
        assert!(file.bytes(size as u64, 1).is_none());
    }

    #[test]
    fn synthetic_files_open_as_models() {
        for shape in
            [SyntheticShape::MINI, SyntheticShape { vocabulary: 700, ..SyntheticShape::LARGE }]
        {
            let model = block_on(Model::open(vec![Rc::new(Synthetic::new(&shape))])).unwrap();
            assert_eq!(model.config.layers.len(), shape.layers);
            assert_eq!(model.config.vocabulary, shape.vocabulary);
            let norm = block_on(model.values(&model.tensors.output_norm)).unwrap();
            assert!(norm.iter().all(|value| *value == 1.0));
        }
    }
}
