//! The kernels besides products, each with the constants of one network.

pub(crate) mod intake;
pub(crate) mod newer;
pub(crate) mod plan;
pub(crate) mod planes;
pub(crate) mod products;
pub(crate) mod profile;
pub(crate) mod shader;
pub(crate) mod team;
pub(crate) mod tiles;
pub(crate) mod upload;

use crate::config::{Config, Layer};
use crate::gpu::device::launcher::Grid;
use crate::gpu::kernels::intake::{BLOCK, SPANS};
use crate::gpu::kernels::planes::units_of;
use crate::gpu::kernels::profile::Profile;
use crate::gpu::kernels::shader::{Access, Builder, MatrixShape, Shape, Source};
use crate::quant::Rounding;

use Access::{Read, Uniform, Write};

/// The distribution of each kind of kernel over invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shapes {
    /// Products with many vectors. Those with one are in [`crate::gpu::Plan`].
    pub(crate) tile: Shape,
    /// Work done once per token.
    pub(crate) token: Shape,
    /// Work done once per head.
    pub(crate) head: Shape,
    /// Work done once per key.
    pub(crate) key: Shape,
    /// Sums over keys.
    pub(crate) value: Shape,
    /// Attention of many tokens.
    pub(crate) attend: Shape,
    /// Work done once, by one workgroup.
    pub(crate) single: Shape,
    /// Work done once for each slice of the vocabulary.
    pub(crate) slice: Shape,
}

impl Shapes {
    /// For CPU adapters, where a barrier costs as much as thousands of products: only the last
    /// kernel has one. Small workgroups, so that few rows still reach every core.
    pub(crate) const SOFTWARE: Self = Self {
        tile: Shape { workgroup: 16, lanes: 1 },
        token: Shape { workgroup: 4, lanes: 1 },
        head: Shape { workgroup: 4, lanes: 1 },
        key: Shape { workgroup: 16, lanes: 1 },
        value: Shape { workgroup: 16, lanes: 1 },
        attend: Shape { workgroup: 4, lanes: 1 },
        single: Shape { workgroup: 16, lanes: 1 },
        slice: Shape { workgroup: 16, lanes: 1 },
    };

    /// For real GPUs: adjacent invocations read adjacent words, and there are enough to hide the
    /// latency.
    pub(crate) const HARDWARE: Self = Self {
        tile: Shape { workgroup: 64, lanes: 64 },
        token: Shape { workgroup: 128, lanes: 128 },
        head: Shape { workgroup: 64, lanes: 32 },
        key: Shape { workgroup: 64, lanes: 8 },
        value: Shape { workgroup: 128, lanes: 16 },
        attend: Shape { workgroup: 64, lanes: 64 },
        single: Shape { workgroup: 256, lanes: 1 },
        slice: Shape { workgroup: 256, lanes: 16 },
    };
}

/// Returns the width rounded up to whole units: the distance of activation rows, in values.
pub(crate) fn padded(width: usize) -> u32 {
    to_u32(units_of(width) * planes::UNIT)
}

/// Sizes are compared with the device's limits long before they come near `u32::MAX`.
pub(crate) fn to_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
pub(crate) fn to_f32(size: usize) -> f32 {
    size as f32
}

/// Looks up tokens in one shard of the embedding and normalises them for the first layer. Bindings:
/// tokens, residual, progress, norm weights, normed, planes.
pub(crate) fn embed(
    config: &Config,
    shape: Shape,
    shard: MatrixShape,
    first_row: u32,
    rounding: Option<Rounding>,
) -> (Source, Grid) {
    let mut builder = Builder::new("embed", shape);
    builder
        .number("FIRST_ROW", first_row)
        .number("ROWS", shard.rows)
        .number("UNITS", padded(config.width) / 32)
        .float("SCALE", config.embedding_scale)
        .float("WIDTH", to_f32(config.width))
        .float("EPSILON", config.norm_epsilon)
        .bindings(&[Read, Write, Uniform, Read, Write])
        .matrix(shard)
        .for_matrix(include_str!("wgsl/whole.wgsl"))
        .output_rounding(rounding)
        .profile(Profile::of(
            9 * shape.turns(padded(config.width) / 32) + shape.summing(),
            shard.bytes_of(1),
        ))
        .piece(include_str!("wgsl/embed.wgsl"));
    (builder.build(), Grid::Items { each: 1, per_group: shape.items() })
}

/// What a norm does besides adding its branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adding {
    /// Whether the sum is scaled by the factor after the branch's weights.
    pub(crate) scales: bool,
    /// Whether it is normalised for the next step.
    pub(crate) norms: bool,
}

/// Adds a branch to the residual stream and normalises for the next step. Bindings: branch,
/// residual, progress, weights of both norms, normed.
pub(crate) fn norm(config: &Config, shape: Shape, rounding: Option<Rounding>) -> (Source, Grid) {
    add(config, shape, Adding { scales: false, norms: true }, rounding)
}

/// The same in the form that a network's layers need.
pub(crate) fn add(
    config: &Config,
    shape: Shape,
    adding: Adding,
    rounding: Option<Rounding>,
) -> (Source, Grid) {
    let mut builder = Builder::new("norm", shape);
    builder
        .number("QUADS", padded(config.width) / 4)
        .float("WIDTH", to_f32(config.width))
        .float("EPSILON", config.norm_epsilon)
        .flag("SCALES", adding.scales)
        .flag("NORMS", adding.norms)
        .bindings(&[Read, Write, Uniform, Read, Read, Write])
        .output_rounding(rounding)
        .profile(Profile::of(
            3 * shape.turns(padded(config.width) / 4) + 2 * shape.summing(),
            16 * u64::from(padded(config.width)),
        ))
        .piece(include_str!("wgsl/norm.wgsl"));
    (builder.build(), Grid::Items { each: 1, per_group: shape.items() })
}

/// The projections of a layer besides queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    /// Nothing: the layer reads an earlier layer's keys and values.
    Nothing,
    /// Keys, which before their norm are also the values.
    Keys,
    /// Keys and values.
    KeysAndValues,
}

impl Making {
    /// Returns the width of a token's projections.
    pub(crate) fn width(self, layer: &Layer) -> usize {
        let parts = match self {
            Self::Nothing => 0,
            Self::Keys => 1,
            Self::KeysAndValues => 2,
        };
        layer.query_width() + parts * layer.kv_width()
    }
}

/// Normalises and rotates queries and keys, and stores keys and values in the cache. Bindings:
/// projections, queries, progress, norms, angles, keys, values.
pub(crate) fn rope(
    config: &Config,
    layer: &Layer,
    making: Making,
    shape: Shape,
    capacity: usize,
    coarse: usize,
) -> (Source, Grid) {
    let kv_heads = if making == Making::Nothing { 0 } else { layer.kv_heads };
    let mut builder = Builder::new("rope", shape);
    builder
        .number("DIM", to_u32(layer.head_dim))
        .number("HEADS", to_u32(layer.heads))
        .number("KV_HEADS", to_u32(kv_heads))
        .number("CAPACITY", to_u32(capacity))
        .number("COARSE", to_u32(coarse))
        .number("IN_STRIDE", to_u32(making.width(layer)))
        .number("QUERY_STRIDE", to_u32(layer.query_width()))
        .float("EPSILON", config.norm_epsilon)
        .float("QUERY_SCALE", config.query_scale)
        .flag("NORMS_VALUES", config.norms_values)
        .flag("VALUES_ARE_KEYS", making == Making::Keys)
        .bindings(&[Read, Write, Uniform, Read, Read, Write, Write])
        .profile(Profile::of(
            2 * shape.turns(to_u32(layer.head_dim)) + shape.summing(),
            4 * making.width(layer) as u64,
        ))
        .piece(include_str!("wgsl/rope.wgsl"));
    let heads = to_u32(layer.heads + 2 * kv_heads);
    (builder.build(), Grid::Items { each: heads, per_group: shape.items() })
}

/// The distribution of a span of keys: lanes share a key, and each has a quad of the values.
pub(crate) const SPAN: Shape = Shape { workgroup: 128, lanes: 8 };

/// Returns the bytes of workgroup memory for a span of this layer; `None` if it fits no workgroup.
pub(crate) fn span_memory(layer: &Layer) -> Option<u32> {
    let (quads, fours) = (to_u32(layer.head_dim / 4), to_u32(layer.group().div_ceil(4)));
    let fits = layer.head_dim.is_multiple_of(8) && quads <= SPAN.workgroup;
    fits.then(|| 16 * (4 * fours * quads + BLOCK * fours + SPAN.workgroup))
}

/// The keys to which a token attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Its own key and earlier ones.
    Causal,
    /// Later keys, too.
    BothWays,
    /// As with `Causal`, and all keys of the pass: rows of one picture.
    Picture,
}

/// The scope of a layer's attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Slots of its cache.
    pub(crate) capacity: usize,
    /// The window; 0 means no limit.
    pub(crate) window: u32,
    /// The keys to which tokens attend besides earlier ones.
    pub(crate) sight: Sight,
    /// The stride of scores between heads.
    pub(crate) score_stride: usize,
}

impl View {
    fn begin(
        self,
        label: &'static str,
        layer: &Layer,
        shape: Shape,
        bindings: &[Access],
    ) -> Builder {
        let mut builder = Builder::new(label, shape);
        builder
            .number("QUADS", to_u32(layer.head_dim / 4))
            .number("HEADS", to_u32(layer.heads))
            .number("GROUP", to_u32(layer.group()))
            .number("CAPACITY", to_u32(self.capacity))
            .number("WINDOW", self.window)
            .number("SCORE_STRIDE", to_u32(self.score_stride))
            .bindings(bindings)
            .piece(match self.sight {
                Sight::Causal => include_str!("wgsl/span_causal.wgsl"),
                Sight::BothWays => include_str!("wgsl/span_both.wgsl"),
                Sight::Picture => include_str!("wgsl/span_picture.wgsl"),
            });
        builder
    }

    /// Returns the profile of reading the keys or values of every query head separately.
    fn reading(self, layer: &Layer) -> Profile {
        Profile {
            bytes_a_key: 4 * layer.query_width() as u64,
            window: self.window,
            ..Profile::default()
        }
    }

    /// Multiplies queries by keys. Bindings: queries, scores, progress, keys.
    pub(crate) fn scores(self, layer: &Layer, shape: Shape) -> (Source, Grid) {
        let mut builder = self.begin("scores", layer, shape, &[Read, Write, Uniform, Read]);
        builder
            .number("QUERY_QUADS", to_u32(layer.query_width() / 4))
            .profile(Profile {
                steps: shape.turns(to_u32(layer.head_dim / 4)) + shape.summing(),
                in_flight: 16,
                ..self.reading(layer)
            })
            .piece(include_str!("wgsl/scores.wgsl"));
        let grid = Grid::Keys {
            per_group: shape.items(),
            heads: to_u32(layer.heads),
            window: self.window,
            both_ways: self.sight == Sight::BothWays,
        };
        (builder.build(), grid)
    }

    /// Multiplies the softmax of scores by values. Bindings: scores, output, progress, values.
    pub(crate) fn mix(
        self,
        layer: &Layer,
        shape: Shape,
        rounding: Option<Rounding>,
    ) -> (Source, Grid) {
        let quads = layer.head_dim / 4;
        // Without lanes each invocation repeats the softmax for its part of a head, so the parts
        // are fewer and larger.
        let slice = if shape.lanes == 1 && quads.is_multiple_of(4) { 4 } else { 1 };
        let mut builder = self.begin("mix", layer, shape, &[Read, Write, Uniform, Read]);
        builder
            .number("SLICE", slice)
            .number("OUT_QUADS", padded(layer.query_width()) / 4)
            .output_rounding(rounding)
            .profile(Profile {
                steps: (if slice > 1 { 6 } else { 3 }) * shape.summing(),
                // Once for the largest score, once for the values.
                steps_for_keys: 2,
                keys: shape.lanes,
                in_flight: 16 * slice,
                ..self.reading(layer)
            })
            .piece(include_str!("wgsl/mix.wgsl"));
        let parts = to_u32(layer.heads * quads) / slice;
        (builder.build(), Grid::Layers(parts.div_ceil(shape.items())))
    }

    /// A single token's attention, with one span of keys per workgroup. Bindings: projections,
    /// parts, progress, norms, angles, keys, values.
    pub(crate) fn spans(
        self,
        config: &Config,
        layer: &Layer,
        making: Making,
        coarse: usize,
    ) -> (Source, Grid) {
        let shape = SPAN;
        let bindings = [Read, Write, Uniform, Read, Read, Write, Write];
        let mut builder = Builder::new("span", shape);
        let (quads, kv_heads) = (to_u32(layer.head_dim / 4), to_u32(layer.kv_heads));
        let fours = to_u32(layer.group().div_ceil(4));
        builder
            .number("QUADS", quads)
            .number("HEADS", to_u32(layer.heads))
            .number("KV_HEADS", kv_heads)
            .number("GROUP", to_u32(layer.group()))
            .number("CAPACITY", to_u32(self.capacity))
            .number("WINDOW", self.window)
            .number("COARSE", to_u32(coarse))
            .float("EPSILON", config.norm_epsilon)
            .float("QUERY_SCALE", config.query_scale)
            .flag("OWN", making != Making::Nothing)
            .flag("NORMS_VALUES", config.norms_values)
            .flag("VALUES_ARE_KEYS", making == Making::Keys)
            .bindings(&bindings)
            .summing_all()
            .spans()
            .profile(Profile {
                steps: fours * (quads.div_ceil(32) + shape.workgroup.ilog2())
                    + to_u32(layer.group()),
                // A block of every span.
                steps_for_keys: BLOCK * shape.lanes / shape.workgroup * fours * shape.turns(quads)
                    + BLOCK * fours
                    + BLOCK * quads / shape.workgroup,
                keys: SPANS * BLOCK,
                bytes: 4 * making.width(layer) as u64,
                bytes_a_key: 8 * layer.kv_width() as u64,
                window: self.window,
                in_flight: 16 * shape.turns(quads),
                ..Profile::default()
            })
            .piece(include_str!("wgsl/span.wgsl"));
        (builder.build(), Grid::Spans { heads: kv_heads, window: self.window })
    }

    /// Both steps for many tokens. Bindings: queries, output, progress, keys, values.
    pub(crate) fn attend(self, layer: &Layer, shape: Shape) -> (Source, Grid) {
        let is_alone = shape.lanes == 1;
        let mut builder = self.begin("attend", layer, shape, &[Read, Write, Uniform, Read, Read]);
        builder
            .number("QUERY_QUADS", to_u32(layer.query_width() / 4))
            .number("OUT_QUADS", padded(layer.query_width()) / 4)
            .piece(if is_alone {
                include_str!("wgsl/attend_alone.wgsl")
            } else {
                include_str!("wgsl/attend_shared.wgsl")
            });
        let each = if is_alone { shape.workgroup } else { 8 };
        (builder.build(), Grid::Queries { each, heads: to_u32(layer.heads), window: self.window })
    }
}

/// Computes the mean over tokens. Bindings: normed, output, progress.
pub(crate) fn pool(config: &Config) -> (Source, Grid) {
    let shape = Shape { workgroup: 64, lanes: 1 };
    let quads = padded(config.width) / 4;
    let mut builder = Builder::new("pool", shape);
    builder
        .number("QUADS", quads)
        .bindings(&[Read, Write, Uniform])
        .piece(include_str!("wgsl/pool.wgsl"));
    (builder.build(), Grid::Fixed(quads.div_ceil(shape.workgroup)))
}

/// Returns the division of the vocabulary for picking: the number of slices, and of logits in each.
///
/// Few enough that one workgroup goes through all of them, short enough that 64 of them are few.
pub(crate) fn slicing(vocabulary: usize) -> (usize, usize) {
    const SLICES_MAX: usize = 4096;
    let length = vocabulary.div_ceil(SLICES_MAX).max(16);
    (vocabulary.div_ceil(length), length)
}

/// The variant of the two picking kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picking {
    /// Whether the largest logits are returned, or only the token.
    pub(crate) keep_many: bool,
    /// Whether a mask restricts the tokens.
    pub(crate) is_masked: bool,
}

/// Bindings: logits, slices, mask.
pub(crate) fn slices(vocabulary: usize, shape: Shape, picking: Picking) -> (Source, Grid) {
    let is_alone = shape.lanes == 1;
    let (count, length) = slicing(vocabulary);
    let turns = if is_alone { 2 * to_u32(length) } else { shape.turns(to_u32(length)) };
    let mut builder = Builder::new("slices", shape);
    picking.write(&mut builder, vocabulary);
    builder
        .bindings(&[Read, Write, Read])
        .profile(Profile::of(turns + shape.lanes.ilog2(), 4 * vocabulary as u64))
        .piece(if is_alone {
            include_str!("wgsl/slices.wgsl")
        } else {
            include_str!("wgsl/slices_many.wgsl")
        });
    (builder.build(), Grid::Fixed(to_u32(count).div_ceil(shape.items())))
}

/// Bindings: logits, slices, progress, tokens, result, mask.
pub(crate) fn pick(vocabulary: usize, shape: Shape, picking: Picking) -> (Source, Grid) {
    let mut builder = Builder::new(if picking.keep_many { "pick many" } else { "pick" }, shape);
    picking.write(&mut builder, vocabulary);
    builder
        .flag("KEEP_MANY", picking.keep_many)
        .bindings(&[Read, Read, Write, Write, Write, Read])
        .profile(Profile::of(picking.steps(vocabulary, shape), 16 * slicing(vocabulary).0 as u64))
        .piece(include_str!("wgsl/pick.wgsl"));
    (builder.build(), Grid::Fixed(1))
}

impl Picking {
    /// Returns the number of loop iterations of one invocation.
    fn steps(self, vocabulary: usize, shape: Shape) -> u32 {
        let (count, length) = slicing(vocabulary);
        let (count, length) = (to_u32(count), to_u32(length));
        let is_tree = shape.workgroup == 256;
        let among = if is_tree { 8 } else { shape.workgroup };
        let best = count.div_ceil(shape.workgroup) + among;
        if !self.keep_many {
            return best;
        }
        // Four digits of a selection, each with its counts and the search for the bin; then the
        // kept ones, and the ties.
        let digit = 256_u32.div_ceil(shape.workgroup) + if is_tree { 8 } else { 256 };
        let select = |of: u32| {
            let share = of.div_ceil(shape.workgroup);
            4 * (digit + share) + 2 * share + among
        };
        best + select(count) + select(count.min(64) * length)
    }

    fn write(self, builder: &mut Builder, vocabulary: usize) {
        let (count, length) = slicing(vocabulary);
        builder
            .number("VOCABULARY", to_u32(vocabulary))
            .number("SLICE", to_u32(length))
            .number("SLICES", to_u32(count))
            .number("WRONG", 1 << 31)
            .float("NOTHING", crate::gpu::pass::candidates::NOTHING)
            .flag("MASKED", self.is_masked)
            .piece(include_str!("wgsl/allowed.wgsl"))
            .piece(include_str!("wgsl/best.wgsl"));
    }
}
