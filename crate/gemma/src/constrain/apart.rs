//! Whether the alternatives of a `oneOf` exclude each other: only then is any one of them exactly
//! one.

use hybridge_core::Result;

use super::alternative::{Alternative, Object};
use super::reader::Reader;

/// Objects are distinguished by their members, and those by theirs, down to this depth.
const DEEPEST: u32 = 3;

/// Two alternatives that one generated value could satisfy both, by place.
pub(super) fn find_overlap(
    reader: &mut Reader<'_>,
    options: &[(u32, Vec<Alternative>)],
) -> Result<Option<(usize, usize)>> {
    for (at, left) in options.iter().enumerate() {
        for (beyond, right) in options.iter().enumerate().skip(at + 1) {
            if !reader.comparing(|reader| are_apart(reader, left, right, DEEPEST))? {
                return Ok(Some((at, beyond)));
            }
        }
    }
    Ok(None)
}

fn are_apart(
    reader: &mut Reader<'_>,
    left: &(u32, Vec<Alternative>),
    right: &(u32, Vec<Alternative>),
    depth: u32,
) -> Result<bool> {
    for a in &left.1 {
        for b in &right.1 {
            let is_apart = match (a, b) {
                // Literals are judged by the whole schema later, and those of both sides dropped;
                // but then the other side must not offer the same text in another guise.
                (Alternative::Literal(a), Alternative::Literal(b)) => a != b,
                (Alternative::Literal(value), other) => {
                    !other.is_kind_of(value) || !reader.is_valid(&[right.0], value)?
                }
                (other, Alternative::Literal(value)) => {
                    !other.is_kind_of(value) || !reader.is_valid(&[left.0], value)?
                }
                (Alternative::Text(a), Alternative::Text(b)) => {
                    let is_longer = |a: u32, b: Option<u32>| b.is_some_and(|b| a > b);
                    is_longer(a.least, b.most) || is_longer(b.least, a.most) || {
                        let (a, b) = (reader.automaton(a)?, reader.automaton(b)?);
                        a.and(&b).is_ok_and(|both| both.is_empty())
                    }
                }
                (Alternative::Number(a), Alternative::Number(b)) => a.is_apart_from(b),
                (Alternative::Array(a), Alternative::Array(b)) => {
                    let is_longer = |a: u32, b: Option<u32>| b.is_some_and(|b| a > b);
                    is_longer(a.least, b.most) || is_longer(b.least, a.most)
                }
                (Alternative::Object(a), Alternative::Object(b)) => {
                    are_objects_apart(reader, a, b, depth)?
                }
                _ => true,
            };
            if !is_apart {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn are_objects_apart(
    reader: &mut Reader<'_>,
    left: &Object,
    right: &Object,
    depth: u32,
) -> Result<bool> {
    if cannot_be(left, right) && cannot_be(right, left) {
        return Ok(true);
    }
    for name in left.required.iter().filter(|name| right.required.contains(name)) {
        let (Some(a), Some(b)) = (left.property(name), right.property(name)) else { continue };
        if depth == 0 || a.len() != 1 || b.len() != 1 {
            continue;
        }
        let (a_number, b_number) =
            (a.first().copied().unwrap_or(0), b.first().copied().unwrap_or(0));
        let a = (a_number, reader.alternatives(a)?);
        let b = (b_number, reader.alternatives(b)?);
        if are_apart(reader, &a, &b, depth - 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether nothing written as `left` can be valid as `right`. What is written has only declared
/// members unless the schema names others.
fn cannot_be(left: &Object, right: &Object) -> bool {
    let is_never_written = |name: &String| {
        left.property(name).is_none()
            && (left.extra.is_none() || left.is_closed)
            && !left.properties.is_empty()
    };
    let is_closed = |name: &String| right.property(name).is_none() && right.is_closed;
    right.required.iter().any(|name| is_never_written(name) && !left.required.contains(name))
        || left.required.iter().any(is_closed)
}
