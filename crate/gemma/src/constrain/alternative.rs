//! The shapes that a value may take, before they are compiled to tables.

use hybridge_core::schema::is_equal;
use serde_json::Value;

use super::number::Range;

/// Schemas, by number, all of which a value must satisfy. Sorted; an empty list means no
/// constraint.
pub(super) type All = Vec<u32>;

/// One shape, with its parts still as schemas.
#[derive(Clone, Debug)]
pub(super) enum Alternative {
    /// A fixed value.
    Literal(Value),
    Text(Text),
    Number(Range),
    Array(Array),
    Object(Object),
}

/// Strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Text {
    pub(super) patterns: Vec<String>,
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

/// Lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Array {
    pub(super) prefix: Vec<All>,
    pub(super) rest: All,
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

/// Objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) properties: Vec<(String, All)>,
    pub(super) required: Vec<String>,
    /// The schema of additional members, if there is one.
    pub(super) extra: Option<All>,
    /// Whether that schema is `false`.
    pub(super) is_closed: bool,
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

impl Alternative {
    /// Returns the shapes of all values.
    pub(super) fn any() -> Vec<Self> {
        vec![
            Self::Literal(Value::Null),
            Self::Literal(Value::Bool(false)),
            Self::Literal(Value::Bool(true)),
            Self::Number(Range::default()),
            Self::Text(Text::default()),
            Self::Array(Array::default()),
            Self::Object(Object::default()),
        ]
    }

    /// Returns the intersection of two shapes. A literal is compared by its type only: it is
    /// validated as a whole at the end.
    pub(super) fn and(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Literal(left), Self::Literal(right)) => {
                return is_equal(left, right).then(|| self.clone());
            }
            (Self::Literal(value), shape) | (shape, Self::Literal(value)) => {
                return shape.is_kind_of(value).then(|| Self::Literal(value.clone()));
            }
            (Self::Text(left), Self::Text(right)) => Self::Text(left.and(right)),
            (Self::Number(left), Self::Number(right)) => Self::Number(left.and(right)),
            (Self::Array(left), Self::Array(right)) => Self::Array(left.and(right)),
            (Self::Object(left), Self::Object(right)) => Self::Object(left.and(right)),
            _ => return None,
        })
    }

    /// Whether the value is of this type.
    pub(super) fn is_kind_of(&self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text(_), Value::String(_))
                | (Self::Number(_), Value::Number(_))
                | (Self::Array(_), Value::Array(_))
                | (Self::Object(_), Value::Object(_))
        )
    }
}

impl Text {
    fn and(&self, other: &Self) -> Self {
        let mut patterns: Vec<String> =
            self.patterns.iter().chain(&other.patterns).cloned().collect();
        patterns.sort();
        patterns.dedup();
        Self { patterns, least: self.least.max(other.least), most: smaller(self.most, other.most) }
    }
}

impl Array {
    /// Returns the schemas of one item.
    pub(super) fn item(&self, at: usize) -> &All {
        self.prefix.get(at).unwrap_or(&self.rest)
    }

    fn and(&self, other: &Self) -> Self {
        let length = self.prefix.len().max(other.prefix.len());
        Self {
            prefix: (0..length).map(|at| both(self.item(at), other.item(at))).collect(),
            rest: both(&self.rest, &other.rest),
            least: self.least.max(other.least),
            most: smaller(self.most, other.most),
        }
    }
}

impl Object {
    /// Returns the schemas of one declared property.
    pub(super) fn property(&self, name: &str) -> Option<&All> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, all)| all)
    }

    fn and(&self, other: &Self) -> Self {
        // A property declared by one side only is an additional member for the other.
        let beside = |side: &Self, name: &str| {
            side.property(name).or(side.extra.as_ref()).cloned().unwrap_or_default()
        };
        let mine = self
            .properties
            .iter()
            .map(|(name, all)| (name.clone(), both(all, &beside(other, name))));
        let new = other.properties.iter().filter(|(name, _)| self.property(name).is_none());
        let theirs = new.map(|(name, all)| (name.clone(), both(all, &beside(self, name))));
        let mut required = self.required.clone();
        required
            .extend(other.required.iter().filter(|name| !self.required.contains(name)).cloned());
        Self {
            properties: mine.chain(theirs).collect(),
            required,
            extra: match (&self.extra, &other.extra) {
                (Some(left), Some(right)) => Some(both(left, right)),
                (left, right) => left.as_ref().or(right.as_ref()).cloned(),
            },
            is_closed: self.is_closed || other.is_closed,
            least: self.least.max(other.least),
            most: smaller(self.most, other.most),
        }
    }
}

fn both(left: &All, right: &All) -> All {
    let mut all: All = left.iter().chain(right).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn smaller(left: Option<u32>, right: Option<u32>) -> Option<u32> {
    left.into_iter().chain(right).min()
}
