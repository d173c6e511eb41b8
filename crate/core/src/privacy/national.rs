//! National identity numbers, recognised by a check digit or a strict format: Brazil, China,
//! France, Germany, India, Italy, Korea, Spain, Sweden, Switzerland, the United Kingdom. Others are
//! found next to a word that names them.

use super::number::{Between, Group, digits, luhn, value};
use super::text::Text;

/// Whether these groups are such a number. `lengths` are the groups' lengths as hexadecimal digits.
pub(super) fn is_one(text: Text<'_>, groups: &[Group], lengths: u32, total: usize) -> bool {
    let all = digits(text, groups);
    let value = |from: usize, length: usize| value(all.clone(), from, length);
    let inner = groups.split_last().map_or(&[][..], |it| it.1);
    let is_dashed = inner.iter().all(|it| it.after == Between::Dash);
    match lengths {
        // Brazil's CPF: 123.456.789-09
        0x3332 => {
            let weighed = |count: usize| {
                let sum: u32 =
                    (2..).zip(0..count).map(|(weight, at)| weight * value(count - 1 - at, 1)).sum();
                let rest = sum * 10 % 11 % 10;
                rest == value(count, 1)
            };
            weighed(9) && weighed(10) && value(0, 3) != value(3, 3)
        }
        // Switzerland's AHV number: 756.1234.5678.97
        0x3442 => {
            let sum: u32 = all.clone().zip([1, 3].into_iter().cycle()).map(|(a, b)| a * b).sum();
            value(0, 3) == 756 && sum.is_multiple_of(10)
        }
        // India's Aadhaar number
        0x444 => !is_dashed && value(0, 1) >= 2 && verhoeff(all),
        // Germany's tax number
        0x2333 => value(0, 1) > 0 && modulo_11_10(all),
        // Korea and Sweden: a date of birth, and more digits
        0x67 => is_dashed && is_day(value(2, 4)) && matches!(value(6, 1), 1..=8),
        0x64 => is_dashed && is_day(value(2, 4)) && luhn(all),
        // France: sex, year and month of birth, place, order; and 97 minus the remainder modulo 97
        _ if total == 15 && matches!(value(0, 1), 1 | 2) && (1..=12).contains(&value(3, 2)) => {
            let number = all.clone().take(13).fold(0_u64, |sum, digit| sum * 10 + u64::from(digit));
            97 - number % 97 == u64::from(value(13, 2)) && (groups.len() == 1 || lengths == 0)
        }
        // China: place, date of birth, order, check
        _ if groups.len() == 1 && total == 18 => {
            (1900..2100).contains(&value(6, 4)) && is_day(value(10, 4)) && {
                let sum = (0..17).fold(0, |sum, at| sum + value(at, 1) * ((1 << (17 - at)) % 11));
                (12 - sum % 11) % 11 == value(17, 1)
            }
        }
        _ => false,
    }
}

/// Spain's identity card: eight digits, and a letter for their remainder modulo 23.
pub(super) fn is_lettered(text: Text<'_>, group: &Group) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let dash = usize::from(text.at(group.to) == b'-');
    let letter = text.at(group.to + dash);
    let number = text.value(group.from, group.to) as usize;
    group.len() == 8
        && LETTERS.get(number % 23) == Some(&letter)
        && !text.at(group.to + dash + 1).is_ascii_alphanumeric()
}

/// Returns the end of a number that begins with letters: Italy's tax code, Britain's national
/// insurance number, Spain's for foreigners.
pub(super) fn lettered_end(text: Text<'_>, at: usize) -> Option<usize> {
    const FORMS: [&[u8]; 3] = [b"aaaaaa00a00a000a", b"aa000000a", b"a0000000a"];
    // Most words end here, before any format is tried.
    match text.at(at + 1) {
        b'A'..=b'Z' => {}
        b'0'..=b'9' if matches!(text.at(at), b'X' | b'Y' | b'Z') => {}
        _ => return None,
    }
    // Britain's number is written in pairs.
    let end_of = |form: &[u8]| {
        let mut to = at;
        for (index, mark) in form.iter().enumerate() {
            let may_gap = form.len() == 9 && matches!(index, 2 | 4 | 6 | 8);
            to += usize::from(may_gap && text.at(to) == b' ');
            let byte = text.at(to);
            let fits =
                if *mark == b'a' { byte.is_ascii_uppercase() } else { byte.is_ascii_digit() };
            if !fits {
                return None;
            }
            to += 1;
        }
        (!text.at(to).is_ascii_alphanumeric()).then_some(to)
    };
    let (form, to) = FORMS.into_iter().find_map(|form| Some((form, end_of(form)?)))?;
    let (first, last) = (text.at(at), text.at(to - 1));
    let is_known = match form.len() {
        16 => b"ABCDEHLMPRST".contains(&text.at(at + 8)),
        9 if text.at(at + 1).is_ascii_digit() => matches!(first, b'X' | b'Y' | b'Z'),
        _ => !b"DFIQUV".contains(&first) && !b"DFIOQUV".contains(&text.at(at + 1)) && last <= b'D',
    };
    is_known.then_some(to)
}

/// Whether two numbers are a month and a day, in either order.
fn is_day(four: u32) -> bool {
    let (p, q) = (four / 100, four % 100);
    p >= 1 && q >= 1 && p <= 12 && q <= 31
}

/// The check of ISO 7064 with two moduli, used by German tax numbers.
fn modulo_11_10(digits: impl Iterator<Item = u32>) -> bool {
    let mut product = 10;
    for digit in digits {
        let sum = (digit + product) % 10;
        product = if sum == 0 { 10 } else { sum } * 2 % 11;
    }
    // The check digit went through one more round, which must give 1.
    product == 2
}

/// Verhoeff's check: the product of the digits in the dihedral group of a pentagon, each permuted
/// by its position.
fn verhoeff(digits: impl Iterator<Item = u32> + Clone) -> bool {
    const PERMUTED: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let product = |a: u32, b: u32| match (a / 5, b / 5) {
        (0, 0) => (a + b) % 5,
        (0, _) => (a + b) % 5 + 5,
        (_, 0) => (a - b) % 5 + 5,
        _ => (5 + a - b) % 5,
    };
    let count = digits.clone().count();
    let mut sum = 0;
    for (at, digit) in digits.enumerate() {
        let mut permuted = digit;
        for _ in 0..(count - 1 - at) % 8 {
            permuted = PERMUTED.get(permuted as usize).copied().unwrap_or(0);
        }
        sum = product(sum, permuted);
    }
    sum == 0
}
