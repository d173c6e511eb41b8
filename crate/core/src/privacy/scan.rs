//! The single pass over a normalised text, word by word and number by number, which calls the
//! detectors at possible beginnings.
//!
//! A word that announces a number (`phone`, `born`) is remembered until an unrelated word; a number
//! is remembered until a word explains it. So every byte is read a bounded number of times,
//! whatever the text.

use super::birth::{self, NEAR};
use super::kind::{Finds, SensitiveKind};
use super::number::{self, Group, MOST, OVERLAP};
use super::secret::{self, Armour, KeyRun, SignedTokens, Values};
use super::text::{Text, is_letter, is_of_word};
use super::words::{self, Sense};
use super::{account, address, email, national};

/// The kind of number that an earlier word announced.
pub(super) const PHONE: u8 = 1;
pub(super) const CALL: u8 = 2;
pub(super) const SSN: u8 = 4;
pub(super) const ID: u8 = 8;

/// The maximum number of words between a word of birth and its date.
const BIRTH_WORDS: u8 = 6;

/// A number that a later word may explain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) digits: usize,
    pub(super) is_social: bool,
    pub(super) is_date: bool,
    /// Whether `is`, `my` or a bracket connects the word to it.
    pub(super) is_linked: bool,
}

#[derive(Debug)]
pub(super) struct Scanner<'a, 'f> {
    pub(super) text: Text<'a>,
    pub(super) finds: &'f mut Finds,
    pub(super) row: Vec<Group>,
    pub(super) keys: KeyRun,
    pub(super) values: Values,
    /// The end of the last secret value; a secret announced inside it is part of it.
    pub(super) covered: usize,
    pub(super) tokens: SignedTokens,
    pub(super) armour: Armour,
    /// The meaning of earlier words, with only small words since.
    pub(super) ahead: u8,
    /// The end of the last word of birth, and the number of words since.
    pub(super) birth: Option<(usize, u8)>,
    /// A year on its own, after a word of birth.
    pub(super) year: Option<usize>,
    pub(super) behind: Option<Behind>,
    pub(super) last_sense: Option<Sense>,
    pub(super) last_word: (usize, usize),
    pub(super) last_number: (usize, usize),
    pub(super) is_authorization: bool,
}

/// Adds the personal data in a normalised text.
pub(super) fn scan(text: &[u8], finds: &mut Finds) {
    let mut scanner = Scanner {
        text: Text(text),
        finds,
        row: Vec::new(),
        keys: KeyRun::default(),
        values: Values::default(),
        covered: 0,
        tokens: SignedTokens::default(),
        armour: Armour::default(),
        ahead: 0,
        birth: None,
        year: None,
        behind: None,
        last_sense: None,
        last_word: (0, 0),
        last_number: (0, 0),
        is_authorization: false,
    };
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if !BEGINS.get(usize::from(byte)).is_some_and(|it| *it) {
            at += 1;
        } else if scanner.finds.is_done() {
            return;
        } else {
            at = scanner.step(at, byte);
        }
    }
}

/// The bytes at which `Scanner::step` does more than advance.
#[expect(clippy::indexing_slicing, reason = "evaluated, and so checked, at compile time")]
const BEGINS: [bool; 256] = {
    let mut begins = [false; 256];
    let mut at = 0_usize;
    while at < 256 {
        let byte = at.to_le_bytes()[0];
        begins[at] = byte >= 0x80
            || byte.is_ascii_alphanumeric()
            || matches!(byte, b'@' | b':' | b'-' | b';' | b'!' | b'?' | b'(' | b'.' | b'\n');
        at += 1;
    }
    begins
};

impl Scanner<'_, '_> {
    /// Reads the next word, number or mark, and returns the position after it.
    fn step(&mut self, at: usize, byte: u8) -> usize {
        if is_letter(byte) {
            return self.word(at);
        }
        match byte {
            b'0'..=b'9' => return self.number(at),
            b'@' if self.finds.wants(SensitiveKind::Email) => {
                if let Some((from, to)) = email::around(self.text, at) {
                    self.finds.add(SensitiveKind::Email, from, to);
                }
            }
            b':' => self.colon(at),
            b'-' if self.text.at(at + 1) == b'-' && self.finds.wants(SensitiveKind::ApiKey) => {
                if let Some(end) = self.armour.end(self.text, at) {
                    self.finds.add(SensitiveKind::ApiKey, at, end);
                    return end;
                }
            }
            b';' | b'!' | b'?' => self.forget(),
            b'(' => {
                if let Some(behind) = &mut self.behind {
                    behind.is_linked = true;
                }
            }
            // A dot ends a sentence, unless it follows an abbreviation or an ordinal: `Tel.`,
            // `geb.`, `12.`
            b'.' if self.text.at(at + 1) == b' ' => {
                let (from, to) = self.last_word;
                let is_short = to == at && to - from <= 4;
                if !is_short && !self.text.before(at).is_ascii_digit() {
                    self.forget();
                }
            }
            b'\n' if self.text.at(at + 1) == b'\n' && self.text.at(at + 2) == b'\n' => {
                self.forget();
            }
            _ => {}
        }
        at + 1
    }

    /// Forgets earlier words, which do not explain what follows.
    fn forget(&mut self) {
        self.ahead = 0;
        self.birth = None;
        self.year = None;
        self.behind = None;
        self.last_sense = None;
    }

    fn colon(&mut self, at: usize) {
        let text = self.text;
        if text.at(at + 1) == b':'
            && !is_of_word(text.before(at))
            && self.finds.wants(SensitiveKind::IpAddress)
            && let Some(end) = address::six_end(text, at)
        {
            self.finds.add(SensitiveKind::IpAddress, at, end);
        }
        if text.slice(at, at + 3) == b"://"
            && self.finds.wants(SensitiveKind::ApiKey)
            && let Some((from, to)) = secret::in_address(text, at)
        {
            self.finds.add(SensitiveKind::ApiKey, from, to);
        }
    }

    /// Reads one word of a name like `dateOfBirth` or `date_of_birth`.
    fn word(&mut self, from: usize) -> usize {
        let text = self.text;
        let is_ascii = text.at(from).is_ascii();
        if is_ascii
            && !text.before(from).is_ascii_alphanumeric()
            && let Some(end) = self.marked(from)
        {
            return end;
        }
        let (to, hash, is_foreign) = self.read_word(from);
        let sense = match is_foreign {
            true if self.could_explain(to) => words::foreign(text.slice(from, to)),
            true => None,
            false => words::sense(hash),
        };
        self.hear(sense, from, to);
        self.last_sense = sense;
        self.last_word = (from, to);
        to
    }

    /// Whether a word that ends here is adjacent to a number or a value.
    fn could_explain(&self, to: usize) -> bool {
        let next = to + self.text.run(to, 2, |byte| b" .".contains(&byte));
        let is_value = matches!(self.text.at(next), b'0'..=b'9' | b'+' | b'(' | b':' | b'=' | b'"');
        is_value || self.behind.is_some()
    }

    /// Returns the end of the word that begins here, its hash, and whether it has letters outside
    /// ASCII.
    fn read_word(&self, from: usize) -> (usize, u32, bool) {
        let text = self.text;
        if text.at(from) >= 0x80 {
            return (from + text.run(from, usize::MAX, |byte| byte >= 0x80), words::START, true);
        }
        let (mut hash, mut before_last) = (words::START, words::START);
        let (mut is_upper, mut was_upper) = (false, false);
        let mut at = from;
        loop {
            let byte = text.at(at);
            if !byte.is_ascii_alphabetic() {
                break;
            }
            let upper = byte.is_ascii_uppercase();
            if upper && at > from && !is_upper {
                break;
            }
            if !upper && is_upper && was_upper {
                // `APIKey`: the last capital begins the next word.
                return (at - 1, before_last, false);
            }
            before_last = hash;
            hash = words::mixed(hash, byte);
            was_upper = is_upper;
            is_upper = upper;
            at += 1;
        }
        (at, hash, false)
    }

    /// Detects data with a known prefix, at the beginning of a word.
    fn marked(&mut self, at: usize) -> Option<usize> {
        let text = self.text;
        let (byte, next) = (text.at(at), text.at(at + 1));
        // A cheap check that rejects most candidates: no detected data has another second
        // character.
        if !(next.is_ascii_alphanumeric() || matches!(next, b':' | b'.' | b'-')) {
            return None;
        }
        if self.finds.wants(SensitiveKind::ApiKey) {
            let end = self.keys.marked_end(text, at).or_else(|| self.tokens.end(text, at));
            if let Some(end) = end {
                self.finds.add(SensitiveKind::ApiKey, at, end);
                return Some(end);
            }
        }
        if byte.is_ascii_hexdigit()
            && (at + 1..at + 5).any(|it| text.at(it) == b':')
            && self.finds.wants(SensitiveKind::IpAddress)
            && let Some(end) = address::six_end(text, at)
        {
            self.finds.add(SensitiveKind::IpAddress, at, end);
            return Some(end);
        }
        // `IBANDE89…`
        let is_glued = byte | 0x20 == b'i' && text.reads(at, b"iban") && is_letter(text.at(at + 4));
        let start = if is_glued { at + 4 } else { at };
        if let Some(end) = account::end(text, start) {
            self.finds.add(SensitiveKind::Iban, start, end);
            return Some(end);
        }
        if byte.is_ascii_uppercase()
            && self.finds.wants(SensitiveKind::NationalId)
            && let Some(end) = national::lettered_end(text, at)
        {
            self.finds.add(SensitiveKind::NationalId, at, end);
            return Some(end);
        }
        if matches!(next, b'.' | b'-') && (text.reads(at, b"d.o.b") || text.reads(at, b"b-day")) {
            self.birth = Some((at + 5, 0));
            self.explain(Sense::Birth);
            return Some(at + 5);
        }
        None
    }

    /// Records the meaning of a word.
    fn hear(&mut self, sense: Option<Sense>, from: usize, to: usize) {
        if let Some(year) = self.year.take() {
            if birth::is_month(self.text, from) {
                self.finds.add(SensitiveKind::DateOfBirth, year, to);
            }
            self.birth = None;
        }
        let announced = match sense {
            Some(Sense::Filler) => {
                if self.last_sense == Some(Sense::BornIf) {
                    self.birth = Some((to, 0));
                }
                return;
            }
            Some(Sense::Link) => {
                if let Some(behind) = &mut self.behind {
                    behind.is_linked = true;
                }
                return;
            }
            Some(Sense::Phone) => PHONE,
            // `USE_REGISTERED_RING = 2147483648` isn't a phone call.
            Some(Sense::Call) if self.text.before(from) == b'_' => 0,
            Some(Sense::Call) => CALL,
            Some(Sense::Ssn) => SSN,
            Some(Sense::Security) if self.last_sense == Some(Sense::Social) => SSN,
            Some(Sense::Id) => {
                let values = &mut self.values;
                if let Some((from, to)) = secret::named(self.text, values, to, Sense::Id, true) {
                    self.finds.add(SensitiveKind::NationalId, from, to);
                }
                ID
            }
            Some(Sense::Birth) => {
                self.birth = Some((to, 0));
                self.explain(Sense::Birth);
                return;
            }
            Some(sense @ (Sense::Password | Sense::Secret)) => {
                self.secret(sense, to);
                0
            }
            Some(Sense::Key) => {
                if matches!(self.last_sense, Some(Sense::Qualifier | Sense::Secret)) {
                    self.secret(Sense::Secret, to);
                }
                0
            }
            Some(Sense::Basic) => {
                if let Some((from, to)) =
                    secret::basic(self.text, to).filter(|_| self.is_authorization)
                {
                    self.finds.add(SensitiveKind::ApiKey, from, to);
                }
                0
            }
            _ => 0,
        };
        if let Some((at, count)) = self.birth {
            self.birth = (count < BIRTH_WORDS && from - at < NEAR).then_some((at, count + 1));
        }
        if announced == 0 {
            // `social` is completed by `security`.
            if sense != Some(Sense::Social) {
                self.behind = None;
                self.ahead = 0;
            }
            return;
        }
        self.ahead |= announced;
        self.explain(sense.unwrap_or(Sense::Filler));
    }

    /// Lets a word explain the number before it.
    fn explain(&mut self, sense: Sense) {
        let Some(behind) = self.behind.take().filter(|it| it.is_linked) else { return };
        let kind = match sense {
            Sense::Phone | Sense::Call if behind.digits >= 7 && !behind.is_date => {
                SensitiveKind::Phone
            }
            Sense::Ssn | Sense::Security if behind.is_social => SensitiveKind::Ssn,
            Sense::Birth if behind.is_date => SensitiveKind::DateOfBirth,
            Sense::Id if !behind.is_date => SensitiveKind::NationalId,
            _ => return,
        };
        self.finds.add(kind, behind.from, behind.to);
    }

    /// Finds the value after a word like `password`.
    fn secret(&mut self, sense: Sense, to: usize) {
        if !self.finds.wants(SensitiveKind::ApiKey) {
            return;
        }
        let (start, end) = (self.last_word.1.min(to), to);
        let is_called =
            |word: &[u8]| end - start >= word.len() && self.text.reads(end - word.len(), word);
        self.is_authorization |= is_called(b"authorization");
        let is_bearer = is_called(b"bearer");
        if to < self.covered {
            return;
        }
        if let Some((from, to)) = secret::named(self.text, &mut self.values, to, sense, is_bearer) {
            self.covered = to;
            self.finds.add(SensitiveKind::ApiKey, from, to);
        }
    }

    /// Reads a row of numbers.
    fn number(&mut self, from: usize) -> usize {
        let text = self.text;
        // A few digits that are not followed by more of a number are never personal data.
        let few = text.run(from, 4, |byte| byte.is_ascii_digit());
        let next = text.at(from + few);
        let goes_on = next.is_ascii_hexdigit()
            || matches!(
                next,
                b' ' | b'\t' | b'\n' | b'\r' | b'-' | b'.' | b'/' | b'(' | b')' | b':'
            );
        if few <= 3 && !goes_on {
            self.last_number = (from, from + few);
            return from + few;
        }
        // A letter of a script without spaces ends a word.
        // Digits behind a dot are a fraction's.
        let before = text.before(from);
        // `88cb_001111000030` continues; `_4111…_` is between marks of Markdown.
        let is_joined = before == b'_' && {
            let joint = from - 1;
            let width = text.run_back(joint, 24, |byte| byte.is_ascii_alphanumeric());
            text.slice(joint - width, joint).iter().any(u8::is_ascii_digit)
        };
        let begins = !before.is_ascii_alphanumeric() && before != b'.' && !is_joined;
        if begins
            && self.finds.wants(SensitiveKind::IpAddress)
            && let Some(end) = address::six_end(text, from)
        {
            self.finds.add(SensitiveKind::IpAddress, from, end);
            return end;
        }
        let mut row = core::mem::take(&mut self.row);
        row.clear();
        number::read(text, from, &mut row);
        let mut end = row.last().map_or(from + 1, |it| it.to);
        let is_cut = row.len() == MOST;
        // `12 2001:db8::1`: the last group begins an address.
        let last = row.last().filter(|it| it.from > from && text.at(it.to) == b':');
        if let Some((start, to)) =
            last.and_then(|it| Some((it.from, address::six_end(text, it.from)?)))
        {
            self.finds.add(SensitiveKind::IpAddress, start, to);
            row.pop();
            end = to;
        }
        // Fewer digits are never personal.
        if end - from > 3 {
            self.row(&row, begins);
        } else {
            self.last_number = row.last().map_or((0, 0), |it| (it.from, it.to));
        }
        // The next part begins with groups of this one, so that no number is split.
        let next = row.len().checked_sub(OVERLAP).and_then(|it| row.get(it)).filter(|_| is_cut);
        let next = next.map_or(end, |it| it.from);
        self.row = row;
        next
    }
}
