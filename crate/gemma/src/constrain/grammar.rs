//! The grammar of a schema's values, as tables for the machine.

use super::Prose;
use super::number::Number;
use super::syntax::Syntax;
use super::text::Text;
use super::words::Words;

/// `JSON.parse` and serde both read deeper than this; a random answer must not reach their limits.
pub(super) const DEEPEST: u32 = 100;
/// The depth of a value that can never be completed.
pub(super) const NEVER: u32 = u32::MAX;

/// All tables of one schema. Every shape in it can be completed within [`DEEPEST`].
#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub(super) values: Vec<Value>,
    pub(super) words: Vec<Words>,
    pub(super) texts: Vec<Text>,
    pub(super) numbers: Vec<Number>,
    pub(super) arrays: Vec<Array>,
    pub(super) objects: Vec<Object>,
    pub(super) syntax: Syntax,
    /// The possible calls, if the answer consists of calls.
    pub(super) calls: Vec<Call>,
    /// Whether the answer may be prose instead, because a model that may call a tool need not.
    pub(super) prose: Prose,
}

/// A call in FunctionGemma's format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The text before the arguments, as words of which there is one.
    pub(super) head: u32,
    pub(super) arguments: u32,
}

/// A value in one of several shapes. The answer is the first value.
#[derive(Debug, Default)]
pub(super) struct Value {
    pub(super) shapes: Vec<Shape>,
    /// The minimum number of brackets open inside it.
    pub(super) depth: u32,
}

/// One shape, by its index in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Shape {
    Words(u32),
    Text(u32),
    Number(u32),
    Array(u32),
    Object(u32),
}

/// A list.
#[derive(Debug, Default)]
pub(super) struct Array {
    pub(super) prefix: Vec<u32>,
    pub(super) rest: u32,
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

/// An object, its members in the schema's order.
#[derive(Debug)]
pub(super) struct Object {
    /// The properties' names with their quotes, numbered like `properties`.
    pub(super) names: Words,
    pub(super) properties: Vec<Property>,
    /// Members with undeclared names.
    pub(super) extra: Option<Extra>,
    pub(super) least: u32,
    pub(super) most: Option<u32>,
    /// For each property, how many of those from it on are required, excluding the last one.
    pub(super) required_from: Vec<u32>,
    /// For each property, how many there are from it on.
    pub(super) possible_from: Vec<u32>,
}

/// A declared member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) value: u32,
    pub(super) is_required: bool,
    /// Whether any value is possible.
    pub(super) is_possible: bool,
}

/// A member of any other name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra {
    /// Its name: any text except the names of properties.
    pub(super) name: u32,
    pub(super) value: u32,
}

impl Grammar {
    /// Computes the depth of a value.
    pub(super) fn depth(&self, value: u32) -> u32 {
        self.values.get(value as usize).map_or(NEVER, |value| value.depth)
    }

    /// Computes the depth of a shape from those of its parts.
    pub(super) fn depth_of(&self, shape: Shape) -> u32 {
        match shape {
            Shape::Words(_) | Shape::Text(_) | Shape::Number(_) => 0,
            Shape::Array(at) => {
                self.arrays.get(at as usize).map_or(NEVER, |array| self.depth_of_array(array))
            }
            Shape::Object(at) => {
                self.objects.get(at as usize).map_or(NEVER, |object| self.depth_of_object(object))
            }
        }
    }

    fn depth_of_array(&self, array: &Array) -> u32 {
        if array.most.is_some_and(|most| most < array.least) {
            return NEVER;
        }
        let needed = array.least as usize;
        let first = array.prefix.iter().take(needed).map(|&item| self.depth(item)).max();
        let rest = (needed > array.prefix.len()).then(|| self.depth(array.rest));
        first.max(rest).unwrap_or(0).saturating_add(1)
    }

    fn depth_of_object(&self, object: &Object) -> u32 {
        let (required, possible) =
            object.properties.iter().fold((0, 0), |(required, possible), property| {
                let is_possible = self.depth(property.value) < NEVER;
                (required + u32::from(property.is_required), possible + u32::from(is_possible))
            });
        let is_open = object.extra.is_some_and(|extra| self.depth(extra.value) < NEVER);
        if object.most.is_some_and(|most| most < required.max(object.least))
            || !is_open && possible < object.least
        {
            return NEVER;
        }
        let needed = object.properties.iter().filter(|property| property.is_required);
        let deepest = needed.map(|property| self.depth(property.value)).max().unwrap_or(0);
        // A member that the minimum count requires and no name determines may be any of the
        // possible ones.
        let fill = if object.least > required {
            let all = object.properties.iter().map(|property| self.depth(property.value));
            let extra = object.extra.map(|extra| self.depth(extra.value));
            all.filter(|&depth| depth < NEVER)
                .max()
                .max(extra.filter(|&depth| depth < NEVER))
                .unwrap_or(0)
        } else {
            0
        };
        deepest.max(fill).saturating_add(1)
    }

    /// Computes the depth of every value, then removes those that cannot be completed.
    pub(super) fn settle(&mut self) {
        for value in &mut self.values {
            value.depth = NEVER;
        }
        loop {
            let mut has_changed = false;
            for at in 0..self.values.len() {
                let Some(value) = self.values.get(at) else { break };
                let depth =
                    value.shapes.iter().map(|&shape| self.depth_of(shape)).min().unwrap_or(NEVER);
                let depth = if depth > DEEPEST { NEVER } else { depth };
                if let Some(value) = self.values.get_mut(at).filter(|value| depth < value.depth) {
                    value.depth = depth;
                    has_changed = true;
                }
            }
            if !has_changed {
                break;
            }
        }
        self.drop_impossible();
    }

    fn drop_impossible(&mut self) {
        let mut arrays = std::mem::take(&mut self.arrays);
        for array in &mut arrays {
            let first_gap = array.prefix.iter().position(|&item| self.depth(item) == NEVER);
            let gap = first_gap
                .or_else(|| (self.depth(array.rest) == NEVER).then_some(array.prefix.len()));
            let most = gap.map(super::small);
            array.most = array.most.into_iter().chain(most).min();
        }
        self.arrays = arrays;
        let mut objects = std::mem::take(&mut self.objects);
        for object in &mut objects {
            object.extra = object.extra.filter(|extra| self.depth(extra.value) < NEVER);
            for property in &mut object.properties {
                property.is_possible = self.depth(property.value) < NEVER;
            }
            object.count();
        }
        self.objects = objects;
        for at in 0..self.values.len() {
            let Some(value) = self.values.get(at) else { break };
            let possible =
                value.shapes.iter().copied().filter(|&shape| self.depth_of(shape) <= DEEPEST);
            let shapes: Vec<Shape> = possible.collect();
            if let Some(value) = self.values.get_mut(at) {
                value.shapes = shapes;
            }
        }
    }
}

impl Object {
    fn count(&mut self) {
        let (mut required, mut possible) = (0, 0);
        self.required_from = vec![0];
        self.possible_from = vec![0];
        for property in self.properties.iter().rev() {
            required += u32::from(property.is_required);
            possible += u32::from(property.is_possible);
            self.required_from.push(required);
            self.possible_from.push(possible);
        }
        self.required_from.reverse();
        self.possible_from.reverse();
    }
}
