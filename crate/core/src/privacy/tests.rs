//! Tables of personal and other data, and tests that scanning is fast on any input.

use proptest::prelude::{Strategy, any, prop, proptest};

use super::kinds_of;

fn found(text: &str) -> String {
    kinds_of(text).iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" ")
}

/// Checks that each text contains exactly this kind, alone and in a sentence; with `""` none.
#[track_caller]
fn check(kind: &str, texts: &[&str]) {
    for text in texts {
        assert_eq!(found(text), kind, "{text}");
        assert_eq!(found(&format!("Please note: {text}, thanks.")), kind, "in a sentence: {text}");
        assert_eq!(found(&format!("\"{text}\"\n")), kind, "quoted: {text}");
    }
}

/// Adjacent numbers do not hide each other.
#[test]
fn adjacent_numbers_are_found() {
    let numbers = [
        ("(555) 123-4567", "phone"),
        ("+49 151 23456789", "phone"),
        ("4111 1111 1111 1111", "credit-card"),
        ("2001:db8::8a2e:370:7334", "ip-address"),
        ("123-45-6789", "ssn"),
        ("203.0.113.77", "ip-address"),
    ];
    for (one, kind) in numbers {
        for (other, beside) in numbers {
            for text in [format!("{one} {other}"), format!("0 {one} {other} 12")] {
                let found = found(&text);
                assert!(found.contains(kind) && found.contains(beside), "{text}: {found}");
            }
        }
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
fn more_phone_notations() {
    check(
        "phone",
        &[
            "Tel.: 02 28 / 12 34 56",
            "+49 171 / 12 34 567",
            "9876543210",
            "138 1234 5678",
            "(11) 91234-5678",
            "8 (912) 345-67-89",
            "06.12.34.56.78",
            "5551234567",
            "telephone number is 555 1234",
            "555-1234 is my cell",
            "我的手机号码是13812345678",
            "тел. 8 912 345-67-89",
            "+49\t171\t1234567",
            "٠١٧١ ١٢٣٤٥٦٧",
            "https://example.test/?q=%2B49%20171%201234567",
            "https://example.test/?a=b&phone=+491711234567",
        ],
    );
    check(
        "",
        &[
            "call stack size 91234567 exceeded",
            "the cell count was 91234567",
            "telemetry: 123456789 events",
            "matrix 123 45 678 9012",
            "const MAX = 4294967295",
            "order 5551234567",
            "2147483648 bytes",
            "0123456789",
            "-190 5180 5180",
            "612 345 000",
        ],
    );
}

#[test]
fn numbers_in_disguise() {
    check(
        "credit-card",
        &[
            "\u{200e}4111111111111111\u{200f}",
            "４１１１１１１１１１１１１１１１",
            "4111 11111111 1111",
            "VISA4111111111111111",
            r"4111\-1111\-1111\-1111",
            "_4111111111111111_",
            "4111%201111%201111%201111",
            r"card:\n4111111111111111",
            r#"{\"card\":\"4111\u002d1111\u002d1111\u002d1111\"}"#,
            "4111  1111  1111  1111",
            "4111\t1111\t1111\t1111",
            "4111\n1111\n1111\n1111",
            "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        ],
    );
    check("iban", &["IBANDE89370400440532013000", "DE89–3704–0044–0532–0130–00"]);
    check(
        "ssn",
        &["my social security number is 123456789", "123456789 is my SSN", "123\t45\t6789"],
    );
}

#[test]
fn more_keys_and_passwords() {
    check(
        "api-key",
        &[
            "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
            "token=0123456789abcdef0123456789abcdef",
            "client_secret=GOCSPX-abcdefGHIJKLmnopqrstUVWX",
            "secretKey: aB3dE5fG7hI9jK1lM3nO",
            "pwd=hunter2",
            "password: hunter2",
            "Passwort: geheim123",
            "my password is hunter2",
            "Authorization: Basic dXNlcjpwYXNzd29yZA==",
            "postgres://admin:s3cretPw@localhost/x",
            "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-",
            "https://hooks.slack.com/services/T00000000/B00000000/Xx1XXXXXXXXXXXXXXXXXXXXX",
            "shpat_0123456789abcdef0123456789abcdef",
            "dckr_pat_abcdefGHIJ0123456789xyz",
            "pplx-abcdef0123456789abcdef0123456789",
            "figd_abcdefGHIJ0123456789xyz_abc",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        ],
    );
    check(
        "",
        &[
            "password: string",
            "\"password\": {\"type\": \"string\"}",
            "password = getPassword()",
            "password: process.env.PASSWORD",
            "the password is correct",
            "https://user:password@localhost/",
            "tokenUrl: imdsV2SessionTokenUrl",
            "SECRET_SIZE_MIN = XXH3_SECRET_SIZE_MIN",
            "git@github.com:acme/x.git",
            "icon@2x.png",
        ],
    );
}

#[test]
fn more_dates_of_birth() {
    check(
        "date-of-birth",
        &[
            "1985-03-12 is my birthday",
            "12/03/1985 (date of birth)",
            "\"dateOfBirth\": \"1985-03-12\"",
            "NÉ LE 12/03/1985",
            "born on the 12th of March 1985",
            "生年月日: 1985年3月12日",
            "дата рождения: 12.03.1985",
        ],
    );
    check("", &["The company was born in 1999; founded 3 May 1950", "stubborn on 12 March 1985"]);
}

#[test]
fn national_identity_numbers() {
    check(
        "national-id",
        &[
            "111.444.777-35",
            "756.9217.0769.85",
            "RSSMRA85T10A562S",
            "AB123456C",
            "AB 12 34 56 C",
            "12345678Z",
            "passport no. X1234567",
            "NHS 943 476 5919",
            "身份证: 11010519491231002X",
        ],
    );
    check("", &["111.444.777-36", "12345678A", "2.7.18-28", "QQ123456C"]);
}

#[test]
fn versions_are_not_addresses() {
    check(
        "",
        &[
            "Chrome/120.0.0.7",
            "version 10.15.7.2",
            "v1.2.3.4",
            "^1.2.3.4",
            "tool-1.2.3.4.tgz",
            "section 1.2.3.4",
            "10.0.0.0",
        ],
    );
}

#[test]
fn the_corpus_is_detected_and_look_alikes_are_not() {
    let table = super::figures::measure(300);
    table.print();
    for (kind, found, of, missed) in &table.plain {
        assert!(found * 100 >= of * 98, "{kind:?}: {found} of {of}: {missed:#?}");
    }
    for (name, found, of, missed) in &table.disguised {
        assert!(found * 100 >= of * 95, "{name}: {found} of {of}: {missed:#?}");
    }
    let (raised, of, texts) = &table.alarms;
    assert!(raised * 100 <= *of, "{raised} of {of}: {texts:#?}");
}

#[test]
fn positions_refer_to_the_original_text() {
    for (text, expected) in [
        (
            "write ann@example.org, or call +49 171 1234567.",
            vec!["ann@example.org", "+49 171 1234567"],
        ),
        ("ann%40example.org x", vec!["ann%40example.org"]),
        (r"card:\n4111\-1111\-1111\-1111\n", vec![r"4111\-1111\-1111\-1111"]),
        ("é ４１１１１１１１１１１１１１１１ é", vec!["４１１１１１１１１１１１１１１１"]),
        ("password: hunter2", vec!["hunter2"]),
        ("nothing here", vec![]),
    ] {
        let found: Vec<_> = super::spans_in(text).iter().map(|it| &text[it.from..it.to]).collect();
        assert_eq!(found, expected, "{text}");
    }
}

proptest! {
    /// The check digit's slow twin: of the ten possible last digits, exactly one is right.
    #[test]
    fn one_check_digit_in_ten_is_right(stem in "4[0-9]{14}") {
        let right = (0..10).filter(|digit| found(&format!("{stem}{digit}")) == "credit-card").count();
        assert_eq!(right, 1, "{stem}");
    }

    /// Of the possible check digits of an account, exactly one pair is right.
    #[test]
    fn one_pair_of_check_digits_is_right(account in "[0-9]{18}") {
        let right = (2..99).filter(|check| found(&format!("DE{check:02}{account}")).contains("iban")).count();
        assert_eq!(right, 1, "{account}");
    }

    /// An address between spaces is found whatever surrounds it, and nothing panics.
    #[test]
    fn surroundings_do_not_hide_an_address(before in any::<String>(), after in any::<String>()) {
        assert!(found(&format!("{before} ann@example.org {after}")).contains("email"));
        assert!(found(&format!("{before}\n4111111111111111\n{after}")).contains("credit-card"));
    }

    /// Random digits and separators.
    #[test]
    fn no_row_of_digits_panics(
        text in prop::collection::vec("[0-9a-fA-F:./@() +-]{0,40}", 0..20)
            .prop_map(|it| it.concat())
    ) {
        found(&text);
    }

    /// Positions are within the text, disjoint, and at character boundaries; and both ways of
    /// scanning agree.
    #[test]
    fn positions_are_valid(
        text in prop::collection::vec("[0-9a@.%&;\\\\n ٤é\u{200b}-]{0,12}", 0..12)
            .prop_map(|it| it.concat())
    ) {
        let mut end = 0;
        let spans = super::spans_in(&text);
        for span in &spans {
            assert!(span.from >= end && span.to > span.from, "{spans:?} in {text:?}");
            assert!(text.is_char_boundary(span.from) && text.is_char_boundary(span.to), "{spans:?} in {text:?}");
            end = span.to;
        }
        assert_eq!(spans.is_empty(), kinds_of(&text).is_empty(), "{text:?}");
    }
}

#[test]
fn a_word_inside_a_password_does_not_make_it_a_placeholder() {
    for password in ["spassnbv25", "Summer19pass", "x7secretq9", "trespass4me2"] {
        assert_eq!(found(&format!("redis://:{password}@localhost:6379")), "api-key", "{password}");
    }
    for password in ["password", "your_password", "mypassword1", "pass", "secret123", "example-key"]
    {
        assert_eq!(found(&format!("redis://:{password}@localhost:6379")), "", "{password}");
    }
}
#[test]
fn numbers_are_not_mistaken_for_words() {
    // Words are recognised by hashes, and one in five thousand other words has the hash of one of
    // them.
    for digits in (0..100_000).step_by(if cfg!(debug_assertions) { 97 } else { 1 }).chain([694]) {
        let text = format!("passport no. C01X{digits:05}");
        assert_eq!(found(&text), "national-id", "{text}");
    }
}
