//! Kernels that multiply matrices by one token's vector. [`crate::gpu::kernels::tiles`] has those
//! for many.

use std::fmt::Write as _;

use crate::gpu::device::launcher::Grid;
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::plan::Plan;
use crate::gpu::kernels::profile::Profile;
use crate::gpu::kernels::shader::{Access, Beyond, Builder, MatrixShape, Source};
use crate::gpu::kernels::to_u32;
use crate::quant::Rounding;

/// The number of rows of an invocation that works alone, for which `rows_alone.wgsl` has room: each
/// unit of the vector is read once for all of them. In a gate, half of them belong to the second
/// matrix.
const ALONE: u32 = 16;
/// Rows that lanes form together.
const TOGETHER: u32 = 4;
/// Workgroups that keep any GPU busy. Beyond them one does more rows, where each of them makes the
/// vector anew.
const GROUPS: u32 = 1024;

/// The relation of the matrices in one kernel.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// Their results are concatenated.
    Stacked(Vec<MatrixShape>),
    /// gelu(first · x) · (second · x): two matrices, or the halves of one.
    Gated(Vec<MatrixShape>),
}

/// A product of one or more matrices by the same vectors.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) label: &'static str,
    pub(crate) rows: Rows,
    /// The stride of inputs, in quads.
    pub(crate) in_quads: u32,
    /// The stride of outputs, in values.
    pub(crate) out_stride: u32,
    /// The offset of the first row's result.
    pub(crate) out_first: u32,
    pub(crate) ending: Ending,
    /// The source of a single token's vector.
    pub(crate) intake: Intake,
}

/// The function applied to a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Plain,
    /// cap · tanh(y / cap)
    Capped(f32),
    /// gelu(y) · factor, with this stride of factors between tokens. They are bound after the
    /// record of the sequence.
    Gating(u32),
}

impl Ending {
    /// Applies the cap, if there is one.
    pub(crate) fn of(soft_cap: Option<f32>) -> Self {
        soft_cap.map_or(Self::Plain, Self::Capped)
    }
}

impl Product {
    /// Returns the teams that compute `side` rows each, or `gated` rows of a gate.
    pub(crate) fn teams(&self, side: u32, gated: u32) -> u32 {
        match &self.rows {
            Rows::Stacked(matrices) => {
                matrices.iter().map(|matrix| matrix.rows.div_ceil(side)).sum()
            }
            Rows::Gated(_) => self.gated_rows().div_ceil(gated),
        }
    }

    /// Returns the rows of each of the two matrices of a gate.
    pub(crate) fn gated_rows(&self) -> u32 {
        match &self.rows {
            Rows::Gated(matrices) => matrices.iter().map(|matrix| matrix.rows).sum::<u32>() / 2,
            Rows::Stacked(_) => 0,
        }
    }

    /// Storage buffers and bytes of a workgroup's memory that it takes for one token.
    pub(crate) fn needs(&self, plan: Plan) -> [u32; 2] {
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let planes = |matrix: &MatrixShape| 1 + u32::from(matrix.format.scale_bytes(8) > 0);
        let factors = u32::from(matches!(self.ending, Ending::Gating(_)));
        let buffers = 2 + factors + matrices.iter().map(planes).sum::<u32>();
        let workgroup = plan.shape().workgroup;
        [buffers + self.intake.buffers(), self.intake.memory(self.in_quads) + 16 * workgroup]
    }

    /// Whether its vector may be rounded, because the codes of all its matrices are integers.
    fn takes_rounded(&self) -> bool {
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        matrices.iter().all(|matrix| matrix.format.is_whole())
    }

    /// For the last token of a pass. Bindings: input, output, progress, planes of each matrix.
    /// The output's reader wants it rounded by `output_rounding`.
    pub(crate) fn for_one(&self, plan: Plan, output_rounding: Option<Rounding>) -> (Source, Grid) {
        let shape = plan.shape();
        let rounding = plan.rounding().filter(|_| self.takes_rounded());
        let is_alone = shape.lanes == 1;
        let (side, gated) = if is_alone { (ALONE, ALONE / 2) } else { (TOGETHER, TOGETHER) };
        let teams = self.teams(side, gated);
        let groups = teams.div_ceil(shape.items());
        let rounds = if self.intake.is_stored() { 1 } else { groups.div_ceil(GROUPS) };
        let rows = if is_alone {
            include_str!("wgsl/rows_alone.wgsl")
        } else {
            include_str!("wgsl/rows.wgsl")
        };
        let dot = match rounding {
            None => include_str!("wgsl/dot.wgsl"),
            Some(Rounding::Halves) => include_str!("wgsl/dot_halves.wgsl"),
            Some(Rounding::Bytes) => include_str!("wgsl/dot_bytes.wgsl"),
        };
        let beyond =
            Beyond { subgroups: plan.has_subgroups(), halves: rounding == Some(Rounding::Halves) };
        let builder = Builder::with(self.label, shape, beyond);
        let mut builder = self.begin(builder, teams, &self.intake, &[dot, rows]);
        builder.profile(self.profile(plan, side, rounds));
        builder.input(rounding).piece(&self.place(side, gated));
        self.intake.write(&mut builder, rounding, self.in_quads);
        // A plan rounds all vectors in the same way.
        let vectors = if self.intake.is_stored() { None } else { rounding };
        if output_rounding.or(vectors).is_some() {
            builder.output_rounding(output_rounding.or(vectors));
        }
        if output_rounding.is_some() {
            builder.piece(include_str!("wgsl/store_rounded.wgsl"));
        } else {
            builder.piece(include_str!("wgsl/store.wgsl"));
        }
        if is_alone {
            builder
                .number("EACH", if matches!(self.rows, Rows::Gated(_)) { gated } else { side })
                .piece(&self.alone_totals())
                .piece(include_str!("wgsl/matvec_alone.wgsl"));
        } else {
            builder
                .number("ROUNDS", rounds)
                .piece(&self.totals())
                .piece(include_str!("wgsl/matvec.wgsl"));
        }
        (builder.build(), Grid::Fixed(groups.div_ceil(rounds)))
    }

    /// What it does for one token, by teams that form `side` rows of a matrix.
    fn profile(&self, plan: Plan, side: u32, rounds: u32) -> Profile {
        let shape = plan.shape();
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let units = matrices.first().map_or(0, |matrix| to_u32(matrix.units()));
        let turns = shape.turns(units);
        // A gate's two sides stand one behind the other; alone, rows do.
        let (chains, at_once) = match (&self.rows, shape.lanes) {
            (_, 1) => (side, 1),
            (Rows::Gated(_), _) => (2, side),
            (Rows::Stacked(_), _) => (1, side),
        };
        let unit = matrices.first().map_or(0, |matrix| {
            to_u32(matrix.format.code_bytes(8) + matrix.format.scale_bytes(8)) / 8
        });
        let bytes = matrices.iter().map(|matrix| matrix.bytes_of(matrix.rows)).sum();
        Profile {
            steps: rounds * (chains * turns + shape.summing()) + self.intake.steps(shape),
            bytes,
            in_flight: at_once * unit,
            lanes: [units, turns * shape.lanes],
            is_product: true,
            ..Profile::default()
        }
    }

    /// The common part of all products: sizes, bindings, and the code of each matrix.
    pub(crate) fn begin(
        &self,
        mut builder: Builder,
        teams: u32,
        intake: &Intake,
        for_each: &[&str],
    ) -> Builder {
        builder
            .number("IN_QUADS", self.in_quads)
            .number("OUT_STRIDE", self.out_stride)
            .number("TEAMS", teams)
            .bindings(&[Access::Read, Access::Write, Access::Uniform])
            .piece(include_str!("wgsl/curves.wgsl"));
        if let Ending::Gating(stride) = self.ending {
            builder
                .bindings(&[Access::Read])
                .number("FACTOR_STRIDE", stride)
                .piece(include_str!("wgsl/kept_times.wgsl"));
        } else {
            builder.piece(include_str!("wgsl/kept_plain.wgsl"));
        }
        intake.bind(&mut builder);
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        for matrix in matrices {
            builder.matrix(*matrix);
            for text in for_each {
                builder.for_matrix(text);
            }
        }
        builder
    }

    /// `add` computes all rows of a team; `finished` four of its results.
    fn alone_totals(&self) -> String {
        let mut text = "fn add(team: u32, x: u32) {\n".to_owned();
        let finished = match &self.rows {
            Rows::Stacked(matrices) => {
                for (index, first, condition) in branches(matrices, ALONE) {
                    let row = format!("(team - {first}u) * {ALONE}u");
                    let _ = writeln!(
                        text,
                        "    {condition}{{ m{index}_rows({row}, {row} + 8u, x, 0u, {ALONE}u); }}"
                    );
                }
                "four(at)"
            }
            Rows::Gated(matrices) => {
                let half = ALONE / 2;
                let (row, rows) = (format!("team * {half}u"), self.gated_rows());
                text += &if matrices.len() == 1 {
                    format!("    m0_rows({row}, {rows}u + {row}, x, 0u, {ALONE}u);\n")
                } else {
                    format!(
                        "    m0_rows({row}, 0u, x, 0u, {half}u);\n    m1_rows({row}, 0u, x, {half}u, {half}u);\n"
                    )
                };
                "gelu(four(at)) * four(at + 8u)"
            }
        };
        let _ = writeln!(
            text,
            "}}\nfn finished(at: u32) -> vec4<f32> {{\n    let total = {finished};\n    return {};\n}}",
            self.curved("total")
        );
        text
    }

    /// `totals`: what a team's four rows come to.
    fn totals(&self) -> String {
        let summed = |name: &str| format!("sum_lanes({name}, local, local - lane, 1u)");
        let mut text =
            "fn totals(team: u32, x: u32, lane: u32, local: u32) -> vec4<f32> {\n".to_owned();
        match &self.rows {
            Rows::Stacked(matrices) => {
                text += "    var mine = vec4<f32>();\n";
                for (index, first, condition) in branches(matrices, 4) {
                    let _ = writeln!(
                        text,
                        "    {condition}{{ mine = m{index}_rows((team - {first}u) * 4u, x, lane); }}"
                    );
                }
                let _ = writeln!(text, "    let total = {};", summed("mine"));
            }
            Rows::Gated(matrices) => {
                let rows = self.gated_rows();
                text += &if matrices.len() == 1 {
                    // One call in a loop, so that the product is compiled once.
                    let call = format!("m0_rows(side * {rows}u + team * 4u, x, lane)");
                    format!(
                        "    var gate = vec4<f32>();\n    var up = vec4<f32>();\n    for (var side = 0u; side < 2u; side += 1u) {{\n        gate = up;\n        up = {call};\n    }}\n"
                    )
                } else {
                    "    let gate = m0_rows(team * 4u, x, lane);\n    let up = m1_rows(team * 4u, x, lane);\n".to_owned()
                };
                let _ =
                    writeln!(text, "    let total = gelu({}) * {};", summed("gate"), summed("up"));
            }
        }
        text + &format!("    return {};\n}}\n", self.curved("total"))
    }

    /// `place` returns where a team's rows are stored, and how many are left.
    pub(crate) fn place(&self, side: u32, gated: u32) -> String {
        let mut text = "fn place(team: u32) -> vec2<u32> {\n".to_owned();
        match &self.rows {
            Rows::Stacked(matrices) => {
                let mut out = self.out_first;
                text += "    var spot = vec2<u32>();\n";
                for ((_, first, condition), matrix) in branches(matrices, side).zip(matrices) {
                    let rows = matrix.rows;
                    let _ = writeln!(
                        text,
                        "    {condition}{{ let row = (team - {first}u) * {side}u; spot = vec2<u32>({out}u + row, {rows}u - row); }}"
                    );
                    out += rows;
                }
                text += "    return spot;\n}\n";
            }
            Rows::Gated(_) => {
                let rows = self.gated_rows();
                let _ = writeln!(
                    text,
                    "    return vec2<u32>(team * {gated}u, {rows}u - team * {gated}u);\n}}"
                );
            }
        }
        text
    }

    /// Returns the code of a result with its cap or activation function.
    pub(crate) fn curved(&self, name: &str) -> String {
        match self.ending {
            Ending::Plain => name.to_owned(),
            Ending::Capped(cap) => format!("{cap:e}f * tanh_of({name} / {cap:e}f)"),
            Ending::Gating(_) => format!("gelu({name})"),
        }
    }
}

/// Returns for each of the concatenated matrices: its number, its first team, and `if (…) `,
/// `else if (…) ` or `else ` before the code of its teams.
pub(crate) fn branches(
    matrices: &[MatrixShape],
    each: u32,
) -> impl Iterator<Item = (usize, u32, String)> {
    let mut end = 0;
    matrices.iter().enumerate().map(move |(index, matrix)| {
        let first = end;
        end += matrix.rows.div_ceil(each);
        let start = if index == 0 { "" } else { "else " };
        let is_last = index + 1 == matrices.len();
        let condition = if is_last { String::new() } else { format!("if (team < {end}u) ") };
        (index, first, format!("{start}{condition}"))
    })
}
