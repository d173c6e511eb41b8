//! Reads an answer byte by byte, following every path through the grammar at once.
//!
//! A *thread* is one such path: the symbol that it reads, and a stack of those that must follow. A
//! *configuration* is a set of threads; it gets a number and a row of where each byte leads, filled
//! as bytes are tried. Stacks share their tails.
//! ```text
//! {"a":[1,2          reading Number, then Items{count 2}, then Members{next 1}
//! ```

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Prose;
use super::grammar::Grammar;
use super::small;
use super::syntax::{CONTROL, Syntax};
use super::text;

mod rules;
mod symbol;

use rules::{counted, may_be_next};
pub(super) use symbol::Symbol;
use symbol::{Frame, Thread};

/// See [`Machine::key`].
pub(super) type Key = Vec<(Symbol, u32, u64, Option<u32>)>;

/// The configuration without any continuation.
pub(super) const DEAD: u32 = 0;
const UNKNOWN: u32 = u32::MAX;
const BOTTOM: u32 = 0;
/// Ambiguous schemas can multiply threads without limit. Dropping some keeps every answer valid,
/// but allows fewer.
const MOST_THREADS: usize = 256;
/// The limit of configurations; the row of each takes a kilobyte.
const MOST_CONFIGURATIONS: usize = 12_000;
const MOST_FRAMES: usize = 400_000;
const MOST_INDENT: u32 = 24;

/// The automaton of one answer, extended as it is used.
#[derive(Debug)]
pub(super) struct Machine {
    grammar: Arc<Grammar>,
    frames: Vec<Frame>,
    known_frames: HashMap<(Symbol, u32), u32>,
    spots: Vec<text::Spot>,
    known_spots: HashMap<text::Spot, u32>,
    configurations: Vec<Rc<[Thread]>>,
    known_configurations: HashMap<Rc<[Thread]>, u32>,
    /// 256 entries per configuration.
    rows: Vec<u32>,
}

impl Machine {
    /// Returns the machine, and the configuration before the first byte.
    pub(super) fn new(grammar: Arc<Grammar>) -> (Self, u32) {
        let mut machine = Self {
            grammar,
            frames: Vec::new(),
            known_frames: HashMap::new(),
            spots: Vec::new(),
            known_spots: HashMap::new(),
            configurations: Vec::new(),
            known_configurations: HashMap::new(),
            rows: Vec::new(),
        };
        machine.clear();
        let mut threads = Vec::new();
        let (first, after_prose) = match machine.grammar.syntax {
            Syntax::Json => (Symbol::Value(0), BOTTOM),
            Syntax::FunctionGemma | Syntax::Gemma4 => {
                let calls = machine.push(Symbol::Calls { may_end: true }, BOTTOM);
                (Symbol::Calls { may_end: false }, calls)
            }
        };
        if machine.grammar.prose != Prose::Only {
            machine.enter(first, BOTTOM, &mut threads);
        }
        if machine.grammar.prose != Prose::Never {
            machine.enter(Symbol::Prose, after_prose, &mut threads);
        }
        let start = machine.configuration(threads);
        (machine, start)
    }

    fn clear(&mut self) {
        self.frames = vec![Frame { symbol: Symbol::End, below: BOTTOM, depth: 0 }];
        self.known_frames.clear();
        self.spots.clear();
        self.known_spots.clear();
        self.configurations.clear();
        self.known_configurations.clear();
        self.rows.clear();
        self.configuration(Vec::new());
    }

    /// Discards all but one configuration if the tables have grown large; returns its new number.
    pub(super) fn tidied(&mut self, configuration: u32) -> Option<u32> {
        if self.configurations.len() < MOST_CONFIGURATIONS && self.frames.len() < MOST_FRAMES {
            return None;
        }
        let threads = self.threads(configuration);
        let (frames, spots) = (std::mem::take(&mut self.frames), std::mem::take(&mut self.spots));
        self.clear();
        let mut moved = Vec::new();
        for thread in threads.iter() {
            let mut symbols = Vec::new();
            let mut at = thread.rest;
            while at != BOTTOM {
                let Some(frame) = frames.get(at as usize) else { break };
                symbols.push(frame.symbol);
                at = frame.below;
            }
            let rest =
                symbols.into_iter().rev().fold(BOTTOM, |below, symbol| self.push(symbol, below));
            let at = match (thread.symbol, spots.get(thread.at as usize)) {
                (Symbol::Text(_), Some(&spot)) => self.spot(spot),
                _ => thread.at,
            };
            moved.push(Thread { rest, at, ..*thread });
        }
        Some(self.configuration(moved))
    }

    /// Returns the number of configurations.
    pub(super) fn len(&self) -> usize {
        self.configurations.len()
    }

    fn threads(&self, configuration: u32) -> Rc<[Thread]> {
        self.configurations.get(configuration as usize).map_or_else(|| Rc::from([]), Rc::clone)
    }

    /// Whether the answer may end here.
    pub(super) fn is_complete(&self, configuration: u32) -> bool {
        self.threads(configuration).iter().any(|thread| thread.symbol == Symbol::End)
    }

    /// Whether any byte may follow.
    pub(super) fn goes_on(&self, configuration: u32) -> bool {
        self.threads(configuration).iter().any(|thread| thread.symbol != Symbol::End)
    }

    /// Returns a key that determines which short plain tokens may follow: equal keys, equal
    /// answers.
    pub(super) fn key(&self, configuration: u32) -> Key {
        let threads = self.threads(configuration);
        let mut key: Key = threads
            .iter()
            .map(|&Thread { symbol, at, rest }| {
                let spot = self.spots.get(at as usize);
                let alike = match symbol {
                    Symbol::Text(text) => self.grammar.texts.get(text as usize).zip(spot),
                    _ => None,
                };
                // Plain tokens have no quotes, so they end inside the string in which they begin.
                match alike.and_then(|(text, &spot)| text.key(spot)) {
                    Some((state, room)) => (symbol, state, room, None),
                    None => (symbol, at, 0, Some(rest)),
                }
            })
            .collect();
        key.sort_unstable();
        key.dedup();
        key
    }

    /// Returns the configuration after a byte.
    pub(super) fn step(&mut self, configuration: u32, byte: u8) -> u32 {
        match self.rows.get((configuration as usize) << 8 | usize::from(byte)) {
            Some(&to) if to != UNKNOWN => to,
            _ => self.derive(configuration, byte),
        }
    }

    fn derive(&mut self, configuration: u32, byte: u8) -> u32 {
        let mut threads = Vec::new();
        for &thread in self.threads(configuration).iter() {
            self.advance(thread, byte, &mut threads);
        }
        let to = self.configuration(threads);
        if let Some(slot) = self.rows.get_mut((configuration as usize) << 8 | usize::from(byte)) {
            *slot = to;
        }
        to
    }

    fn configuration(&mut self, mut threads: Vec<Thread>) -> u32 {
        threads.sort_unstable();
        threads.dedup();
        threads.truncate(MOST_THREADS);
        if let Some(&known) = self.known_configurations.get(threads.as_slice()) {
            return known;
        }
        let threads: Rc<[Thread]> = threads.into();
        let number = small(self.configurations.len());
        self.configurations.push(Rc::clone(&threads));
        self.known_configurations.insert(threads, number);
        self.rows.resize(self.rows.len() + 256, UNKNOWN);
        number
    }

    fn spot(&mut self, spot: text::Spot) -> u32 {
        let number = small(self.spots.len());
        *self.known_spots.entry(spot).or_insert_with(|| {
            self.spots.push(spot);
            number
        })
    }

    fn push(&mut self, symbol: Symbol, below: u32) -> u32 {
        let number = small(self.frames.len());
        *self.known_frames.entry((symbol, below)).or_insert_with(|| {
            let opens = matches!(symbol, Symbol::Items { .. } | Symbol::Members { .. });
            let depth =
                self.frames.get(below as usize).map_or(0, |frame| frame.depth) + u32::from(opens);
            self.frames.push(Frame { symbol, below, depth });
            number
        })
    }

    fn push_all(&mut self, symbols: &[Symbol], below: u32) -> u32 {
        symbols.iter().rev().fold(below, |below, &symbol| self.push(symbol, below))
    }

    /// Enters the first symbol, followed by the others.
    fn enter_all(&mut self, symbols: &[Symbol], below: u32, threads: &mut Vec<Thread>) {
        if let Some((&first, others)) = symbols.split_first() {
            let rest = self.push_all(others, below);
            self.enter(first, rest, threads);
        }
    }

    /// Pushes the next symbol of a stack.
    fn pop(&mut self, rest: u32, threads: &mut Vec<Thread>) {
        let Some(&Frame { symbol, below, .. }) = self.frames.get(rest as usize) else { return };
        self.enter(symbol, below, threads);
    }

    fn enter(&mut self, symbol: Symbol, rest: u32, threads: &mut Vec<Thread>) {
        // Threads beyond the limit are dropped later, so stop here.
        if threads.len() > 4 * MOST_THREADS {
            return;
        }
        match symbol {
            Symbol::Value(value) => self.enter_value(value, rest, threads),
            Symbol::Items { array, count } => self.enter_items(array, count, rest, threads),
            Symbol::Members { object, next, count } => {
                self.enter_members((object, next, count), rest, threads);
            }
            Symbol::Space if self.grammar.syntax != Syntax::Json => {
                self.pop(rest, threads);
            }
            Symbol::Calls { may_end } => self.enter_calls(may_end, rest, threads),
            Symbol::Space => self.arrive(Thread { symbol, at: 0, rest }, threads),
            Symbol::Text(_) => {
                let at = self.spot(text::Spot::Open);
                threads.push(Thread { symbol, at, rest });
            }
            Symbol::End => threads.push(Thread { symbol, at: 0, rest: BOTTOM }),
            _ => threads.push(Thread { symbol, at: 0, rest }),
        }
    }

    /// Continues a thread that has read a byte, and also what follows if its symbol may be
    /// complete.
    fn arrive(&mut self, thread: Thread, threads: &mut Vec<Thread>) {
        let Thread { symbol, at, rest } = thread;
        let grammar = Arc::clone(&self.grammar);
        let (goes_on, is_over) = match symbol {
            Symbol::Byte(_) => (false, true),
            // A thread that cannot continue must not take the place of one that can.
            Symbol::Space => (at != 1 && at < 2 + MOST_INDENT, true),
            Symbol::Words(words) => {
                let words = grammar.words.get(words as usize);
                (
                    words.is_some_and(|it| it.goes_on(at)),
                    words.is_some_and(|it| it.word(at).is_some()),
                )
            }
            Symbol::Number(number) => {
                let number = grammar.numbers.get(number as usize);
                (number.is_some_and(|it| it.goes_on(at)), number.is_some_and(|it| it.is_match(at)))
            }
            Symbol::Text(_) => {
                let is_closed = self.spots.get(at as usize) == Some(&text::Spot::Closed);
                (!is_closed, is_closed)
            }
            Symbol::Name { object, count, .. } => {
                let Some(it) = grammar.objects.get(object as usize) else { return };
                // A name is complete exactly at its quote or colon.
                if let Some(property) = it.names.word(at) {
                    let after =
                        Symbol::Members { object, next: property + 1, count: counted(it, count) };
                    let value =
                        it.properties.get(property as usize).map_or(0, |property| property.value);
                    let member = [Symbol::Byte(b':'), Symbol::Space, Symbol::Value(value), after];
                    // In the other notation, the colon belongs to the name.
                    let read = if grammar.syntax == Syntax::Json { 0 } else { 2 };
                    self.enter_all(member.get(read..).unwrap_or(&[]), rest, threads);
                    return;
                }
                (true, false)
            }
            Symbol::Prose => (true, true),
            _ => return,
        };
        if goes_on {
            threads.push(thread);
        }
        if is_over {
            self.pop(rest, threads);
        }
    }

    fn advance(&mut self, thread: Thread, byte: u8, threads: &mut Vec<Thread>) {
        let grammar = Arc::clone(&self.grammar);
        let Thread { symbol, at, rest } = thread;
        let next = match symbol {
            Symbol::Byte(expected) => (byte == expected).then_some(0),
            Symbol::Space => match (byte, at) {
                (b' ', 0) => Some(1),
                (b'\n', 0) => Some(2),
                (b' ', 2..) if at < 2 + MOST_INDENT => Some(at + 1),
                _ => None,
            },
            Symbol::Words(words) => {
                grammar.words.get(words as usize).and_then(|words| words.next(at, byte))
            }
            Symbol::Number(number) => {
                grammar.numbers.get(number as usize).and_then(|number| number.next(at, byte))
            }
            Symbol::Text(text) => {
                let spot = self.spots.get(at as usize).copied();
                let text = grammar.texts.get(text as usize);
                text.zip(spot)
                    .and_then(|(text, spot)| text.next(spot, byte))
                    .map(|spot| self.spot(spot))
            }
            Symbol::Name { object, next, count } => {
                let depth = self.frames.get(rest as usize).map_or(0, |frame| frame.depth) + 1;
                grammar.objects.get(object as usize).and_then(|it| {
                    let reached = it.names.next(at, byte)?;
                    let mut under = it.names.under(reached).iter();
                    under
                        .any(|&property| may_be_next(&grammar, it, (next, count), property, depth))
                        .then_some(reached)
                })
            }
            // The first byte decides: an answer that begins like a call is one.
            Symbol::Prose => (byte < CONTROL
                && (at == 1
                    || grammar.syntax != Syntax::Json
                    || !matches!(byte, b'{' | b'[' | b' ' | b'\n' | b'\t' | b'\r')))
            .then_some(1),
            _ => None,
        };
        if let Some(at) = next {
            self.arrive(Thread { symbol, at, rest }, threads);
        }
    }
}
