//! Kernels that multiply matrices by the vectors of many tokens.
//!
//! For CPU adapters each invocation works alone on eight rows of eight tokens, without sharing or
//! waiting. For real GPUs 64 invocations unpack 64 rows into workgroup memory and share them.

use std::fmt::Write as _;

use crate::gpu::device::launcher::Grid;
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::products::{Product, Rows, branches};
use crate::gpu::kernels::shader::{Builder, MatrixShape, Shape, Source};

/// The number of rows of a team; in a gate, half of them belong to the second matrix.
const ALONE: u32 = 8;
const SHARED: u32 = 64;
/// The number of tokens of a team.
const TOKENS_ALONE: u32 = 8;
const TOKENS_SHARED: u32 = 32;

/// The number of tokens of a tile: chunks are best multiples of it.
pub(crate) fn tokens_of(shape: Shape) -> usize {
    (if shape.lanes == 1 { TOKENS_ALONE } else { TOKENS_SHARED }) as usize
}

impl Product {
    /// The kernel for all tokens of a pass. The bindings are those of [`Product::for_one`].
    pub(crate) fn for_many(&self, shape: Shape) -> (Source, Grid) {
        let is_alone = shape.lanes == 1;
        let side = if is_alone { ALONE } else { SHARED };
        let gated = side / 2;
        let teams = self.teams(side, gated);
        let pieces = [include_str!("wgsl/weight.wgsl"), include_str!("wgsl/whole.wgsl")];
        let mut builder =
            self.begin(Builder::new(self.label, shape), teams, &Intake::Stored, &pieces);
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let units = matrices.first().map_or(0, |matrix| matrix.units());
        builder
            .number("EACH", if matches!(self.rows, Rows::Gated(_)) { gated } else { side })
            .number("UNITS", u32::try_from(units).unwrap_or(u32::MAX))
            .piece(&self.place(side, gated))
            .piece(&self.finished());
        if is_alone {
            builder.piece(&self.alone()).piece(include_str!("wgsl/tile_alone.wgsl"));
            let across = teams.div_ceil(shape.workgroup);
            (builder.build(), Grid::Tiles { across, each: TOKENS_ALONE })
        } else {
            builder.piece(include_str!("wgsl/tile_shared.wgsl")).piece(&self.stage());
            (builder.build(), Grid::Tiles { across: teams, each: TOKENS_SHARED })
        }
    }

    /// `finished` converts sums to results.
    fn finished(&self) -> String {
        let body = match &self.rows {
            Rows::Stacked(_) => format!("mat2x4<f32>({}, {})", self.curved("a"), self.curved("b")),
            Rows::Gated(_) => "mat2x4<f32>(gelu(a) * b, vec4<f32>())".to_owned(),
        };
        format!("fn finished(a: vec4<f32>, b: vec4<f32>) -> mat2x4<f32> {{ return {body}; }}\n")
    }

    /// `scales_of` and `quads` return scales and weights of a team's eight rows.
    fn alone(&self) -> String {
        let fields =
            |of: &str| ('a'..='h').map(|it| format!("{it}: {of}")).collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "struct Scales {{ {} }}\nstruct Rows {{ {} }}\n",
            fields("vec3<f32>"),
            fields("vec4<f32>")
        );
        let mut scales =
            "fn scales_of(team: u32, u: u32) -> Scales {\n    var all: Scales;\n".to_owned();
        let mut quads =
            "fn quads(team: u32, u: u32, q: u32, s: Scales) -> Rows {\n    var all: Rows;\n"
                .to_owned();
        let mut add = |condition: &str, row: &dyn Fn(u32) -> (usize, String)| {
            let both = (0..ALONE).map(|i| {
                let (matrix, row) = row(i);
                let at = format!("m{matrix}_at({row}, u)");
                let field = ('a'..).nth(i as usize).unwrap_or_default();
                (format!("m{matrix}_scale({at})"), format!("m{matrix}_weight({at}, q, s.{field})"))
            });
            let (of_scale, of_row): (Vec<_>, Vec<_>) = both.unzip();
            let _ = writeln!(scales, "    {condition}{{ all = Scales({}); }}", of_scale.join(", "));
            let _ = writeln!(quads, "    {condition}{{ all = Rows({}); }}", of_row.join(", "));
        };
        match &self.rows {
            Rows::Stacked(matrices) => {
                for (index, first, condition) in branches(matrices, ALONE) {
                    add(&condition, &|i| (index, format!("(team - {first}u) * {ALONE}u + {i}u")));
                }
            }
            Rows::Gated(matrices) => {
                let half = ALONE / 2;
                add("", &|i| {
                    let (matrix, start) = self.gate_row(matrices, i / half);
                    (matrix, format!("{start}team * {half}u + {}u", i % half))
                });
            }
        }
        text += &scales;
        text += "    return all;\n}\n";
        text += &quads;
        text + "    return all;\n}\n"
    }

    /// Matrix and first row of the gate (0) or of its factor (1).
    fn gate_row(&self, matrices: &[MatrixShape], side: u32) -> (usize, String) {
        match (side, matrices.len()) {
            (0, _) => (0, String::new()),
            (_, 1) => (0, format!("{}u + ", self.gated_rows())),
            _ => (1, String::new()),
        }
    }

    /// `stage` copies this invocation's row of the 64 into workgroup memory.
    fn stage(&self) -> String {
        let mut text = "fn stage(team: u32, local: u32, u: u32) {\n".to_owned();
        let keep = |matrix: usize, row: &str| {
            format!("let at = m{matrix}_at({row}, u); keep(local, m{matrix}_unit(at, 1.0));")
        };
        match &self.rows {
            Rows::Stacked(matrices) => {
                for (index, first, condition) in branches(matrices, SHARED) {
                    let row = format!("(team - {first}u) * {SHARED}u + local");
                    let _ = writeln!(text, "    {condition}{{ {} }}", keep(index, &row));
                }
            }
            Rows::Gated(matrices) => {
                let half = SHARED / 2;
                for (side, condition) in
                    [(0, format!("if (local < {half}u) ")), (1, "else ".to_owned())]
                {
                    let (matrix, start) = self.gate_row(matrices, side);
                    let row = format!("{start}team * {half}u + local % {half}u");
                    let _ = writeln!(text, "    {condition}{{ {} }}", keep(matrix, &row));
                }
            }
        }
        text + "}\n"
    }
}
