//! International bank account numbers.

use super::text::Text;

/// How long a country's numbers are, letters and all. Source: the IBAN registry, release 99.
const LENGTHS: &[u8] = b"\
AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18\
FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25\
MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19\
SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

/// Where the account number ends that begins here: a country, its length, and a remainder of 1 by 97.
pub(super) fn end(text: Text<'_>, at: usize) -> Option<usize> {
    const WIDEST: usize = 3;
    let is_between = |byte: u8| matches!(byte, b' ' | b'-' | b'\t' | b'\n' | b'\r' | b'.' | b'/');
    // Two letters and two digits, before anything is looked up.
    // A part of something with hyphens, as identifiers have.
    let before = text.before(at);
    if matches!(before, b'-' | b'_') && text.before(at.saturating_sub(1)).is_ascii_alphanumeric() {
        return None;
    }
    let third = text.at(at + 2);
    if !text.at(at + 1).is_ascii_alphabetic() || !(third.is_ascii_digit() || is_between(third)) {
        return None;
    }
    let check = at + 2 + text.run(at + 2, WIDEST, is_between);
    if !text.at(check).is_ascii_digit() {
        return None;
    }
    let country = [text.at(at).to_ascii_uppercase(), text.at(at + 1).to_ascii_uppercase()];
    let length = length_in(country)?;
    let mut account = [0_u8; 34];
    let mut cursor = at;
    let mut digits = 0;
    for (index, slot) in account.iter_mut().take(length).enumerate() {
        if index > 0 {
            cursor += text.run(cursor, WIDEST, is_between);
        }
        let byte = text.at(cursor).to_ascii_uppercase();
        if !byte.is_ascii_alphanumeric() || ((2..4).contains(&index) && !byte.is_ascii_digit()) {
            return None;
        }
        digits += usize::from(byte.is_ascii_digit());
        *slot = byte;
        cursor += 1;
    }
    let is_whole = !text.at(cursor).is_ascii_alphanumeric();
    let is_number = digits * 2 >= length;
    (is_whole && is_number && remainder(account.get(..length)?) == 1).then_some(cursor)
}

/// How long numbers of a country are.
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

/// The number by 97, its first four characters moved to the end, and letters read as 10 to 35.
fn remainder(account: &[u8]) -> u32 {
    let (head, tail) = account.split_at(account.len().min(4));
    tail.iter().chain(head).fold(0, |rest, &byte| {
        if byte.is_ascii_digit() {
            (rest * 10 + u32::from(byte - b'0')) % 97
        } else {
            (rest * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97
        }
    })
}
