//! The kernels that multiply matrices: for one token, and for many.

use std::fmt::Write as _;

use super::launcher::Grid;
use super::shader::{Access, Builder, MatrixShape, Shape, Source};

/// How the matrices of one kernel belong together.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// Their results stand side by side.
    Side(Vec<MatrixShape>),
    /// gelu(first · x) · (second · x): two matrices, or the halves of one.
    Gated(Vec<MatrixShape>),
}

/// A product of one or more matrices with the same vectors.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) label: &'static str,
    pub(super) rows: Rows,
    /// Quads from one token's input to the next one's.
    pub(super) in_quads: u32,
    /// Values from one token's output to the next one's.
    pub(super) out_stride: u32,
    /// Where the first row's result goes.
    pub(super) out_first: u32,
    /// y becomes cap · tanh(y / cap).
    pub(super) soft_cap: Option<f32>,
}

impl Product {
    /// Groups of four rows: what workers are counted by.
    fn workers(&self) -> u32 {
        match &self.rows {
            Rows::Side(matrices) => matrices.iter().map(|matrix| matrix.groups()).sum(),
            Rows::Gated(_) => self.gated_rows().div_ceil(4),
        }
    }

    /// Rows of each of the two matrices of a gate.
    fn gated_rows(&self) -> u32 {
        match &self.rows {
            Rows::Gated(matrices) => matrices.iter().map(|matrix| matrix.rows).sum::<u32>() / 2,
            Rows::Side(_) => 0,
        }
    }

    /// For the last token of a pass. Bindings: input, output, progress, planes of each matrix.
    pub(super) fn for_one(&self, shape: Shape) -> (Source, Grid) {
        let mut builder = self.begin(shape, include_str!("wgsl/rows.wgsl"));
        builder.piece(&self.totals("vec4<f32>", "rows", "u32"));
        builder.piece(include_str!("wgsl/matvec.wgsl"));
        (builder.build(), Grid::Fixed(self.workers().div_ceil(shape.items())))
    }

    /// For all tokens of a pass, in fours. The same bindings.
    pub(super) fn for_many(&self, shape: Shape) -> (Source, Grid) {
        let mut builder = self.begin(shape, include_str!("wgsl/tile.wgsl"));
        builder.piece(&self.totals("mat4x4<f32>", "tile", "vec4<u32>"));
        builder.piece(include_str!("wgsl/matmul.wgsl"));
        (builder.build(), Grid::Tiles(self.workers().div_ceil(shape.items())))
    }

    fn begin(&self, shape: Shape, for_each: &str) -> Builder {
        let mut builder = Builder::new(self.label, shape);
        builder
            .number("IN_QUADS", self.in_quads)
            .number("OUT_STRIDE", self.out_stride)
            .number("WORKERS", self.workers())
            .bindings(&[Access::Read, Access::Write, Access::Uniform])
            .piece(include_str!("wgsl/curves.wgsl"));
        let (Rows::Side(matrices) | Rows::Gated(matrices)) = &self.rows;
        for matrix in matrices {
            builder.matrix(*matrix).for_matrix(for_each);
        }
        builder
    }

    /// `totals`: what a worker's four rows come to. `place`: where they go, and how many are left.
    fn totals(&self, result: &str, part: &str, input: &str) -> String {
        let many = result.starts_with("mat");
        let summed = |name: &str| {
            let column = |of: &str| format!("sum_lanes({of}, local, local - lane, 1u)");
            if many {
                let columns: Vec<_> = (0..4).map(|t| column(&format!("{name}[{t}]"))).collect();
                format!("mat4x4<f32>({})", columns.join(", "))
            } else {
                column(name)
            }
        };
        let mut text =
            format!("fn totals(worker: u32, x: {input}, lane: u32, local: u32) -> {result} {{\n");
        let mut place = "fn place(worker: u32) -> vec2<u32> {\n".to_owned();
        match &self.rows {
            Rows::Side(matrices) => {
                let _ = writeln!(text, "    var mine = {result}();");
                let (mut groups, mut rows) = (0, self.out_first);
                for (index, matrix) in matrices.iter().enumerate() {
                    let last = index + 1 == matrices.len();
                    let end = groups + matrix.groups();
                    let condition =
                        if last { String::new() } else { format!("if (worker < {end}u) ") };
                    let otherwise = if last { "" } else { "else " };
                    let _ = write!(
                        text,
                        "    {condition}{{ mine = m{index}_{part}((worker - {groups}u) * 4u, x, lane); }} {otherwise}"
                    );
                    let _ = writeln!(
                        place,
                        "    {condition}{{ let row = (worker - {groups}u) * 4u; return vec2<u32>({rows}u + row, {}u - row); }}",
                        matrix.rows
                    );
                    groups = end;
                    rows += matrix.rows;
                }
                let _ = writeln!(text, "\n    let total = {};", summed("mine"));
            }
            Rows::Gated(matrices) => {
                let rows = self.gated_rows();
                // One call in a loop, so that the product is compiled once.
                let (first, second) = if matrices.len() == 1 {
                    (format!("m0_{part}(side * {rows}u + worker * 4u, x, lane)"), None)
                } else {
                    let second = format!("m1_{part}(worker * 4u, x, lane)");
                    (format!("m0_{part}(worker * 4u, x, lane)"), Some(second))
                };
                let _ = match second {
                    None => writeln!(
                        text,
                        "    var gate = {result}();\n    var up = {result}();\n    for (var side = 0u; side < 2u; side += 1u) {{\n        gate = up;\n        up = {first};\n    }}"
                    ),
                    Some(second) => {
                        writeln!(text, "    let gate = {first};\n    let up = {second};")
                    }
                };
                let _ = writeln!(
                    text,
                    "    let g = {};\n    let u = {};",
                    summed("gate"),
                    summed("up")
                );
                if many {
                    let columns: Vec<_> =
                        (0..4).map(|t| format!("gelu(g[{t}]) * u[{t}]")).collect();
                    let _ = writeln!(text, "    let total = mat4x4<f32>({});", columns.join(", "));
                } else {
                    let _ = writeln!(text, "    let total = gelu(g) * u;");
                }
                let _ =
                    writeln!(place, "    return vec2<u32>(worker * 4u, {rows}u - worker * 4u);");
            }
        }
        let _ = match self.soft_cap {
            Some(cap) => writeln!(text, "    return {cap:e}f * tanh_of(total / {cap:e}f);\n}}"),
            None => writeln!(text, "    return total;\n}}"),
        };
        text + &place + "}\n"
    }
}
