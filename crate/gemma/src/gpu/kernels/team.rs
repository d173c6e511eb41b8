//! Distributes a single token's product over invocations: enough to keep a GPU busy, with lanes
//! among which a row's units divide evenly.

use crate::gpu::kernels::plan::Plan;
use crate::gpu::kernels::shader::Shape;

/// The number of invocations that hides the latency of memory on a large GPU.
const INVOCATIONS: u32 = 16_000;
/// The maximum number of lanes to try.
const LANES_MAX: u32 = 64;
/// The maximum workgroup size: enough for an even division into waves of 32, with few registers
/// each.
const WORKGROUP_MAX: u32 = 256;
/// The minimum percentage of lanes with work.
const SHARE: u32 = 90;

/// Invocations that compute some rows together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Team {
    /// The number of rows of a matrix that a lane computes at once.
    pub(crate) rows: u32,
    pub(crate) shape: Shape,
}

impl Team {
    /// Returns the team of a plan with the same distribution for every matrix.
    pub(crate) fn fixed(plan: Plan) -> Self {
        Self { rows: 4, shape: plan.shape() }
    }

    /// For so many rows of so many units: the most rows at once, of `choices`, that leave enough
    /// invocations; of those the lanes with the least idle time.
    ///
    /// A wide workgroup does once for more rows what each workgroup repeats.
    pub(crate) fn of(rows: u32, units: u32, choices: &[u32], is_wide: bool) -> Self {
        let spread = |each: u32| {
            let least = INVOCATIONS.div_ceil(rows.div_ceil(each).max(1)).max(8);
            (least..=(2 * least).min(LANES_MAX)).map(move |lanes| (each, lanes))
        };
        let all = choices.iter().flat_map(|each| spread(*each).map(Self::with(units, is_wide)));
        let mut even = all.filter(|(share, _)| *share >= SHARE).peekable();
        let Some((_, first)) = even.peek().copied() else {
            return Self::widest(units, choices, is_wide);
        };
        let alike = even.take_while(|(_, team)| team.rows == first.rows);
        // Of equal shares the first, because fewer lanes have less to sum.
        let best = alike.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(first, |(_, team)| team)
    }

    /// Where no spread has enough invocations: as many as there can be.
    fn widest(units: u32, choices: &[u32], is_wide: bool) -> Self {
        let rows = choices.iter().copied().min().unwrap_or(1);
        let mut lanes = (8..=LANES_MAX).map(|lanes| Self::with(units, is_wide)((rows, lanes)));
        let best = lanes.rfind(|(share, _)| *share >= SHARE);
        best.map_or(Self { rows, shape: Shape { workgroup: 64, lanes: 8 } }, |(_, team)| team)
    }

    /// The team of so many rows and lanes, and the hundredths of its lanes that have work.
    fn with(units: u32, is_wide: bool) -> impl Fn((u32, u32)) -> (u32, Self) {
        move |(rows, lanes)| {
            let idle = |teams: u32| {
                let workgroup = teams * lanes;
                (workgroup.next_multiple_of(32) - workgroup) * 1024 / workgroup.next_multiple_of(32)
            };
            let some = 64_u32.div_ceil(lanes)..=(WORKGROUP_MAX / lanes).max(1);
            let teams = some
                .min_by_key(|teams| {
                    (idle(*teams), if is_wide { WORKGROUP_MAX - teams } else { *teams })
                })
                .unwrap_or(1);
            let workgroup = teams * lanes;
            let busy = units * workgroup;
            let all = units.div_ceil(lanes) * lanes * workgroup.next_multiple_of(32);
            (100 * busy / all.max(1), Self { rows, shape: Shape { workgroup, lanes } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES_MAX, SHARE, Team, WORKGROUP_MAX};

    #[track_caller]
    fn check(rows: u32, units: u32, choices: &[u32], expected: (u32, u32, u32)) {
        let Team { rows: each, shape } = Team::of(rows, units, choices, false);
        assert_eq!((each, shape.lanes, shape.workgroup), expected, "{rows} rows of {units} units");
    }

    #[test]
    fn narrow_matrices_get_more_lanes_and_fewer_rows() {
        // Gemma 3 1B: queries, output, down, head.
        check(1536, 36, &[4, 2, 1], (2, 36, 252));
        check(1152, 32, &[4, 2, 1], (2, 32, 64));
        check(1152, 216, &[4, 2, 1], (4, 56, 224));
        check(262_144, 36, &[4, 2, 1], (4, 12, 96));
        // 270M.
        check(1536, 20, &[4, 2, 1], (2, 21, 126));
        check(640, 32, &[4, 2, 1], (1, 32, 64));
        // 4B.
        check(4096, 80, &[4, 2, 1], (4, 16, 64));
        check(2560, 320, &[4, 2, 1], (4, 32, 64));
        let Team { shape, .. } = Team::of(1152, 32, &[4, 2, 1], true);
        assert_eq!((shape.lanes, shape.workgroup), (32, 256));
        // Too small for any GPU.
        check(64, 8, &[4, 2, 1], (1, 8, 64));
    }

    #[test]
    fn every_matrix_is_spread_within_limits() {
        for rows in (1..4000).step_by(37) {
            for units in 1..300 {
                let Team { rows: each, shape } = Team::of(rows, units, &[4, 2, 1], rows % 2 == 0);
                let whole = shape.workgroup.is_multiple_of(shape.lanes);
                assert!(whole && shape.lanes <= LANES_MAX && shape.workgroup <= WORKGROUP_MAX);
                let invocations = rows.div_ceil(each) * shape.lanes;
                let turns = units.div_ceil(shape.lanes);
                let share = 100 * units / (turns * shape.lanes);
                assert!(share + 2 >= SHARE || units < 72 || invocations < 16_000, "{rows} {units}");
            }
        }
    }
}
