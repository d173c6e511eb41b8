//! A pattern as a nondeterministic automaton.

use super::super::small;
use hybridge_core::schema::pattern::{Expression, Ranges};

/// One state of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Reads one character and continues.
    One(Ranges, u32),
    /// Continues at two states.
    Both(u32, u32),
    /// Continues at the text's beginning only.
    Start(u32),
    /// Continues at the text's end only.
    End(u32),
    /// Matches.
    Done,
}

/// All states, and the initial one.
#[derive(Clone, Debug)]
pub(super) struct Nfa {
    pub(super) places: Vec<Place>,
    pub(super) start: u32,
}

const MOST_PLACES: usize = 8_000;
const ANY: (u32, u32) = (0, 0x10_FFFF);

impl Nfa {
    /// Compiles a pattern that may match anywhere in the text.
    pub(super) fn of(expression: &Expression) -> Result<Self, String> {
        let mut nfa = Self { places: vec![Place::Done], start: 0 };
        let after = nfa.anything(0)?;
        let matched = nfa.build(expression, after)?;
        nfa.start = nfa.anything(matched)?;
        Ok(nfa)
    }

    /// Adds any number of arbitrary characters before `next`.
    fn anything(&mut self, next: u32) -> Result<u32, String> {
        let again = self.add(Place::Both(next, next))?;
        let one = self.add(Place::One(vec![ANY], again))?;
        self.replace(again, Place::Both(one, next));
        Ok(again)
    }

    fn build(&mut self, expression: &Expression, next: u32) -> Result<u32, String> {
        match expression {
            Expression::One(ranges) => self.add(Place::One(ranges.clone(), next)),
            Expression::Start => self.add(Place::Start(next)),
            Expression::End => self.add(Place::End(next)),
            Expression::Class { .. } | Expression::Boundary { .. } | Expression::Look { .. } => {
                Err(expression.irregularity().unwrap_or_default().to_owned())
            }
            Expression::Sequence(parts) => {
                parts.iter().rev().try_fold(next, |next, part| self.build(part, next))
            }
            Expression::Either(branches) => {
                let mut entry = None;
                for branch in branches.iter().rev() {
                    let branch = self.build(branch, next)?;
                    entry = Some(match entry {
                        None => branch,
                        Some(other) => self.add(Place::Both(branch, other))?,
                    });
                }
                Ok(entry.unwrap_or(next))
            }
            Expression::Repeat(inner, least, most) => {
                let mut entry = next;
                match most {
                    None => {
                        entry = self.add(Place::Both(next, next))?;
                        let body = self.build(inner, entry)?;
                        self.replace(entry, Place::Both(body, next));
                    }
                    Some(most) => {
                        for _ in *least..*most {
                            let body = self.build(inner, entry)?;
                            entry = self.add(Place::Both(body, next))?;
                        }
                    }
                }
                (0..*least).try_fold(entry, |next, _| self.build(inner, next))
            }
        }
    }

    fn add(&mut self, place: Place) -> Result<u32, String> {
        if self.places.len() >= MOST_PLACES {
            return Err("it is too large".to_owned());
        }
        self.places.push(place);
        Ok(small(self.places.len() - 1))
    }

    fn replace(&mut self, at: u32, place: Place) {
        if let Some(slot) = self.places.get_mut(at as usize) {
            *slot = place;
        }
    }

    /// Returns the states reachable without reading a character, sorted.
    pub(super) fn closure(
        &self,
        from: impl IntoIterator<Item = u32>,
        at_start: bool,
        at_end: bool,
    ) -> Vec<u32> {
        let mut seen = Vec::new();
        let mut open: Vec<u32> = from.into_iter().collect();
        let mut known = vec![false; self.places.len()];
        while let Some(at) = open.pop() {
            match known.get_mut(at as usize) {
                Some(known) if !*known => *known = true,
                _ => continue,
            }
            match self.places.get(at as usize) {
                Some(Place::Both(a, b)) => open.extend([*a, *b]),
                Some(Place::Start(next)) if at_start => open.push(*next),
                Some(Place::End(next)) if at_end => open.push(*next),
                Some(Place::One(..) | Place::End(_) | Place::Done) => seen.push(at),
                _ => {}
            }
        }
        seen.sort_unstable();
        seen
    }
}
