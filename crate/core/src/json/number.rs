//! Parses decimal fractions to correctly rounded doubles. The standard library's parser has ten
//! kilobytes of tables that every page would download.

use std::cmp::Ordering;

/// Powers of ten that a double represents exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// No midpoint between doubles has more than 767 digits. Of any further digits it only matters
/// whether one is nonzero.
const MOST_DIGITS: usize = 800;

/// Returns the double nearest to a JSON number; infinite if it is too large.
pub(super) fn double(text: &str) -> f64 {
    let (text, sign) = match text.strip_prefix('-') {
        Some(text) => (text, -1.0),
        None => (text, 1.0),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let behind_zeros = digits.trim_start_matches('0');
    let significant = behind_zeros.trim_end_matches('0');
    if significant.is_empty() {
        return 0.0 * sign;
    }
    // A longer exponent is far out of range in either direction.
    let huge = if exponent.starts_with('-') { -1_000_000_000 } else { 1_000_000_000 };
    let exponent: i64 = exponent.parse().unwrap_or(huge).clamp(-1_000_000_000, 1_000_000_000);
    let zeros = behind_zeros.len() - significant.len();
    let exponent = exponent + long(zeros) - long(fraction.len());
    sign * magnitude(significant, exponent)
}

fn long(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX / 4)
}

/// Returns `digits` times ten to the power of `exponent`. The first and last digit are not 0.
fn magnitude(digits: &str, exponent: i64) -> f64 {
    let size = long(digits.len()) + exponent;
    if size > 310 {
        return f64::INFINITY;
    }
    if size < -330 {
        return 0.0;
    }
    if digits.len() <= 15 {
        let value: u64 = digits.parse().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "fifteen digits are exact")]
        let value = value as f64;
        let power = |exponent: i64| POWERS.get(usize::try_from(exponent).ok()?);
        // Both are exact, so one operation rounds once.
        if let Some(power) = power(exponent) {
            return value * power;
        }
        if let Some(power) = power(-exponent) {
            return value / power;
        }
    }
    let (mut above, mut below) = (Big(Vec::new()), Big(vec![1]));
    for digit in digits.bytes().take(MOST_DIGITS) {
        above.multiply(10, u32::from(digit - b'0'));
    }
    let mut exponent = exponent;
    if digits.len() > MOST_DIGITS {
        above.multiply(10, 1);
        exponent += long(digits.len() - MOST_DIGITS - 1);
    }
    let scaled = if exponent < 0 { &mut below } else { &mut above };
    for _ in 0..exponent.unsigned_abs() {
        scaled.multiply(10, 0);
    }
    quotient(above, below)
}

/// Returns the double nearest to a fraction, with ties to even.
fn quotient(mut above: Big, mut below: Big) -> f64 {
    // The quotient is scaled to 63 or 64 bits: `whole / 2^scale`.
    let scale = 63 - (above.bits() - below.bits());
    let shifted = if scale < 0 { &mut below } else { &mut above };
    shifted.shift_up(scale.unsigned_abs());
    below.shift_up(63);
    let mut whole = 0_u64;
    for bit in (0..64).rev() {
        if above.compare(&below) != Ordering::Less {
            above.subtract(&below);
            whole |= 1 << bit;
        }
        below.halve();
    }
    let is_inexact = above.bits() > 0;
    let bits = 64 - i64::from(whole.leading_zeros());
    // A double has 53 bits, fewer below 2^-1022, and none below 2^-1074.
    let drop = (bits - 53).max(scale - 1074);
    let (mut kept, rest, half) = match u32::try_from(drop) {
        Ok(drop @ 0..64) => {
            (whole.checked_shr(drop).unwrap_or(0), whole & ((1 << drop) - 1), (1_u64 << drop) >> 1)
        }
        Ok(64) => (0, whole, 1 << 63),
        _ => return 0.0,
    };
    let up = match rest.cmp(&half) {
        Ordering::Greater => true,
        Ordering::Equal => is_inexact || kept % 2 == 1,
        Ordering::Less => false,
    };
    kept += u64::from(up);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact, and so is 2^53")]
    let kept = kept as f64;
    kept * power_of_two(drop - scale)
}

/// Returns a power of two from -1074 on; infinite from 1024 on.
fn power_of_two(exponent: i64) -> f64 {
    let bits = match exponent {
        1024.. => return f64::INFINITY,
        -1022.. => u64::try_from(exponent + 1023).unwrap_or_default() << 52,
        _ => 1 << u32::try_from(exponent + 1074).unwrap_or_default(),
    };
    f64::from_bits(bits)
}

/// An integer of any size, its lowest 32 bits first, without zeros at the end.
struct Big(Vec<u32>);

impl Big {
    fn bits(&self) -> i64 {
        let last = self.0.last().map_or(0, |it| 32 - i64::from(it.leading_zeros()));
        (long(self.0.len()) - 1).max(0) * 32 + last
    }

    /// Multiplies by a factor and adds a number.
    fn multiply(&mut self, factor: u32, added: u32) {
        let mut carry = u64::from(added);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = low(carry);
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    fn shift_up(&mut self, bits: u64) {
        if self.0.is_empty() {
            return;
        }
        self.multiply(1 << (bits % 32), 0);
        let words = usize::try_from(bits / 32).unwrap_or_default();
        self.0.splice(0..0, std::iter::repeat_n(0, words));
    }

    fn halve(&mut self) {
        let mut carry = 0;
        for word in self.0.iter_mut().rev() {
            let next = *word << 31;
            *word = *word >> 1 | carry;
            carry = next;
        }
        self.trim();
    }

    fn compare(&self, other: &Self) -> Ordering {
        let lengths = self.0.len().cmp(&other.0.len());
        lengths.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Subtracts a number that isn't larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (at, word) in self.0.iter_mut().enumerate() {
            let (less, first) = word.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(borrow);
            *word = less;
            borrow = u32::from(first || second);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the low half is needed")]
fn low(value: u64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::double;

    fn is_exact(text: &str) -> bool {
        double(text).to_bits() == text.parse::<f64>().unwrap().to_bits()
    }

    #[test]
    fn edge_cases_round_like_the_standard_library() {
        let long_tail = format!("1.{}1", "0".repeat(2_000));
        for text in [
            "0.0",
            "-0.0",
            "0e5",
            "0.1",
            "1e22",
            "1e23",
            "9007199254740993",
            "9007199254740993.0",
            "9007199254740993.00000000000000001",
            &long_tail,
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649\
             0170e200",
            "4.9e-324",
            "2.5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1e-400",
            "1e400",
            "123456789012345678901234567890e-10",
            "1e-99999999999999999999",
            "1e99999999999999999999",
        ] {
            assert!(is_exact(text), "{text}: {}", double(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn every_double_round_trips(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert!(double(&value.to_string()).to_bits() == bits, "{value}");
            prop_assert!(double(&format!("{value:e}")).to_bits() == bits, "{value}");
        }

        #[test]
        fn digits_round_like_the_standard_library(
            whole in "[1-9][0-9]{0,40}", fraction in "[0-9]{1,60}", exponent in -350..330,
        ) {
            let text = format!("{whole}.{fraction}e{exponent}");
            prop_assert!(is_exact(&text), "{text}: {}", double(&text));
        }

        #[test]
        fn midpoints_round_to_even(
            bits in 1e-5_f64.to_bits()..1e15_f64.to_bits(), nudge in -1..=1,
        ) {
            // The exact decimal expansion of a midpoint, one digit more or less.
            let (low, high) = (f64::from_bits(bits), f64::from_bits(bits + 1));
            let middle = format!("{low:.1100}");
            let gap = format!("{:.1100}", (high - low) / 2.0);
            let mut sum = add(&middle, &gap);
            match nudge {
                -1 => sum = below(&sum),
                0 => {}
                _ => sum.push('1'),
            }
            prop_assert!(is_exact(&sum), "{sum}");
        }
    }

    /// Returns the next smaller decimal fraction with the same number of digits.
    fn below(text: &str) -> String {
        let kept = text.trim_end_matches('0');
        let (head, last) = kept.split_at(kept.len() - 1);
        let digit = last.as_bytes()[0] - 1;
        format!("{head}{}{}", char::from(digit), "9".repeat(text.len() - kept.len()))
    }

    /// Adds two decimal fractions with the same number of digits, as on paper.
    fn add(one: &str, other: &str) -> String {
        let width = one.len().max(other.len());
        let padded = |text: &str| format!("{text:0>width$}");
        let (one, other) = (padded(one), padded(other));
        let mut carry = 0;
        let mut sum: Vec<u8> = one
            .bytes()
            .zip(other.bytes())
            .rev()
            .map(|(a, b)| {
                if a == b'.' {
                    return b'.';
                }
                let digit = (a - b'0') + (b - b'0') + carry;
                carry = digit / 10;
                b'0' + digit % 10
            })
            .collect();
        if carry > 0 {
            sum.push(b'1');
        }
        sum.reverse();
        String::from_utf8(sum).unwrap()
    }
}
