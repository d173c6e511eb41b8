//! International bank account numbers.

use super::text::Text;

/// The total length of each country's numbers. Source: the IBAN registry, release 99.
const LENGTHS: &[u8] = b"\
AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18\
FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25\
MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19\
SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// Returns the end of the account number that begins here: a country, its length, and a remainder
/// of 1 modulo 97.
pub(super) fn end(text: Text<'_>, at: usize) -> Option<usize> {
    const WIDEST: usize = 3;
    let is_between = |byte: u8| matches!(byte, b' ' | b'-' | b'\t' | b'\n' | b'\r' | b'.' | b'/');
    // Two letters and two digits are checked before any lookup.
    let third = text.at(at + 2);
    if !(third.is_ascii_digit() || is_between(third)) || !text.at(at + 1).is_ascii_alphabetic() {
        return None;
    }
    // Part of a hyphenated identifier.
    let before = text.before(at);
    if matches!(before, b'-' | b'_') && text.before(at.saturating_sub(1)).is_ascii_alphanumeric() {
        return None;
    }
    let check = at + 2 + text.run(at + 2, WIDEST, is_between);
    let fourth = text.at(check + 1);
    if !text.at(check).is_ascii_digit() || !(fourth.is_ascii_digit() || is_between(fourth)) {
        return None;
    }
    let country = [text.at(at).to_ascii_uppercase(), text.at(at + 1).to_ascii_uppercase()];
    let length = length_in(country)?;
    // Letters count as 10 to 35, and the first four characters come last.
    let (mut sum, mut head, mut scale) = (0_u64, 0, 1);
    let (mut count, mut letters, mut gap) = (0, 0, 0);
    for (place, &byte) in text.slice(at, at + (WIDEST + 1) * length).iter().enumerate() {
        if byte.is_ascii_digit() {
            sum = sum * 10 + u64::from(byte - b'0');
            scale *= if count < 4 { 10 } else { 1 };
        } else if byte.is_ascii_alphabetic() {
            letters += 1;
            // At least half of a number are digits, including its third and fourth characters.
            if count == 2 || count == 3 || letters * 2 > length {
                return None;
            }
            sum = sum * 100 + u64::from(byte & 31) + 9;
            scale *= if count < 4 { 100 } else { 1 };
        } else if is_between(byte) && count > 0 && gap < WIDEST {
            gap += 1;
            continue;
        } else {
            return None;
        }
        gap = 0;
        count += 1;
        if count == 4 {
            (head, sum) = (sum, 0);
        } else if count == length {
            let end = at + place + 1;
            let is_whole = !text.at(end).is_ascii_alphanumeric();
            return (is_whole && (sum % 97 * scale + head) % 97 == 1).then_some(end);
        } else if sum >= 1 << 56 {
            // Reduces modulo 97 as rarely as the integer's width allows.
            sum %= 97;
        }
    }
    None
}

/// Returns the length of a country's numbers.
fn length_in(country: [u8; 2]) -> Option<usize> {
    let (mut from, mut to) = (0, LENGTHS.len() / 4);
    while from < to {
        let middle = (from + to) / 2;
        let entry = LENGTHS.get(middle * 4..middle * 4 + 4)?;
        match entry.get(..2)?.cmp(&country[..]) {
            core::cmp::Ordering::Less => from = middle + 1,
            core::cmp::Ordering::Greater => to = middle,
            core::cmp::Ordering::Equal => return usize::try_from(Text(entry).value(2, 4)).ok(),
        }
    }
    None
}
