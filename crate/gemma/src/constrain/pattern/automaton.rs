//! A pattern as a deterministic automaton without dead ends.

use std::collections::HashMap;

use super::super::small;
use super::nfa::{Nfa, Place};

/// A deterministic automaton over characters. From each of its states a match can be reached.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Automaton {
    states: Vec<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// Sorted and disjoint, none of them a surrogate.
    ways: Vec<Way>,
    is_match: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Way {
    pub(in super::super) low: u32,
    pub(in super::super) high: u32,
    pub(in super::super) to: u32,
}

const MOST_STATES: usize = 4_000;
const LAST: u32 = 0x10_FFFF;
const SURROGATES: (u32, u32) = (0xD800, 0xDFFF);

impl Automaton {
    /// Accepts every text.
    pub(in super::super) fn anything() -> Self {
        let ways = vec![
            Way { low: 0, high: SURROGATES.0 - 1, to: 0 },
            Way { low: SURROGATES.1 + 1, high: LAST, to: 0 },
        ];
        Self { states: vec![State { ways, is_match: true }] }
    }

    /// Accepts every text except these.
    pub(in super::super) fn except<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        // State 0: no word can match any more. State 1: the root of the trie of words.
        let mut tree: Vec<(Vec<(char, u32)>, bool)> = vec![(Vec::new(), false)];
        for word in words {
            let mut at = 0_usize;
            for char in word.chars() {
                let grown = small(tree.len());
                let Some((children, _)) = tree.get_mut(at) else { break };
                match children.iter().find(|(known, _)| *known == char) {
                    Some(&(_, child)) => at = child as usize,
                    None => {
                        children.push((char, grown));
                        tree.push((Vec::new(), false));
                        at = grown as usize;
                    }
                }
            }
            if let Some((_, is_word)) = tree.get_mut(at) {
                *is_word = true;
            }
        }
        let mut states = Self::anything().states;
        for (mut children, is_word) in tree {
            children.sort_unstable();
            let mut ways = Vec::new();
            let mut from = 0;
            for (char, child) in children {
                let code = u32::from(char);
                push_split(&mut ways, from, code.checked_sub(1), 0);
                push_way(&mut ways, Way { low: code, high: code, to: child + 1 });
                from = code + 1;
            }
            push_split(&mut ways, from, Some(LAST), 0);
            states.push(State { ways, is_match: !is_word });
        }
        // The root comes first, as in every automaton.
        let mut automaton = Self { states };
        automaton.swap_first_two();
        automaton
    }

    fn swap_first_two(&mut self) {
        self.states.swap(0, 1);
        for way in self.states.iter_mut().flat_map(|state| &mut state.ways) {
            way.to = match way.to {
                0 => 1,
                1 => 0,
                other => other,
            };
        }
    }

    /// Accepts the texts that match a pattern.
    pub(super) fn of(nfa: &Nfa) -> Result<Self, String> {
        let start = nfa.closure([nfa.start], true, false);
        // The start is a state of its own, even if the same positions occur again later.
        let mut known = HashMap::new();
        let mut sets = vec![start];
        let mut states = Vec::new();
        while let Some(set) = sets.get(states.len()).cloned() {
            // At the start of an empty text both anchors hold: `^$` matches it.
            let end = nfa.closure(
                if states.is_empty() { vec![nfa.start] } else { set.clone() },
                states.is_empty(),
                true,
            );
            let is_match =
                end.iter().any(|&at| matches!(nfa.places.get(at as usize), Some(Place::Done)));
            let mut ways = Vec::new();
            for (low, high, reached) in pieces(nfa, &set) {
                let target = nfa.closure(reached, false, false);
                let next = small(sets.len());
                let to = *known.entry(target).or_insert_with_key(|target| {
                    sets.push(target.clone());
                    next
                });
                push_split(&mut ways, low, Some(high), to);
            }
            states.push(State { ways, is_match });
            if sets.len() > MOST_STATES {
                return Err("it is too large".to_owned());
            }
        }
        Ok(Self { states }.trimmed())
    }

    /// Returns the intersection of both.
    pub(in super::super) fn and(&self, other: &Self) -> Result<Self, String> {
        let mut known = HashMap::from([((0_u32, 0_u32), 0_u32)]);
        let mut pairs = vec![(0_u32, 0_u32)];
        let mut states = Vec::new();
        while let Some(&(left, right)) = pairs.get(states.len()) {
            let mut ways = Vec::new();
            for a in self.ways(left) {
                for b in other.ways(right) {
                    let (low, high) = (a.low.max(b.low), a.high.min(b.high));
                    if low > high {
                        continue;
                    }
                    let next = small(pairs.len());
                    let to = *known.entry((a.to, b.to)).or_insert_with(|| {
                        pairs.push((a.to, b.to));
                        next
                    });
                    push_way(&mut ways, Way { low, high, to });
                }
            }
            states.push(State { ways, is_match: self.is_match(left) && other.is_match(right) });
            if pairs.len() > MOST_STATES {
                return Err("its bounds together are too large".to_owned());
            }
        }
        Ok(Self { states }.trimmed())
    }

    /// Removes states from which no match can be reached.
    fn trimmed(mut self) -> Self {
        let mut back: Vec<Vec<u32>> = vec![Vec::new(); self.states.len()];
        let mut open = Vec::new();
        for (at, state) in self.states.iter().enumerate() {
            for way in &state.ways {
                if let Some(sources) = back.get_mut(way.to as usize) {
                    sources.push(small(at));
                }
            }
            if state.is_match {
                open.push(small(at));
            }
        }
        let mut leads = vec![false; self.states.len()];
        while let Some(at) = open.pop() {
            if let Some(known) = leads.get_mut(at as usize).filter(|known| !**known) {
                *known = true;
                open.extend(back.get(at as usize).into_iter().flatten());
            }
        }
        for state in &mut self.states {
            state.ways.retain(|way| leads.get(way.to as usize) == Some(&true));
        }
        self
    }

    /// Numbers the states so that those with equal numbers accept the same continuations of up to
    /// `chars` characters.
    pub(in super::super) fn alike(&self, chars: u32) -> Vec<u32> {
        let mut numbers = vec![0; self.states.len()];
        let mut kinds = 1;
        for _ in 0..chars {
            let mut known: HashMap<Vec<Way>, u32> = HashMap::new();
            let mut next = Vec::with_capacity(numbers.len());
            for state in &self.states {
                let mut ways = Vec::new();
                for way in &state.ways {
                    let to = numbers.get(way.to as usize).copied().unwrap_or(0);
                    push_way(&mut ways, Way { to, ..*way });
                }
                let number = small(known.len());
                next.push(*known.entry(ways).or_insert(number));
            }
            let is_settled = known.len() == kinds;
            kinds = known.len();
            numbers = next;
            if is_settled {
                break;
            }
        }
        numbers
    }

    /// Whether the automaton accepts nothing.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.states.first().is_none_or(|state| !state.is_match && state.ways.is_empty())
    }

    /// Returns the number of states.
    pub(in super::super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(in super::super) fn is_match(&self, state: u32) -> bool {
        self.states.get(state as usize).is_some_and(|state| state.is_match)
    }

    /// Returns the transitions of a state, by character.
    pub(in super::super) fn ways(&self, state: u32) -> &[Way] {
        self.states.get(state as usize).map_or(&[], |state| state.ways.as_slice())
    }

    /// Returns the state after a character.
    pub(in super::super) fn next(&self, state: u32, code: u32) -> Option<u32> {
        let ways = self.ways(state);
        let way = ways.get(ways.partition_point(|way| way.high < code))?;
        (way.low <= code).then_some(way.to)
    }

    /// Whether the automaton accepts a text.
    pub(in super::super) fn matches(&self, text: &str) -> bool {
        let end = text.chars().try_fold(0, |state, char| self.next(state, char.into()));
        end.is_some_and(|state| self.is_match(state))
    }
}

/// Returns the characters that a set of positions can read, split where their targets differ.
fn pieces(nfa: &Nfa, set: &[u32]) -> Vec<(u32, u32, Vec<u32>)> {
    let mut events: Vec<(u32, bool, u32)> = Vec::new();
    for &at in set {
        if let Some(Place::One(ranges, next)) = nfa.places.get(at as usize) {
            for &(low, high) in ranges {
                events.push((low, true, *next));
                events.push((high + 1, false, *next));
            }
        }
    }
    events.sort_unstable();
    let mut reached: Vec<u32> = Vec::new();
    let mut from = 0;
    let mut cut = Vec::new();
    for (at, is_begin, next) in events {
        if at > from && !reached.is_empty() {
            cut.push((from, at - 1, reached.clone()));
        }
        from = at;
        if is_begin {
            reached.push(next);
        } else if let Some(position) = reached.iter().position(|&known| known == next) {
            reached.swap_remove(position);
        }
    }
    cut
}

/// Adds a transition, excluding surrogates, which no text contains.
fn push_split(ways: &mut Vec<Way>, low: u32, high: Option<u32>, to: u32) {
    let Some(high) = high else { return };
    push_way(ways, Way { low, high: high.min(SURROGATES.0 - 1), to });
    push_way(ways, Way { low: low.max(SURROGATES.1 + 1), high, to });
}

fn push_way(ways: &mut Vec<Way>, way: Way) {
    if way.low > way.high {
        return;
    }
    match ways.last_mut() {
        Some(last) if last.to == way.to && last.high + 1 == way.low => last.high = way.high,
        _ => ways.push(way),
    }
}
