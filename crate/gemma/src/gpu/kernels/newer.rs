//! Kernels for the additions of Gemma 3n and 4: per-layer inputs, several residual streams, sparse
//! gates.

use super::{Access, padded, to_f32, to_u32};
use crate::config::{Config, Layer, SUPPRESSED};
use crate::gpu::device::launcher::Grid;
use crate::gpu::kernels::shader::{Builder, Shape, Source};

use Access::{Read, Uniform, Write};

/// The stride of tokens in a layer's inputs. A chunk's fill a multiple of 256 bytes, at which
/// bindings may begin.
pub(crate) fn input_stride(part: usize) -> usize {
    part.next_multiple_of(64)
}

/// Computes the inputs of all layers. Bindings: projected, inputs, progress, rows, norm weights.
pub(crate) fn inputs(config: &Config, part: usize, shape: Shape, chunk: usize) -> (Source, Grid) {
    let mut builder = Builder::new("inputs", shape);
    let layers = to_u32(config.layers.len());
    builder
        .number("LAYERS", layers)
        .number("PART", to_u32(part))
        .number("STRIDE", to_u32(input_stride(part)))
        .number("CHUNK", to_u32(chunk))
        .float("SCALE", 1.0 / to_f32(config.width).sqrt())
        .float("ROW_SCALE", to_f32(part).sqrt())
        .float("EPSILON", config.norm_epsilon)
        .bindings(&[Read, Write, Uniform, Read, Read])
        .piece(include_str!("wgsl/inputs.wgsl"));
    (builder.build(), Grid::Items { each: layers, per_group: shape.items() })
}

/// Makes the logits of suppressed tokens negligible. Bindings: logits, tokens.
pub(crate) fn suppress(count: usize) -> (Source, Grid) {
    let shape = Shape { workgroup: 16, lanes: 1 };
    let mut builder = Builder::new("suppress", shape);
    builder
        .number("COUNT", to_u32(count))
        .float("SUPPRESSED", SUPPRESSED)
        .bindings(&[Write, Read])
        .piece(include_str!("wgsl/suppress.wgsl"));
    (builder.build(), Grid::Fixed(to_u32(count).div_ceil(shape.workgroup)))
}

/// Kernels over several residual streams, a buffer of \[streams, chunk, width\].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    /// The stride of streams, in tokens.
    pub(crate) chunk: usize,
    pub(crate) shape: Shape,
}

impl Streams {
    fn begin(self, label: &'static str, config: &Config, bindings: &[Access]) -> Builder {
        let mut builder = Builder::new(label, self.shape);
        let quads = padded(config.width) / 4;
        builder
            .number("QUADS", quads)
            .number("STREAMS", to_u32(config.streams))
            .number("STREAM", quads * to_u32(self.chunk))
            .float("WIDTH", to_f32(config.width))
            .float("EPSILON", config.norm_epsilon)
            .bindings(bindings);
        builder
    }

    fn end(self, builder: Builder) -> (Source, Grid) {
        (builder.build(), Grid::Items { each: 1, per_group: self.shape.items() })
    }

    /// Bindings: residual, streams, progress.
    pub(crate) fn split(self, config: &Config) -> (Source, Grid) {
        let mut builder = self.begin("split", config, &[Read, Write, Uniform]);
        builder.piece(include_str!("wgsl/split.wgsl"));
        self.end(builder)
    }

    /// Ends the previous layer and begins the next one, if they exist. Bindings: branch, streams,
    /// progress, weights, coefficients, normed.
    pub(crate) fn predict(self, config: &Config, spreads: bool, predicts: bool) -> (Source, Grid) {
        let bindings = [Read, Write, Uniform, Read, Read, Write];
        let mut builder = self.begin("predict", config, &bindings);
        builder
            .flag("SPREADS", spreads)
            .flag("PREDICTS", predicts)
            .piece(include_str!("wgsl/curves.wgsl"))
            .piece(include_str!("wgsl/route.wgsl"))
            .piece(include_str!("wgsl/predict.wgsl"));
        self.end(builder)
    }

    /// Adds attention and the low-rank residual. Bindings: branch, residual, progress, weights,
    /// low, streams, normed.
    pub(crate) fn merge(self, config: &Config) -> (Source, Grid) {
        let bindings = [Read, Write, Uniform, Read, Read, Read, Write];
        let mut builder = self.begin("merge", config, &bindings);
        builder.piece(include_str!("wgsl/merge.wgsl"));
        self.end(builder)
    }

    /// Bindings: branch, residual, progress, weights, coefficients, streams, normed.
    pub(crate) fn correct(self, config: &Config) -> (Source, Grid) {
        let bindings = [Read, Write, Uniform, Read, Read, Write, Write];
        let mut builder = self.begin("correct", config, &bindings);
        builder
            .piece(include_str!("wgsl/curves.wgsl"))
            .piece(include_str!("wgsl/route.wgsl"))
            .piece(include_str!("wgsl/correct.wgsl"));
        self.end(builder)
    }

    /// Bindings: projected, streams, progress, norm weights, normed.
    pub(crate) fn join(self, config: &Config) -> (Source, Grid) {
        let mut builder = self.begin("join", config, &[Read, Read, Uniform, Read, Write]);
        builder.piece(include_str!("wgsl/join.wgsl"));
        self.end(builder)
    }
}

/// Gates with a cut, most of which become zero. Bindings: gates and their factors, output,
/// progress.
pub(crate) fn sparse(layer: &Layer, deviations: f32, shape: Shape) -> (Source, Grid) {
    // Each part repeats the sums over all gates, which are cheap compared with its activation
    // functions.
    let parts = if shape.lanes == 1 { 16 } else { 4 };
    let mut builder = Builder::new("sparse", shape);
    builder
        .number("HIDDEN", to_u32(layer.hidden))
        .number("OUT_STRIDE", padded(layer.hidden))
        .number("PARTS", parts)
        .float("DEVIATIONS", deviations)
        .bindings(&[Read, Write, Uniform])
        .piece(include_str!("wgsl/curves.wgsl"))
        .piece(include_str!("wgsl/sparse.wgsl"));
    (builder.build(), Grid::Items { each: parts, per_group: shape.items() })
}
