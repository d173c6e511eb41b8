//! The source of the vector of a single token's product: memory, or every workgroup computes it
//! again from the previous dispatch's output, which saves a dispatch.

use crate::config::{Config, Layer};
use crate::gpu::kernels::shader::{Access, Builder, MatrixShape, Shape};
use crate::gpu::kernels::{Adding, padded, to_f32, to_u32};
use crate::quant::Rounding;

/// The maximum number of parts into which a head's keys are split.
pub(crate) const SPANS: u32 = 16;
/// The number of keys in a part is a multiple of this.
pub(crate) const BLOCK: u32 = 32;

/// The source of a product's vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Intake {
    /// Memory.
    Stored,
    /// The residual stream, and a branch that is still to be added and normalised. The stream and
    /// the weights of both norms are bound after the record of the sequence.
    Normed(Norming),
    /// The token's row of the embedding, with which the residual stream begins. The stream and the
    /// norm's weights are bound after the record of the sequence, the planes of the embedding after
    /// those of the product.
    Embedded(Embedded),
    /// The spans of attention.
    Spans(Spans),
}

/// The start of the residual stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Embedded {
    shape: MatrixShape,
    scale: f32,
    width: f32,
    epsilon: f32,
    /// The first quad of the half of the stream to write.
    to: u32,
}

/// How the residual stream is updated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Norming {
    pub(crate) quads: u32,
    pub(crate) width: f32,
    pub(crate) epsilon: f32,
    pub(crate) adding: Adding,
    /// The half of the stream to read, as its first quad; the other half is written.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// The first quad of the second norm's weights.
    pub(crate) next: u32,
}

/// The shape of the spans of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    heads: u32,
    quads: u32,
    window: u32,
}

impl Spans {
    pub(crate) fn of(layer: &Layer) -> Self {
        let [heads, quads] = [layer.heads, layer.head_dim / 4].map(to_u32);
        Self { heads, quads, window: layer.window.map_or(0, to_u32) }
    }
}

impl Embedded {
    pub(crate) fn of(config: &Config, shape: MatrixShape, to: u32) -> Self {
        let (scale, epsilon) = (config.embedding_scale, config.norm_epsilon);
        Self { shape, scale, width: to_f32(config.width), epsilon, to }
    }
}

impl Norming {
    pub(crate) fn of(config: &Config, adding: Adding, from: u32, to: u32, next: u32) -> Self {
        let (quads, width) = (padded(config.width) / 4, to_f32(config.width));
        Self { quads, width, epsilon: config.norm_epsilon, adding, from, to, next }
    }
}

impl Intake {
    /// Whether the vector is read from the product's own input binding.
    pub(crate) fn is_stored(&self) -> bool {
        *self == Self::Stored
    }

    /// The number of storage buffers besides the product's own.
    pub(crate) fn buffers(&self) -> u32 {
        match self {
            Self::Stored | Self::Spans(_) => 0,
            Self::Normed(_) => 2,
            Self::Embedded(it) => 3 + u32::from(it.shape.format.scale_bytes(8) > 0),
        }
    }

    /// The bytes of workgroup memory for vectors of `in_quads` quads.
    pub(crate) fn memory(&self, in_quads: u32) -> u32 {
        match self {
            Self::Stored => 0,
            Self::Normed(_) | Self::Embedded(_) => 16 * in_quads,
            Self::Spans(spans) => 16 * in_quads + 4 * SPANS * spans.heads,
        }
    }

    /// The number of loop iterations of one invocation until the vector is available.
    pub(crate) fn steps(&self, shape: Shape) -> u32 {
        let shares = |quads: u32| quads.div_ceil(shape.workgroup);
        match self {
            Self::Stored => 0,
            Self::Normed(norming) => {
                4 * shares(norming.quads) + 2 * shape.workgroup.next_power_of_two().ilog2()
            }
            Self::Embedded(it) => {
                2 * shares(to_u32(it.shape.units())) + shape.workgroup.next_power_of_two().ilog2()
            }
            Self::Spans(spans) => {
                2 * SPANS * shares(spans.heads * SPANS) + SPANS * shares(spans.heads * spans.quads)
            }
        }
    }

    /// Declares its bindings after the existing ones.
    pub(crate) fn bind(&self, builder: &mut Builder) {
        if matches!(self, Self::Normed(_) | Self::Embedded(_)) {
            builder.bound(Access::Write, "stream: array<vec4<f32>>");
            builder.bound(Access::Read, "norms: array<vec4<f32>>");
        }
    }

    /// Declares its planes after those of the product.
    pub(crate) fn bind_planes(&self, builder: &mut Builder) {
        if let Self::Embedded(it) = self {
            builder
                .matrix(it.shape)
                .for_matrix(include_str!("wgsl/whole.wgsl"))
                .for_matrix(include_str!("wgsl/intake_embedded.wgsl"));
        }
    }

    /// Declares `input` and the code that fills it. `rounding` is set if the vector is rounded.
    pub(crate) fn write(&self, builder: &mut Builder, rounding: Option<Rounding>, in_quads: u32) {
        let (element, words) = match rounding {
            None => ("vec4<f32>", in_quads),
            Some(Rounding::Halves) => ("vec4<u32>", in_quads),
            Some(Rounding::Bytes) => ("vec4<u32>", in_quads / 2),
        };
        builder.number("TOKEN_WORDS", if self.is_stored() { words } else { 0 });
        if self.is_stored() {
            builder
                .piece(&format!(
                    "@group(0) @binding(0) var<storage, read> input: array<{element}>;\n"
                ))
                .piece(include_str!("wgsl/intake_stored.wgsl"));
            return;
        }
        builder.piece(&format!("var<workgroup> input: array<{element}, {words}>;\n")).piece(
            match rounding {
                None => include_str!("wgsl/keep_exact.wgsl"),
                Some(Rounding::Halves) => include_str!("wgsl/keep_halves.wgsl"),
                Some(Rounding::Bytes) => include_str!("wgsl/keep_bytes.wgsl"),
            },
        );
        match self {
            Self::Stored => {}
            Self::Normed(norming) => norming.write(builder),
            Self::Embedded(it) => {
                builder
                    .piece("@group(0) @binding(0) var<storage, read> tokens: array<u32>;\n")
                    .number("TO", it.to)
                    .float("SCALE", it.scale)
                    .float("WIDTH", it.width)
                    .float("EPSILON", it.epsilon)
                    .summing_all();
            }
            Self::Spans(spans) => spans.write(builder),
        }
    }
}

impl Norming {
    fn write(&self, builder: &mut Builder) {
        builder
            .piece("@group(0) @binding(0) var<storage, read> branch: array<vec4<f32>>;\n")
            .number("QUADS", self.quads)
            .number("FROM", self.from)
            .number("TO", self.to)
            .number("NEXT", self.next)
            .float("WIDTH", self.width)
            .float("EPSILON", self.epsilon)
            .flag("SCALES", self.adding.scales)
            .flag("NORMS", self.adding.norms)
            .summing_all()
            .piece(include_str!("wgsl/intake_normed.wgsl"));
    }
}

impl Spans {
    fn write(self, builder: &mut Builder) {
        builder
            .piece("@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;\n")
            .number("HEADS", self.heads)
            .number("QUADS", self.quads)
            .number("WINDOW", self.window)
            .spans()
            .piece(include_str!("wgsl/intake_spans.wgsl"));
    }
}
