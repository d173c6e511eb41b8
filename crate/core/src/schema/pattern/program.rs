//! A pattern as a nondeterministic automaton, whose states are advanced in parallel.

use std::cell::Cell;

use super::HasProperty;
use super::syntax::{Expression, Fault, Ranges};

/// One state of a pattern.
#[derive(Clone, Debug)]
enum Place {
    /// Reads one character and continues.
    One(Ranges, usize),
    /// Reads one character of a class with properties and continues.
    Class { ranges: Ranges, properties: Vec<String>, is_inverted: bool, next: usize },
    /// Continues at two states.
    Both(usize, usize),
    /// Continues at the text's beginning only.
    Start(usize),
    /// Continues at the text's end only.
    End(usize),
    /// Continues at a word boundary; inverted, everywhere else.
    Boundary(bool, usize),
    /// Continues if another part of the program matches ahead or behind, or if it does not.
    Look { is_behind: bool, is_negative: bool, inner: usize, next: usize },
    /// Matches.
    Done,
}

/// All states, and the initial one.
#[derive(Clone, Debug)]
pub(super) struct Program {
    places: Vec<Place>,
    start: usize,
}

const MOST_PLACES: usize = 8_000;

impl Program {
    pub(super) fn of(expression: &Expression) -> Result<Self, Fault> {
        let mut program = Self { places: vec![Place::Done], start: 0 };
        program.start = program.build(expression, 0)?;
        Ok(program)
    }

    /// Compiles from the end: `next` is the state after a match of this part.
    fn build(&mut self, expression: &Expression, next: usize) -> Result<usize, Fault> {
        match expression {
            Expression::One(ranges) => self.add(Place::One(ranges.clone(), next)),
            Expression::Class { ranges, properties, is_inverted } => self.add(Place::Class {
                ranges: ranges.clone(),
                properties: properties.clone(),
                is_inverted: *is_inverted,
                next,
            }),
            Expression::Start => self.add(Place::Start(next)),
            Expression::End => self.add(Place::End(next)),
            Expression::Boundary { is_inverted } => self.add(Place::Boundary(*is_inverted, next)),
            Expression::Look { is_behind, is_negative, inner } => {
                // Every part ends in the same `Done`; the caller tracks which part it runs.
                let inner = self.build(inner, 0)?;
                self.add(Place::Look {
                    is_behind: *is_behind,
                    is_negative: *is_negative,
                    inner,
                    next,
                })
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
                        if let Some(slot) = self.places.get_mut(entry) {
                            *slot = Place::Both(body, next);
                        }
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

    fn add(&mut self, place: Place) -> Result<usize, Fault> {
        if self.places.len() >= MOST_PLACES {
            return Err("it is too large");
        }
        self.places.push(place);
        Ok(self.places.len() - 1)
    }

    /// Whether the pattern is found anywhere in a text; `None` if the steps run out or a property
    /// is unknown.
    pub(super) fn is_match(
        &self,
        text: &str,
        has_property: &HasProperty<'_>,
        steps: &Cell<u64>,
    ) -> Option<bool> {
        let text: Vec<char> = text.chars().collect();
        let matching = Matching { program: self, text: &text, has_property, steps };
        matching.run(self.start, 0, Anchor::Nowhere)
    }
}

/// Where a match of a part may begin and end.
#[derive(Clone, Copy, PartialEq)]
enum Anchor {
    /// Anywhere after the first position.
    Nowhere,
    /// It begins at the first position.
    Begin,
    /// It may begin anywhere, and must end at this position.
    Finish(usize),
}

struct Matching<'a> {
    program: &'a Program,
    text: &'a [char],
    has_property: &'a HasProperty<'a>,
    steps: &'a Cell<u64>,
}

impl Matching<'_> {
    fn run(&self, start: usize, from: usize, anchor: Anchor) -> Option<bool> {
        let end = match anchor {
            Anchor::Finish(end) => end,
            _ => self.text.len(),
        };
        let mut places: Vec<usize> = Vec::new();
        for at in from..=end {
            if at == from || anchor != Anchor::Begin {
                places.push(start);
            }
            let (here, is_done) = self.closure(&places, at)?;
            let may_end = match anchor {
                Anchor::Finish(end) => at == end,
                _ => true,
            };
            if is_done && may_end {
                return Some(true);
            }
            let Some(&char) = self.text.get(at) else { break };
            places.clear();
            for place in here {
                if let Some(next) = self.step(place, char)? {
                    places.push(next);
                }
            }
            if places.is_empty() && anchor == Anchor::Begin {
                break;
            }
        }
        Some(false)
    }

    /// Adds all states reachable without reading a character; returns whether one of them is a
    /// match.
    fn closure(&self, from: &[usize], at: usize) -> Option<(Vec<usize>, bool)> {
        let mut known = vec![false; self.program.places.len()];
        let mut open = from.to_vec();
        let mut here = Vec::new();
        let mut is_done = false;
        self.spend(1 + known.len() as u64 / 64)?;
        while let Some(place) = open.pop() {
            match known.get_mut(place) {
                Some(known) if !*known => *known = true,
                _ => continue,
            }
            self.spend(1)?;
            match self.program.places.get(place)? {
                Place::Both(a, b) => open.extend([*a, *b]),
                Place::Start(next) if at == 0 => open.push(*next),
                Place::End(next) if at == self.text.len() => open.push(*next),
                Place::Boundary(is_inverted, next) if self.is_boundary(at) != *is_inverted => {
                    open.push(*next);
                }
                Place::Look { is_behind, is_negative, inner, next } => {
                    let found = if *is_behind {
                        self.run(*inner, 0, Anchor::Finish(at))?
                    } else {
                        self.run(*inner, at, Anchor::Begin)?
                    };
                    if found != *is_negative {
                        open.push(*next);
                    }
                }
                Place::One(..) | Place::Class { .. } => here.push(place),
                Place::Done => is_done = true,
                Place::Start(_) | Place::End(_) | Place::Boundary(..) => {}
            }
        }
        Some((here, is_done))
    }

    /// Returns the states after a character.
    #[expect(
        clippy::option_option,
        reason = "the outer option states whether it is known, the inner one where"
    )]
    fn step(&self, place: usize, char: char) -> Option<Option<usize>> {
        let holds = |ranges: &Ranges| {
            let code = u32::from(char);
            ranges.iter().any(|&(low, high)| low <= code && code <= high)
        };
        Some(match self.program.places.get(place)? {
            Place::One(ranges, next) => holds(ranges).then_some(*next),
            Place::Class { ranges, properties, is_inverted, next } => {
                let mut is_in = holds(ranges);
                for property in properties {
                    is_in = is_in || (self.has_property)(property, char)?;
                }
                (is_in != *is_inverted).then_some(*next)
            }
            _ => None,
        })
    }

    fn is_boundary(&self, at: usize) -> bool {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| self.text.get(at))
                .is_some_and(|char| char.is_ascii_alphanumeric() || *char == '_')
        };
        is_word(at.checked_sub(1)) != is_word(Some(at))
    }

    fn spend(&self, steps: u64) -> Option<()> {
        self.steps.set(self.steps.get().checked_sub(steps)?);
        Some(())
    }
}
