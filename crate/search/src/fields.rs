//! Metadata for filtering documents: one column per field, one cell per document.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::bytes::{Quick, Reader, put_text, put_varint, short};
use crate::error::Damaged;

/// A single value from the caller.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
}

/// The values of one document in one field; several for a list.
pub(crate) type Field = (Rc<str>, Vec<Value>);

/// A condition on documents.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// A value of the field compares in this way with one of these values.
    Compare {
        field: Rc<str>,
        how: Comparison,
        values: Vec<Value>,
    },
    Exists(Rc<str>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

/// A comparison operator. Numbers are compared with numbers, strings with strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, own: &Value, other: &Value) -> bool {
        let order = match (own, other) {
            (Value::Number(own), Value::Number(other)) => own.partial_cmp(other),
            (Value::Text(own), Value::Text(other)) => Some(own.cmp(other)),
            _ => return self == Self::Equal && own == other,
        };
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// All fields of all documents. An empty cell means that the document lacks the field.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    columns: HashMap<Rc<str>, Vec<Cell>, Quick>,
    texts: HashSet<Rc<str>, Quick>,
    documents: usize,
}

#[derive(Clone, Debug, Default)]
enum Cell {
    #[default]
    Absent,
    One(Value),
    Many(Box<[Value]>),
}

impl Cell {
    fn values(&self) -> &[Value] {
        match self {
            Self::Absent => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl Columns {
    /// Appends a batch of documents.
    pub(crate) fn extend(&mut self, batch: BatchFields) {
        let mut cells = batch.cells.into_iter();
        for count in batch.counts {
            let at = self.documents;
            self.documents += 1;
            for (name, cell) in cells.by_ref().take(count as usize) {
                let Some(name) = batch.names.get(name as usize) else { continue };
                let cell = match cell {
                    Cell::One(value) => Cell::One(self.shared(value)),
                    Cell::Many(values) => {
                        Cell::Many(values.into_iter().map(|it| self.shared(it)).collect())
                    }
                    Cell::Absent => Cell::Absent,
                };
                if !self.columns.contains_key(name) {
                    self.columns.insert(Rc::clone(name), Vec::new());
                }
                let Some(column) = self.columns.get_mut(name) else { continue };
                column.resize(at, Cell::Absent);
                column.push(cell);
            }
        }
    }

    /// Equal strings are stored once.
    fn shared(&mut self, value: Value) -> Value {
        let Value::Text(text) = value else { return value };
        if let Some(known) = self.texts.get(&text) {
            return Value::Text(Rc::clone(known));
        }
        self.texts.insert(Rc::clone(&text));
        Value::Text(text)
    }

    /// Returns the fields of one document, in the order of their names.
    pub(crate) fn fields_of(&self, document: usize) -> Vec<Field> {
        let mut fields: Vec<Field> = self
            .columns
            .iter()
            .filter_map(|(name, column)| match column.get(document)? {
                Cell::Absent => None,
                cell => Some((Rc::clone(name), cell.values().to_vec())),
            })
            .collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields
    }

    /// Returns which documents satisfy a filter.
    pub(crate) fn select(&self, filter: &Filter) -> Vec<bool> {
        match filter {
            Filter::Compare { field, how, values } => self.cells(field, |cell| {
                cell.values().iter().any(|own| values.iter().any(|it| how.holds(own, it)))
            }),
            Filter::Exists(field) => self.cells(field, |cell| !matches!(cell, Cell::Absent)),
            Filter::Not(inner) => self.select(inner).into_iter().map(|it| !it).collect(),
            Filter::All(parts) => self.combine(parts, true, |one, other| one && other),
            Filter::Any(parts) => self.combine(parts, false, |one, other| one || other),
        }
    }

    fn cells(&self, field: &str, test: impl Fn(&Cell) -> bool) -> Vec<bool> {
        let column = self.columns.get(field).map_or(&[][..], Vec::as_slice);
        let mut selected: Vec<bool> = column.iter().map(test).collect();
        selected.resize(self.documents, false);
        selected
    }

    fn combine(&self, parts: &[Filter], none: bool, join: fn(bool, bool) -> bool) -> Vec<bool> {
        parts.iter().fold(vec![none; self.documents], |all, part| {
            all.into_iter().zip(self.select(part)).map(|(one, other)| join(one, other)).collect()
        })
    }
}

/// Writes the fields of a batch: the names once, then the cells of each document.
pub(crate) fn put_fields(out: &mut Vec<u8>, documents: &[Vec<Field>]) {
    let mut names: Vec<&Rc<str>> = documents.iter().flatten().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    put_varint(out, short(names.len()));
    names.iter().for_each(|name| put_text(out, name));
    for fields in documents {
        put_varint(out, short(fields.len()));
        for (name, values) in fields {
            put_varint(out, short(names.binary_search(&name).unwrap_or_default()));
            put_varint(out, short(values.len()));
            values.iter().for_each(|value| put_value(out, value));
        }
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.push(1 + u8::from(*value)),
        Value::Number(value) => {
            out.push(3);
            out.extend(value.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(4);
            put_text(out, text);
        }
    }
}

/// The fields of a batch while they are read and validated.
#[derive(Debug, Default)]
pub(crate) struct BatchFields {
    names: Vec<Rc<str>>,
    /// The number of cells of each document.
    counts: Vec<u32>,
    /// Field and value of each cell, document by document.
    cells: Vec<(u32, Cell)>,
}

impl BatchFields {
    /// Reads the output of [`put_fields`] for this many documents.
    pub(crate) fn read(reader: &mut Reader<'_>, documents: usize) -> Result<Self, Damaged> {
        let mut fields = Self::default();
        for _ in 0..reader.count()? {
            fields.names.push(reader.text()?.into());
        }
        for _ in 0..documents {
            let count = reader.count()?;
            fields.counts.push(short(count));
            for _ in 0..count {
                let name = reader.varint()?;
                if name as usize >= fields.names.len() {
                    return Err(Damaged);
                }
                let cell = match reader.count()? {
                    1 => Cell::One(read_value(reader)?),
                    many => {
                        let values = (0..many).map(|_| read_value(reader));
                        Cell::Many(values.collect::<Result<_, Damaged>>()?)
                    }
                };
                fields.cells.push((name, cell));
            }
        }
        Ok(fields)
    }
}

fn read_value(reader: &mut Reader<'_>) -> Result<Value, Damaged> {
    Ok(match reader.byte()? {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Number(reader.double()?),
        4 => Value::Text(reader.text()?.into()),
        _ => return Err(Damaged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn field(name: &str, values: &[Value]) -> Field {
        (name.into(), values.to_vec())
    }

    fn documents() -> Vec<Vec<Field>> {
        vec![
            vec![field("lang", &[text("en")]), field("year", &[Value::Number(2020.0)])],
            vec![field("lang", &[text("de")]), field("tags", &[text("a"), text("b")])],
            vec![],
            vec![field("year", &[Value::Number(2024.0)]), field("draft", &[Value::Bool(true)])],
            vec![field("lang", &[Value::Null]), field("tags", &[])],
        ]
    }

    fn compare(name: &str, how: Comparison, values: &[Value]) -> Filter {
        Filter::Compare { field: name.into(), how, values: values.to_vec() }
    }

    fn columns() -> Columns {
        let mut bytes = Vec::new();
        put_fields(&mut bytes, &documents());
        let mut columns = Columns::default();
        columns.extend(BatchFields::read(&mut Reader::new(&bytes), 5).unwrap());
        columns
    }

    #[track_caller]
    fn check(filter: &Filter, expected: &[usize]) {
        let columns = columns();
        let selected = columns.select(filter);
        assert_eq!(selected.len(), 5);
        let found: Vec<usize> = (0..5).filter(|at| selected[*at]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }

    #[test]
    fn filters() {
        use Comparison::*;
        check(&compare("lang", Equal, &[text("en")]), &[0]);
        check(&compare("lang", Equal, &[text("en"), text("de")]), &[0, 1]);
        check(&compare("lang", Equal, &[Value::Null]), &[4]);
        check(&compare("tags", Equal, &[text("b")]), &[1]);
        check(&compare("year", Greater, &[Value::Number(2020.0)]), &[3]);
        check(&compare("year", GreaterOrEqual, &[Value::Number(2020.0)]), &[0, 3]);
        check(&compare("year", Less, &[text("2021")]), &[]);
        check(&compare("lang", Less, &[text("en")]), &[1]);
        check(&compare("absent", LessOrEqual, &[Value::Number(0.0)]), &[]);
        check(&Filter::Exists("tags".into()), &[1, 4]);
        let not = |filter| Filter::Not(Box::new(filter));
        check(&not(compare("lang", Equal, &[text("en")])), &[1, 2, 3, 4]);
        check(&Filter::All(vec![]), &[0, 1, 2, 3, 4]);
        check(&Filter::Any(vec![]), &[]);
        let either = Filter::Any(vec![
            compare("draft", Equal, &[Value::Bool(true)]),
            compare("lang", Equal, &[text("de")]),
        ]);
        check(&either, &[1, 3]);
        check(&Filter::All(vec![either, not(Filter::Exists("year".into()))]), &[1]);
    }

    #[test]
    fn fields_round_trip() {
        let mut bytes = Vec::new();
        put_fields(&mut bytes, &documents());
        let mut reader = Reader::new(&bytes);
        assert!(BatchFields::read(&mut reader, 5).is_ok() && reader.is_empty());
        for cut in 0..bytes.len() {
            assert!(BatchFields::read(&mut Reader::new(&bytes[..cut]), 5).is_err(), "cut {cut}");
        }
        let columns = columns();
        for (at, mut expected) in documents().into_iter().enumerate() {
            expected.sort_by(|(one, _), (other, _)| one.cmp(other));
            assert_eq!(columns.fields_of(at), expected);
        }
    }
}
