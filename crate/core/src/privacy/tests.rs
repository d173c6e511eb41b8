//! What is personal and what is not, and that looking for it is quick whatever it meets.

use proptest::prelude::{Strategy, any, prop, proptest};
use serde_json::json;

use super::kind::Kinds;
use super::scan::scan;
use super::{SensitiveKind, kinds_in};
use crate::Request;

fn found(text: &str) -> String {
    let mut kinds = Kinds::default();
    scan(text, &mut kinds);
    kinds.list().iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" ")
}

/// Each text must hold exactly this kind, alone and in a sentence; with `""` none.
#[track_caller]
fn check(kind: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), kind, "{text}");
        assert_eq!(found(&format!("Please note: {text}, thanks.")), kind, "in a sentence: {text}");
        assert_eq!(found(&format!("\"{text}\"\n")), kind, "quoted: {text}");
    }
}

#[test]
fn emails() {
    check(
        "email",
        &[
            "ann@example.org",
            "a.b+c@mail.example.co.uk",
            "Ann_O'Neil@x-y.de",
            "jörg@müller.de",
            "<ann@example.org>",
        ],
    );
    check(
        "",
        &[
            "@ann",
            "ann@",
            "ann@host",
            "a @ b.c",
            "x@2.5",
            "@media print",
            "foo@.com",
            "...@example.org",
        ],
    );
}

#[test]
fn phones() {
    check(
        "phone",
        &[
            "+49 171 1234567",
            "+1 (555) 123-4567",
            "+442079460958",
            "0049 30 123456",
            "(555) 123-4567",
            "555-123-4567",
            "555.123.4567",
            "1-800-555-0199",
            "0171 1234567",
            "030/12345678",
            "01 23 45 67 89",
            "(020) 7946 0958",
            "01712345678",
            "tel 5551234",
            "call me: 555 1234",
            "555\u{2011}123\u{2011}4567",
            "+33\u{a0}1\u{a0}23\u{a0}45\u{a0}67\u{a0}89",
        ],
    );
    check(
        "",
        &[
            "2024-01-15",
            "15.01.2024",
            "3.14159265358979",
            "0.123456789",
            "1,234,567",
            "1234567",
            "12:30:45",
            "1700000000000",
            "v1.2.3",
            "5551234",
            "abc5551234567",
            "call me on 2024-01-15",
            "10 000 000",
            "(2 + 3) * 4",
        ],
    );
}

#[test]
fn cards() {
    check(
        "credit-card",
        &[
            "4111 1111 1111 1111",
            "4111111111111111",
            "4111-1111-1111-1111",
            "5555555555554444",
            "3782 822463 10005",
            "378282246310005",
            "6011111111111117",
            "2223003122003222",
            "3056 930902 5904",
            "4222222222222",
        ],
    );
    check(
        "",
        &[
            "4111 1111 1111 1112",
            "4111111111111112",
            "1234567890123456",
            "0000000000000000",
            "1700000000000",
            "x4111111111111111",
        ],
    );
}

#[test]
fn accounts() {
    check(
        "iban",
        &[
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "de89 3704 0044 0532 0130 00",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NO9386011117947",
        ],
    );
    check(
        "",
        &["DE89370400440532013001", "DE8937040044053201300", "XX89370400440532013000", "AB12"],
    );
}

#[test]
fn social_security_numbers() {
    check(
        "ssn",
        &["123-45-6789", "123 45 6789", "SSN 123456789", "social security number: 123456789"],
    );
    check(
        "",
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "123456789",
            "123-45-67890",
            "1-123-45-6789",
        ],
    );
}

#[test]
fn addresses() {
    check(
        "ip-address",
        &[
            "192.168.1.17",
            "8.8.8.8",
            "10.0.0.1/24",
            "2001:db8:85a3::8a2e:370:7334",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "::ffff:12:1",
            "fe80::1:2",
        ],
    );
    check(
        "",
        &[
            "127.0.0.1",
            "0.0.0.0",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.02.3.4",
            "std::vec",
            "a::b",
            "12:30:45",
            "::1",
            "00:1a:2b:3c:4d:5e",
            "face::book::add",
        ],
    );
}

#[test]
fn keys() {
    check(
        "api-key",
        &[
            "sk-abcdEFGH1234abcdEFGH1234",
            "AIzaSyA1234567890abcdefghijklmnopqrstuv",
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "AKIAIOSFODNN7EXAMPL3",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def",
            "-----BEGIN RSA PRIVATE KEY-----",
            "api_key=abcdef1234567890abcdef",
            "Authorization: Bearer abcdef1234567890xyz",
            "hf_abcdefghijklmnopqrstuvwxyz012345",
            "password: correct1horse2battery3",
        ],
    );
    check(
        "",
        &[
            "sk-short",
            "task-abcdEFGH1234abcdEFGH1234x",
            "api_key",
            "the secret of a long-lasting friendship",
            "eyJ",
            "-----BEGIN CERTIFICATE-----",
            "AIza",
            "bearer of bad news and nothing else",
        ],
    );
}

#[test]
fn births() {
    check(
        "date-of-birth",
        &[
            "born 12/03/1985",
            "date of birth: 1985-03-12",
            "DOB 12.3.85",
            "geboren am 12.03.1985",
            "Born on March 12, 1985",
            "birthday is 12 March 1985",
            "née le 12/03/1985",
            "Geburtsdatum 12. März 1985",
        ],
    );
    check(
        "",
        &[
            "1985-03-12",
            "born in 1985",
            "on 12 March 1985",
            "stubborn 12/03/1985",
            "born 99/99/1985",
            "birth rate 2.1 in 1985",
        ],
    );
}

#[test]
fn every_part_of_every_message_is_read() {
    let holds = |content: serde_json::Value| {
        let request = Request::from_json(json!({"messages": [
            {"role": "system", "content": [{"text": "be kind"}]},
            {"role": "tool", "content": content},
        ]}))
        .unwrap();
        kinds_in(&request)
    };
    for content in [
        json!([{"text": "ann@example.org"}]),
        json!([{"text": "hello"}, {"reasoning": "ann@example.org"}]),
        json!([{"text": "ann@exam"}, {"text": "ple.org"}]),
        json!([{"data": {"deep": [{"mail": "ann@example.org"}]}}]),
        json!([{"data": {"ann@example.org": 1}}]),
        json!([{"custom": {"mail": "ann@example.org"}}]),
        json!([{"toolRequest": {"name": "send", "input": {"to": "ann@example.org"}}}]),
        json!([{"toolResponse": {"name": "who", "output": "ann@example.org"}}]),
        json!([{"media": {"url": "https://example.org/?user=ann@example.org"}}]),
        json!([{"media": {"url": "data:text/plain,ann%40example.org"}}]),
        json!([{"media": {"url": "data:text/plain;base64,YW5uQGV4YW1wbGUub3Jn"}}]),
    ] {
        assert_eq!(holds(content.clone()), [SensitiveKind::Email], "{content}");
    }
    assert_eq!(
        holds(json!([{"data": {"card": 4_111_111_111_111_111_u64}}])),
        [SensitiveKind::CreditCard]
    );
    assert_eq!(
        holds(json!([{"media": {"url": "data:image/png;base64,YW5uQGV4YW1wbGUub3Jn"}}])),
        []
    );
}

proptest! {
    /// The check digit's slow twin: of the ten last digits, exactly one is right.
    #[test]
    fn one_check_digit_in_ten_is_right(stem in "4[0-9]{14}") {
        let right = (0..10).filter(|digit| found(&format!("{stem}{digit}")) == "credit-card").count();
        assert_eq!(right, 1, "{stem}");
    }

    /// Of the check digits of an account, exactly one pair is right.
    #[test]
    fn one_pair_of_check_digits_is_right(account in "[0-9]{18}") {
        let right = (2..99).filter(|check| found(&format!("DE{check:02}{account}")).contains("iban")).count();
        assert_eq!(right, 1, "{account}");
    }

    /// Whatever stands around it, an address between spaces is found; and nothing panics.
    #[test]
    fn surroundings_hide_nothing(before in any::<String>(), after in any::<String>()) {
        assert!(found(&format!("{before} ann@example.org {after}")).contains("email"));
        assert!(found(&format!("{before}\n4111111111111111\n{after}")).contains("credit-card"));
    }

    /// Digits and what stands between them, in any disorder.
    #[test]
    fn no_row_of_digits_is_too_odd(text in prop::collection::vec("[0-9a-fA-F:./@() +-]{0,40}", 0..20).prop_map(|it| it.concat())) {
        found(&text);
    }
}
