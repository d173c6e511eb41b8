//! The slow twin of the restorer, for tests: tries every range of a whole text against a list of
//! rules.

use std::rc::Rc;

use super::Hidden;
use super::kind::{closing, is_padding, is_separator, joins_words, narrow};

/// Restores a complete text by trying every range at every position, the longest first, against a
/// list of rules.
pub(super) fn slow(hidden: &Rc<Hidden>, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut at) = (String::new(), 0);
    while at < chars.len() {
        let most = (at + 60).min(chars.len());
        let before = at.checked_sub(1).map(|it| chars[it]);
        let found = (at + 1..=most).rev().find_map(|end| {
            slow_value(hidden, &chars[at..end], before, chars.get(end).copied()).map(|it| (end, it))
        });
        match found {
            Some((end, value)) => {
                out.push_str(&value);
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

fn slow_value(
    hidden: &Rc<Hidden>,
    range: &[char],
    before: Option<char>,
    behind: Option<char>,
) -> Option<String> {
    let first = range[0];
    if narrow(first).is_ascii_alphabetic() {
        let is_bare = !before.is_some_and(joins_words) && !behind.is_some_and(joins_words);
        let (value, stands_alone) = slow_body(hidden, range)?;
        return (is_bare && stands_alone).then_some(value);
    }
    let slashes = range.iter().take_while(|it| **it == '\\').count();
    let mut inner = &range[slashes..];
    let close = closing(*inner.first()?)?;
    let doubles =
        if matches!(inner[0], '{' | '<') && inner.get(1) == inner.first() { 2 } else { 1 };
    inner = &inner[doubles..];
    for _ in 0..doubles {
        let (last, rest) = inner.split_last()?;
        if !close.contains(last) {
            return None;
        }
        inner = rest;
    }
    let closing_slashes = inner.iter().rev().take_while(|it| **it == '\\').count();
    if slashes > 2 || closing_slashes > 2 || (slashes > 0 && closing_slashes == 0) {
        return None;
    }
    inner = &inner[..inner.len() - closing_slashes];
    for _ in 0..3 {
        inner = inner
            .strip_prefix(&[' '])
            .or_else(|| inner.split_first().filter(|(it, _)| is_padding(**it)).map(|(_, it)| it))
            .unwrap_or(inner);
        inner = inner.split_last().filter(|(it, _)| is_padding(**it)).map_or(inner, |(_, it)| it);
    }
    let tails: [&[char]; 8] =
        [&[], &['\'', 's'], &['’', 's'], &['\'', 'S'], &['’', 'S'], &['\''], &['’'], &['s']];
    tails.iter().find_map(|tail| {
        let body = inner.strip_suffix(*tail)?;
        body.last()?;
        let (value, ..) = slow_body(hidden, body)?;
        Some(value + &tail.iter().collect::<String>())
    })
}

/// Returns the value, and whether the body is a placeholder even without brackets.
fn slow_body(hidden: &Rc<Hidden>, body: &[char]) -> Option<(String, bool)> {
    let plain: Vec<char> = body.iter().map(|it| narrow(*it)).collect();
    let digits = plain.iter().rev().take_while(|it| it.is_ascii_digit()).count();
    if digits == 0 || digits > 7 {
        return None;
    }
    let number: u32 = plain[plain.len() - digits..].iter().collect::<String>().parse().ok()?;
    let label = &body[..body.len() - digits];
    let separators = label.iter().rev().take_while(|it| is_separator(**it)).count();
    let letters: String =
        label.iter().map(|it| narrow(*it)).filter(char::is_ascii_alphabetic).collect();
    for entry in &hidden.entries {
        let words = &hidden.kinds[entry.kind].words;
        if entry.number != number
            || letters.to_ascii_uppercase() != words.concat()
            || separators > 3
        {
            continue;
        }
        // There are separators between words, but not within them.
        let mut rest = label.iter().copied().collect::<String>();
        let fits = words.iter().all(|word| {
            let skipped = rest
                .chars()
                .take(3)
                .take_while(|it| is_separator(*it))
                .map(char::len_utf8)
                .sum::<usize>();
            let from = if rest.chars().count() == label.len() { 0 } else { skipped };
            let tail = rest[from..].to_owned();
            let own: String = tail.chars().take(word.len()).map(narrow).collect();
            rest = tail.chars().skip(word.len()).collect();
            own.eq_ignore_ascii_case(word)
        });
        if fits && rest.chars().all(is_separator) {
            let underscore = label[label.len() - separators..].iter().any(|it| narrow(*it) == '_');
            let breaks = label[label.len() - separators..].contains(&'\n');
            let is_upper = letters.chars().all(|it| it.is_ascii_uppercase());
            let is_plain = underscore || is_upper && (separators > 0 || letters.len() >= 4);
            return Some((entry.text(), is_plain && !breaks));
        }
    }
    None
}
