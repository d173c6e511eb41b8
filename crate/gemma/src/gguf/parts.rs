//! The names of a split model's files: `name-00001-of-00003.gguf`.

/// Returns all names, if this is one of them; a single-file model has none.
#[must_use]
pub fn part_names(name: &str) -> Option<Vec<String>> {
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let is_numbered = [number, count]
        .iter()
        .all(|digits| digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: usize = count.parse().ok().filter(|_| is_numbered)?;
    Some((1..=parts).map(|part| format!("{stem}-{part:05}-of-{count}.gguf")).collect())
}

#[cfg(test)]
mod tests {
    use super::part_names;

    #[test]
    fn parts_are_named_by_number() {
        let names = part_names("a-b-00002-of-00002.gguf").unwrap();
        assert_eq!(names, ["a-b-00001-of-00002.gguf", "a-b-00002-of-00002.gguf"]);
        for whole in ["a.gguf", "a-1-of-2.gguf", "a-00001-of-00002.bin", "one-of-us.gguf"] {
            assert_eq!(part_names(whole), None, "{whole}");
        }
    }
}
