//! Validates values against schemas, and reports the first mismatch.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{format_pattern, resolve};

/// The first mismatch of a value with its schema.
///
/// Neither field contains anything invented by the model: an undeclared name is shown as `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// A JSON pointer into the value; empty for the value itself.
    pub path: String,
    /// The expectation, in words.
    pub expected: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the answer" } else { &self.path };
        write!(f, "{path}: expected {}", self.expected)
    }
}

/// References can be cyclic without reading anything.
const DEEPEST: u32 = 256;
/// Twenty levels of two alternatives are a million schemas to try. A schema that takes more steps
/// is ignored.
const MOST_STEPS: u64 = 500_000;

/// Validates a value by JSON Schema 2020-12: every assertion except `unevaluated…` and dynamic or
/// remote references.
///
/// `matches(pattern, text)` returns whether a pattern of ECMA-262 is found in a text, or `None` if
/// that is undecided; then the pattern is ignored. The rest of a schema is ignored, too, if it
/// exceeds the limit of steps.
///
/// # Errors Returns the first mismatch.
pub fn validate(
    schema: &Value,
    value: &Value,
    matches: &dyn Fn(&str, &str) -> Option<bool>,
) -> Result<(), Mismatch> {
    validate_within(schema, schema, value, matches)
}

/// Validates a part of a schema, whose references resolve against the whole.
///
/// # Errors
///
/// Returns the first mismatch.
pub fn validate_within(
    root: &Value,
    schema: &Value,
    value: &Value,
    matches: &dyn Fn(&str, &str) -> Option<bool>,
) -> Result<(), Mismatch> {
    let mut validator = Validator { root, matches, path: Vec::new(), steps: Cell::new(MOST_STEPS) };
    let verdict = validator.check(schema, value, 0);
    if validator.steps.get() == 0 { Ok(()) } else { verdict }
}

struct Validator<'a> {
    root: &'a Value,
    matches: &'a dyn Fn(&str, &str) -> Option<bool>,
    path: Vec<String>,
    /// The remaining steps; at 0 every check passes.
    steps: Cell<u64>,
}

type Verdict = Result<(), Mismatch>;

impl Validator<'_> {
    /// Counts steps, and returns whether any are left.
    fn spend(&self, steps: u64) -> bool {
        self.steps.set(self.steps.get().saturating_sub(steps));
        self.steps.get() > 0
    }

    fn fail(&self, expected: impl Into<String>) -> Verdict {
        let path = self
            .path
            .iter()
            .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
            .collect();
        Err(Mismatch { path, expected: expected.into() })
    }

    fn holds(&mut self, schema: &Value, value: &Value, depth: u32) -> bool {
        let length = self.path.len();
        let verdict = self.check(schema, value, depth);
        self.path.truncate(length);
        verdict.is_ok()
    }

    fn below(&mut self, step: String, schema: &Value, value: &Value, depth: u32) -> Verdict {
        self.path.push(step);
        self.check(schema, value, depth + 1)?;
        self.path.pop();
        Ok(())
    }

    fn check(&mut self, schema: &Value, value: &Value, depth: u32) -> Verdict {
        if !self.spend(1) {
            return Ok(());
        }
        let schema = match schema {
            Value::Bool(false) => return self.fail("nothing here"),
            Value::Object(schema) if depth < DEEPEST => schema,
            Value::Object(_) => {
                return self.fail("a schema that does not refer to itself in a circle");
            }
            _ => return Ok(()),
        };
        if let Some(reference) = text(schema, "$ref") {
            match resolve(self.root, reference) {
                Some(target) => self.check(target, value, depth + 1)?,
                None => return self.fail("a schema whose references lead somewhere"),
            }
        }
        if let Some(types) = schema.get("type")
            && !names_of(types).iter().any(|name| is_of_type(value, name))
        {
            return self.fail(names_of(types).join(" or "));
        }
        if let Some(constant) = schema.get("const")
            && !is_equal(constant, value)
        {
            return self.fail("the one value allowed");
        }
        if let Some(options) = list(schema, "enum")
            && self.spend(options.len() as u64)
            && !options.iter().any(|option| is_equal(option, value))
        {
            return self.fail("one of the values allowed");
        }
        self.combined(schema, value, depth)?;
        match value {
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(f64::NAN)),
            Value::String(string) => self.string(schema, string),
            Value::Array(items) => self.array(schema, items, depth),
            Value::Object(members) => self.object(schema, members, depth),
            _ => Ok(()),
        }
    }

    fn combined(&mut self, schema: &Map<String, Value>, value: &Value, depth: u32) -> Verdict {
        for part in list(schema, "allOf").into_iter().flatten() {
            self.check(part, value, depth + 1)?;
        }
        if let Some(options) = list(schema, "anyOf")
            && !options.iter().any(|option| self.holds(option, value, depth + 1))
        {
            // The mismatch of a single or nearly matching alternative would help more, but may also
            // mislead.
            return self.fail("a value of one of the alternatives");
        }
        if let Some(options) = list(schema, "oneOf") {
            match options.iter().filter(|option| self.holds(option, value, depth + 1)).count() {
                1 => {}
                0 => return self.fail("a value of one of the alternatives"),
                _ => return self.fail("a value of exactly one of the alternatives"),
            }
        }
        if let Some(not) = schema.get("not")
            && self.holds(not, value, depth + 1)
        {
            return self.fail("a value that is not of the excluded kind");
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.holds(condition, value, depth + 1) { "then" } else { "else" };
            if let Some(branch) = schema.get(branch) {
                self.check(branch, value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn number(&self, schema: &Map<String, Value>, value: f64) -> Verdict {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        match () {
            () if bound("minimum").is_some_and(|bound| value < bound) => {
                self.fail("a larger number")
            }
            () if bound("maximum").is_some_and(|bound| value > bound) => {
                self.fail("a smaller number")
            }
            () if bound("exclusiveMinimum").is_some_and(|bound| value <= bound) => {
                self.fail("a larger number")
            }
            () if bound("exclusiveMaximum").is_some_and(|bound| value >= bound) => {
                self.fail("a smaller number")
            }
            () if bound("multipleOf").is_some_and(|step| !is_multiple(value, step)) => {
                self.fail("a multiple")
            }
            () => Ok(()),
        }
    }

    fn string(&self, schema: &Map<String, Value>, value: &str) -> Verdict {
        let chars = value.chars().count() as u64;
        let format = text(schema, "format");
        match () {
            () if count(schema, "minLength").is_some_and(|least| chars < least) => {
                self.fail("a longer text")
            }
            () if count(schema, "maxLength").is_some_and(|most| chars > most) => {
                self.fail("a shorter text")
            }
            () if text(schema, "pattern")
                .is_some_and(|it| (self.matches)(it, value) == Some(false)) =>
            {
                self.fail("a text that matches the pattern")
            }
            () if format
                .and_then(format_pattern)
                .is_some_and(|it| (self.matches)(it, value) == Some(false)) =>
            {
                self.fail(format!("a text in the format \"{}\"", format.unwrap_or("")))
            }
            () => Ok(()),
        }
    }

    fn array(&mut self, schema: &Map<String, Value>, items: &[Value], depth: u32) -> Verdict {
        let length = items.len() as u64;
        if count(schema, "minItems").is_some_and(|least| length < least) {
            return self.fail("more items");
        }
        if count(schema, "maxItems").is_some_and(|most| length > most) {
            return self.fail("fewer items");
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) && self.has_repeated(items) {
            return self.fail("items that all differ");
        }
        let prefix = list(schema, "prefixItems").map_or(&[][..], Vec::as_slice);
        for (at, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(at).or_else(|| schema.get("items")) {
                self.below(at.to_string(), schema, item, depth)?;
            }
        }
        if let Some(wanted) = schema.get("contains") {
            let found =
                items.iter().filter(|item| self.holds(wanted, item, depth + 1)).count() as u64;
            let most = count(schema, "maxContains");
            if found < count(schema, "minContains").unwrap_or(1)
                || most.is_some_and(|most| found > most)
            {
                return self.fail("the right number of certain items");
            }
        }
        Ok(())
    }

    /// Whether two items are equal. Only items whose hashes share a slot are compared.
    fn has_repeated(&self, items: &[Value]) -> bool {
        let mut slots: Vec<Vec<&Value>> = vec![Vec::new(); items.len().next_power_of_two()];
        for item in items {
            let at = usize::try_from(hash(item)).unwrap_or_default() & (slots.len() - 1);
            let Some(slot) = slots.get_mut(at) else { return false };
            let cost = size_of(item);
            let is_same = |earlier: &&Value| {
                self.spend(cost.min(size_of(earlier)).div_ceil(8)) && is_equal(earlier, item)
            };
            if slot.iter().any(is_same) {
                return true;
            }
            slot.push(item);
        }
        false
    }

    fn object(
        &mut self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        depth: u32,
    ) -> Verdict {
        let length = members.len() as u64;
        for name in list(schema, "required").into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return self.fail(format!("a member \"{name}\""));
            }
        }
        if count(schema, "minProperties").is_some_and(|least| length < least) {
            return self.fail("more members");
        }
        if count(schema, "maxProperties").is_some_and(|most| length > most) {
            return self.fail("fewer members");
        }
        for (name, needed) in map(schema, "dependentRequired").into_iter().flatten() {
            let mut needed = needed.as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(needed) = needed.find(|needed| !members.contains_key(*needed))
                && members.contains_key(name)
            {
                return self.fail(format!("a member \"{needed}\" beside \"{name}\""));
            }
        }
        for (name, dependent) in map(schema, "dependentSchemas").into_iter().flatten() {
            if members.contains_key(name) && self.spend(length) {
                self.check(dependent, &Value::Object(members.clone()), depth + 1)?;
            }
        }
        for (name, value) in members {
            self.member(schema, name, value, depth)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        schema: &Map<String, Value>,
        name: &str,
        value: &Value,
        depth: u32,
    ) -> Verdict {
        if let Some(names) = schema.get("propertyNames")
            && !self.holds(names, &Value::String(name.to_owned()), depth + 1)
        {
            return self.fail("other names of members");
        }
        let mut is_declared = false;
        if let Some(declared) =
            map(schema, "properties").and_then(|properties| properties.get(name))
        {
            is_declared = true;
            self.below(name.to_owned(), declared, value, depth)?;
        }
        for (pattern, declared) in map(schema, "patternProperties").into_iter().flatten() {
            if (self.matches)(pattern, name) == Some(true) {
                is_declared = true;
                self.below("*".to_owned(), declared, value, depth)?;
            }
        }
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) if !is_declared => {
                self.fail("no other members than those declared")
            }
            Some(extra) if !is_declared => self.below("*".to_owned(), extra, value, depth),
            _ => Ok(()),
        }
    }
}

fn text<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a str> {
    schema.get(keyword)?.as_str()
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a Vec<Value>> {
    schema.get(keyword)?.as_array()
}

fn map<'a>(schema: &'a Map<String, Value>, keyword: &str) -> Option<&'a Map<String, Value>> {
    schema.get(keyword)?.as_object()
}

/// Reads a count, which may be written as `2.0`.
fn count(schema: &Map<String, Value>, keyword: &str) -> Option<u64> {
    let value = schema.get(keyword)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be an integer and not negative"
    )]
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|it| it.fract() == 0.0 && *it >= 0.0).map(|it| it as u64))
}

/// Returns an upper bound for the steps of comparing a value.
fn size_of(value: &Value) -> u64 {
    match value {
        Value::String(text) => 1 + text.len() as u64 / 64,
        Value::Array(items) => 1 + items.iter().map(size_of).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(size_of).sum::<u64>(),
        _ => 1,
    }
}

fn names_of(types: &Value) -> Vec<&str> {
    match types {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => {
            name == "number"
                || name == "integer" && number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

/// Division of doubles is inexact, but 0.3 counts as a multiple of 0.1.
fn is_multiple(value: f64, step: f64) -> bool {
    let times = value / step;
    times.is_finite() && (times - times.round()).abs() <= 1e-9 * times.abs().max(1.0)
}

/// A hash that is equal for equal values: 1 and 1.0 are one number, and the order of members does
/// not matter.
fn hash(value: &Value) -> u64 {
    let of = |bytes: &[u8]| {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
    };
    let mixed = match value {
        Value::Null => 1,
        Value::Bool(is) => 2 + u64::from(*is),
        // Zero has two signs.
        Value::Number(number) => (number.as_f64().unwrap_or_default() + 0.0).to_bits(),
        Value::String(text) => of(text.as_bytes()),
        Value::Array(items) => {
            items.iter().fold(4, |all: u64, item| all.wrapping_mul(31).wrapping_add(hash(item)))
        }
        Value::Object(members) => members.iter().fold(5, |all: u64, (name, member)| {
            all.wrapping_add(of(name.as_bytes()) ^ hash(member).rotate_left(17))
        }),
    };
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}

/// Like `==`, but 1 and 1.0 are equal.
#[must_use]
pub fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| is_equal(left, right)))
        }
        _ => left == right,
    }
}
