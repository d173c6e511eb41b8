//! Resolves references within a schema.

use serde_json::Value;

use crate::percent::percent_decoded;

/// Resolves a reference within the same schema (`#/$defs/…`).
#[must_use]
pub fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    if !pointer.contains('%') {
        return pointed_at(root, pointer);
    }
    pointed_at(root, &String::from_utf8(percent_decoded(pointer)).ok()?)
}

/// Resolves a JSON pointer like `Value::pointer`, which would add five kilobytes of the standard
/// text search to every page's download.
fn pointed_at<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() {
        return Some(root);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(root, |value, step| match value {
        Value::Object(members) => members.get(&unescaped(step)),
        Value::Array(items) if step == "0" || !step.starts_with(['0', '+']) => {
            items.get(step.parse::<usize>().ok()?)
        }
        _ => None,
    })
}

/// Decodes `~1` to `/` and `~0` to `~`.
fn unescaped(step: &str) -> String {
    let mut plain = String::with_capacity(step.len());
    let mut rest = step.chars().peekable();
    while let Some(character) = rest.next() {
        let escaped = rest.peek().filter(|_| character == '~');
        let meant = match escaped {
            Some('1') => '/',
            Some('0') => '~',
            _ => {
                plain.push(character);
                continue;
            }
        };
        rest.next();
        plain.push(meant);
    }
    plain
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{pointed_at, resolve};

    #[test]
    fn pointers_resolve_like_in_the_library() {
        let root = json!({"": 1, "a": {"": 2, "b/c": 3, "~": 4, "~1": 5, "~/": 6, "/~0": 7}, "list": [8, {"+1": 9, "01": 10}]});
        let steps = [
            "", "a", "b~1c", "b/c", "~0", "~01", "~1~00", "~0~1", "~", "~~1", "~2", "list", "0",
            "1", "2", "00", "01", "+1", "-1", "é",
        ];
        let mut pointers = vec![String::new(), "a".to_owned()];
        for first in steps {
            pointers.push(format!("/{first}"));
            for second in steps {
                pointers.push(format!("/{first}/{second}"));
                pointers.extend(steps.map(|third| format!("/{first}/{second}/{third}")));
            }
        }
        for pointer in pointers {
            assert_eq!(pointed_at(&root, &pointer), root.pointer(&pointer), "{pointer}");
        }
    }

    #[test]
    fn references_may_be_escaped() {
        let root = json!({"$defs": {"a b": 1, "é": 2}});
        assert_eq!(resolve(&root, "#/$defs/a%20b"), Some(&json!(1)));
        assert_eq!(resolve(&root, "#/$defs/%C3%A9"), Some(&json!(2)));
        for nowhere in ["$defs", "#$defs", "#/$defs/b", "#/$defs/%", "#/$defs/%FF"] {
            assert_eq!(resolve(&root, nowhere), None, "{nowhere}");
        }
    }
}
