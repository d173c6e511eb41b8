//! The kernels that multiply for a single token: the number of lanes, and whether vectors are
//! rounded.
//!
//! The fastest ones depend on the adapter, so [`crate::gpu::judge::choice`] tries those that may
//! run.

use crate::gpu::AdapterFacts;
use crate::gpu::kernels::shader::Shape;
use crate::quant::Rounding;

/// The kernels for the products of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The workgroup size.
    workgroup: u32,
    /// The number of invocations that compute rows together; 1 works alone, without a barrier.
    lanes: u32,
    /// Whether they sum by shuffles, instead of through workgroup memory.
    subgroups: bool,
    /// How vectors are rounded, with a scale per four values.
    rounding: Option<Rounding>,
}

impl Plan {
    const ALONE: Self = Self { workgroup: 4, lanes: 1, subgroups: false, rounding: None };
    /// For real GPUs: adjacent invocations read adjacent words.
    pub const TOGETHER: Self = Self { workgroup: 64, lanes: 8, subgroups: false, rounding: None };

    pub(crate) const SHUFFLING_4: Self = Self { subgroups: true, ..Self::of(4) };
    pub(crate) const SHUFFLING_8: Self = Self { subgroups: true, ..Self::of(8) };
    pub(crate) const SHUFFLING_32: Self = Self { subgroups: true, ..Self::of(32) };

    /// All distributions of rows, by name.
    const SPREADS: [(&'static str, Self); 7] = [
        ("alone", Self::ALONE),
        ("lanes8", Self::TOGETHER),
        ("lanes16", Self::of(16)),
        ("lanes32", Self::of(32)),
        ("subgroups4", Self::SHUFFLING_4),
        ("subgroups8", Self::SHUFFLING_8),
        ("subgroups32", Self::SHUFFLING_32),
    ];

    const fn of(lanes: u32) -> Self {
        Self { lanes, ..Self::TOGETHER }
    }

    /// For CPU adapters, where a barrier costs as much as thousands of products. Invocations that
    /// work alone are few, because each has many rows: with as many per workgroup as fit into one
    /// vector, they still reach every core.
    #[must_use]
    pub fn alone(facts: &AdapterFacts) -> Self {
        Self { workgroup: facts.subgroup_min_size.clamp(4, 16), ..Self::ALONE }
    }

    /// The same with rounded vectors.
    #[must_use]
    pub const fn rounded(self, rounding: Rounding) -> Self {
        Self { rounding: Some(rounding), ..self }
    }

    /// The same with exact vectors.
    pub(crate) const fn exact(self) -> Self {
        Self { rounding: None, ..self }
    }

    /// The name under which it is remembered.
    #[must_use]
    pub fn name(self) -> String {
        let spreads_so = |plan: &Self| (plan.lanes, plan.subgroups) == (self.lanes, self.subgroups);
        let spread = Self::SPREADS.iter().find(|(_, plan)| spreads_so(plan));
        let suffix = match self.rounding {
            None => "",
            Some(Rounding::Halves) => "-half",
            Some(Rounding::Bytes) => "-packed",
        };
        format!("{}{suffix}", spread.map_or("", |(name, _)| name))
    }

    /// Returns the plan of this name, if this adapter may run it.
    #[must_use]
    pub fn parse(name: &str, facts: &AdapterFacts, may_round: bool) -> Option<Self> {
        let spreads = Self::spreads(facts).into_iter();
        let mut plans = spreads.flat_map(|plan| plan.roundings(facts, may_round));
        plans.find(|plan| plan.name() == name)
    }

    /// Returns the distributions of rows that this adapter may run, all exact; the first is the
    /// default.
    #[must_use]
    pub fn spreads(facts: &AdapterFacts) -> Vec<Self> {
        let sums = |plan: &Self| {
            !plan.subgroups || (facts.subgroups && plan.lanes <= facts.subgroup_min_size)
        };
        let may_run = |plan: &Self| (plan.lanes == 1) == facts.software && sums(plan);
        let here = |plan: Self| if plan.lanes == 1 { Self::alone(facts) } else { plan };
        Self::SPREADS.iter().map(|(_, plan)| *plan).filter(may_run).map(here).collect()
    }

    /// Returns this plan and those with the same distribution and the roundings that this adapter
    /// supports.
    #[must_use]
    pub fn roundings(self, facts: &AdapterFacts, may_round: bool) -> Vec<Self> {
        let has = |rounding: &Rounding| match rounding {
            Rounding::Halves => facts.shader_f16,
            Rounding::Bytes => facts.packed_products,
        };
        let rounded = Rounding::ALL.into_iter().filter(|it| may_round && has(it));
        std::iter::once(self).chain(rounded.map(|it| self.rounded(it))).collect()
    }

    pub(crate) fn rounding(self) -> Option<Rounding> {
        self.rounding
    }

    pub(crate) fn has_subgroups(self) -> bool {
        self.subgroups
    }

    /// Whether the number of lanes and rows depends on the matrix.
    pub(crate) fn follows(self) -> bool {
        (self.workgroup, self.lanes, self.subgroups) == (64, 8, false)
    }

    pub(crate) fn shape(self) -> Shape {
        Shape { workgroup: self.workgroup, lanes: self.lanes }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdapterFacts, Plan};

    const NONE: AdapterFacts = AdapterFacts {
        name: String::new(),
        software: false,
        shader_f16: false,
        subgroups: false,
        subgroup_min_size: 0,
        packed_products: false,
        timestamp_query: false,
        max_buffer_size: 0,
        max_storage_buffer_binding_size: 0,
    };

    #[track_caller]
    fn check(facts: &AdapterFacts, may_round: bool, expected: &str) {
        let names = |plans: &[Plan]| plans.iter().map(|it| it.name()).collect::<Vec<_>>().join(" ");
        let spreads = Plan::spreads(facts);
        let roundings = spreads[0].roundings(facts, may_round);
        assert_eq!(format!("{} | {}", names(&spreads), names(&roundings)), expected);
        for plan in spreads.iter().flat_map(|plan| plan.roundings(facts, may_round)) {
            assert_eq!(Plan::parse(&plan.name(), facts, may_round), Some(plan));
        }
    }

    #[test]
    fn an_adapter_tries_the_plans_it_supports() {
        let software = AdapterFacts { software: true, packed_products: true, ..NONE };
        check(&software, false, "alone | alone");
        check(&software, true, "alone | alone alone-packed");
        let halves = AdapterFacts { shader_f16: true, ..software };
        check(&halves, false, "alone | alone");
        check(&halves, true, "alone | alone alone-half alone-packed");
        check(&NONE, true, "lanes8 lanes16 lanes32 | lanes8");
        let both = AdapterFacts { shader_f16: true, packed_products: true, ..NONE };
        check(&both, false, "lanes8 lanes16 lanes32 | lanes8");
        check(&both, true, "lanes8 lanes16 lanes32 | lanes8 lanes8-half lanes8-packed");
        // In a smaller subgroup the shuffles would not reach all lanes.
        let small = AdapterFacts { subgroups: true, subgroup_min_size: 8, ..NONE };
        check(&small, false, "lanes8 lanes16 lanes32 subgroups4 subgroups8 | lanes8");
        let large = AdapterFacts { subgroup_min_size: 32, ..small };
        let all = "lanes8 lanes16 lanes32 subgroups4 subgroups8 subgroups32 | lanes8";
        check(&large, false, all);
    }

    #[test]
    fn invocations_that_work_alone_fill_one_vector() {
        for (size, expected) in [(0, 4), (4, 4), (8, 8), (16, 16), (64, 16)] {
            let facts = AdapterFacts { software: true, subgroup_min_size: size, ..NONE };
            let shape = Plan::alone(&facts).shape();
            assert_eq!((shape.workgroup, shape.lanes), (expected, 1), "{size}");
            assert_eq!(Plan::parse("alone", &facts, false), Some(Plan::alone(&facts)));
        }
    }

    #[test]
    fn names_of_unsupported_plans_are_rejected() {
        let facts = AdapterFacts { software: true, packed_products: true, ..NONE };
        for (name, may_round) in [
            ("", true),
            ("lanes", true),
            ("lanes8", true),
            ("-packed", true),
            ("alone-packed", false),
            ("alone-half", true),
        ] {
            assert_eq!(Plan::parse(name, &facts, may_round), None, "{name}");
        }
    }
}
