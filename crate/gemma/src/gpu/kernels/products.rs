//! Kernels that multiply matrices by one token's vector. [`crate::gpu::kernels::tiles`] has those
//! for many.

use std::fmt::Write as _;

use crate::gpu::device::launcher::Grid;
use crate::gpu::kernels::intake::Intake;
use crate::gpu::kernels::plan::Plan;
use crate::gpu::kernels::profile::Profile;
use crate::gpu::kernels::shader::{Access, Beyond, Builder, MatrixShape, Shape, Source};
use crate::gpu::kernels::team::Team;
use crate::gpu::kernels::to_u32;
use crate::quant::Rounding;

/// The number of rows of an invocation that works alone, for which `rows_alone.wgsl` has room: each
/// unit of the vector is read once for all of them. In a gate, half of them belong to the second
/// matrix.
const ALONE: u32 = 16;
/// The number of workgroups that keeps any GPU busy. With more rows, a workgroup computes several
/// of them, because each one computes the vector again.
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

    /// Returns the number of storage buffers and the bytes of workgroup memory for one token.
    pub(crate) fn needs(&self, plan: Plan, output_rounding: Option<Rounding>) -> [u32; 2] {
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let planes = |matrix: &MatrixShape| 1 + u32::from(matrix.format.scale_bytes(8) > 0);
        let factors = u32::from(matches!(self.ending, Ending::Gating(_)));
        let buffers = 2 + factors + matrices.iter().map(planes).sum::<u32>();
        let workgroup = self.team(plan, output_rounding).0.shape.workgroup;
        [buffers + self.intake.buffers(), self.intake.memory(self.in_quads) + 16 * workgroup]
    }

    /// Whether its vector may be rounded, because the codes of all its matrices are integers.
    fn takes_rounded(&self) -> bool {
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        matrices.iter().all(|matrix| matrix.format.is_whole())
    }

    /// Returns the team for one token, and the number of results per team.
    fn team(&self, plan: Plan, output_rounding: Option<Rounding>) -> (Team, u32) {
        if plan.shape().lanes == 1 {
            let rows = if self.gated_rows() > 0 { ALONE / 2 } else { ALONE };
            return (Team { rows: ALONE, shape: plan.shape() }, rows);
        }
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let units = matrices.first().map_or(0, |matrix| to_u32(matrix.units()));
        let rows = matrices.iter().map(|matrix| matrix.rows).sum();
        let is_pair = self.is_pair(output_rounding);
        // Rounded results are stored in groups of four.
        let choices: &[u32] = if is_pair || output_rounding.is_some() { &[4] } else { &[4, 2, 1] };
        let is_fixed = !plan.follows() || matches!(self.rows, Rows::Gated(_)) && !is_pair;
        let team = if is_fixed {
            Team::fixed(plan)
        } else {
            Team::of(rows, units, choices, !self.intake.is_stored())
        };
        (team, if is_pair { 2 } else { team.rows })
    }

    /// Whether two rows of a gate are computed with the two that they gate, in one loop.
    fn is_pair(&self, output_rounding: Option<Rounding>) -> bool {
        output_rounding.is_none()
            && matches!(&self.rows, Rows::Gated(matrices) if matrices.len() == 1)
    }

    /// Returns the kernel for the last token of a pass. Bindings: input, output, progress, the
    /// intake's, planes of each matrix. The reader of the output expects it rounded by
    /// `output_rounding`.
    pub(crate) fn for_one(&self, plan: Plan, output_rounding: Option<Rounding>) -> (Source, Grid) {
        let (Team { rows: team_rows, shape }, results) = self.team(plan, output_rounding);
        let rounding = plan.rounding().filter(|_| self.takes_rounded());
        let is_alone = shape.lanes == 1;
        let teams = self.teams(results, results);
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
        builder
            .number("RESULTS", if is_alone { 4 } else { results })
            .profile(self.profile(shape, team_rows, rounds, output_rounding))
            .input(rounding)
            .piece(&self.place(results, results));
        self.intake.write(&mut builder, rounding, self.in_quads);
        // A plan rounds all vectors in the same way.
        let vectors = if self.intake.is_stored() { None } else { rounding };
        if output_rounding.or(vectors).is_some() {
            builder.output_rounding(output_rounding.or(vectors));
        }
        builder.piece(if output_rounding.is_some() {
            include_str!("wgsl/store_rounded.wgsl")
        } else {
            include_str!("wgsl/store.wgsl")
        });
        if is_alone {
            builder
                .number("EACH", results)
                .piece(&self.alone_totals())
                .piece(include_str!("wgsl/matvec_alone.wgsl"));
        } else {
            builder
                .number("ROUNDS", rounds)
                .number("HELD", team_rows)
                .piece(&self.totals(results, output_rounding))
                .piece(include_str!("wgsl/matvec.wgsl"));
        }
        (builder.build(), Grid::Fixed(groups.div_ceil(rounds)))
    }

    /// Returns the profile for one token, with teams that compute `rows` rows of a matrix at once.
    fn profile(
        &self,
        shape: Shape,
        rows: u32,
        rounds: u32,
        output_rounding: Option<Rounding>,
    ) -> Profile {
        let (Rows::Stacked(matrices) | Rows::Gated(matrices)) = &self.rows;
        let units = matrices.first().map_or(0, |matrix| to_u32(matrix.units()));
        let turns = shape.turns(units);
        let is_halved = matches!(self.rows, Rows::Gated(_)) && !self.is_pair(output_rounding);
        // Both sides of a gate may run one after the other, as do the rows of a single invocation.
        let (chains, at_once) = match shape.lanes {
            1 => (rows, 1),
            _ => (if is_halved { 2 } else { 1 }, rows),
        };
        let waves = shape.workgroup.next_multiple_of(if shape.lanes == 1 { 1 } else { 32 });
        let unit = matrices.first().map_or(0, |matrix| {
            to_u32(matrix.format.code_bytes(8) + matrix.format.scale_bytes(8)) / 8
        });
        let bytes = matrices.iter().map(|matrix| matrix.bytes_of(matrix.rows)).sum();
        Profile {
            steps: rounds * (chains * turns + shape.summing()) + self.intake.steps(shape),
            bytes,
            in_flight: at_once * unit,
            lanes: [units * shape.workgroup, turns * shape.lanes * waves],
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
        intake.bind_planes(&mut builder);
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

    /// `totals` returns the sums of a team's rows.
    fn totals(&self, results: u32, output_rounding: Option<Rounding>) -> String {
        let summed = |name: &str| format!("sum_lanes({name}, local, local - lane, 1u)");
        let rows = |first: &str| format!("vec4<u32>({first}) + vec4<u32>(0u, 1u, 2u, 3u)");
        let mut text =
            "fn totals(team: u32, x: u32, lane: u32, local: u32) -> vec4<f32> {\n".to_owned();
        match &self.rows {
            Rows::Stacked(matrices) => {
                text += "    var mine = vec4<f32>();\n";
                for (index, first, condition) in branches(matrices, results) {
                    let rows = rows(&format!("(team - {first}u) * {results}u"));
                    let _ = writeln!(
                        text,
                        "    {condition}{{ mine = m{index}_rows({rows}, x, lane); }}"
                    );
                }
                let _ = writeln!(text, "    let total = {};", summed("mine"));
            }
            Rows::Gated(_) if self.is_pair(output_rounding) => {
                let other = self.gated_rows();
                let _ = writeln!(
                    text,
                    "    let row = team * 2u;\n    let both = {};\n\
                     \x20   let total = gelu(both) * both.zwzw;",
                    summed(&format!(
                        "m0_rows(vec4<u32>(row, row + 1u, row + {other}u, row + {}u), x, lane)",
                        other + 1
                    ))
                );
            }
            Rows::Gated(matrices) => {
                let other = self.gated_rows();
                text += &if matrices.len() == 1 {
                    // One call in a loop, so that the product is compiled once.
                    let call = format!(
                        "m0_rows({}, x, lane)",
                        rows(&format!("side * {other}u + team * 4u"))
                    );
                    format!(
                        "    var gate = vec4<f32>();\n    var up = vec4<f32>();\n    for (var side = 0u; side < 2u; side += 1u) {{\n        gate = up;\n        up = {call};\n    }}\n"
                    )
                } else {
                    let rows = rows("team * 4u");
                    format!(
                        "    let gate = m0_rows({rows}, x, lane);\n\
                         \x20   let up = m1_rows({rows}, x, lane);\n"
                    )
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
