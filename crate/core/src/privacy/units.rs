//! Units that could slow detectors down, of which test texts consist.

/// Building blocks of units: everything that makes a detector look closer.
pub(crate) const PIECES: [&str; 78] = [
    "a",
    "A",
    "k",
    "e",
    "s",
    "0",
    "1",
    "4",
    "9",
    "12",
    "123",
    "1234",
    "555",
    "+",
    "-",
    "--",
    "_",
    ".",
    "..",
    ":",
    "::",
    "/",
    "//",
    "://",
    "@",
    "\\",
    "\\n",
    "\\\\",
    "\\u0041",
    "%",
    "%25",
    "%41",
    "&",
    "&amp;",
    "&#64;",
    ";",
    "#",
    "(",
    ")",
    "[",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "`",
    "|",
    "<",
    ">",
    ",",
    "!",
    " ",
    "  ",
    "\t",
    "\n",
    "\u{a0}",
    "\u{ad}",
    "é",
    "É",
    "密",
    "密码",
    "电",
    "т",
    "тел",
    "𝟒",
    "٤",
    "sk-",
    "eyJ",
    "eyJa",
    "DE",
    "DE8",
    "GB",
    "iban",
    "password",
    "born",
    "tel",
    "AKIA",
    "-----BEGIN ",
];

/// Units that no short random one contains.
pub(crate) const LONG: [&str; 24] = [
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n",
    "discord.com/api/webhooks/",
    "hooks.slack.com/services/",
    "sk-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
    "eyJaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaa ",
    "DE89 3704 0044 0532 0130 01 ",
    "GB29NWBK60161331926818 ",
    "4111 1111 1111 1112 ",
    "123 456 78 9012 3 ",
    "12-34/56(78)9.0 ",
    "+49 171 1234567 ",
    "password is my the number ",
    "password: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "authorization basic YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh ",
    "postgres://aaaaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
    "born on the 12 of a ",
    "1:2:3:4:5:6:7::",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@a.",
    "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.a",
    "RSSMRA85T10A562 ",
    "我的手机号码是漢字",
    "&#00000064",
    "\\u{00004",
];

/// Returns a text of this many bytes that repeats a unit.
pub(crate) fn repeated(unit: &str, bytes: usize) -> String {
    let mut text = unit.repeat(bytes / unit.len().max(1) + 1);
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// Returns all known units, some pairs of them, and random ones. `below` draws a random number.
pub(crate) fn units(count: usize, mut below: impl FnMut(usize) -> usize) -> Vec<String> {
    let known = LONG.iter().chain(&PIECES).map(|it| (*it).to_owned());
    let pairs = PIECES.iter().flat_map(|one| PIECES.iter().map(move |two| format!("{one}{two}")));
    let mut units: Vec<String> =
        known.chain(pairs.step_by(if count > 1_000 { 1 } else { 7 })).collect();
    for _ in 0..count {
        let length = 1 + below(6);
        let pieces = (0..length).filter_map(|_| PIECES.get(below(PIECES.len())));
        units.push(pieces.copied().collect());
    }
    units
}
