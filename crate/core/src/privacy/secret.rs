//! Keys and tokens of services, by the marks their makers put on them, and whatever is called a key.

use super::scan::{Beginnings, Text};

/// How a service's keys begin, and how many more characters follow at least. All in the case they are made in.
const MARKS: &[(&[u8], usize)] = &[
    (b"sk-", 20),   // OpenAI, Anthropic and their followers
    (b"AIza", 30),  // Google
    (b"ya29.", 20), // Google, OAuth
    (b"ghp_", 30),  // GitHub
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 22),
    (b"glpat-", 20), // GitLab
    (b"xoxb-", 10),  // Slack
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"xoxr-", 10),
    (b"xoxs-", 10),
    (b"xapp-", 10),
    (b"AKIA", 16), // Amazon
    (b"ASIA", 16),
    (b"hf_", 30),      // Hugging Face
    (b"nvapi-", 20),   // NVIDIA
    (b"sk_live_", 16), // Stripe
    (b"sk_test_", 16),
    (b"rk_live_", 16),
    (b"whsec_", 16),
    (b"npm_", 30),
    (b"pypi-", 30),
    (b"dop_v1_", 32), // DigitalOcean
    (b"SG.", 30),     // SendGrid
    (b"gsk_", 20),    // Groq
    (b"xai-", 20),
    (b"r8_", 30), // Replicate
];

/// What keys without a mark are called.
const NAMES: &[&[u8]] = &[
    b"api_key",
    b"apikey",
    b"api-key",
    b"api key",
    b"secret",
    b"access_token",
    b"auth_token",
    b"bearer",
    b"password",
    b"passwd",
    b"client_secret",
    b"private_key",
];

/// The shortest key without a mark.
const SHORTEST: usize = 16;

/// What marks, names and tokens begin with.
const BEGINNINGS: Beginnings = Beginnings::of(&[
    *b"sk", *b"ai", *b"ya", *b"gh", *b"gi", *b"gl", *b"xo", *b"xa", *b"ak", *b"as", *b"hf", *b"nv",
    *b"rk", *b"wh", *b"np", *b"py", *b"do", *b"sg", *b"gs", *b"r8", *b"ap", *b"se", *b"ac", *b"au",
    *b"be", *b"pa", *b"cl", *b"pr", *b"ey",
]);

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// Whether a key begins at this word, or its name.
pub(super) fn begins(text: Text<'_>, at: usize, first: u8) -> bool {
    let second = text.at(at + 1);
    if !BEGINNINGS.has(first, text.at(at + 1)) {
        return false;
    }
    let is_marked = MARKS.iter().any(|(mark, rest)| {
        matches!(mark, [a, b, ..] if *a == first && *b == second)
            && text.slice(at, at + mark.len()) == *mark
            && text.run(at + mark.len(), *rest, is_of_key) == *rest
            && has_both(text, at + mark.len(), *rest)
    });
    is_marked || (first == b'e' && is_signed_token(text, at)) || is_named(text, at, first)
}

/// A JSON web token: three parts in base64, of which the first is an object.
fn is_signed_token(text: Text<'_>, at: usize) -> bool {
    const LONGEST: usize = 4096;
    if !text.says(at, b"eyj") || text.slice(at, at + 3) != b"eyJ" {
        return false;
    }
    let is_of_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let head = text.run(at, LONGEST, is_of_part);
    let body = text.run(at + head + 1, LONGEST, is_of_part);
    head >= 16 && body >= 8 && text.at(at + head) == b'.' && text.at(at + head + 1 + body) == b'.'
}

/// `api_key = "…"`, `Bearer …`: a name, a sign or a space, and something long that is no word.
fn is_named(text: Text<'_>, at: usize, first: u8) -> bool {
    let first = first.to_ascii_lowercase();
    let mut names = NAMES.iter().filter(|name| name.first() == Some(&first));
    let Some(name) = names.find(|name| text.says(at, name)) else { return false };
    let gap = text.run(at + name.len(), 8, |byte| b" \t\"'`:=>".contains(&byte));
    let from = at + name.len() + gap;
    gap > 0 && text.run(from, SHORTEST, is_of_key) == SHORTEST && has_both(text, from, SHORTEST)
}

/// Letters and digits mixed, as in nothing that people say.
fn has_both(text: Text<'_>, from: usize, length: usize) -> bool {
    let key = text.slice(from, from + length);
    key.iter().any(u8::is_ascii_digit) && key.iter().any(u8::is_ascii_alphabetic)
}

/// A private key in its armour.
pub(super) fn is_private_key(text: Text<'_>, at: usize) -> bool {
    text.says(at, b"-----begin ") && (at + 11..at + 40).any(|it| text.says(it, b"private key-----"))
}

#[cfg(test)]
mod tests {
    use super::{BEGINNINGS, MARKS, NAMES};

    #[test]
    fn every_key_can_begin() {
        let marks = MARKS.iter().map(|(mark, _)| *mark);
        for word in marks.chain(NAMES.iter().copied()) {
            assert!(BEGINNINGS.has(word[0], word[1]), "{}", String::from_utf8_lossy(word));
        }
    }
}
