//! Determines which symbols may follow: shapes of values, items of arrays, members of objects.

use std::sync::Arc;

use super::super::grammar::{DEEPEST, Grammar, Object, Shape};
use super::super::small;
use super::super::syntax::{CALL_ENDS, CALL_STARTS};
use super::{Machine, Symbol, Thread};

impl Machine {
    pub(super) fn enter_value(&mut self, value: u32, rest: u32, threads: &mut Vec<Thread>) {
        let grammar = Arc::clone(&self.grammar);
        let depth = self.frames.get(rest as usize).map_or(0, |frame| frame.depth);
        for &shape in grammar.values.get(value as usize).map_or(&[][..], |value| &value.shapes) {
            if grammar.depth_of(shape).saturating_add(depth) > DEEPEST {
                continue;
            }
            match shape {
                Shape::Words(words) => self.enter(Symbol::Words(words), rest, threads),
                Shape::Text(text) => self.enter(Symbol::Text(text), rest, threads),
                Shape::Number(number) => self.enter(Symbol::Number(number), rest, threads),
                Shape::Array(array) => {
                    self.enter_all(
                        &[Symbol::Byte(b'['), Symbol::Items { array, count: 0 }],
                        rest,
                        threads,
                    );
                }
                Shape::Object(object) => {
                    let members = Symbol::Members { object, next: 0, count: 0 };
                    self.enter_all(&[Symbol::Byte(b'{'), members], rest, threads);
                }
            }
        }
    }

    /// Calls follow each other without a separator.
    pub(super) fn enter_calls(&mut self, may_end: bool, rest: u32, threads: &mut Vec<Thread>) {
        if may_end {
            self.pop(rest, threads);
        }
        for call in Arc::clone(&self.grammar).calls.iter().copied() {
            let symbols = [
                Symbol::Byte(CALL_STARTS),
                Symbol::Words(call.head),
                Symbol::Value(call.arguments),
                Symbol::Byte(CALL_ENDS),
                Symbol::Calls { may_end: true },
            ];
            self.enter_all(&symbols, rest, threads);
        }
    }

    pub(super) fn enter_items(
        &mut self,
        at: u32,
        count: u32,
        rest: u32,
        threads: &mut Vec<Thread>,
    ) {
        let grammar = Arc::clone(&self.grammar);
        let Some(array) = grammar.arrays.get(at as usize) else { return };
        if count >= array.least {
            self.enter_all(&[Symbol::Space, Symbol::Byte(b']')], rest, threads);
        }
        let item = array.prefix.get(count as usize).copied().unwrap_or(array.rest);
        let depth = self.frames.get(rest as usize).map_or(0, |frame| frame.depth) + 1;
        if array.most.is_some_and(|most| count >= most)
            || grammar.depth(item).saturating_add(depth) > DEEPEST
        {
            return;
        }
        // The count stops where nothing depends on it any more.
        let still = array.least.max(small(array.prefix.len())).max(1);
        let count_after = if array.most.is_none() { (count + 1).min(still) } else { count + 1 };
        let item =
            [Symbol::Space, Symbol::Value(item), Symbol::Items { array: at, count: count_after }];
        if count == 0 {
            self.enter_all(&item, rest, threads);
        } else {
            let rest = self.push_all(&item, rest);
            self.enter(Symbol::Byte(b','), rest, threads);
        }
    }

    pub(super) fn enter_members(
        &mut self,
        at: (u32, u32, u32),
        rest: u32,
        threads: &mut Vec<Thread>,
    ) {
        let (object, next, count) = at;
        let grammar = Arc::clone(&self.grammar);
        let Some(it) = grammar.objects.get(object as usize) else { return };
        let required = it.required_from.get(next as usize).copied().unwrap_or(0);
        if required == 0 && count >= it.least {
            self.enter_all(&[Symbol::Space, Symbol::Byte(b'}')], rest, threads);
        }
        let name = Symbol::Name { object, next, count };
        let depth = self.frames.get(rest as usize).map_or(0, |frame| frame.depth) + 1;
        let mut starts = Vec::new();
        if it
            .names
            .under(0)
            .iter()
            .any(|&property| may_be_next(&grammar, it, (next, count), property, depth))
        {
            starts.push((name, rest));
        }
        let has_room = it.most.is_none_or(|most| count < most);
        if let Some(extra) = it.extra.filter(|_| required == 0 && has_room)
            && grammar.depth(extra.value).saturating_add(depth) <= DEEPEST
        {
            // Other members come after the declared ones.
            let after = Symbol::Members {
                object,
                next: small(it.properties.len()),
                count: counted(it, count),
            };
            let member = [
                Symbol::Space,
                Symbol::Byte(b':'),
                Symbol::Space,
                Symbol::Value(extra.value),
                after,
            ];
            starts.push((
                Symbol::Text(extra.name),
                self.push_all(member.get(1..).unwrap_or(&[]), rest),
            ));
        }
        for (symbol, rest) in starts {
            if count == 0 {
                self.enter_all(&[Symbol::Space, symbol], rest, threads);
            } else {
                self.enter_all(&[Symbol::Byte(b','), Symbol::Space, symbol], rest, threads);
            }
        }
    }
}

/// Returns the number of members so far, as far as anything depends on it.
pub(super) fn counted(object: &Object, count: u32) -> u32 {
    if object.most.is_some() { count + 1 } else { (count + 1).min(object.least.max(1)) }
}

/// Whether a property may come next without making required members or counts impossible.
pub(super) fn may_be_next(
    grammar: &Grammar,
    object: &Object,
    so_far: (u32, u32),
    property: u32,
    depth: u32,
) -> bool {
    let (next, count) = so_far;
    let at = |list: &[u32], at: u32| list.get(at as usize).copied().unwrap_or(0);
    let Some(it) = object.properties.get(property as usize) else { return false };
    let after = at(&object.required_from, property + 1);
    let skips_required = at(&object.required_from, next) != after + u32::from(it.is_required);
    if property < next || !it.is_possible || skips_required {
        return false;
    }
    let fits = object.most.is_none_or(|most| count + 1 + after <= most);
    let reaches = object.extra.is_some()
        || count + 1 + at(&object.possible_from, property + 1) >= object.least;
    fits && reaches && grammar.depth(it.value).saturating_add(depth) <= DEEPEST
}
