//! Parses patterns to trees: ECMA-262's grammar without back references.

use std::iter::Peekable;
use std::str::Chars;

/// The error in a pattern, which completes a sentence.
pub type Fault = &'static str;

/// Sorted, disjoint ranges of code points, both ends included.
pub type Ranges = Vec<(u32, u32)>;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One character.
    One(Ranges),
    /// One character by a Unicode property in pattern syntax: `\p{Lu}`.
    Class {
        /// Characters that are listed.
        ranges: Ranges,
        /// Properties, any of which matches.
        properties: Vec<String>,
        /// Whether the class is inverted.
        is_inverted: bool,
    },
    /// A sequence.
    Sequence(Vec<Expression>),
    /// Alternatives.
    Either(Vec<Expression>),
    /// A repetition; without a maximum, any number.
    Repeat(Box<Expression>, u32, Option<u32>),
    /// The text's beginning.
    Start,
    /// The text's end.
    End,
    /// A word boundary, or any other position if inverted.
    Boundary {
        /// Whether it is inverted.
        is_inverted: bool,
    },
    /// A lookaround.
    Look {
        /// Whether it looks behind.
        is_behind: bool,
        /// Whether it is negative.
        is_negative: bool,
        /// The pattern to match.
        inner: Box<Expression>,
    },
}

const LAST: u32 = 0x10_FFFF;
/// The maximum nesting, more than anyone writes and less than the call stack allows.
const DEEPEST: u32 = 64;
/// The maximum of repetitions, which are expanded.
const MOST_REPEATS: u32 = 1000;

impl Expression {
    /// Why the pattern cannot be compiled to an automaton; completes a sentence.
    #[must_use]
    pub fn irregularity(&self) -> Option<Fault> {
        match self {
            Self::One(_) | Self::Start | Self::End => None,
            Self::Sequence(parts) | Self::Either(parts) => {
                parts.iter().find_map(Self::irregularity)
            }
            Self::Repeat(inner, ..) => inner.irregularity(),
            Self::Class { properties, .. } => {
                properties.first().map(|_| "`\\p` names a Unicode property")
            }
            Self::Boundary { is_inverted } => {
                Some(if *is_inverted { "`\\B` looks around" } else { "`\\b` looks around" })
            }
            Self::Look { is_behind, .. } => {
                Some(if *is_behind { "it looks behind" } else { "it looks ahead" })
            }
        }
    }

    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// Returns the error, which completes a sentence.
    pub fn parse(pattern: &str) -> Result<Self, Fault> {
        let mut parser = Parser { chars: pattern.chars().peekable(), depth: 0 };
        let whole = parser.either()?;
        match parser.chars.next() {
            None => Ok(whole),
            Some(_) => Err("a closing parenthesis has no opening one"),
        }
    }
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
    depth: u32,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Expression, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("groups nest deeper than 64 levels");
        }
        let mut branches = vec![self.sequence()?];
        while self.chars.next_if_eq(&'|').is_some() {
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(match branches.pop() {
            Some(only) if branches.is_empty() => only,
            last => Expression::Either(branches.into_iter().chain(last).collect()),
        })
    }

    fn sequence(&mut self) -> Result<Expression, Fault> {
        let mut parts = Vec::new();
        while let Some(&char) = self.chars.peek() {
            if char == '|' || char == ')' {
                break;
            }
            self.chars.next();
            let atom = self.atom(char)?;
            parts.push(self.repeated(atom)?);
        }
        Ok(Expression::Sequence(parts))
    }

    fn atom(&mut self, char: char) -> Result<Expression, Fault> {
        Ok(match char {
            '^' => Expression::Start,
            '$' => Expression::End,
            '.' => Expression::One(inverted(&line_ends())),
            '(' => self.group()?,
            '[' => self.class()?,
            '\\' => match self.chars.peek() {
                Some('p' | 'P') => {
                    let properties = vec![self.property()?];
                    Expression::Class { ranges: Ranges::new(), properties, is_inverted: false }
                }
                Some(&letter @ ('b' | 'B')) => {
                    self.chars.next();
                    Expression::Boundary { is_inverted: letter == 'B' }
                }
                _ => Expression::One(self.escape(false)?),
            },
            '*' | '+' | '?' => return Err("a repetition has nothing to repeat"),
            literal => Expression::One(vec![(literal.into(), literal.into())]),
        })
    }

    fn group(&mut self) -> Result<Expression, Fault> {
        let mut look = None;
        if self.chars.next_if_eq(&'?').is_some() {
            match self.chars.next() {
                Some(':') => {}
                Some(sign @ ('=' | '!')) => look = Some((false, sign == '!')),
                Some('<') if matches!(self.chars.peek(), Some('=' | '!')) => {
                    look = Some((true, self.chars.next() == Some('!')));
                }
                Some('<') => {
                    if !self.chars.by_ref().any(|char| char == '>') {
                        return Err("a group's name has no end");
                    }
                }
                _ => return Err("it has inline flags"),
            }
        }
        let inner = self.either()?;
        match self.chars.next() {
            Some(')') => Ok(match look {
                None => inner,
                Some((is_behind, is_negative)) => {
                    Expression::Look { is_behind, is_negative, inner: Box::new(inner) }
                }
            }),
            _ => Err("a group has no end"),
        }
    }

    fn repeated(&mut self, atom: Expression) -> Result<Expression, Fault> {
        let (least, most) = match self.chars.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let mut ahead = self.chars.clone();
                ahead.next();
                let Some(bounds) = bounds(&mut ahead)? else { return Ok(atom) };
                self.chars = ahead;
                return self.repeat(atom, bounds);
            }
            _ => return Ok(atom),
        };
        self.chars.next();
        self.repeat(atom, (least, most))
    }

    fn repeat(
        &mut self,
        atom: Expression,
        bounds: (u32, Option<u32>),
    ) -> Result<Expression, Fault> {
        let (least, most) = bounds;
        if matches!(
            atom,
            Expression::Start
                | Expression::End
                | Expression::Boundary { .. }
                | Expression::Look { .. }
        ) {
            return Err("an anchor is repeated");
        }
        if most.unwrap_or(least).max(least) > MOST_REPEATS {
            return Err("it repeats more than 1000 times");
        }
        if most.is_some_and(|most| most < least) {
            return Err("a repetition's bounds are reversed");
        }
        // Laziness does not affect which texts match.
        self.chars.next_if_eq(&'?');
        if matches!(self.chars.peek(), Some('*' | '+' | '?')) {
            return Err("a repetition is repeated");
        }
        Ok(Expression::Repeat(Box::new(atom), least, most))
    }

    fn class(&mut self) -> Result<Expression, Fault> {
        let is_inverted = self.chars.next_if_eq(&'^').is_some();
        let mut ranges = Ranges::new();
        let mut properties = Vec::new();
        loop {
            let Some(char) = self.chars.next() else { return Err("a class has no end") };
            if char == ']' {
                break;
            }
            if char == '\\' && matches!(self.chars.peek(), Some('p' | 'P')) {
                properties.push(self.property()?);
                continue;
            }
            let low = self.member(char)?;
            let is_range = self.chars.peek() == Some(&'-') && {
                let mut ahead = self.chars.clone();
                ahead.next();
                ahead.peek().is_some_and(|&next| next != ']')
            };
            if !is_range {
                ranges.extend(low);
                continue;
            }
            self.chars.next();
            let Some(char) = self.chars.next() else { return Err("a class has no end") };
            let high = self.member(char)?;
            match (low.as_slice(), high.as_slice()) {
                (&[(low, low_end)], &[(high, high_end)]) if low == low_end && high == high_end => {
                    if low > high {
                        return Err("a class's range is reversed");
                    }
                    ranges.push((low, high));
                }
                _ => return Err("a class's range has a class as its end"),
            }
        }
        let ranges = sorted(ranges);
        if !properties.is_empty() {
            return Ok(Expression::Class { ranges, properties, is_inverted });
        }
        Ok(Expression::One(if is_inverted { inverted(&ranges) } else { ranges }))
    }

    /// Parses a property after its backslash.
    fn property(&mut self) -> Result<String, Fault> {
        let mut written = String::from('\\');
        written.extend(self.chars.next());
        if self.chars.next_if_eq(&'{').is_none() {
            return Err("a Unicode property has no name");
        }
        written.push('{');
        loop {
            match self.chars.next() {
                Some('}') => break,
                Some(char) if char.is_ascii_alphanumeric() || char == '_' || char == '=' => {
                    written.push(char);
                }
                _ => return Err("a Unicode property's name has no end"),
            }
        }
        written.push('}');
        Ok(written)
    }

    fn member(&mut self, char: char) -> Result<Ranges, Fault> {
        if char == '\\' { self.escape(true) } else { Ok(vec![(char.into(), char.into())]) }
    }

    /// Parses an escape after its backslash.
    fn escape(&mut self, in_class: bool) -> Result<Ranges, Fault> {
        let Some(char) = self.chars.next() else { return Err("it ends in a backslash") };
        let code = match char {
            'd' => return Ok(vec![(0x30, 0x39)]),
            'D' => return Ok(inverted(&[(0x30, 0x39)])),
            'w' => return Ok(word()),
            'W' => return Ok(inverted(&word())),
            's' => return Ok(space()),
            'S' => return Ok(inverted(&space())),
            'b' if in_class => 8,
            'b' | 'B' => return Err("`\\B` is not an escape in a class"),
            'k' => return Err("it refers back to a group"),
            '0' => 0,
            '1'..='9' => return Err("it refers back to a group"),
            't' => 9,
            'n' => 10,
            'v' => 11,
            'f' => 12,
            'r' => 13,
            'c' => match self.chars.next() {
                Some(letter) if letter.is_ascii_alphabetic() => u32::from(letter) % 32,
                _ => return Err("`\\c` has no letter"),
            },
            'x' => self.hex(2)?,
            'u' if self.chars.next_if_eq(&'{').is_some() => {
                let mut code = 0_u32;
                loop {
                    match self.chars.next() {
                        Some('}') => break code,
                        Some(digit) => {
                            let digit = digit.to_digit(16).ok_or("`\\u{…}` is not a number")?;
                            code = code.saturating_mul(16).saturating_add(digit);
                        }
                        None => return Err("`\\u{…}` has no end"),
                    }
                }
            }
            'u' => self.unit()?,
            letter if letter.is_ascii_alphanumeric() => {
                return Err("a letter has a backslash that is not an escape");
            }
            literal => literal.into(),
        };
        if char::from_u32(code).is_none() {
            return Err("it contains an unpaired surrogate");
        }
        Ok(vec![(code, code)])
    }

    /// Parses four digits, or twice four for code points beyond 16 bits.
    fn unit(&mut self) -> Result<u32, Fault> {
        let high = self.hex(4)?;
        if !(0xD800..0xDC00).contains(&high) {
            return Ok(high);
        }
        if self.chars.next() == Some('\\') && self.chars.next() == Some('u') {
            let low = self.hex(4)?;
            if (0xDC00..0xE000).contains(&low) {
                return Ok(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            }
        }
        Ok(high)
    }

    fn hex(&mut self, digits: u32) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.chars.next().and_then(|char| char.to_digit(16));
            code = code * 16 + digit.ok_or("a hexadecimal escape is too short")?;
        }
        Ok(code)
    }
}

/// Parses `n}`, `n,}` or `n,m}`; `None` if the brace is a literal.
fn bounds(chars: &mut Peekable<Chars<'_>>) -> Result<Option<(u32, Option<u32>)>, Fault> {
    let Some(least) = number(chars)? else { return Ok(None) };
    let most = if chars.next_if_eq(&',').is_some() { number(chars)? } else { Some(least) };
    Ok(chars.next_if_eq(&'}').map(|_| (least, most)))
}

fn number(chars: &mut Peekable<Chars<'_>>) -> Result<Option<u32>, Fault> {
    let mut value: Option<u32> = None;
    while let Some(digit) = chars.peek().and_then(|char| char.to_digit(10)) {
        chars.next();
        let grown = value.unwrap_or(0).checked_mul(10).and_then(|value| value.checked_add(digit));
        value = Some(grown.ok_or("a repetition's bound is too large")?);
    }
    Ok(value)
}

fn word() -> Ranges {
    vec![(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
}

fn line_ends() -> Ranges {
    vec![(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
}

/// ECMA-262's `WhiteSpace` and `LineTerminator`.
fn space() -> Ranges {
    vec![
        (0x09, 0x0D),
        (0x20, 0x20),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ]
}

fn sorted(ranges: Ranges) -> Ranges {
    // Insertion sort: a class has a handful of ranges, and the standard sort would add 1.5 KB to
    // the page.
    let mut ordered = Ranges::with_capacity(ranges.len());
    for range in ranges {
        let at = ordered.partition_point(|known| *known < range);
        ordered.insert(at, range);
    }
    let mut merged = Ranges::new();
    for (low, high) in ordered {
        match merged.last_mut() {
            Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
            _ => merged.push((low, high)),
        }
    }
    merged
}

fn inverted(ranges: &[(u32, u32)]) -> Ranges {
    let mut gaps = Ranges::new();
    let mut from = 0;
    for &(low, high) in ranges {
        if from < low {
            gaps.push((from, low - 1));
        }
        from = high + 1;
    }
    if from <= LAST {
        gaps.push((from, LAST));
    }
    gaps
}
