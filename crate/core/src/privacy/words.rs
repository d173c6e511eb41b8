//! Words that announce a number or a text beside them. Stored as hashes, because every page
//! downloads them.

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// No meaning, and no effect on others: `number`, `the`.
    Filler,
    /// Connects the word before it to what follows: `is`, `my`.
    Link,
    /// A telephone.
    Phone,
    /// A telephone, if the number looks like one: `call`.
    Call,
    /// A US social security number.
    Ssn,
    /// `social`, to be followed by `security`.
    Social,
    Security,
    /// A birth.
    Birth,
    /// A birth, if a small word follows: `né le`, `nato il`.
    BornIf,
    /// A national number.
    Id,
    /// A password.
    Password,
    /// A key or token of a service.
    Secret,
    /// A key, if `key` follows: `api`, `access`.
    Qualifier,
    Key,
    /// HTTP's `Authorization: Basic`.
    Basic,
    /// Numbers after it are versions or sections.
    Version,
    /// Numbers after it count or identify things: `id`, `order`.
    Count,
    /// Numbers before it count things: `bytes`.
    Unit,
    /// A placeholder for a password in documents.
    Placeholder,
}

const LISTS: [(Sense, &str); 19] = [
    (
        Sense::Filler,
        "date number numbers numero nummer num no nr of the a an at on in to under for or and and/or personal private work home \
         office business direct line main du de la le el il das den der die em pa am vom von fur per a da do dos ab me us him \
         her them you o n dd mm yyyy jj aaaa tt td th tr span div b strong em li dt value label privat geschaftlich \
         perso fixe cel name field app contact person patient format code address",
    ),
    (
        Sense::Link,
        "is was are my our his their ist sind war est es era e er ar lautet und mein meine mi mon",
    ),
    (
        Sense::Phone,
        "phone phones telephone tel tels tlf tfn tfno telefon telefono telefone telefoon puhelin telephonenumber phonenumber \
         phoneno mobilephone cellphone fax telefax whatsapp sms gsm whats rufnummer telefonnummer handynummer mobilnummer \
         mobiltelefon festnetz faxnummer telefonnr tlfnr msisdn voicemail hotline portable movil celular cellulare \
         mobil mobiel komorka",
    ),
    (
        Sense::Call,
        "call calls dial ring mobile mob cell handy ruf anrufen viber signal fon phon ph",
    ),
    (Sense::Ssn, "ssn ssns socialsecurity socialsecuritynumber"),
    (Sense::Social, "social"),
    (Sense::Security, "security"),
    (
        Sense::Birth,
        "birth birthday birthdays birthdate birthdates dateofbirth dob bday born geboren geburt geburtsdatum geburtstag geb \
         nacimiento nacido nacida naissance nascita nascimento nascido nascida geboortedatum geboorte geboortedag fodt fodd \
         fodselsdato fodselsdag fodselsdatum fodelsedatum syntynyt syntymaaika urodzony urodzona urodzenia narozen narozena \
         narozeni dogum szuletett szuletesi nascut nastere narodenia rojstva rodjenja",
    ),
    (Sense::BornIf, "ne nee nato nata"),
    (
        Sense::Id,
        "passport passportno passportnumber reisepass passeport pasaporte passaporto paspoort nino nhs insee pesel bsn \
         aadhaar aadhar cpf dni nif curp cnp personnummer personalausweis ausweisnummer steuerid steueridentifikationsnummer \
         sozialversicherungsnummer krankenversicherungsnummer itin taxid nationalid \
         medicare codicefiscale",
    ),
    (
        Sense::Password,
        "password passwords passwd passwort kennwort pwd passphrase passcode contrasena motdepasse wachtwoord losenord adgangskode \
         passord senha haslo sifre heslo parola userpassword mdp passw pw",
    ),
    (
        Sense::Secret,
        "secret secrets token apikey apitoken accesstoken authtoken authkey secretkey accesskey privatekey bearer credential \
         credentials accountkey sharedaccesskey authorization clientsecret sessionid sessiontoken apisecret",
    ),
    (
        Sense::Qualifier,
        "api access auth private signing encryption storage master subscription service shared ssh deploy admin",
    ),
    (Sense::Key, "key keys"),
    (Sense::Basic, "basic"),
    (
        Sense::Version,
        "version versions ver v vers release rev revision build firmware oid section sections chapter chrome chromium safari \
         firefox edge edg opr opera sdk mozilla webkit applewebkit driver kernel python assembly assemblyversion fileversion clause \
         table figure fig appendix step part rule spec specification headlesschrome",
    ),
    (
        Sense::Count,
        "id ids order orders invoice ticket tickets ref reference size bytes count counts total seed port pid timestamp ts sku \
         ean upc isbn issn tracking serial case issue issues commit hash checksum index offset length duration seconds time date \
         item items row rows part model batch job task run line lines max min limit epoch nonce sum population ratio price \
         amount value0 event events uid gid inode address0 block height width weight quantity qty rfc cve pr bug entry entries",
    ),
    (
        Sense::Unit,
        "bytes byte kb mb gb kib mib gib ms us ns s sec secs seconds minutes hours days times items rows lines tokens users events \
         records requests people inhabitants percent px pt points cells calls messages files entries characters chars bits hz khz mhz \
         ghz m km kg g w kw eur usd dollars euros views downloads stars votes steps iterations ops elements words pages nodes edges",
    ),
    (
        Sense::Placeholder,
        "string str null nil none undefined true false required text any input hidden reset change your must not env number0 \
         boolean bool optional example user username self os process args config options data req request body this props params \
         form int object array type void unknown never pass hash hashed encrypted redacted masked placeholder here todo enter \
         forgot missing invalid incorrect wrong empty default changeme xxx xxxx yes n/a na tbd can should will has have may protected sample test foo bar",
    ),
];

/// The length of the longest word in the lists.
pub(super) const LONGEST_WORD: usize = 31;

/// Meanings, in the order of `LISTS`.
const SENSES: [Sense; LISTS.len()] = {
    let mut senses = [Sense::Filler; LISTS.len()];
    let mut list = 0;
    #[expect(clippy::indexing_slicing, reason = "evaluated, and so checked, at compile time")]
    while list < LISTS.len() {
        senses[list] = LISTS[list].0;
        list += 1;
    }
    senses
};

/// The hash of the empty word.
pub(super) const START: u32 = 0x811C_9DC5;

/// Returns the hash of a word with one more letter, in either case.
pub(super) const fn mixed(hash: u32, byte: u8) -> u32 {
    (hash ^ byte.to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193)
}

const SLOTS: usize = 2048;

/// A hash table with eleven bits of each word's hash and the number of its list from 1 on, with
/// linear probing. Other bits of the hash select the slot, so that one unknown word in five
/// thousand is mistaken for one of these.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated, and so checked, at compile time"
)]
const TABLE: [u16; SLOTS] = {
    let mut table = [0; SLOTS];
    let mut list = 0;
    while list < LISTS.len() {
        let words = LISTS[list].1.as_bytes();
        let (mut at, mut hash) = (0, START);
        while at <= words.len() {
            let is_end = at == words.len() || words[at] == b' ';
            if !is_end {
                hash = mixed(hash, words[at]);
            } else if hash != START {
                let mut slot = slot(hash);
                while table[slot] != 0 && table[slot] >> 5 != mark(hash) {
                    slot = (slot + 1) % SLOTS;
                }
                // A word in two lists keeps its first meaning.
                if table[slot] == 0 {
                    table[slot] = mark(hash) << 5 | (list as u16 + 1);
                }
                hash = START;
            }
            at += 1;
        }
        list += 1;
    }
    table
};

const fn slot(hash: u32) -> usize {
    (hash ^ hash >> 13) as usize % SLOTS
}

const fn mark(hash: u32) -> u16 {
    (hash >> 21) as u16
}

/// Returns the meaning of the word with this hash.
pub(super) fn sense(hash: u32) -> Option<Sense> {
    let mut at = slot(hash);
    loop {
        let entry = TABLE.get(at).copied().filter(|it| *it != 0)?;
        if entry >> 5 == mark(hash) {
            return SENSES.get(usize::from(entry & 31).checked_sub(1)?).copied();
        }
        at = (at + 1) % SLOTS;
    }
}

/// Returns the meaning of a complete word. A word with several digits can only be a hash collision.
pub(super) fn sense_of(word: &[u8]) -> Option<Sense> {
    let hash = word.iter().fold(START, |hash, &byte| mixed(hash, byte));
    sense(hash).filter(|_| word.iter().filter(|byte| byte.is_ascii_digit()).count() < 2)
}

/// Words of scripts without hashes: most of them write no spaces, so words are found inside longer
/// runs.
const FOREIGN: [(&str, Sense); 27] = [
    ("телефон", Sense::Phone),
    ("тел", Sense::Phone),
    ("моб", Sense::Phone),
    ("τηλεφωνο", Sense::Phone),
    ("电话", Sense::Phone),
    ("電話", Sense::Phone),
    ("手机", Sense::Phone),
    ("手機", Sense::Phone),
    ("携帯", Sense::Phone),
    ("전화", Sense::Phone),
    ("휴대폰", Sense::Phone),
    ("هاتف", Sense::Phone),
    ("फोन", Sense::Phone),
    ("рождения", Sense::Birth),
    ("родился", Sense::Birth),
    ("родилась", Sense::Birth),
    ("生年月日", Sense::Birth),
    ("出生", Sense::Birth),
    ("生日", Sense::Birth),
    ("생년월일", Sense::Birth),
    ("паспорт", Sense::Id),
    ("身份证", Sense::Id),
    ("身分證", Sense::Id),
    ("주민등록번호", Sense::Id),
    ("пароль", Sense::Password),
    ("密码", Sense::Password),
    ("パスワード", Sense::Password),
];

/// The number of bytes examined at the end of a long run of such letters.
const FOREIGN_TAIL: usize = 60;

const FOREIGN_SLOTS: usize = 128;

/// A hash table of the words above, by number from 1 on, keyed by their last three bytes, with
/// linear probing.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated, and so checked, at compile time"
)]
const FOREIGN_TABLE: [u8; FOREIGN_SLOTS] = {
    let mut table = [0; FOREIGN_SLOTS];
    let mut at = 0;
    while at < FOREIGN.len() {
        let word = FOREIGN[at].0.as_bytes();
        let end = word.len();
        let mut slot = foreign_slot(word[end - 3], word[end - 2], word[end - 1]);
        while table[slot] != 0 {
            slot = (slot + 1) % FOREIGN_SLOTS;
        }
        table[slot] = at as u8 + 1;
        at += 1;
    }
    table
};

const fn foreign_slot(a: u8, b: u8, c: u8) -> usize {
    (a as usize * 5 + b as usize * 19 + c as usize * 7) % FOREIGN_SLOTS
}

/// Returns the meaning of a run of letters outside ASCII, by the last known word in it.
pub(super) fn foreign(run: &[u8]) -> Option<Sense> {
    let mut tail = run.get(run.len().saturating_sub(FOREIGN_TAIL)..)?;
    while let [.., a, b, c] = *tail {
        let mut slot = foreign_slot(a, b, c);
        while let Some(index) = FOREIGN_TABLE.get(slot)?.checked_sub(1) {
            let (word, sense) = FOREIGN.get(usize::from(index))?;
            if tail.ends_with(word.as_bytes()) {
                return Some(*sense);
            }
            slot = (slot + 1) % FOREIGN_SLOTS;
        }
        tail = tail.split_last()?.1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{LISTS, Sense, foreign, sense_of};

    #[test]
    fn every_word_has_its_meaning() {
        let mut seen = std::collections::HashSet::new();
        for (sense, words) in LISTS {
            for word in words.split_whitespace() {
                assert!(word.len() <= super::LONGEST_WORD, "{word}");
                if seen.insert(word) {
                    assert_eq!(sense_of(word.as_bytes()), Some(sense), "{word}");
                    assert_eq!(sense_of(word.to_uppercase().as_bytes()), Some(sense), "{word}");
                }
            }
        }
    }

    #[test]
    fn words_are_not_found_inside_other_words() {
        for word in
            ["telemetry", "callback", "cellar", "stubborn", "newborn", "passing", "tokenizer"]
        {
            assert_eq!(sense_of(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn foreign_words_are_found_inside_of_runs() {
        assert_eq!(foreign("我的手机号码是".as_bytes()), Some(Sense::Phone));
        assert_eq!(foreign("дата рождения".as_bytes()), Some(Sense::Birth));
        assert_eq!(foreign("漢字".as_bytes()), None);
    }

    /// The slow twin: compares every word at every position.
    fn last_foreign(run: &str) -> Option<Sense> {
        let run = run.as_bytes();
        let tail = &run[run.len().saturating_sub(super::FOREIGN_TAIL)..];
        let ends_after = |word: &str| {
            tail.windows(word.len()).rposition(|it| it == word.as_bytes()).map(|at| at + word.len())
        };
        super::FOREIGN
            .iter()
            .filter_map(|(word, sense)| Some((ends_after(word)?, *sense)))
            .max_by_key(|(end, _)| *end)
            .map(|(_, sense)| sense)
    }

    #[test]
    fn the_last_foreign_word_agrees_with_its_slow_twin() {
        let mut random = crate::privacy::corpus::Random::new(11);
        let pieces: Vec<String> = super::FOREIGN
            .iter()
            .flat_map(|(word, _)| {
                [(*word).to_owned(), word.chars().take(1).collect(), word.chars().skip(1).collect()]
            })
            .collect();
        for _ in 0..20_000 {
            let run: String = (0..random.below(12))
                .map(|_| pieces[random.below(pieces.len())].as_str())
                .collect();
            assert_eq!(foreign(run.as_bytes()), last_foreign(&run), "{run}");
        }
    }
}
