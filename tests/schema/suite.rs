//! The official JSON-Schema-Test-Suite, as tables of valid and invalid values for our validator and
//! for the grammar.
//!
//! It is included in a crate, in the edition of 2019-09. Keywords that 2020-12 renamed are renamed
//! when a schema is read: a list under `items` becomes `prefixItems`, and `additionalItems` beside
//! it becomes `items`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use hybridge_core::Status;
use hybridge_core::schema::validate;
use hybridge_gemma::constrain::{Constraint, Pieces, Wish};
use hybridge_gemma::testing::PieceList;
use regex::Regex;
use serde_json::Value;

/// The supported formats; cases of the others would only repeat the same error.
const FORMATS: [&str; 7] = ["date", "date-time", "email", "ipv4", "time", "uri", "uuid"];

/// The documented gaps of our validator.
const LEFT_OUT: [&str; 6] = [
    "$anchor",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// A value and whether it is valid.
struct Case {
    name: String,
    schema: Value,
    value: Value,
    is_valid: bool,
}

/// Returns the folder where cargo keeps the sources of the crate that contains the suite.
fn suite() -> PathBuf {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap();
    let registries = fs::read_dir(home.join("registry/src")).unwrap();
    let inside =
        "json_schema_test_suite-0.3.0/path/to/JSON-Schema-Test-Suite/repository/tests/draft2019-09";
    registries.map(|it| it.unwrap().path().join(inside)).find(|it| it.is_dir()).unwrap()
}

fn cases_of(path: &Path) -> Vec<Case> {
    let file = path.file_stem().unwrap().to_string_lossy();
    let groups: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let groups = groups.as_array().unwrap().iter();
    let cases = groups.flat_map(|group| {
        let about = format!("{file}: {}", text(group.get("description").unwrap()));
        let schema = renamed(group.get("schema").unwrap());
        let tests = group.get("tests").unwrap().as_array().unwrap();
        tests.iter().map(move |test| Case {
            name: format!("{about}: {}", text(test.get("description").unwrap())),
            schema: schema.clone(),
            value: test.get("data").unwrap().clone(),
            is_valid: test.get("valid").unwrap().as_bool().unwrap(),
        })
    });
    cases.collect()
}

fn cases() -> Vec<Case> {
    let suite = suite();
    let files = fs::read_dir(&suite).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|it| it.is_file()).collect();
    let format = |name: &&str| suite.join(format!("optional/format/{name}.json"));
    files.extend(FORMATS.iter().map(format));
    files.sort();
    files.iter().flat_map(|path| cases_of(path)).collect()
}

/// Converts a schema of 2019-09 to 2020-12.
fn renamed(schema: &Value) -> Value {
    match schema {
        Value::Array(parts) => parts.iter().map(renamed).collect(),
        Value::Object(members) => {
            let is_list = members.get("items").is_some_and(Value::is_array);
            let rename = |(name, part): (&String, &Value)| match name.as_str() {
                "const" | "enum" | "default" => (name.clone(), part.clone()),
                "items" if is_list => ("prefixItems".to_owned(), renamed(part)),
                "additionalItems" if is_list => ("items".to_owned(), renamed(part)),
                "$ref" => (name.clone(), reference(part)),
                _ => (name.clone(), renamed(part)),
            };
            members.iter().map(rename).collect()
        }
        other => other.clone(),
    }
}

fn reference(part: &Value) -> Value {
    part.as_str()
        .map_or_else(|| renamed(part), |it| it.replace("#/items/", "#/prefixItems/").into())
}

/// Whether a schema uses a keyword, or refers to another document.
fn is_left_out(schema: &Value) -> bool {
    match schema {
        Value::Array(parts) => parts.iter().any(is_left_out),
        Value::Object(members) => members.iter().any(|(name, part)| {
            let is_remote = |it: &str| name == "$ref" && !(it == "#" || it.starts_with("#/"));
            LEFT_OUT.contains(&name.as_str())
                || part.as_str().is_some_and(is_remote)
                || is_left_out(part)
        }),
        _ => false,
    }
}

/// The grammar's result for a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    RefusedByName,
    /// Valid, but the grammar never generates it.
    Narrow,
    Wrong,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: usize,
    refused: usize,
    refused_by_name: usize,
}

fn outcome(case: &Case, pieces: &Arc<Pieces>) -> Outcome {
    let constraint = match Constraint::compile(&Wish::json(case.schema.clone()), pieces) {
        Ok(constraint) => constraint,
        Err(error) => {
            assert_eq!(error.status, Status::InvalidArgument, "{}", case.name);
            if error.message.contains("allows no value") {
                return if case.is_valid { Outcome::Wrong } else { Outcome::Right };
            }
            // The message quotes a keyword that the schema contains.
            let keyword = error.message.split('"').nth(1).unwrap_or(&error.message);
            let is_there = case.schema.to_string().contains(&format!("\"{keyword}\":"));
            assert!(is_there, "{}: {}", case.name, error.message);
            return Outcome::RefusedByName;
        }
    };
    let mut state = constraint.start();
    let text = case.value.to_string();
    let is_written =
        text.bytes().all(|byte| state.accept(byte.into()).is_ok()) && state.is_complete();
    match (case.is_valid, is_written) {
        (true, false) => Outcome::Narrow,
        (false, true) => Outcome::Wrong,
        _ => Outcome::Right,
    }
}

/// Valid values that the grammar never generates: part of the case's name, how many, and why.
const NARROW: [(&str, usize, &str); 12] = [
    (": ignores ", 69, "without a type a value is of the one that the keywords are about"),
    ("pseudo-array is valid", 2, "the same"),
    ("root pointer ref: ", 2, "the same"),
    (
        "additional properties are allowed",
        1,
        "only declared members, where the schema names no others",
    ),
    ("doesn't invalidate other properties", 1, "the same"),
    ("both anyOf valid (complex)", 1, "the same: of one alternative"),
    ("allOf with base schema: valid", 1, "members stand in the order in which they are declared"),
    ("all properties present is valid", 1, "the same, and the suite's order is the alphabet's"),
    ("const", 4, "a number stands as the schema writes it"),
    ("enum", 2, "the same"),
    ("a float with zero fractional part", 1, "integers have no point"),
    ("date-time: validation of date-time strings: case-insensitive", 1, "capitals only"),
];
/// Addresses have one form: a name with dots, or no authority at all.
const NARROW_ADDRESSES: usize = 5;

#[test]
fn the_grammar_generates_valid_values_of_the_suite() {
    let pieces = Arc::new(Pieces::new(&PieceList::bytes()));
    let mut counts = Counts::default();
    let mut narrow = Vec::new();
    for case in cases() {
        match (outcome(&case, &pieces), case.is_valid) {
            (Outcome::Right, true) => counts.accepted += 1,
            (Outcome::Right, false) => counts.refused += 1,
            (Outcome::RefusedByName, _) => counts.refused_by_name += 1,
            (Outcome::Narrow, _) => narrow.push(case.name),
            (Outcome::Wrong, _) => panic!("{}: {} for {}", case.name, case.value, case.schema),
        }
    }
    assert_eq!(counts, Counts { accepted: 203, refused: 211, refused_by_name: 413 });
    let total = narrow.len();
    let mut left = narrow;
    for (part, expected, reason) in NARROW {
        let before = left.len();
        left.retain(|name| !name.contains(part));
        assert_eq!(before - left.len(), expected, "{part}: {reason}");
    }
    assert!(left.iter().all(|name| name.starts_with("uri: ")), "{left:?}");
    assert_eq!(left.len(), NARROW_ADDRESSES, "of {total}");
}

#[test]
fn the_validator_agrees_with_the_suite() {
    let matches = |pattern: &str, text: &str| Some(Regex::new(pattern).ok()?.is_match(text));
    let mut judged = 0;
    for case in cases().into_iter().filter(|case| !is_left_out(&case.schema)) {
        judged += 1;
        let found = validate(&case.schema, &case.value, &matches);
        assert_eq!(
            found.is_ok(),
            case.is_valid,
            "{}: {} for {}",
            case.name,
            case.value,
            case.schema
        );
    }
    assert_eq!(judged, 805);
}
