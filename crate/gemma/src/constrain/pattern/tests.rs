//! Tables of patterns, with texts that match and texts that don't.

use super::compile;

#[track_caller]
fn check(pattern: &str, matched: &[&str], other: &[&str]) {
    let automaton = compile(pattern).unwrap_or_else(|reason| panic!("{pattern}: {reason}"));
    for text in matched {
        assert!(automaton.matches(text), "{pattern} must match {text:?}");
    }
    for text in other {
        assert!(!automaton.matches(text), "{pattern} must not match {text:?}");
    }
}

#[test]
fn anchors() {
    check("", &["", "x"], &[]);
    check("a", &["a", "xax"], &["", "b"]);
    check("^a", &["a", "ab"], &["ba", ""]);
    check("a$", &["a", "ba"], &["ab", "a\n"]);
    check("^$", &[""], &["a", "\n"]);
    check("$^", &[""], &["a"]);
    check("^a|b$", &["ax", "xb"], &["xax", "bx"]);
    check("(^|,)a(,|$)", &["a", "x,a", "a,x"], &["xa", "ax"]);
    check("a^b", &[], &["ab", "a", "b"]);
}

#[test]
fn repetitions() {
    check("^a{2}$", &["aa"], &["a", "aaa"]);
    check("^a{2,}$", &["aa", "aaaa"], &["a"]);
    check("^a{0,2}?$", &["", "a", "aa"], &["aaa"]);
    check("^(ab)+?$", &["ab", "abab"], &["", "aba"]);
    check("^a{,2}$", &["a{,2}"], &["a", "aa"]);
    check("^a{b}$", &["a{b}"], &["ab"]);
    check("^(a?){3}$", &["", "aaa"], &["aaaa"]);
    check("^(a*)*$", &["", "aaaa"], &["b"]);
}

#[test]
fn classes_and_escapes() {
    check("^[a-c\\d_-]+$", &["a-1_"], &["d"]);
    check("^[^\\s]$", &["x", "é"], &[" ", "\u{a0}", "\u{feff}", "xx"]);
    check("^[]$", &[], &["", "a"]);
    check("^[^]$", &["\n", "😀"], &[""]);
    check("^.$", &["x", "😀", "\u{85}"], &["\n", "\r", "\u{2028}"]);
    check("^\\w\\W\\d\\D\\S\\s$", &["a-1xy "], &["é-1xy "]);
    check("^\\x41\\u0042\\u{1F600}\\ud83d\\ude00\\cJ\\0\\/\\.$", &["AB😀😀\n\0/."], &["AB"]);
    check("^[\\b\\]\\\\]$", &["\u{8}", "]", "\\"], &["b"]);
    check("^[a-]$", &["a", "-"], &["b"]);
    check("^(?:a|(?<name>b))c$", &["ac", "bc"], &["c"]);
    check("^[😀-😂]$", &["😁"], &["😃"]);
    check("^\u{2028}-\\v\\f$", &["\u{2028}-\u{b}\u{c}"], &["-"]);
}
