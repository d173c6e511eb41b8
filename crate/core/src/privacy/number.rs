//! Rows of digit groups and their separators.

use super::text::Text;

/// The maximum number of groups examined at once; a longer row is read in overlapping parts.
pub(super) const MOST: usize = 64;
pub(super) const OVERLAP: usize = 20;

/// The separator of two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    Space,
    Dash,
    Dot,
    Slash,
    Bracket,
}

/// How loosely two groups are connected. Numbers end where the connection gets looser.
pub(super) const TIGHT: u8 = 1;
pub(super) const SPACED: u8 = 2;
pub(super) const WIDE: u8 = 3;
pub(super) const LINES: u8 = 4;

/// A group of digits, its separator, and how loosely the next group is connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) after: Between,
    pub(super) loose: u8,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }
}

/// Reads up to `MOST` groups from here on.
pub(super) fn read(text: Text<'_>, from: usize, row: &mut Vec<Group>) {
    let mut at = from;
    while row.len() < MOST {
        let to = at + text.run(at, usize::MAX, |byte| byte.is_ascii_digit());
        let (after, loose, width) = between(text, to);
        row.push(Group { from: at, to, after, loose });
        if after == Between::Nothing {
            return;
        }
        at = to + width;
    }
}

/// Returns the separator of two groups, its looseness and its width; none if no digits follow soon.
fn between(text: Text<'_>, at: usize) -> (Between, u8, usize) {
    const WIDEST: usize = 6;
    const NOTHING: (Between, u8, usize) = (Between::Nothing, u8::MAX, 0);
    let (mut what, mut loose, mut marks) = (Between::Space, TIGHT, 0);
    let mut width = 0;
    loop {
        let byte = text.at(at + width);
        let seen = match byte {
            b'0'..=b'9' if width > 0 => break,
            b' ' if loose >= SPACED && text.before(at + width) == b' ' => (what, WIDE),
            b' ' => (what, SPACED),
            b'\t' => (what, WIDE),
            b'\n' | b'\r' if at + width < text.len() => (what, LINES),
            b'-' => (Between::Dash, TIGHT),
            b'.' => (Between::Dot, TIGHT),
            b'/' => (Between::Slash, TIGHT),
            b'(' | b')' => (Between::Bracket, TIGHT),
            _ => return NOTHING,
        };
        if seen.1 == TIGHT {
            // `(020)-7946`, `0228 / (1)`: a bracket determines the looseness; two other marks do
            // not occur in numbers.
            marks += 1;
            if marks > 2 || (marks == 2 && what != Between::Bracket && seen.0 != Between::Bracket) {
                return NOTHING;
            }
            if what != Between::Bracket {
                what = seen.0;
            }
        }
        loose = loose.max(seen.1);
        width += 1;
        if width > WIDEST {
            return NOTHING;
        }
    }
    // `12 -34` is two numbers, one of which is negative.
    let is_negative = what == Between::Dash && loose > TIGHT && text.before(at + width) == b'-';
    if is_negative { NOTHING } else { (what, loose, width) }
}

/// Returns the digits of all these groups, 0 to 9 each.
pub(super) fn digits(text: Text<'_>, groups: &[Group]) -> impl Iterator<Item = u32> + Clone {
    groups
        .iter()
        .flat_map(move |group| text.slice(group.from, group.to))
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
}

/// Returns the number formed by a range of the digits.
pub(super) fn value(digits: impl Iterator<Item = u32>, from: usize, length: usize) -> u32 {
    digits.skip(from).take(length).fold(0, |sum, digit| sum * 10 + digit)
}

/// Computes the check digit of payment cards (Luhn): every second digit from the right is doubled,
/// its digits are added, and the total must be divisible by ten.
pub(super) fn luhn(digits: impl Iterator<Item = u32> + Clone) -> bool {
    let count = digits.clone().count();
    let sum: u32 = digits
        .enumerate()
        .map(|(at, digit)| {
            let doubled = digit * 2;
            match (count - at) % 2 {
                0 if doubled > 9 => doubled - 9,
                0 => doubled,
                _ => digit,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether this is a payment card: 13 to 19 digits with a known network prefix and the right check
/// digit.
pub(super) fn is_card(text: Text<'_>, groups: &[Group]) -> bool {
    let digits = digits(text, groups);
    let count = digits.clone().count();
    let head = value(digits.clone(), 0, 4);
    // Mastercard, Visa, American Express, JCB, Diners Club, Maestro, Discover, UnionPay, Mir.
    let is_issued = match count {
        13 => head / 1000 == 4,
        14 => matches!(head / 10, 300..=309 | 360..=369 | 380..=399),
        15 => matches!(head / 100, 34 | 37 | 50 | 56..=69),
        16 => (2000..7000).contains(&head),
        17..=19 => {
            matches!(head / 100, 50 | 58 | 62 | 63 | 67) || (count == 19 && head / 1000 == 4)
        }
        _ => false,
    };
    // Numbers of one repeated digit are made up, and round ones are counts.
    let first = digits.clone().next();
    let is_round = digits.clone().skip(count - 5.min(count)).all(|digit| digit == 0);
    is_issued && !is_round && digits.clone().any(|digit| Some(digit) != first) && luhn(digits)
}

/// Whether this is a US social security number outside the ranges that are never issued.
pub(super) fn is_social(text: Text<'_>, groups: &[Group]) -> bool {
    let digits = digits(text, groups);
    if digits.clone().count() != 9 {
        return false;
    }
    let value = |from: usize, length: usize| value(digits.clone(), from, length);
    let area = value(0, 3);
    area != 0 && area != 666 && area < 900 && value(3, 2) != 0 && value(5, 4) != 0
}
