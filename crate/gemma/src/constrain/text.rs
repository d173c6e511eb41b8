//! JSON strings: a pattern and a length over their characters, read byte by byte.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::pattern::Automaton;
use super::small;
use super::syntax::Syntax;
use super::vocabulary::SHORT;

/// The strings that are allowed.
#[derive(Clone, Debug)]
pub(super) struct Text {
    automaton: Automaton,
    least: u32,
    most: Option<u32>,
    syntax: Syntax,
    /// Whether an end within the length limits can be reached, by characters so far, then by state.
    /// `None` if it always can.
    can_end: Option<Vec<Vec<bool>>>,
    /// The class of each state: states of one class cannot be distinguished by [`SHORT`]
    /// characters.
    alike: Vec<u32>,
}

/// The position within a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    /// Before the opening quote.
    Open,
    /// Between two characters.
    Between(Count),
    /// Inside a character whose every completion leads to the same state.
    Rest { to: Count, left: u8 },
    /// Inside a character: its bits so far, and the minimum of its code point (UTF-8 has no
    /// overlong forms).
    Partial { from: Count, code: u32, left: u8, floor: u32 },
    /// After a backslash.
    Escape(Count),
    /// After `\u`: only control characters need it, so the digits are `00`, then `0` or `1`, then
    /// any.
    Hex { from: Count, digits: u8, code: u32 },
    /// After the closing quote.
    Closed,
}

/// A state of the pattern, and the number of characters read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Count {
    state: u32,
    chars: u32,
}

const SHORT_ESCAPES: [(u8, u32); 8] = [
    (b'"', 0x22),
    (b'\\', 0x5C),
    (b'/', 0x2F),
    (b'b', 8),
    (b'f', 12),
    (b'n', 10),
    (b'r', 13),
    (b't', 9),
];
const MOST_CELLS: usize = 4_000_000;

impl Text {
    /// Returns `None` if no string is allowed.
    pub(super) fn new(
        automaton: Automaton,
        (least, most): (u32, Option<u32>),
        syntax: Syntax,
    ) -> Result<Option<Self>, String> {
        let alike = automaton.alike(SHORT);
        let mut text = Self { automaton, least, most, syntax, can_end: None, alike };
        let is_bound = least > 0 || most.is_some();
        let is_plain = text.automaton.len() == 1
            && text.automaton.is_match(0)
            && !text.automaton.ways(0).is_empty();
        if is_bound && !is_plain {
            text.can_end = Some(text.ends()?);
        }
        let is_possible = !text.automaton.is_empty()
            && most.is_none_or(|most| least <= most)
            && text.is_alive(Count { state: 0, chars: 0 });
        Ok(is_possible.then_some(text))
    }

    fn ends(&self) -> Result<Vec<Vec<bool>>, String> {
        let last = self.most.unwrap_or(self.least);
        let states = self.automaton.len();
        if states.saturating_mul(last as usize) > MOST_CELLS {
            return Err("its pattern and lengths together are too large".to_owned());
        }
        // From the maximum length backwards. Without a maximum, the minimum loops to itself.
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for chars in (0..=last).rev() {
            let after = rows.last();
            let row = (0..small(states)).map(|state| {
                if chars >= self.least && (self.automaton.is_match(state) || self.most.is_none()) {
                    return true;
                }
                let ways = self.automaton.ways(state);
                after.is_some_and(|after| {
                    ways.iter().any(|way| after.get(way.to as usize) == Some(&true))
                })
            });
            let row = row.collect();
            rows.push(row);
        }
        rows.reverse();
        Ok(rows)
    }

    fn is_alive(&self, count: Count) -> bool {
        self.can_end.as_ref().is_none_or(|rows| {
            rows.get(count.chars as usize).and_then(|row| row.get(count.state as usize))
                == Some(&true)
        })
    }

    /// Returns the position after one more character, whichever it is.
    fn counted(&self, from: Count, state: u32) -> Option<Count> {
        let chars = match self.most {
            Some(most) if from.chars >= most => return None,
            Some(_) => from.chars + 1,
            None => self.least.min(from.chars + 1),
        };
        Some(Count { state, chars }).filter(|&count| self.is_alive(count))
    }

    fn char(&self, from: Count, code: u32) -> Option<Count> {
        self.counted(from, self.automaton.next(from.state, code)?)
    }

    /// Returns the state to which all characters of a range lead; `None` if they lead to several,
    /// or some to none.
    fn common(&self, from: Count, low: u32, high: u32) -> Option<Count> {
        let ways = self.automaton.ways(from.state);
        let way = ways.get(ways.partition_point(|way| way.high < low))?;
        if way.low <= low && high <= way.high { self.counted(from, way.to) } else { None }
    }

    fn is_any_alive(&self, from: Count, low: u32, high: u32) -> bool {
        // All characters of the range are overlong.
        if low > high {
            return false;
        }
        let ways = self.automaton.ways(from.state);
        let first = ways.partition_point(|way| way.high < low);
        ways.iter()
            .skip(first)
            .take_while(|way| way.low <= high)
            .any(|way| self.counted(from, way.to).is_some())
    }

    /// Returns a key that determines which plain characters may follow, up to [`SHORT`] of them:
    /// equal keys, equal answers. `None` inside a character, where strings spend little time.
    pub(super) fn key(&self, spot: Spot) -> Option<(u32, u64)> {
        let Spot::Between(Count { state, chars }) = spot else { return None };
        let alike = *self.alike.get(state as usize)?;
        let room = self.most.map_or(SHORT, |most| SHORT.min(most - chars.min(most)));
        let Some(rows) = &self.can_end else { return Some((alike, room.into())) };
        // Which states can end after each of the next characters; without a maximum length only the
        // first rows can differ.
        let next = (chars as usize)..=(chars + room.max(1)) as usize;
        let mut hasher = DefaultHasher::new();
        for at in next {
            rows.get(at).or(rows.last()).hash(&mut hasher);
        }
        Some((state, hasher.finish() ^ u64::from(room)))
    }

    pub(super) fn next(&self, spot: Spot, byte: u8) -> Option<Spot> {
        match spot {
            Spot::Open => {
                (byte == self.syntax.quote()).then_some(Spot::Between(Count { state: 0, chars: 0 }))
            }
            Spot::Between(from) => self.between(from, byte),
            Spot::Rest { to, left } => match (byte, left) {
                (0x80..=0xBF, 1) => Some(Spot::Between(to)),
                (0x80..=0xBF, _) => Some(Spot::Rest { to, left: left - 1 }),
                _ => None,
            },
            Spot::Partial { from, code, left, floor } => match byte {
                0x80..=0xBF => {
                    self.partial(from, code << 6 | u32::from(byte & 0x3F), left - 1, floor)
                }
                _ => None,
            },
            Spot::Escape(from) => {
                if byte == b'u' {
                    return self.is_any_alive(from, 0, 0x1F).then_some(Spot::Hex {
                        from,
                        digits: 0,
                        code: 0,
                    });
                }
                let (_, code) = SHORT_ESCAPES.iter().find(|(letter, _)| *letter == byte)?;
                self.char(from, *code).map(Spot::Between)
            }
            Spot::Hex { from, digits, code } => self.hex(from, digits, code, byte),
            Spot::Closed => None,
        }
    }

    fn between(&self, from: Count, byte: u8) -> Option<Spot> {
        match byte {
            _ if byte == self.syntax.quote() => (from.chars >= self.least
                && self.automaton.is_match(from.state))
            .then_some(Spot::Closed),
            // Between control tokens nothing needs an escape.
            b'\t' | b'\n' | b'\\' if self.syntax != Syntax::Json => {
                self.char(from, byte.into()).map(Spot::Between)
            }
            b'\\' => {
                let is_useful = self.is_any_alive(from, 0, 0x1F)
                    || SHORT_ESCAPES.iter().any(|&(_, code)| self.char(from, code).is_some());
                is_useful.then_some(Spot::Escape(from))
            }
            0x20..=0x7F => self.char(from, byte.into()).map(Spot::Between),
            0xC2..=0xDF => self.partial(from, u32::from(byte & 0x1F), 1, 0x80),
            0xE0..=0xEF => self.partial(from, u32::from(byte & 0x0F), 2, 0x800),
            0xF0..=0xF4 => self.partial(from, u32::from(byte & 0x07), 3, 0x1_0000),
            _ => None,
        }
    }

    fn partial(&self, from: Count, code: u32, left: u8, floor: u32) -> Option<Spot> {
        if left == 0 {
            return (code >= floor).then(|| self.char(from, code))?.map(Spot::Between);
        }
        let shift = 6 * u32::from(left);
        let (low, high) = (code << shift, ((code + 1) << shift) - 1);
        if low >= floor
            && let Some(to) = self.common(from, low, high)
        {
            return Some(Spot::Rest { to, left });
        }
        self.is_any_alive(from, low.max(floor), high).then_some(Spot::Partial {
            from,
            code,
            left,
            floor,
        })
    }

    fn hex(&self, from: Count, digits: u8, code: u32, byte: u8) -> Option<Spot> {
        let digit = char::from(byte).to_digit(16)?;
        match digits {
            0 | 1 if digit == 0 => Some(Spot::Hex { from, digits: digits + 1, code: 0 }),
            2 if digit <= 1 => {
                let low = digit * 16;
                self.is_any_alive(from, low, low + 15).then_some(Spot::Hex {
                    from,
                    digits: 3,
                    code: digit,
                })
            }
            3 => self.char(from, code * 16 + digit).map(Spot::Between),
            _ => None,
        }
    }
}
