//! Which kernels multiply for a single token: by how many lanes, and whether with rounded vectors.
//!
//! No adapter is quickest with the same ones, so that [`super::choice`] tries those that may run.

use super::AdapterFacts;
use super::shader::Shape;

/// Kernels for the products of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Invocations that form rows together. 1 works alone, without a barrier.
    lanes: u32,
    /// Whether they sum by shuffles, and not through workgroup memory.
    subgroups: bool,
    /// Whether vectors are rounded to 8 bits, four values to a scale.
    packed: bool,
}

impl Plan {
    /// For CPU adapters, where a barrier costs as much as thousands of products.
    pub const ALONE: Self = Self { lanes: 1, subgroups: false, packed: false };
    /// For real GPUs: neighbours read neighbouring words.
    pub const TOGETHER: Self = Self { lanes: 8, subgroups: false, packed: false };

    pub(super) const SHUFFLING_4: Self = Self { subgroups: true, ..Self::of(4) };
    pub(super) const SHUFFLING_8: Self = Self { subgroups: true, ..Self::of(8) };
    pub(super) const SHUFFLING_32: Self = Self { subgroups: true, ..Self::of(32) };

    /// All there are, by name.
    const ALL: [(&'static str, Self); 14] = [
        ("alone", Self::ALONE),
        ("alone-packed", Self::ALONE.packed()),
        ("lanes8", Self::TOGETHER),
        ("lanes8-packed", Self::TOGETHER.packed()),
        ("lanes16", Self::of(16)),
        ("lanes16-packed", Self::of(16).packed()),
        ("lanes32", Self::of(32)),
        ("lanes32-packed", Self::of(32).packed()),
        ("subgroups4", Self::SHUFFLING_4),
        ("subgroups4-packed", Self::SHUFFLING_4.packed()),
        ("subgroups8", Self::SHUFFLING_8),
        ("subgroups8-packed", Self::SHUFFLING_8.packed()),
        ("subgroups32", Self::SHUFFLING_32),
        ("subgroups32-packed", Self::SHUFFLING_32.packed()),
    ];

    const fn of(lanes: u32) -> Self {
        Self { lanes, ..Self::TOGETHER }
    }

    /// The same with rounded vectors.
    #[must_use]
    pub const fn packed(self) -> Self {
        Self { packed: true, ..self }
    }

    /// The same with vectors as they are.
    pub(super) const fn exact(self) -> Self {
        Self { packed: false, ..self }
    }

    /// What it is remembered by.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, plan)| *plan == self).map_or("", |(name, _)| name)
    }

    /// The plan of this name, if this adapter may run it.
    #[must_use]
    pub fn parse(name: &str, facts: &AdapterFacts, may_round: bool) -> Option<Self> {
        let plan = Self::ALL.iter().find(|(known, _)| *known == name)?.1;
        Self::candidates(facts, may_round).contains(&plan).then_some(plan)
    }

    /// Those that this adapter may run; the first one where nobody tries.
    #[must_use]
    pub fn candidates(facts: &AdapterFacts, may_round: bool) -> Vec<Self> {
        let rounds = may_round && facts.packed_products;
        let sums = |plan: &Self| {
            !plan.subgroups || (facts.subgroups && plan.lanes <= facts.subgroup_min_size)
        };
        let may_run = |plan: &Self| {
            (plan.lanes == 1) == facts.software && (rounds || !plan.packed) && sums(plan)
        };
        Self::ALL.iter().map(|(_, plan)| *plan).filter(may_run).collect()
    }

    pub(super) fn is_packed(self) -> bool {
        self.packed
    }

    pub(super) fn has_subgroups(self) -> bool {
        self.subgroups
    }

    pub(super) fn shape(self) -> Shape {
        // Alone they are few, as each has many rows: small workgroups still reach every core.
        Shape { workgroup: if self.lanes == 1 { 4 } else { 64 }, lanes: self.lanes }
    }
}

#[cfg(test)]
mod tests {
    use super::{AdapterFacts, Plan};

    fn facts(software: bool, packed_products: bool) -> AdapterFacts {
        AdapterFacts {
            name: String::new(),
            software,
            shader_f16: false,
            subgroups: false,
            subgroup_min_size: 0,
            packed_products,
            timestamp_query: false,
            max_buffer_size: 0,
            max_storage_buffer_binding_size: 0,
        }
    }

    #[track_caller]
    fn check(facts: &AdapterFacts, may_round: bool, expected: &str) {
        let plans = Plan::candidates(facts, may_round);
        let names: Vec<_> = plans.iter().map(|plan| plan.name()).collect();
        assert_eq!(names.join(" "), expected);
        for (plan, name) in plans.iter().zip(names) {
            assert_eq!(Plan::parse(name, facts, may_round), Some(*plan));
        }
    }

    #[test]
    fn an_adapter_tries_what_it_may_run() {
        check(&facts(true, true), false, "alone");
        check(&facts(true, true), true, "alone alone-packed");
        check(&facts(true, false), true, "alone");
        check(&facts(false, true), false, "lanes8 lanes16 lanes32");
        let all = "lanes8 lanes8-packed lanes16 lanes16-packed lanes32 lanes32-packed";
        check(&facts(false, true), true, all);
        // Any invocation of a smaller subgroup would hear from none.
        let small = AdapterFacts { subgroups: true, subgroup_min_size: 8, ..facts(false, false) };
        check(&small, false, "lanes8 lanes16 lanes32 subgroups4 subgroups8");
        let large = AdapterFacts { subgroup_min_size: 32, ..small };
        check(&large, false, "lanes8 lanes16 lanes32 subgroups4 subgroups8 subgroups32");
    }

    #[test]
    fn names_that_nobody_may_run_are_refused() {
        for (name, may_round) in
            [("", true), ("lanes", true), ("lanes8", true), ("alone-packed", false)]
        {
            assert_eq!(Plan::parse(name, &facts(true, true), may_round), None, "{name}");
        }
    }
}
