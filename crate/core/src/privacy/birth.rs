//! Dates of birth.

use super::number::{Between, Group};
use super::text::Text;

/// Three letters of each month in several languages, without accents.
const MONTHS: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdecmaioktdezeneabragodicfevavraoudecgenmaggiulugsetottoutmaj\
styluplistgruczelip";

/// How far after its word a date is searched.
pub(super) const NEAR: usize = 56;

pub(super) fn is_month(text: Text<'_>, from: usize) -> bool {
    let word = text.slice(from, from + 3);
    word.len() == 3
        && MONTHS.chunks(3).any(|month| month.eq_ignore_ascii_case(word))
        && text.run(from, 12, |byte| byte.is_ascii_alphabetic()) < 12
}

pub(super) fn is_year(text: Text<'_>, group: &Group) -> bool {
    group.len() == 4 && (1900..2100).contains(&text.value(group.from, group.to))
}

/// Returns how many of the first groups are a day, a month and a year, in one of the usual orders.
pub(super) fn date(text: Text<'_>, groups: &[Group]) -> Option<usize> {
    if let [single, ..] = groups
        && single.len() == 8
    {
        let (year, month) = (text.value(single.from, single.from + 4), single.from + 4);
        let (month, day) = (text.value(month, month + 2), text.value(month + 2, single.to));
        let is_date = (1900..2100).contains(&year) && is_pair(month, day);
        return is_date.then_some(1);
    }
    let [a, b, c, ..] = groups else { return None };
    if [a, b].iter().any(|it| it.after == Between::Bracket) {
        return None;
    }
    let value = |it: &Group| text.value(it.from, it.to);
    let is_date = match (a.len(), b.len(), c.len()) {
        (1 | 2, 1 | 2, 4) => is_pair(value(a), value(b)) && is_year(text, c),
        (1 | 2, 1 | 2, 2) => is_pair(value(a), value(b)),
        (4, 1 | 2, 1 | 2) => is_pair(value(b), value(c)) && is_year(text, a),
        _ => false,
    };
    is_date.then_some(3)
}

/// Whether two numbers are a day and a month, in either order.
fn is_pair(p: u32, q: u32) -> bool {
    p >= 1 && q >= 1 && p.min(q) <= 12 && p.max(q) <= 31
}
