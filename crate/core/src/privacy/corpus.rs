//! A generated corpus, the same on every machine: personal data of every kind in common notations,
//! with escapes of editors and APIs, and texts that only look like personal data. The table of
//! results is printed by `cargo test -p hybridge-core corpus -- --nocapture`.

use super::SensitiveKind;

/// Deterministic random numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }

    pub(crate) fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// Returns a random text of a form: `#` is a digit, `@` a digit from 1 on, `?` a digit from 2
    /// on, `x` a hexadecimal digit, `a` a small letter, `A` a capital, `*` either or a digit; after
    /// `\` a character is literal.
    pub(crate) fn form(&mut self, form: &str) -> String {
        let mut text = String::new();
        let mut is_itself = false;
        for mark in form.chars() {
            let alphabet = match mark {
                _ if is_itself => {
                    text.push(mark);
                    is_itself = false;
                    continue;
                }
                '\\' => {
                    is_itself = true;
                    continue;
                }
                '#' => "0123456789",
                '@' => "123456789",
                '?' => "23456789",
                'x' => "0123456789abcdef",
                'a' => "abcdefghijklmnopqrstuvwxyz",
                'A' => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                '*' => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                mark => {
                    text.push(mark);
                    continue;
                }
            };
            text.push(char::from(alphabet.as_bytes()[self.below(alphabet.len())]));
        }
        text
    }
}

const NAMES: [&str; 12] = [
    "ann",
    "bob.miller",
    "j.doe",
    "maria_lopez",
    "li.wei",
    "o.brien",
    "karl-heinz",
    "info",
    "x",
    "sales.eu",
    "anna+news",
    "k9",
];
const HOSTS: [&str; 10] = [
    "example.org",
    "mail.example.co.uk",
    "gmail.com",
    "web.de",
    "uni-bonn.de",
    "yahoo.fr",
    "firma.at",
    "startup.io",
    "müller.de",
    "corp.example",
];

/// By country, in national and international notation.
const PHONES: [&str; 46] = [
    "+1 (2##) ?##-####",
    "+1-2##-?##-####",
    "(3##) ?##-####",
    "4##-?##-####",
    "5##.?##.####",
    "6## ?## ####",
    "7##?######",
    "1-800-?##-####", // North America
    "+49 1@# #######",
    "+49 171 / ## ## ###",
    "01@# #######",
    "0@# / ## ## ##\\ ##",
    "030/########",
    "0049 @# ########",
    "+49 (0)171 #######",
    "0@##-######", // Germany
    "+44 20 @### ####",
    "(020) @### ####",
    "07@## ######",
    "+447@########", // United Kingdom
    "+33 6 ## ## ## ##",
    "0@ ## ## ## ##",
    "06.##.##.##.##", // France
    "+34 6## ### ##@",
    "6## ### ##@",
    "9@ ### ## ##", // Spain
    "+39 3## ### ####",
    "3## #######",
    "0@ ########", // Italy
    "+48 5## ### ##@",
    "+43 664 #######",
    "+41 79 ### ## ##",
    "079 ### ## ##", // Poland, Austria, Switzerland
    "8 (9##) ###-##-##",
    "+7 9## ###-##-##", // Russia
    "98### #####",
    "+91 98### #####",
    "9@7654321#", // India
    "138 #### ####",
    "+86 138 #### ####",
    "159########", // China
    "(11) 9####-####",
    "+55 11 9####-####", // Brazil
    "090-@###-####",
    "010-@###-####",
    "04@# ### ###", // Japan, Korea, Australia
];

/// Numbers announced by a word.
const CALLED: [&str; 10] = [
    "tel 555####",
    "Tel.: ## ## / ## ## ##",
    "phone: 555-####",
    "call me at 5## ####",
    "Telefon: 4####@#",
    "mobile 98#####",
    "my phone number is 23#####",
    "555-#### is my cell",
    "fax: 44 55 ## ##",
    "WhatsApp 8#######",
];

const SECRETS: [&str; 44] = [
    "sk-************************",
    "sk-ant-api03-********************",
    "AIza***********************************",
    "ghp_************************************",
    "github_pat_**********************",
    "glpat-********************",
    "xoxb-############-#############-************************",
    "xoxp-############-############-********",
    "AK\\IA####AAAAAAAAAAAA",
    "aws_secret_access_key = ****************************************",
    "AWS_SECRET_ACCESS_KEY=w***************************************",
    "hf_**********************************",
    "npm_************************************",
    "SG.**********************.*****************",
    "sk_live_************************",
    "whsec_********************************",
    "shp\\at_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "dckr_p\\at_***************************",
    "pplx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "figd_****************************************",
    "#########:A\\AF********************************",
    "gsk_****************************************",
    "GOCSPX-****************************",
    "token=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "client_secret=G**********************#**",
    "secretKey: ************************",
    "api_key=\"xxxxxxxxxxxxxxxxxxxxxxxx\"",
    "X-Api-Key: ********************************",
    "Authorization: Bearer ******************************",
    "Authorization: B\\asic dXNlcjpoMTIzNHgx\\cGFz\\c#\\=\\=",
    "password: hunter##",
    "Password: \"S*****#!\"",
    "pwd=aaaaaa##",
    "P\\assw\\ort: geheim##",
    "contrase\\ña: aaaaaa##",
    "my p\\assword is aaaaa###",
    "postgres://admin:aaaa####@db.example.com:5432/x",
    "mysql://root:****#@localhost/shop",
    "mongodb+srv://app:aaaaa##@cluster0.example.net",
    "redis://:aaaaaaaa##@10.0.0.7:6379",
    "https://hooks.slack.com/services/T#A#####A/B####A###/************************",
    "https://discord.com/api/webhooks/##################/********************************",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN RSA PRIVATE KEY-----",
];

const BIRTHS: [&str; 22] = [
    "born 12/03/19@#",
    "born on March 1#, 19@#",
    "born on the 12th of March 19@#",
    "date of birth: 19@#-03-1#",
    "DOB 1#.3.@#",
    "DOB: 0@/1#/19@#",
    "19@#-03-12 is my birthday",
    "12/03/19@# (date of birth)",
    "\"dateOfBirth\": \"19@#-0@-1#\"",
    "\"birth_date\":\"19@#-0@-1#T00:00:00Z\"",
    "geboren am 1#.0@.19@#",
    "Geburtsdatum: 1#. März 19@#",
    "née le 1#/0@/19@#",
    "NÉ LE 1#/0@/19@#",
    "nato il 1#/0@/19@#",
    "fecha de nacimiento: 1#/0@/19@#",
    "nascido em 1#/0@/19@#",
    "data urodzenia: 1#.0@.19@#",
    "birthday is 1# March 19@#",
    "My birthday: 1# Dec 19@#",
    "född 19@#-0@-1#",
    "дата рождения: 1#.0@.19@#",
];

pub(super) const SENTENCES: [&str; 8] = [
    "{}",
    "Please note: {}, thanks.",
    "Hello, {} is what you asked for.",
    "see below\n{}\nbest regards",
    "({})",
    "\"{}\"",
    "| a | {} | b |",
    "- {}",
];

fn with_check(mut digits: Vec<u32>) -> Vec<u32> {
    digits.push(0);
    for check in 0..10 {
        *digits.last_mut().unwrap() = check;
        if super::number::luhn(digits.iter().copied()) {
            break;
        }
    }
    digits
}

fn card(random: &mut Random) -> String {
    let (head, groups): (&str, &[usize]) = [
        ("4###########", &[4, 4, 4, 4][..]),
        ("5@##########", &[4, 4, 4, 4]),
        ("2###########", &[4, 4, 4, 4]),
        ("37##########", &[4, 6, 5]),
        ("6011########", &[4, 4, 4, 4]),
        ("3569########", &[4, 4, 4, 4]),
        ("4###########", &[16]),
        ("5@##########", &[4, 8, 4]),
    ][random.below(8)];
    let length: usize = groups.iter().sum();
    let head = if head.starts_with("2#") { "2221########".to_owned() } else { head.to_owned() };
    let mut stem = random.form(&head);
    while stem.len() < length - 1 {
        stem += &random.form("@");
    }
    let digits = with_check(stem.chars().filter_map(|it| it.to_digit(10)).collect());
    let between = random.pick(&[" ", "-", " "]);
    let mut text = String::new();
    let mut digits = digits.into_iter();
    for (at, width) in groups.iter().enumerate() {
        text += if at == 0 { "" } else { between };
        text.extend(digits.by_ref().take(*width).filter_map(|it| char::from_digit(it, 10)));
    }
    text
}

fn iban(random: &mut Random) -> String {
    let form = random.pick(&[
        "\\D\\E##################",
        "\\G\\BAAAA##############",
        "\\F\\R#######################",
        "\\N\\O###########",
        "\\C\\H#################",
        "\\E\\S####################",
        "\\N\\LAAAA##########",
    ]);
    let text = random.form(form);
    let (country, account) = text.split_at(2);
    for check in 2..99 {
        let number = format!("{account}{country}{check:02}");
        let rest = number.chars().fold(0, |rest, it| {
            let value = it.to_digit(36).unwrap();
            if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 }
        });
        if rest == 1 {
            let whole = format!("{country}{check:02}{account}");
            if random.below(2) == 0 {
                return whole;
            }
            let fours: Vec<_> =
                whole.as_bytes().chunks(4).map(|it| std::str::from_utf8(it).unwrap()).collect();
            return fours.join(" ");
        }
    }
    text
}

fn national(random: &mut Random) -> String {
    let text = random.pick(&[
        "A\\B## ## ## C",
        "R\\S\\SM\\R\\A85T10\\A562S",
        "passport no. C\\01X#####",
        "NHS 943 476 ####",
        "DNI ########",
        "CPF ###.###.###-##",
        "756.9217.0769.85",
        "BSN 1########",
        "PESEL 8503121####",
        "Aadhaar 2### #### ####",
        "Reisepass: C#######",
        "身份证号: 11010519491231002",
    ]);
    random.form(&escaped(text))
}

/// Returns personal data of a kind, in plain notation.
pub(crate) fn plain(kind: SensitiveKind, random: &mut Random) -> String {
    match kind {
        SensitiveKind::Email => format!("{}@{}", random.pick(&NAMES), random.pick(&HOSTS)),
        SensitiveKind::Phone if random.below(5) == 0 => {
            let form = random.pick(&CALLED);
            form.replace('a', "\\a")
                .replace('x', "\\x")
                .replace('A', "\\A")
                .split('\u{0}')
                .map(|it| random.form(it))
                .collect()
        }
        SensitiveKind::Phone => {
            let form = random.pick(&PHONES);
            random.form(form)
        }
        SensitiveKind::CreditCard => card(random),
        SensitiveKind::Iban => iban(random),
        SensitiveKind::Ssn => {
            let form = random.pick(&[
                "1?#-4@-6@##",
                "5?# 4@ 6@##",
                "SSN 1?#4@6@##",
                "my social security number is 1?#4@6@##",
            ]);
            random.form(&form.replace('a', "\\a"))
        }
        SensitiveKind::IpAddress => {
            let form = random.pick(&[
                "192.168.1.1@",
                "10.0.@.1@#",
                "8@.1@#.4@.9@",
                "2001:\\db8:85\\a3::8\\a2e:37#:7334",
                "203.0.113.@#",
                "f\\e80::1:@",
            ]);
            random.form(form)
        }
        SensitiveKind::ApiKey => {
            let form = random.pick(&SECRETS);
            // Words of the template are literal; only runs of placeholders are random.
            random.form(&escaped(form))
        }
        SensitiveKind::DateOfBirth => {
            let form = random.pick(&BIRTHS);
            random.form(&escaped(form))
        }
        SensitiveKind::NationalId => national(random),
    }
}

/// Single letters of words are literal, longer runs are placeholders.
fn escaped(form: &str) -> String {
    let bytes: Vec<char> = form.chars().filter(|it| *it != '\\').collect();
    let mut text = String::new();
    for (at, mark) in bytes.iter().enumerate() {
        let is_row = |mark: char| {
            (at.saturating_sub(4)..=at).any(|from| {
                bytes.get(from..from + 5).is_some_and(|it| it.iter().all(|it| *it == mark))
            })
        };
        if matches!(mark, 'a' | 'x' | 'A') && !is_row(*mark)
            || *mark == '@' && form.contains("://")
            || *mark == '?'
        {
            text.push('\\');
        }
        text.push(*mark);
    }
    text
}

/// Applies an escape or notation of editors, keyboards and APIs.
type Disguise = fn(&str) -> String;

fn digits_from(text: &str, zero: u32) -> String {
    text.chars()
        .map(|it| it.to_digit(10).and_then(|digit| char::from_u32(zero + digit)).unwrap_or(it))
        .collect()
}

fn between_digits(text: &str, with: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (at, &mark) in all.iter().enumerate() {
        let is_inside = at > 0
            && all[at - 1].is_ascii_digit()
            && all.get(at + 1).is_some_and(char::is_ascii_digit);
        if is_inside && matches!(mark, ' ' | '-') { out.push_str(with) } else { out.push(mark) }
    }
    out
}

pub(crate) const DISGUISES: [(&str, Disguise); 28] = [
    ("zero-width inside", |it| it.chars().flat_map(|it| [it, '\u{200b}']).collect()),
    ("soft hyphens", |it| it.replacen('1', "1\u{ad}", 3).replacen('e', "e\u{ad}", 1)),
    ("word joiners", |it| it.chars().flat_map(|it| ['\u{2060}', it]).collect()),
    ("marks around", |it| format!("\u{200e}{it}\u{200f}")),
    ("full-width digits", |it| digits_from(it, 0xFF10)),
    ("Arabic digits", |it| digits_from(it, 0x660)),
    ("Devanagari digits", |it| digits_from(it, 0x966)),
    ("no-break spaces", |it| between_digits(it, "\u{a0}")),
    ("thin spaces", |it| between_digits(it, "\u{2009}")),
    ("en dashes", |it| between_digits(it, "\u{2013}")),
    ("two spaces", |it| between_digits(it, "  ")),
    ("tabs", |it| between_digits(it, "\t")),
    ("line breaks", |it| between_digits(it, "\n")),
    ("Markdown escapes", |it| it.replace('-', "\\-").replace('_', "\\_").replace('.', "\\.")),
    ("Markdown emphasis", |it| format!("_{it}_")),
    ("Markdown bold", |it| format!("**{it}**")),
    ("percent", |it| {
        it.bytes()
            .map(|it| {
                if it.is_ascii_alphanumeric() {
                    char::from(it).to_string()
                } else {
                    format!("%{it:02X}")
                }
            })
            .collect()
    }),
    ("HTML numbers", |it| {
        it.chars()
            .map(|it| {
                if it.is_alphanumeric() { it.to_string() } else { format!("&#{};", u32::from(it)) }
            })
            .collect()
    }),
    ("keycaps", |it| {
        let keycap = |it: char| [Some(it), it.is_ascii_digit().then_some('\u{20e3}')];
        it.chars().flat_map(keycap).flatten().collect()
    }),
    ("HTML names", |it| between_digits(it, "&NonBreakingSpace;").replace('@', "&commat;")),
    ("HTML elements", |it| format!("<td>{it}</td>")),
    ("colours of a terminal", |it| format!("\u{1b}[1;32m{it}\u{1b}[0m")),
    ("control characters", |it| it.chars().flat_map(|it| [it, '\u{8}']).collect()),
    ("octal numbers", |it| {
        let octal = |it: u8| format!("\\{it:03o}");
        it.bytes().map(octal).collect()
    }),
    ("JSON in a text", |it| serde_json::json!(format!("a\n{it}\nb")).to_string()),
    ("JSON in JSON", |it| {
        serde_json::json!(serde_json::json!(format!("a\t{it}\nb")).to_string()).to_string()
    }),
    ("escaped letters", |it| it.encode_utf16().map(|it| format!("\\u{it:04x}")).collect()),
    ("escaped signs", |it| {
        it.chars()
            .map(|it| {
                if it.is_alphanumeric() {
                    it.to_string()
                } else {
                    format!("\\u{:04x}", u32::from(it))
                }
            })
            .collect()
    }),
];
