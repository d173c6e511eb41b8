//! Tables of patterns, with texts that match and texts that don't; and limits of steps.

use super::{MOST_STEPS, Patterns};

fn is_match(pattern: &str, text: &str) -> Option<bool> {
    let has_property = |property: &str, char: char| match property {
        r"\p{Lu}" => Some(char.is_uppercase()),
        r"\P{Lu}" => Some(!char.is_uppercase()),
        r"\p{L}" => Some(char.is_alphabetic()),
        _ => None,
    };
    Patterns::new(&has_property).is_match(pattern, text)
}

#[track_caller]
fn check(pattern: &str, matched: &[&str], other: &[&str]) {
    for text in matched {
        assert_eq!(is_match(pattern, text), Some(true), "{pattern} must match {text:?}");
    }
    for text in other {
        assert_eq!(is_match(pattern, text), Some(false), "{pattern} must not match {text:?}");
    }
}

#[test]
fn anchors_and_repetitions() {
    check("", &["", "x"], &[]);
    check("a", &["a", "xax"], &["", "b"]);
    check("^a$", &["a"], &["ab", "ba", "a\n", ""]);
    check("^$", &[""], &["a", "\n"]);
    check("^a|b$", &["ax", "xb"], &["xax", "bx"]);
    check("^a{2,}$", &["aa", "aaaa"], &["a"]);
    check("^(a*)*$", &["", "aaaa"], &["b"]);
    check("^(a?){3}$", &["", "aaa"], &["aaaa"]);
    check(r"^\d{3}-\d{4}$", &["555-1234"], &["5551234", "555-12345"]);
}

#[test]
fn word_boundaries_and_lookarounds() {
    check(r"\bcat\b", &["cat", "a cat.", "cat-like"], &["concat", "cats", "_cat"]);
    check(r"\Bcat", &["concat"], &["cat", "a cat"]);
    check(r"^(?=.*\d)(?=.*[a-z]).{4,}$", &["abc1", "1abcd"], &["abcd", "1234", "ab1"]);
    check("^(?!admin$).*$", &["user", "admins"], &["admin"]);
    check("(?<=€)5", &["€5", "a€5"], &["5", "€ 5"]);
    check("(?<!€)5", &["5", "€ 5"], &["€5"]);
    check(r"^(?=a(?!b))", &["ac"], &["ab"]);
}

#[test]
fn properties() {
    check(r"^\p{Lu}", &["Ada", "Éva"], &["ada", "1"]);
    check(r"^\P{Lu}", &["ada"], &["Ada"]);
    check(r"^[\p{L}\d ]+$", &["Ada 36", "né"], &["a-b", ""]);
    check(r"^[^\p{L}]+$", &["36"], &["a"]);
    assert_eq!(is_match(r"\p{Script=Klingon}", "x"), None, "an unknown property asserts nothing");
}

#[test]
fn unsupported_patterns_are_ignored() {
    for pattern in [r"(a)\1", "(?i)a", "(", "a{1001}", "a**", r"\p{"] {
        assert_eq!(is_match(pattern, "a"), None, "{pattern}");
    }
}

#[test]
fn no_pattern_exceeds_its_steps() {
    let letters = "a".repeat(5_000) + "!";
    for pattern in ["^(a+)+$", "^(a|a)*$", "^([a-z]+)*x$", "^(?=(a+)+$)", "(a?){30}a{30}$"] {
        let nothing = |_: &str, _: char| None;
        let patterns = Patterns::new(&nothing);
        let found = patterns.is_match(pattern, &letters);
        assert!(found.is_none_or(|found| !found), "{pattern}");
        assert!(patterns.steps.get() <= MOST_STEPS, "{pattern}");
    }
    let nothing = |_: &str, _: char| None;
    let patterns = Patterns::new(&nothing);
    assert_eq!(patterns.is_match("^(a+)+$", &letters), Some(false), "linear, so within the steps");
    // Quadratic: a lookaround at each position. The budget ends it.
    assert_eq!(patterns.is_match("(?=a*b)c", &"a".repeat(100_000)), None);
    assert_eq!(patterns.is_match("a", "a"), None, "one budget for one answer");
}
