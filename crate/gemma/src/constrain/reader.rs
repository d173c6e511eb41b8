//! Parses a schema into alternatives: the shapes that a value may take.

use std::borrow::Cow;
use std::collections::HashMap;

use hybridge_core::schema::{resolve, validate_within};
use hybridge_core::{Error, Result};
use serde_json::Value;

use super::alternative::{All, Alternative, Array, Object, Text};
use super::apart::find_overlap;
use super::keyword::Keywords;
use super::pattern::{self, Automaton};
use super::scalar::{lists, literals, range, text, types};
use super::small;

const MOST_SCHEMAS: usize = 20_000;
/// The limit of alternatives, because nested ones multiply.
const MOST_ALTERNATIVES: usize = 20_000;
const MOST_WORK: usize = 2_000_000;
const DEEPEST: usize = 100;

/// A schema and its parts, by number.
pub(super) struct Reader<'a> {
    root: &'a Value,
    schemas: Vec<(&'a Value, String)>,
    /// Schema numbers by address, because the same object is the same schema.
    known: HashMap<*const Value, u32>,
    patterns: HashMap<String, Automaton>,
    /// The remaining budget of automaton states and alternatives.
    states_left: usize,
    work_left: usize,
    /// Whether alternatives are only compared; their contents are checked elsewhere.
    is_comparing: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            schemas: Vec::new(),
            known: HashMap::new(),
            patterns: HashMap::new(),
            states_left: 100_000,
            work_left: MOST_WORK,
            is_comparing: false,
        }
    }

    /// The number of the root schema.
    pub(super) fn root(&mut self) -> Result<u32> {
        self.number(self.root, "#".to_owned())
    }

    /// Returns the properties of one schema, each as a list of schemas.
    pub(super) fn properties(&mut self, of: u32) -> Result<Vec<(String, All)>> {
        let Some((schema, path)) = self.schemas.get(of as usize).cloned() else {
            return Ok(Vec::new());
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        properties
            .map(|(name, schema)| {
                let path = format!("{path}/properties/{name}");
                Ok((name.clone(), self.one(schema, path)?))
            })
            .collect()
    }

    fn number(&mut self, schema: &'a Value, path: String) -> Result<u32> {
        if let Some(&known) = self.known.get(&std::ptr::from_ref(schema)) {
            return Ok(known);
        }
        if self.schemas.len() >= MOST_SCHEMAS {
            return Err(Error::invalid(format!("the schema has more than {MOST_SCHEMAS} parts")));
        }
        let number = small(self.schemas.len());
        self.schemas.push((schema, path));
        self.known.insert(schema, number);
        Ok(number)
    }

    /// Returns a schema as a list, which is empty if it has no constraints.
    fn one(&mut self, schema: &'a Value, path: String) -> Result<All> {
        let asks_nothing = schema == &Value::Bool(true)
            || schema.as_object().is_some_and(serde_json::Map::is_empty);
        Ok(if asks_nothing { All::new() } else { vec![self.number(schema, path)?] })
    }

    /// Returns the alternatives that satisfy all of these schemas.
    pub(super) fn alternatives(&mut self, all: &[u32]) -> Result<Vec<Alternative>> {
        let mut whole = Alternative::any();
        for &schema in all {
            let part = self.read(schema, &mut Vec::new())?;
            whole = self.meet(&whole, &part)?;
        }
        // A literal's other keywords have not been checked until now.
        let rest = self.without_literals(all);
        let rest: Vec<&Value> = rest.iter().map(Cow::as_ref).collect();
        if rest.is_empty() {
            return Ok(whole);
        }
        let mut kept = Vec::with_capacity(whole.len());
        for alternative in whole {
            let is_kept = match &alternative {
                Alternative::Literal(value) => self.satisfies(&rest, value)?,
                _ => true,
            };
            if is_kept {
                kept.push(alternative);
            }
        }
        Ok(kept)
    }

    /// Returns the schemas without their `enum` and `const`: literals come from there, and long
    /// lists take long.
    fn without_literals(&self, all: &[u32]) -> Vec<Cow<'a, Value>> {
        let schemas = all.iter().filter_map(|&schema| self.schemas.get(schema as usize));
        let rest = schemas.filter_map(|(schema, _)| {
            let mut schema: &'a Value = schema;
            // This schema is only a reference; in a cycle it has no literals anyway.
            for _ in 0..DEEPEST {
                let reference = schema
                    .as_object()
                    .filter(|map| map.len() == 1)
                    .and_then(|map| map.get("$ref")?.as_str());
                let Some(target) = reference.and_then(|reference| resolve(self.root, reference))
                else {
                    break;
                };
                schema = target;
            }
            let map = schema
                .as_object()
                .filter(|map| map.contains_key("enum") || map.contains_key("const"));
            let Some(map) = map else { return Some(Cow::Borrowed(schema)) };
            let given = if map.contains_key("const") { "const" } else { "enum" };
            let others = map.iter().filter(|(keyword, _)| *keyword != given);
            let others: serde_json::Map<_, _> =
                others.map(|(keyword, value)| (keyword.clone(), value.clone())).collect();
            (!others.is_empty()).then_some(Cow::Owned(Value::Object(others)))
        });
        rest.collect()
    }

    /// Whether a value satisfies all of these schemas.
    pub(super) fn is_valid(&mut self, all: &[u32], value: &Value) -> Result<bool> {
        let schemas = all.iter().filter_map(|&schema| self.schemas.get(schema as usize));
        let schemas: Vec<&Value> = schemas.map(|(schema, _)| *schema).collect();
        self.satisfies(&schemas, value)
    }

    fn satisfies(&mut self, schemas: &[&Value], value: &Value) -> Result<bool> {
        self.spend(1)?;
        let patterns = &self.patterns;
        let matches = |pattern: &str, text: &str| match patterns.get(pattern) {
            Some(automaton) => Some(automaton.matches(text)),
            None => pattern::compile(pattern).ok().map(|automaton| automaton.matches(text)),
        };
        // A reference resolves against the root schema, wherever it is.
        Ok(schemas.iter().all(|schema| validate_within(self.root, schema, value, &matches).is_ok()))
    }

    /// Reads alternatives for comparison only.
    pub(super) fn comparing<T>(&mut self, compare: impl FnOnce(&mut Self) -> T) -> T {
        self.is_comparing = true;
        let result = compare(self);
        self.is_comparing = false;
        result
    }

    fn spend(&mut self, work: usize) -> Result<()> {
        self.work_left = self.work_left.checked_sub(work).ok_or_else(too_many)?;
        Ok(())
    }

    fn meet(&mut self, left: &[Alternative], right: &[Alternative]) -> Result<Vec<Alternative>> {
        self.spend(left.len().saturating_mul(right.len()))?;
        let mut both = Vec::new();
        for a in left {
            both.extend(right.iter().filter_map(|b| a.and(b)));
        }
        if both.len() > MOST_ALTERNATIVES { Err(too_many()) } else { Ok(both) }
    }

    fn read(&mut self, number: u32, within: &mut Vec<u32>) -> Result<Vec<Alternative>> {
        // In a union of itself and something else, the recursion is dropped.
        if within.contains(&number) {
            return Ok(Vec::new());
        }
        let Some((schema, path)) = self.schemas.get(number as usize).cloned() else {
            return Ok(Vec::new());
        };
        if within.len() > DEEPEST {
            return Err(Error::invalid(format!(
                "the schema at {path} combines more than {DEEPEST} levels"
            )));
        }
        let map = match schema {
            Value::Bool(true) => return Ok(Alternative::any()),
            Value::Bool(false) => return Ok(Vec::new()),
            Value::Object(map) => map,
            _ => {
                return Err(Error::invalid(format!(
                    "the schema at {path} must be an object, true or false"
                )));
            }
        };
        within.push(number);
        let keywords = Keywords::new(map, &path)?;
        let mut whole = match literals(&keywords)? {
            Some(literals) => literals,
            None => self.base(&keywords, &path)?,
        };
        for combiner in ["allOf", "anyOf", "oneOf"] {
            let Some(parts) = keywords.list(combiner)? else { continue };
            let mut read = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                let part = self.number(part, format!("{path}/{combiner}/{at}"))?;
                read.push((part, self.read(part, within)?));
            }
            if combiner == "allOf" {
                for (_, part) in read {
                    whole = self.meet(&whole, &part)?;
                }
                continue;
            }
            if combiner == "oneOf"
                && !self.is_comparing
                && let Some((a, b)) = find_overlap(self, &read)?
            {
                let reason = format!(
                    "has alternatives {a} and {b} that one value could satisfy both; use anyOf"
                );
                return Err(keywords.refuse(combiner, reason));
            }
            let union: Vec<_> = read.into_iter().flat_map(|(_, part)| part).collect();
            whole = self.meet(&whole, &union)?;
        }
        if let Some(reference) = keywords.text("$ref")? {
            let Some(target) = resolve(self.root, reference) else {
                return Err(keywords.refuse(
                    "$ref",
                    "must lead to a part of the same schema, like \"#/$defs/name\"",
                ));
            };
            let target = self.number(target, reference.to_owned())?;
            let part = self.read(target, within)?;
            whole = self.meet(&whole, &part)?;
        }
        within.pop();
        Ok(whole)
    }

    /// Applies the keywords of individual types.
    fn base(&mut self, keywords: &Keywords<'a, '_>, path: &str) -> Result<Vec<Alternative>> {
        let Some(types) = types(keywords)? else { return Ok(Alternative::any()) };
        let mut base = Vec::new();
        for name in types {
            match name {
                "null" => base.push(Alternative::Literal(Value::Null)),
                "boolean" => base.extend([false, true].map(|it| Alternative::Literal(it.into()))),
                "string" => base.push(Alternative::Text(text(keywords)?)),
                // An integer is a number, so it is not added twice.
                "integer" if keywords.get("type").is_some_and(|it| lists(it, "number")) => {}
                "number" | "integer" => {
                    base.push(Alternative::Number(range(keywords, name == "integer")?));
                }
                "array" => base.push(Alternative::Array(self.array(keywords, path)?)),
                "object" => base.push(Alternative::Object(self.object(keywords, path)?)),
                _ => return Err(keywords.refuse("type", "names an unknown type")),
            }
        }
        Ok(base)
    }

    fn array(&mut self, keywords: &Keywords<'a, '_>, path: &str) -> Result<Array> {
        let mut prefix = Vec::new();
        for (at, item) in keywords.list("prefixItems")?.into_iter().flatten().enumerate() {
            prefix.push(self.one(item, format!("{path}/prefixItems/{at}"))?);
        }
        let rest = match keywords.get("items") {
            Some(Value::Array(_)) => {
                return Err(
                    keywords.refuse("items", "must be a schema; a list of them is \"prefixItems\"")
                );
            }
            Some(items) => self.one(items, format!("{path}/items"))?,
            None => All::new(),
        };
        let least = keywords.count("minItems")?.unwrap_or(0);
        Ok(Array { prefix, rest, least, most: keywords.count("maxItems")? })
    }

    fn object(&mut self, keywords: &Keywords<'a, '_>, path: &str) -> Result<Object> {
        let mut properties = Vec::new();
        let declared = keywords.map("properties")?;
        let ordering = keywords.texts("propertyOrdering")?.unwrap_or_default();
        let ordered = ordering.iter().filter_map(|name| declared?.get_key_value(*name));
        let others =
            declared.into_iter().flatten().filter(|(name, _)| !ordering.contains(&name.as_str()));
        for (name, schema) in ordered.chain(others) {
            properties.push((name.clone(), self.one(schema, format!("{path}/properties/{name}"))?));
        }
        let extra = match keywords.get("additionalProperties") {
            Some(schema) => Some(self.one(schema, format!("{path}/additionalProperties"))?),
            None => None,
        };
        let is_closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
        let mut required: Vec<String> = Vec::new();
        for name in keywords.texts("required")?.unwrap_or_default() {
            if !required.iter().any(|known| known == name) {
                required.push(name.to_owned());
            }
        }
        let least = keywords.count("minProperties")?.unwrap_or(0);
        Ok(Object {
            properties,
            required,
            extra,
            is_closed,
            least,
            most: keywords.count("maxProperties")?,
        })
    }

    /// Compiles the automaton of a string's patterns and formats.
    pub(super) fn automaton(&mut self, text: &Text) -> Result<Automaton> {
        let mut whole: Option<Automaton> = None;
        for pattern in &text.patterns {
            if !self.patterns.contains_key(pattern) {
                let automaton = pattern::compile(pattern).map_err(|reason| {
                    Error::invalid(format!(
                        "the schema's \"pattern\" is not supported on the device: {reason}"
                    ))
                })?;
                self.spend_states(automaton.len())?;
                self.patterns.insert(pattern.clone(), automaton);
            }
            let Some(next) = self.patterns.get(pattern) else { continue };
            whole = Some(match whole {
                None => next.clone(),
                Some(before) => before.and(next).map_err(|reason| {
                    Error::invalid(format!(
                        "the schema's \"pattern\" is not supported on the device: {reason}"
                    ))
                })?,
            });
        }
        let whole = whole.unwrap_or_else(Automaton::anything);
        self.spend_states(whole.len())?;
        Ok(whole)
    }

    fn spend_states(&mut self, states: usize) -> Result<()> {
        let reason = "the schema's patterns together are too large for the device";
        self.states_left =
            self.states_left.checked_sub(states).ok_or_else(|| Error::invalid(reason))?;
        Ok(())
    }
}

fn too_many() -> Error {
    Error::invalid("the schema's alternatives multiply beyond what the device can follow")
}
