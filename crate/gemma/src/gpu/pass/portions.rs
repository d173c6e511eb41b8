//! Splits a list of dispatches into submissions: as many dispatches as a budget allows, and a part
//! of one that exceeds it.

use std::ops::Range;

/// The cost of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Multiply-adds, at least one.
    pub(crate) cost: u64,
    /// Workgroups along the axis at which it can be split; 1 if it cannot.
    pub(crate) groups: u32,
}

/// The content of one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// These dispatches.
    Whole(Range<usize>),
    /// These workgroups of this dispatch.
    Part(usize, Range<u32>),
}

/// A list that is being submitted.
#[derive(Clone, Debug)]
pub(crate) struct Portions {
    loads: Vec<Load>,
    /// The number of dispatches submitted.
    sent: usize,
    /// The number of submitted workgroups of the next dispatch.
    groups: u32,
}

impl Portions {
    pub(crate) fn of(loads: Vec<Load>) -> Self {
        Self { loads, sent: 0, groups: 0 }
    }

    /// Whether everything was submitted.
    pub(crate) fn is_over(&self) -> bool {
        self.sent >= self.loads.len()
    }

    /// Returns the next portion and its cost, which exceeds the budget only if it cannot be
    /// smaller.
    pub(crate) fn next(&mut self, budget: u64) -> Option<(Portion, u64)> {
        let load = *self.loads.get(self.sent)?;
        let is_dear = load.cost > budget && load.groups > 1;
        Some(if self.groups > 0 || is_dear { self.part(load, budget) } else { self.whole(budget) })
    }

    fn whole(&mut self, budget: u64) -> (Portion, u64) {
        let start = self.sent;
        let mut cost = 0;
        for load in self.loads.iter().skip(start) {
            if self.sent > start && cost + load.cost > budget {
                break;
            }
            cost += load.cost;
            self.sent += 1;
        }
        (Portion::Whole(start..self.sent), cost)
    }

    fn part(&mut self, load: Load, budget: u64) -> (Portion, u64) {
        let (start, left) = (self.groups, load.groups - self.groups);
        let each = load.cost.div_ceil(u64::from(load.groups)).max(1);
        let fitting = u32::try_from(budget / each).unwrap_or(left).clamp(1, left);
        // Equal shares of the rest: a short last one would need its own wait.
        let count = left.div_ceil(left.div_ceil(fitting));
        let (index, end) = (self.sent, start + count);
        self.groups = end;
        if end == load.groups {
            (self.sent, self.groups) = (index + 1, 0);
        }
        (Portion::Part(index, start..end), each * u64::from(count))
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, Portion, Portions};

    /// Parses loads as `cost` or `cost/groups`.
    fn portions(loads: &str) -> Portions {
        let load = |word: &str| {
            let (cost, groups) = word.split_once('/').unwrap_or((word, "1"));
            Load { cost: cost.parse().unwrap(), groups: groups.parse().unwrap() }
        };
        Portions::of(loads.split_whitespace().map(load).collect())
    }

    #[track_caller]
    fn check(loads: &str, budgets: &[u64], expected: &str) {
        let mut portions = portions(loads);
        let mut cut = Vec::new();
        // The last budget is repeated.
        for budget in budgets.iter().chain(std::iter::repeat(budgets.last().unwrap())) {
            let Some((portion, cost)) = portions.next(*budget) else { break };
            cut.push(match portion {
                Portion::Whole(range) => format!("{}..{}:{cost}", range.start, range.end),
                Portion::Part(index, groups) => {
                    format!("{index}[{}..{}]:{cost}", groups.start, groups.end)
                }
            });
        }
        assert_eq!(cut.join(" "), expected, "{loads} by {budgets:?}");
    }

    #[test]
    fn dispatches_are_gathered_up_to_the_budget() {
        check("", &[10], "");
        check("3 3 3", &[u64::MAX], "0..3:9");
        check("3 3 3 1", &[6], "0..2:6 2..4:4");
        check("3 9 3", &[6], "0..1:3 1..2:9 2..3:3");
        check("7/7 7/7", &[7], "0..1:7 1..2:7");
        check("1 1 1 1 1 1 1", &[1, 2, 4], "0..1:1 1..3:2 3..7:4");
    }

    #[test]
    fn a_dispatch_beyond_the_budget_is_split() {
        check("2 12/6 2", &[6], "0..1:2 1[0..3]:6 1[3..6]:6 2..3:2");
        // Equal shares: not three, three and one.
        check("14/7", &[6], "0[0..3]:6 0[3..5]:4 0[5..7]:4");
        check(
            "14/7",
            &[0],
            "0[0..1]:2 0[1..2]:2 0[2..3]:2 0[3..4]:2 0[4..5]:2 0[5..6]:2 0[6..7]:2",
        );
        // The budget changes in the middle; a dispatch that was begun in parts is finished in
        // parts.
        check("16/8 1", &[4, 8], "0[0..2]:4 0[2..5]:6 0[5..8]:6 1..2:1");
        check("16/8 1", &[4, 100], "0[0..2]:4 0[2..8]:12 1..2:1");
        check(
            "16/8",
            &[4, 1],
            "0[0..2]:4 0[2..3]:2 0[3..4]:2 0[4..5]:2 0[5..6]:2 0[6..7]:2 0[7..8]:2",
        );
        // One workgroup is the minimum.
        check("100/2", &[6], "0[0..1]:50 0[1..2]:50");
    }

    #[test]
    fn every_workgroup_is_submitted_once_and_in_order() {
        for groups in 1..40_u32 {
            for budget in 0..60_u64 {
                let mut portions = portions(&format!("1 {}/{groups} 1", 3 * u64::from(groups)));
                let (mut dispatches, mut next, mut count) = (0, 0, 0);
                while let Some((portion, cost)) = portions.next(budget) {
                    let least = match portion {
                        Portion::Whole(range) => {
                            assert_eq!((range.start, next), (dispatches, 0));
                            dispatches = range.end;
                            range.len() == 1
                        }
                        Portion::Part(index, part) => {
                            assert_eq!((index, part.start), (dispatches, next));
                            assert!(part.end > part.start, "an empty part");
                            (dispatches, next) =
                                if part.end == groups { (index + 1, 0) } else { (index, part.end) };
                            part.len() == 1
                        }
                    };
                    assert!(cost <= budget || least, "{groups} by {budget}: {cost}");
                    count += 1;
                }
                assert!(portions.is_over());
                assert_eq!((dispatches, next), (3, 0));
                // No more parts than necessary.
                let fitting = u32::try_from(budget / 3).unwrap().max(1);
                assert!(count <= 2 + groups.div_ceil(fitting), "{groups} by {budget}: {count}");
            }
        }
    }
}
