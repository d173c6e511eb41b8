//! Compiles alternatives to the tables of a grammar.

use std::collections::HashMap;

use hybridge_core::{Error, Result};
use serde_json::Value as Json;

use super::alternative::{self, All, Alternative};
use super::grammar::{Array, Call, Extra, Grammar, NEVER, Object, Property, Shape, Value};
use super::number::{Number, Range};
use super::pattern::Automaton;
use super::reader::Reader;
use super::small;
use super::syntax::{Syntax, bare};
use super::text::Text;
use super::words::Words;

const MOST_VALUES: usize = 20_000;
/// A tree of words takes several dozen bytes for each byte of text.
const MOST_WORD_BYTES: usize = 512 * 1024;

/// Compiles a schema. In the notation with control tokens, it is an object whose properties are the
/// tools.
pub(super) fn build(schema: &Json, syntax: Syntax) -> Result<Grammar> {
    let mut reader = Reader::new(schema);
    let root = reader.root()?;
    let tools = match syntax {
        Syntax::Json => Vec::new(),
        Syntax::FunctionGemma | Syntax::Gemma4 => reader.properties(root)?,
    };
    let mut builder = Builder {
        reader,
        grammar: Grammar { syntax, ..Grammar::default() },
        values: HashMap::new(),
        open: Vec::new(),
        texts: HashMap::new(),
        numbers: Vec::new(),
        word_bytes_left: MOST_WORD_BYTES,
    };
    if syntax == Syntax::Json {
        builder.value(vec![root])?;
    }
    for (name, arguments) in tools {
        builder.call(&name, arguments)?;
    }
    while let Some((number, all)) = builder.open.pop() {
        let shapes = builder.shapes(&all)?;
        if let Some(value) = builder.grammar.values.get_mut(number as usize) {
            value.shapes = shapes;
        }
    }
    let mut grammar = builder.grammar;
    grammar.settle();
    let mut calls = std::mem::take(&mut grammar.calls);
    calls.retain(|call| grammar.depth(call.arguments) != NEVER);
    grammar.calls = calls;
    if grammar.calls.is_empty() && (syntax != Syntax::Json || grammar.depth(0) == NEVER) {
        return Err(Error::invalid("the schema allows no value that the device can generate"));
    }
    Ok(grammar)
}

struct Builder<'a> {
    reader: Reader<'a>,
    grammar: Grammar,
    values: HashMap<All, u32>,
    open: Vec<(u32, All)>,
    texts: HashMap<alternative::Text, Option<u32>>,
    numbers: Vec<(Range, Option<u32>)>,
    word_bytes_left: usize,
}

impl Builder<'_> {
    fn value(&mut self, all: All) -> Result<u32> {
        if let Some(&known) = self.values.get(&all) {
            return Ok(known);
        }
        if self.grammar.values.len() >= MOST_VALUES {
            return Err(Error::invalid(format!(
                "the schema has more than {MOST_VALUES} different values"
            )));
        }
        let number = small(self.grammar.values.len());
        self.grammar.values.push(Value::default());
        self.values.insert(all.clone(), number);
        self.open.push((number, all));
        Ok(number)
    }

    fn call(&mut self, tool: &str, arguments: All) -> Result<()> {
        let head = format!("call:{}", bare(tool)?);
        let words = self.words(&[head.into_bytes()])?;
        let head = small(self.grammar.words.len());
        self.grammar.words.push(words);
        let arguments = self.value(arguments)?;
        self.grammar.calls.push(Call { head, arguments });
        Ok(())
    }

    fn shapes(&mut self, all: &[u32]) -> Result<Vec<Shape>> {
        let mut shapes = Vec::new();
        let mut literals = Vec::new();
        for alternative in self.reader.alternatives(all)? {
            shapes.extend(match alternative {
                Alternative::Literal(value) => {
                    literals.push(self.grammar.syntax.literal(&value));
                    None
                }
                Alternative::Text(text) => self.text(text)?,
                Alternative::Number(range) => self.number(&range),
                Alternative::Array(array) => Some(self.array(array)?),
                Alternative::Object(object) => Some(self.object(object)?),
            });
        }
        if !literals.is_empty() {
            let words = self.words(&literals)?;
            shapes.push(Shape::Words(small(self.grammar.words.len())));
            self.grammar.words.push(words);
        }
        Ok(shapes)
    }

    fn words(&mut self, words: &[Vec<u8>]) -> Result<Words> {
        let bytes = words.iter().map(Vec::len).sum();
        let left = self.word_bytes_left.checked_sub(bytes);
        self.word_bytes_left = left.ok_or_else(|| {
            Error::invalid("the schema's names and fixed values are too long for the device")
        })?;
        Ok(Words::new(words.iter().map(Vec::as_slice)))
    }

    fn text(&mut self, text: alternative::Text) -> Result<Option<Shape>> {
        if let Some(&known) = self.texts.get(&text) {
            return Ok(known.map(Shape::Text));
        }
        let automaton = self.reader.automaton(&text)?;
        let made = self.add_text(automaton, text.least, text.most)?;
        self.texts.insert(text, made);
        Ok(made.map(Shape::Text))
    }

    fn add_text(
        &mut self,
        automaton: Automaton,
        least: u32,
        most: Option<u32>,
    ) -> Result<Option<u32>> {
        let text = Text::new(automaton, (least, most), self.grammar.syntax).map_err(|reason| {
            Error::invalid(format!(
                "the schema's \"pattern\" is not supported on the device: {reason}"
            ))
        })?;
        Ok(text.map(|text| {
            self.grammar.texts.push(text);
            small(self.grammar.texts.len() - 1)
        }))
    }

    fn number(&mut self, range: &Range) -> Option<Shape> {
        if let Some((_, known)) = self.numbers.iter().find(|(known, _)| known == range) {
            return known.map(Shape::Number);
        }
        let made = Number::of(range).map(|number| {
            self.grammar.numbers.push(number);
            small(self.grammar.numbers.len() - 1)
        });
        self.numbers.push((range.clone(), made));
        made.map(Shape::Number)
    }

    fn array(&mut self, array: alternative::Array) -> Result<Shape> {
        let prefix = array.prefix.into_iter().map(|all| self.value(all)).collect::<Result<_>>()?;
        let rest = self.value(array.rest)?;
        self.grammar.arrays.push(Array { prefix, rest, least: array.least, most: array.most });
        Ok(Shape::Array(small(self.grammar.arrays.len() - 1)))
    }

    fn object(&mut self, object: alternative::Object) -> Result<Shape> {
        let mut declared = object.properties;
        // An object without declared members is free; one with them allows no others unless the
        // schema names them, because small models ramble.
        let is_free = declared.is_empty();
        let others = object.extra.clone().unwrap_or_default();
        let extra = object
            .extra
            .filter(|_| !object.is_closed)
            .or((is_free && !object.is_closed).then(All::new));
        for name in &object.required {
            if !declared.iter().any(|(known, _)| known == name) {
                declared.push((name.clone(), others.clone()));
            }
        }
        self.grammar.syntax.order(&mut declared, |(name, _)| name);
        let mut properties = Vec::new();
        let mut names = Vec::new();
        for (name, all) in declared {
            let is_required = object.required.contains(&name);
            properties.push(Property { value: self.value(all)?, is_required, is_possible: true });
            names.push(name);
        }
        let extra = match extra {
            // Only declared names may omit their quotes.
            Some(_) if self.grammar.syntax != Syntax::Json => None,
            Some(all) => self.extra(all, &names, object.least, object.required.len())?,
            None => None,
        };
        let spelled = names.iter().map(|name| self.grammar.syntax.name(name));
        let names = self.words(&spelled.collect::<Result<Vec<_>>>()?)?;
        self.grammar.objects.push(Object {
            names,
            properties,
            extra,
            least: object.least,
            most: object.most,
            required_from: Vec::new(),
            possible_from: Vec::new(),
        });
        Ok(Shape::Object(small(self.grammar.objects.len() - 1)))
    }

    /// Compiles members with undeclared names.
    fn extra(
        &mut self,
        all: All,
        names: &[String],
        least: u32,
        required: usize,
    ) -> Result<Option<Extra>> {
        // Undeclared names may repeat, but repeated members count once.
        if least > 1 && least as usize > required {
            if names.len() >= least as usize {
                return Ok(None);
            }
            return Err(Error::invalid(
                "the schema's \"minProperties\" is not supported on the device for members without names",
            ));
        }
        let value = self.value(all)?;
        let name = self.add_text(Automaton::except(names.iter().map(String::as_str)), 0, None)?;
        Ok(name.map(|name| Extra { name, value }))
    }
}
