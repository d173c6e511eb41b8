//! The keywords of scalar types: fixed values, types, strings, numbers.

use hybridge_core::Result;
use hybridge_core::schema::generated_format_pattern;
use serde_json::Value;

use super::alternative::{Alternative, Text};
use super::keyword::Keywords;
use super::number::{Bound, Range};
use super::pattern;

/// Returns the values of `const` and `enum`.
pub(super) fn literals(keywords: &Keywords<'_, '_>) -> Result<Option<Vec<Alternative>>> {
    if let Some(value) = keywords.get("const") {
        return Ok(Some(vec![Alternative::Literal(value.clone())]));
    }
    let values = keywords.list("enum")?;
    Ok(values.map(|values| values.iter().cloned().map(Alternative::Literal).collect()))
}

/// Returns the types that a schema names, or else those implied by its keywords, if any.
pub(super) fn types<'a>(keywords: &Keywords<'a, '_>) -> Result<Option<Vec<&'a str>>> {
    match keywords.get("type") {
        Some(Value::String(name)) => return Ok(Some(vec![name])),
        Some(_) => return keywords.texts("type"),
        None => {}
    }
    let about: [(&str, &[&str]); 4] = [
        (
            "object",
            &[
                "properties",
                "required",
                "additionalProperties",
                "minProperties",
                "maxProperties",
                "propertyOrdering",
            ],
        ),
        ("array", &["items", "prefixItems", "minItems", "maxItems"]),
        ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
        ("string", &["minLength", "maxLength", "pattern", "format"]),
    ];
    let implied = about.iter().filter(|(_, list)| list.iter().any(|keyword| keywords.has(keyword)));
    let implied: Vec<&str> = implied.map(|(name, _)| *name).collect();
    Ok((!implied.is_empty()).then_some(implied))
}

pub(super) fn lists(types: &Value, name: &str) -> bool {
    types.as_array().is_some_and(|types| types.iter().any(|it| it == name))
}

pub(super) fn text(keywords: &Keywords<'_, '_>) -> Result<Text> {
    let mut patterns: Vec<String> =
        keywords.text("pattern")?.map(str::to_owned).into_iter().collect();
    if let Some(format) = keywords.text("format")? {
        let known = generated_format_pattern(format);
        let pattern = known.ok_or_else(|| {
            keywords.refuse("format", format!("\"{format}\" is not supported on the device"))
        })?;
        patterns.push(pattern.to_owned());
        patterns.sort();
    }
    // Reported here, where the path is known.
    for pattern in &patterns {
        pattern::check(pattern).map_err(|reason| {
            keywords.refuse("pattern", format!("is not supported on the device: {reason}"))
        })?;
    }
    let least = keywords.count("minLength")?.unwrap_or(0);
    Ok(Text { patterns, least, most: keywords.count("maxLength")? })
}

pub(super) fn range(keywords: &Keywords<'_, '_>, is_integer: bool) -> Result<Range> {
    let bound = |inclusive: &str, exclusive: &str| -> Result<[Option<Bound>; 2]> {
        let bound =
            |value: Option<f64>, is_exclusive| value.map(|value| Bound { value, is_exclusive });
        Ok([bound(keywords.number(inclusive)?, false), bound(keywords.number(exclusive)?, true)])
    };
    let [low, strict_low] = bound("minimum", "exclusiveMinimum")?;
    let [high, strict_high] = bound("maximum", "exclusiveMaximum")?;
    let strict = Range { low: strict_low, high: strict_high, is_integer };
    Ok(Range { low, high, is_integer }.and(&strict))
}
