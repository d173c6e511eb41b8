//! Interprets a row of digit groups as a card, a telephone number, a date, an address or a national
//! number.

use super::birth::{self, NEAR};
use super::kind::SensitiveKind;
use super::number::{self, Between, Group, LINES, SPACED, TIGHT, WIDE};
use super::scan::{Behind, CALL, ID, PHONE, SSN, Scanner};
use super::text::{is_letter, is_of_word};
use super::words::{self, Sense};
use super::{address, national, phone};

/// Rows up to this length are also read across tabs and lines, and digit by digit.
const SHORT: usize = 24;

/// A number's position in its row.
#[derive(Clone, Copy, Debug)]
struct Place {
    is_first: bool,
    /// Whether neither a letter nor a dot precedes it.
    begins: bool,
    /// Whether it has no adjacent number.
    is_alone: bool,
    /// Whether there are fractions on both sides, as in an SVG path.
    is_listed: bool,
}

/// Whether a group begins a fraction.
fn is_fraction(group: Option<&Group>) -> bool {
    group.is_some_and(|it| it.after == Between::Dot && it.loose == TIGHT)
}

/// Returns the second to last group before a position.
fn before_last(row: &[Group], at: usize) -> Option<&Group> {
    at.checked_sub(2).and_then(|it| row.get(it))
}

/// Whether four groups of four digits, from `first` on, belong to a table and are not a card: the
/// row has more such groups, and not all of them are cards.
fn is_of_table(row: &[Group], first: usize, inner: &[Group]) -> bool {
    let Some((before, rest)) = row.split_at_checked(first) else { return false };
    let beyond = rest.get(4..).unwrap_or_default();
    if row.len().is_multiple_of(4) {
        return false;
    }
    if inner.iter().any(|it| it.loose == LINES) {
        return !before.is_empty() || !beyond.is_empty();
    }
    // The end of `123-4567` is not a column.
    let is_tied = |at: usize| at > 0 && before.get(at - 1).is_some_and(|it| it.loose == TIGHT);
    let columns = before.iter().enumerate().rev();
    let earlier = columns.take_while(|(at, it)| it.len() == 4 && !is_tied(*at)).count();
    let later = beyond.iter().take_while(|it| it.len() == 4).count();
    earlier % 4 != 0 || later % 4 != 0
}

impl Scanner<'_, '_> {
    /// Adds the findings in a row.
    pub(super) fn row(&mut self, row: &[Group], begins: bool) {
        let text = self.text;
        let (Some(first), Some(last)) = (row.first(), row.last()) else { return };
        let total: usize = row.iter().map(Group::len).sum();
        self.dates(row, begins);
        if total >= 7 || row.len() >= 4 {
            if begins {
                self.international(row);
                if let [single] = row {
                    self.telegram(*single);
                    if national::is_lettered(text, single) {
                        self.finds.add(SensitiveKind::NationalId, single.from, single.to);
                    }
                }
            }
            let free = begins || self.is_named_card(first.from);
            for level in [SPACED, WIDE, LINES] {
                let mut start = 0;
                while start < row.len() {
                    let rest = row.get(start..).unwrap_or_default();
                    let length = rest.iter().take_while(|it| it.loose <= level).count() + 1;
                    let end = (start + length).min(row.len());
                    let widest =
                        row.get(start..end - 1).unwrap_or_default().iter().map(|it| it.loose).max();
                    let is_new = level == SPACED || widest == Some(level);
                    let (from, to) = (rest.first(), rest.get(end - start - 1));
                    let width = from.zip(to).map_or(0, |(from, to)| to.to - from.from);
                    // No detector matches anything shorter than the address `1.2.3.4`.
                    if is_new && width >= 7 && (level == SPACED || end - start <= SHORT) {
                        self.segment(row, start, end, free, begins);
                    }
                    start = end;
                }
            }
        }
        let is_free = begins && !text.at(last.to).is_ascii_alphabetic();
        if is_free && (6..=15).contains(&total) && self.behind.is_none_or(|it| it.to < first.from) {
            self.behind = Some(Behind {
                from: first.from,
                to: last.to,
                digits: total,
                is_social: number::is_social(text, row),
                is_date: birth::date(text, row) == Some(row.len()),
                is_linked: false,
            });
        }
        self.last_number = (last.from, last.to);
    }

    /// Adds a date after a word of birth, or remembers the date until such a word follows.
    fn dates(&mut self, row: &[Group], begins: bool) {
        let text = self.text;
        for (index, group) in row.iter().enumerate().take(6) {
            let is_free = if index == 0 {
                begins
            } else {
                row.get(index - 1).is_some_and(|it| it.loose > TIGHT)
            };
            let rest = row.get(index..).unwrap_or_default();
            let date = birth::date(text, rest).filter(|_| is_free);
            let (from, to) = if let Some(last) = date.and_then(|count| rest.get(count - 1)) {
                (group.from, last.to)
            } else if birth::is_year(text, group) && (index > 0 || begins) {
                let number = index
                    .checked_sub(1)
                    .and_then(|it| row.get(it))
                    .map_or(self.last_number, |it| (it.from, it.to));
                match self.spelled_date(group, number) {
                    Some(span) => span,
                    None if self.birth.is_some() => {
                        self.year = Some(group.from);
                        continue;
                    }
                    None => continue,
                }
            } else {
                continue;
            };
            if self.birth.take().is_some_and(|(at, _)| from < at + NEAR || from < at) {
                self.finds.add(SensitiveKind::DateOfBirth, from, to);
            } else {
                let digits = 0;
                self.behind = Some(Behind {
                    from,
                    to,
                    digits,
                    is_social: false,
                    is_date: true,
                    is_linked: false,
                });
            }
            return;
        }
    }

    /// Finds `12 March 1985`, `March 12, 1985`, `1985年3月12日` around its year.
    fn spelled_date(&self, year: &Group, number: (usize, usize)) -> Option<(usize, usize)> {
        let text = self.text;
        let suffix = text.slice(year.to, year.to + 3);
        if suffix == "年".as_bytes() || suffix == "년".as_bytes() {
            let is_of_date = |byte: u8| byte.is_ascii_digit() || byte >= 0x80 || byte == b' ';
            let width = text.run(year.to, 16, is_of_date);
            return Some((year.from, year.to + width));
        }
        let (from, to) = self.last_word;
        let gap = year.from.checked_sub(to)?;
        if gap > 10 || to == 0 || !birth::is_month(text, from) {
            return None;
        }
        let is_day = number.1 > 0 && number.1 - number.0 <= 2;
        let is_before = is_day && number.1 <= from && from - number.1 <= 8;
        let start = if is_before { number.0 } else { from };
        (gap <= 4 || is_day).then_some((start, year.to))
    }

    /// `+49 171 1234567`, `0049 …`
    fn international(&mut self, row: &[Group]) {
        let text = self.text;
        let Some(first) = row.first() else { return };
        let before = text.before(first.from);
        let is_plus = before == b'+'
            && text.at(first.from) != b'0'
            && !text.before(first.from - 1).is_ascii_alphanumeric()
            && !matches!(text.before(first.from - 1), b'+' | b')')
            && (text.before(first.from - 1) != b'=' || self.is_query(first.from - 2));
        let next =
            if first.len() == 2 { row.get(1).map_or(0, |it| it.from) } else { first.from + 2 };
        let is_zeros = text.reads(first.from, b"00") && matches!(text.at(next), b'1'..=b'9');
        if !(is_plus || is_zeros && row.len() + first.len() > 4) {
            return;
        }
        let mut total = 0;
        let mut to = first.from;
        let widest = if row.len() <= SHORT { LINES } else { SPACED };
        for group in row {
            if total + group.len() > 15 + usize::from(is_zeros) * 2 {
                break;
            }
            total += group.len();
            to = group.to;
            if group.loose > widest {
                break;
            }
        }
        let is_date = matches!(first.after, Between::Dot | Between::Dash) && first.len() > 3;
        // Code points, `0063 0043 0053`, and zero-padded addresses: `001.022.233.040`.
        let is_filled = is_zeros
            && row.len() > 2
            && (row.iter().all(|it| text.at(it.from) == b'0')
                || (first.after == Between::Dot && row.iter().all(|it| it.len() == 3)));
        let is_tied = is_date
            || is_filled
            || text.at(to).is_ascii_alphabetic()
            || phone::is_binary(text, row);
        if total >= 8 + usize::from(is_zeros) * 3 && !is_tied {
            self.finds.add(SensitiveKind::Phone, first.from - usize::from(is_plus), to);
        }
    }

    /// Detects Telegram's keys: a bot's number, a colon, and 35 characters.
    fn telegram(&mut self, group: Group) {
        let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_one = (8..=10).contains(&group.len()) && self.text.at(group.to) == b':';
        if is_one && self.text.run(group.to + 1, 40, is_of_token) == 35 {
            self.finds.add(SensitiveKind::ApiKey, group.from, group.to + 36);
        }
    }

    /// Whether a word directly precedes the number, as in `VISA4111111111111111`.
    fn is_named_card(&self, from: usize) -> bool {
        let letters = self.text.run_back(from, 13, |byte| byte.is_ascii_alphabetic());
        (3..=12).contains(&letters) && !is_of_word(self.text.before(from - letters))
    }

    /// Reads numbers of one looseness. `free` is whether a card may begin at the first group,
    /// `begins` whether any number may.
    fn segment(&mut self, row: &[Group], start: usize, end: usize, free: bool, begins: bool) {
        let text = self.text;
        let is_short = end - start <= SHORT;
        for first in start..end {
            let Some(head) = row.get(first) else { return };
            let before = first.checked_sub(1).and_then(|it| row.get(it));
            let loose = before.map_or(u8::MAX, |it| it.loose);
            let is_slashed = before.is_some_and(|it| it.after == Between::Slash);
            if first == 0 && !free {
                continue;
            }
            if head.len() >= 4 && (loose > TIGHT || is_slashed) {
                self.printed_card(row, start, first, end);
            }
            if head.len() == 3 {
                self.printed_phone(row, first);
            }
            let (mut inner, mut lengths, mut total) = (0, 0_u32, 0);
            for last in first..end {
                let Some(group) = row.get(last) else { return };
                total += group.len();
                if total > 19 || inner >= loose || (!is_short && last > first + 6) {
                    break;
                }
                let length = u32::try_from(group.len().min(15)).unwrap_or(15);
                lengths = if last - first < 7 { lengths << 4 | length } else { 0 };
                // `12ab`, `012345-567890-ABCDEF`
                let dash = usize::from(text.at(group.to) == b'-');
                let next = text.at(group.to + dash);
                let is_code = last + 1 == row.len()
                    && if dash > 0 {
                        next.is_ascii_uppercase()
                    } else {
                        next.is_ascii_alphabetic()
                    };
                let ends = !is_code
                    && (group.loose > inner.max(TIGHT)
                        || (group.after == Between::Slash && last > first)
                        || last + 1 == row.len());
                if ends && (total >= 7 || last == first + 3) && (loose > TIGHT || is_slashed) {
                    let groups = row.get(first..=last).unwrap_or_default();
                    let is_alone = loose > SPACED && group.loose > SPACED;
                    let place = Place {
                        is_first: first == 0,
                        begins: begins || first > 0,
                        is_alone,
                        is_listed: is_fraction(before_last(row, first))
                            && is_fraction(row.get(last + 1)),
                    };
                    self.window(groups, lengths, total, place);
                }
                inner = inner.max(group.loose);
            }
        }
    }

    /// `(555) 123-4567`, among other numbers too: its brackets distinguish it from them.
    fn printed_phone(&mut self, row: &[Group], first: usize) {
        let text = self.text;
        let Some([area, exchange, line, ..]) = row.get(first..) else { return };
        let is_bracketed = text.before(area.from) == b'('
            && !is_of_word(text.before(area.from - 1))
            && area.after == Between::Bracket;
        let is_written = exchange.len() == 3
            && line.len() == 4
            && exchange.loose == TIGHT
            && matches!(exchange.after, Between::Dash | Between::Dot)
            && line.loose > TIGHT;
        if is_bracketed && is_written && text.at(area.from) >= b'2' {
            self.finds.add(SensitiveKind::Phone, area.from - 1, line.to);
        }
    }

    /// Finds cards in their printed grouping, also among other numbers.
    fn printed_card(&mut self, row: &[Group], start: usize, first: usize, end: usize) {
        const PRINTED: [&[usize]; 5] =
            [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3], &[4, 4, 5]];
        let groups = row.get(first..end).unwrap_or_default();
        for lengths in PRINTED {
            let Some(groups) = groups.get(..lengths.len()) else { continue };
            let inner = groups.get(..groups.len() - 1).unwrap_or_default();
            let is_one = inner.windows(2).all(|it| matches!(it, [a, b] if a.after == b.after));
            let fits = groups.iter().zip(lengths).all(|(group, length)| group.len() == *length);
            let is_table = || {
                let row = row.get(start..end).unwrap_or_default();
                lengths == [4, 4, 4, 4] && is_of_table(row, first - start, inner)
            };
            if let [head, .., last] = groups
                && fits
                && is_one
                && !is_table()
                && (last.loose > TIGHT || last.after == Between::Slash)
                && !self.text.at(last.to).is_ascii_alphabetic()
                && number::is_card(self.text, groups)
            {
                self.finds.add(SensitiveKind::CreditCard, head.from, last.to);
            }
        }
    }

    /// Classifies connected groups without adjacent characters.
    fn window(&mut self, groups: &[Group], lengths: u32, total: usize, place: Place) {
        let text = self.text;
        let (Some(head), Some(last)) = (groups.first(), groups.last()) else { return };
        let (from, to) = (head.from, last.to);
        let is_date = birth::date(text, groups) == Some(groups.len());
        if total >= 13 && self.finds.wants(SensitiveKind::CreditCard) {
            let is_dotted =
                groups.iter().rev().skip(1).any(|it| it.after == Between::Dot) && head.len() != 4;
            let are_alike = groups.iter().all(|it| it.len() == head.len())
                && (head.len() == 1 || head.len() >= 4);
            let are_long = head.len() >= 4 && groups.iter().all(|it| it.len() >= 3);
            if (are_alike || are_long) && !is_dotted && number::is_card(text, groups) {
                self.finds.add(SensitiveKind::CreditCard, from, to);
                return;
            }
        }
        if !place.begins {
            return;
        }
        if groups.len() == 4
            && !place.is_listed
            && address::is_four(text, groups)
            && !self.is_after(Sense::Version, from)
            && !address::is_numbering(text, groups, self.word_before(from))
        {
            self.finds.add(SensitiveKind::IpAddress, from, to);
            return;
        }
        let is_even = groups.windows(3).all(|it| matches!(it, [a, b, _] if a.after == b.after));
        let is_written = lengths == 0x324
            && is_even
            && matches!(head.after, Between::Dash | Between::Space | Between::Dot);
        let is_called = self.ahead & SSN != 0;
        if total == 9 && (is_written || is_called) && number::is_social(text, groups) {
            self.finds.add(SensitiveKind::Ssn, from, to);
            return;
        }
        if national::is_one(text, groups, lengths, total) {
            self.finds.add(SensitiveKind::NationalId, from, to);
            return;
        }
        // A time may follow a date.
        let has_year = head.len() == 4 || groups.get(2).is_some_and(|it| it.len() == 4);
        let starts_with_date = has_year && birth::date(text, groups).is_some();
        if is_date || starts_with_date || phone::is_binary(text, groups) {
            return;
        }
        if self.ahead & ID != 0 && place.is_first && total <= 19 {
            self.finds.add(SensitiveKind::NationalId, from, to);
            return;
        }
        let is_announced = place.is_first && self.ahead & (PHONE | CALL) != 0 && total <= 15;
        let is_phone = is_announced
            || if groups.len() == 1 {
                let is_zero = text.at(from) == b'0';
                (if is_zero {
                    phone::is_shaped(text, groups, lengths, total)
                } else {
                    phone::is_bare(text, head)
                }) && place.is_alone
                    && self.is_free_number(head)
            } else {
                groups.len() <= 6
                    && total <= 13
                    && phone::is_shaped(text, groups, lengths, total)
                    && !self.is_after(Sense::Count, from)
                    && !self.counts(to)
            };
        if is_phone {
            self.finds.add(SensitiveKind::Phone, from, to);
        }
    }

    /// Returns the word shortly before, if there is one.
    fn word_before(&self, from: usize) -> &[u8] {
        let (start, to) = self.last_word;
        let is_near = to > 0 && from.saturating_sub(to) <= 6;
        if is_near { self.text.slice(start, to) } else { &[] }
    }

    /// Whether a word of this meaning is shortly before.
    fn is_after(&self, sense: Sense, from: usize) -> bool {
        let (_, to) = self.last_word;
        self.last_sense == Some(sense) && from.saturating_sub(to) <= 6
    }

    /// Whether a unit or a countable noun follows: `bytes`, `rows`.
    fn counts(&self, to: usize) -> bool {
        let start = to + self.text.run(to, 2, |byte| byte == b' ');
        let width = self.text.run(start, 16, |byte| byte.is_ascii_alphabetic());
        start > to && {
            let sense = words::sense_of(self.text.slice(start, start + width));
            matches!(sense, Some(Sense::Unit | Sense::Count))
        } || self.text.at(start) == b'%'
    }

    /// Whether a query parameter's name ends here, at its `=`: `?phone=5551234567&…`
    fn is_query(&self, sign: usize) -> bool {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let name = self.text.run_back(sign, 32, is_of_name);
        matches!(self.text.before(sign - name), b'?' | b'&')
    }

    /// Whether the line ends here with a comma, like a value in a program.
    fn is_listed(&self, end: usize) -> bool {
        self.text.at(end) == b',' && matches!(self.text.at(end + 1), b'\n' | b'\r')
    }

    /// Whether digits without a separator are in a sentence, and neither in a program nor after a
    /// word for a count.
    fn is_free_number(&self, group: &Group) -> bool {
        let text = self.text;
        let is_gap = |byte: u8| byte.is_ascii_whitespace();
        let is_quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'`');
        let quoted = is_quote(text.before(group.from)) && is_quote(text.at(group.to));
        let (start, end) = (group.from - usize::from(quoted), group.to + usize::from(quoted));
        let gap = text.run_back(start, 40, is_gap);
        let (one, two) = (text.before(start - gap), text.before((start - gap).saturating_sub(1)));
        let is_query = one == b'=' && self.is_query((start - gap).saturating_sub(1));
        let is_tied = !is_query
            && match one {
                // A dash at the beginning of a line marks a list item.
                b'-' => gap == 0 || two != b'\n',
                b'_' | b'.' => gap == 0,
                b'/' => true,
                b'|' => text.at(end + text.run(end, 40, is_gap)) != b'|',
                b'#' | b'$' | b'+' | b'*' | b'~' | b'^' | b'%' | b'=' | b'<' | b'>' | b'['
                | b'{' | b'&' => true,
                b',' => gap == 0 || two.is_ascii_digit() || self.is_listed(end),
                b'(' => quoted || is_of_word(two),
                b':' => gap == 0 && !quoted && is_of_word(two),
                _ => quoted && gap == 0 && is_letter(one),
            };
        let next = text.at(end);
        let gap = text.run(end, 40, is_gap);
        let (then, last) = (text.at(end + gap), text.at(end + 1));
        let goes_on = match next {
            b'&' | b'#' if is_query => false,
            b'.' | b':' => last.is_ascii_digit() || is_letter(last),
            b',' => {
                let after = end + 1 + text.run(end + 1, 40, is_gap);
                text.at(after).is_ascii_digit() || is_letter(last)
            }
            b')' => one != b'(',
            b';' | b']' | b'}' | b'<' | b'-' | b'_' | b'[' | b'(' | b'%' => true,
            b' ' if one == b'|' => false,
            _ => {
                gap < 2
                    && matches!(
                        then,
                        b'=' | b'<' | b'>' | b'+' | b'*' | b'/' | b'%' | b'&' | b'|' | b'^'
                    )
            }
        };
        !is_tied
            && !goes_on
            && !self.is_after(Sense::Count, group.from)
            && !self.is_after(Sense::Version, group.from)
            && !self.counts(group.to)
    }
}
