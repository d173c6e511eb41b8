//! JSON numbers within bounds, digit by digit.

use std::cmp::Ordering;
use std::collections::HashMap;

/// A double preserves this many digits, and an answer must not add digits for ever.
const MOST_DIGITS: u8 = 15;

/// A range of numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Range {
    pub(super) low: Option<Bound>,
    pub(super) high: Option<Bound>,
    pub(super) is_integer: bool,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) value: f64,
    pub(super) is_exclusive: bool,
}

impl Range {
    /// Returns the intersection of two ranges.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            low: tighter(self.low, other.low, Ordering::Greater),
            high: tighter(self.high, other.high, Ordering::Less),
            is_integer: self.is_integer || other.is_integer,
        }
    }

    /// Whether the intersection is empty, as far as the bounds show.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        let below = |a: &Self, b: &Self| match (a.high, b.low) {
            (Some(high), Some(low)) => {
                high.value < low.value
                    || high.value == low.value && (high.is_exclusive || low.is_exclusive)
            }
            _ => false,
        };
        below(self, other) || below(other, self)
    }
}

fn tighter(a: Option<Bound>, b: Option<Bound>, wins: Ordering) -> Option<Bound> {
    let (Some(left), Some(right)) = (a, b) else { return a.or(b) };
    Some(match left.value.total_cmp(&right.value) {
        Ordering::Equal => Bound { is_exclusive: left.is_exclusive || right.is_exclusive, ..left },
        order if order == wins => left,
        _ => right,
    })
}

/// A bound's magnitude in decimal digits, with which the digits written so far are compared.
#[derive(Clone, Debug)]
struct Decimal {
    whole: Vec<u8>,
    fraction: Vec<u8>,
    is_exclusive: bool,
}

impl Decimal {
    fn of(bound: Bound) -> Self {
        // `Display` prints the shortest digits that parse to the same double, never an exponent.
        let text = bound.value.abs().to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = |text: &str| text.bytes().map(|byte| byte - b'0').collect();
        Self { whole: digits(whole), fraction: digits(fraction), is_exclusive: bound.is_exclusive }
    }

    fn whole_digit(&self, at: u8) -> Option<u8> {
        self.whole.get(usize::from(at)).copied()
    }

    fn fraction_digit(&self, at: u8) -> u8 {
        self.fraction.get(usize::from(at)).copied().unwrap_or(0)
    }

    /// Compares an integer part with this many digits whose first digits compare like `prefix`.
    fn order_of_whole(&self, digits: u8, prefix: Ordering) -> Ordering {
        usize::from(digits).cmp(&self.whole.len()).then(prefix)
    }

    /// Whether any nonzero digits follow this many fraction digits.
    fn has_more(&self, from: u8) -> bool {
        self.fraction.iter().skip(usize::from(from)).any(|&digit| digit != 0)
    }
}

/// The bounds of one sign's magnitudes.
#[derive(Clone, Debug, Default)]
struct Ends {
    low: Option<Decimal>,
    high: Option<Decimal>,
    is_possible: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Start,
    Minus,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Spot {
    part: Part,
    is_negative: bool,
    is_zero: bool,
    /// The number of integer digits.
    whole: u8,
    /// The number of fraction digits.
    after: u8,
    to_low: Ordering,
    to_high: Ordering,
}

/// An automaton over the bytes of a number. From each of its states a number in range can be
/// completed.
#[derive(Clone, Debug)]
pub(super) struct Number {
    /// The next state plus one, by symbol; 0 means none.
    ways: Vec<[u16; 14]>,
    is_match: Vec<bool>,
}

impl Number {
    /// Returns `None` if no number is in range.
    pub(super) fn of(range: &Range) -> Option<Self> {
        let maker = Maker::new(range);
        let start = Spot {
            part: Part::Start,
            is_negative: false,
            is_zero: false,
            whole: 0,
            after: 0,
            to_low: Ordering::Equal,
            to_high: Ordering::Equal,
        };
        let mut known = HashMap::from([(start, 0_u16)]);
        let mut spots = vec![start];
        let mut number = Self { ways: Vec::new(), is_match: Vec::new() };
        while let Some(&spot) = spots.get(number.ways.len()) {
            let mut ways = [0; 14];
            for (symbol, way) in (0..).zip(&mut ways) {
                let Some(next) = maker.next(spot, symbol) else { continue };
                let grown = u16::try_from(spots.len()).ok()?;
                let to = *known.entry(next).or_insert_with(|| {
                    spots.push(next);
                    grown
                });
                *way = to + 1;
            }
            number.ways.push(ways);
            number.is_match.push(maker.is_match(spot));
        }
        number.trim();
        (number.ways.first()?.iter().any(|&way| way != 0)).then_some(number)
    }

    /// Removes states from which no number in range can be reached.
    fn trim(&mut self) {
        let mut leads = self.is_match.clone();
        loop {
            let mut has_grown = false;
            for (at, ways) in self.ways.iter().enumerate().rev() {
                let reaches = ways
                    .iter()
                    .any(|&way| way != 0 && leads.get(usize::from(way) - 1) == Some(&true));
                if let Some(known) = leads.get_mut(at).filter(|known| reaches && !**known) {
                    *known = true;
                    has_grown = true;
                }
            }
            if !has_grown {
                break;
            }
        }
        for way in self.ways.iter_mut().flatten() {
            if *way != 0 && leads.get(usize::from(*way) - 1) != Some(&true) {
                *way = 0;
            }
        }
    }

    pub(super) fn next(&self, state: u32, byte: u8) -> Option<u32> {
        let symbol = match byte {
            b'0'..=b'9' => byte - b'0',
            b'-' => MINUS,
            b'.' => POINT,
            b'e' | b'E' => EXPONENT,
            b'+' => PLUS,
            _ => return None,
        };
        let to = *self.ways.get(state as usize)?.get(usize::from(symbol))?;
        to.checked_sub(1).map(u32::from)
    }

    pub(super) fn is_match(&self, state: u32) -> bool {
        self.is_match.get(state as usize) == Some(&true)
    }

    pub(super) fn goes_on(&self, state: u32) -> bool {
        self.ways.get(state as usize).is_some_and(|ways| ways.iter().any(|&way| way != 0))
    }
}

const MINUS: u8 = 10;
const POINT: u8 = 11;
const EXPONENT: u8 = 12;
const PLUS: u8 = 13;

struct Maker {
    positive: Ends,
    negative: Ends,
    is_integer: bool,
    /// Digits are compared one by one, so this applies only if there is no bound.
    has_exponent: bool,
}

impl Maker {
    fn new(range: &Range) -> Self {
        let (low, high) = (range.low, range.high);
        let positive = Ends {
            low: low.filter(|bound| bound.value >= 0.0).map(Decimal::of),
            high: high.filter(|bound| bound.value >= 0.0).map(Decimal::of),
            is_possible: high.is_none_or(|bound| bound.value >= 0.0),
        };
        // Below zero the bounds swap.
        let negative = Ends {
            low: high.filter(|bound| bound.value <= 0.0).map(Decimal::of),
            high: low.filter(|bound| bound.value < 0.0).map(Decimal::of),
            is_possible: low.is_none_or(|bound| bound.value < 0.0),
        };
        let has_exponent = !range.is_integer && low.is_none() && high.is_none();
        Self { positive, negative, is_integer: range.is_integer, has_exponent }
    }

    fn ends(&self, spot: Spot) -> &Ends {
        if spot.is_negative { &self.negative } else { &self.positive }
    }

    fn next(&self, spot: Spot, symbol: u8) -> Option<Spot> {
        match (spot.part, symbol) {
            (Part::Start, MINUS) => Some(Spot { part: Part::Minus, is_negative: true, ..spot }),
            (Part::Start | Part::Minus | Part::Whole, 0..=9) => self.whole(spot, symbol),
            (Part::Whole, POINT) if !self.is_integer && spot.whole < MOST_DIGITS => {
                let ends = self.ends(spot);
                let order = |end: &Option<Decimal>, so_far: Ordering| {
                    end.as_ref()
                        .map_or(Ordering::Equal, |end| end.order_of_whole(spot.whole, so_far))
                };
                let (to_low, to_high) =
                    (order(&ends.low, spot.to_low), order(&ends.high, spot.to_high));
                Some(Spot { part: Part::Point, after: 0, to_low, to_high, ..spot })
            }
            (Part::Point | Part::Fraction, 0..=9) if spot.whole + spot.after < MOST_DIGITS => {
                let ends = self.ends(spot);
                let order = |end: &Option<Decimal>, so_far: Ordering| {
                    end.as_ref().map_or(Ordering::Equal, |end| {
                        so_far.then(symbol.cmp(&end.fraction_digit(spot.after)))
                    })
                };
                let (to_low, to_high) =
                    (order(&ends.low, spot.to_low), order(&ends.high, spot.to_high));
                let is_zero = spot.is_zero && symbol == 0;
                Some(Spot {
                    part: Part::Fraction,
                    after: spot.after + 1,
                    is_zero,
                    to_low,
                    to_high,
                    ..spot
                })
            }
            (Part::Whole | Part::Fraction, EXPONENT) if self.has_exponent => {
                Some(Spot { part: Part::Exponent, whole: 0, after: 0, ..spot })
            }
            (Part::Exponent, MINUS | PLUS) => Some(Spot { part: Part::ExponentSign, ..spot }),
            // Two digits, so that no double overflows.
            (Part::Exponent | Part::ExponentSign | Part::ExponentDigits, 0..=9)
                if spot.after < 2 =>
            {
                Some(Spot { part: Part::ExponentDigits, after: spot.after + 1, ..spot })
            }
            _ => None,
        }
    }

    fn whole(&self, spot: Spot, digit: u8) -> Option<Spot> {
        let ends = self.ends(spot);
        if !ends.is_possible || spot.whole >= MOST_DIGITS || spot.whole == 1 && spot.is_zero {
            return None;
        }
        let order = |end: &Option<Decimal>, so_far: Ordering| {
            let known = end.as_ref().and_then(|end| end.whole_digit(spot.whole));
            known.map_or(so_far, |known| so_far.then(digit.cmp(&known)))
        };
        Some(Spot {
            part: Part::Whole,
            whole: spot.whole + 1,
            is_zero: spot.whole == 0 && digit == 0,
            to_low: order(&ends.low, spot.to_low),
            to_high: order(&ends.high, spot.to_high),
            ..spot
        })
    }

    fn is_match(&self, spot: Spot) -> bool {
        // Parsers disagree on whether minus zero is an integer or a float.
        if spot.is_negative && spot.is_zero {
            return false;
        }
        let ends = self.ends(spot);
        match spot.part {
            Part::ExponentDigits => true,
            Part::Whole | Part::Fraction => {
                let order = |end: &Decimal, so_far: Ordering| {
                    let is_whole = spot.part == Part::Whole;
                    let so_far =
                        if is_whole { end.order_of_whole(spot.whole, so_far) } else { so_far };
                    let rest = if end.has_more(if is_whole { 0 } else { spot.after }) {
                        Ordering::Less
                    } else {
                        Ordering::Equal
                    };
                    so_far.then(rest)
                };
                ends.low.as_ref().is_none_or(|low| match order(low, spot.to_low) {
                    Ordering::Less => false,
                    Ordering::Equal => !low.is_exclusive,
                    Ordering::Greater => true,
                }) && ends.high.as_ref().is_none_or(|high| match order(high, spot.to_high) {
                    Ordering::Less => true,
                    Ordering::Equal => !high.is_exclusive,
                    Ordering::Greater => false,
                })
            }
            _ => false,
        }
    }
}
