//! The invariants of `crate/ARCHITECTURE.md` that a machine can check, over the files git tracks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

mod files;

use files::{File, tracked};

/// Files over 600 lines, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[
    ("crate/npm/src/types.ts", "every public type, in one list"),
    ("tests/browser/border.test.mjs", "one table: every hostile thing at every place"),
    ("tests/faces/ai-sdk.test.mjs", "one contract, method by method"),
];

/// Files with lines that cannot be wrapped, each with its reason.
const LONG_LINES: &[(&str, &str)] = &[
    ("crate/core/src/privacy/account.rs", "a table in a text"),
    ("crate/core/src/privacy/plain.rs", "a table in a text"),
    ("crate/core/src/privacy/words.rs", "tables of words in texts"),
    ("crate/gemma/examples/gemma/args.rs", "the command's help, as it is printed"),
    ("crate/gemma/src/gpu/judge/suite.rs", "rustfmt does not look inside the table of checks"),
    ("crate/gemma/src/gpu/pass/kernel_pass.rs", "a pattern that rustfmt leaves whole"),
    ("crate/gemma/tests/engine/tool_turns.rs", "turns as the template writes them"),
    ("crate/npm/src/evals/report.ts", "the report's style sheet"),
];

/// Whether a text contains `word` as a whole word.
fn names(text: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// Fails if the code of a file under `within` contains one of `words`.
#[track_caller]
fn no_file_names(within: impl Fn(&str) -> bool, words: &[&str], rule: &str) {
    let mut offences = Vec::new();
    let mut seen = 0;
    for file in tracked() {
        if !within(&file.path) {
            continue;
        }
        seen += 1;
        for (number, line) in file.code_lines() {
            for word in words {
                if names(line, word) {
                    offences.push(format!("{}:{number}: {word}", file.path));
                }
            }
        }
    }
    assert!(seen > 0, "no file was looked at: the rule's folder has moved");
    assert!(offences.is_empty(), "{rule}\n{}", offences.join("\n"));
}

fn is_rust_in(path: &str, folder: &str) -> bool {
    path.starts_with(folder) && path.ends_with(".rs")
}

#[test]
fn core_has_no_side_effects() {
    no_file_names(
        |path| is_rust_in(path, "crate/core/src/"),
        &[
            "burn",
            "cubecl",
            "wgpu",
            "wasm_bindgen",
            "js_sys",
            "web_sys",
            "gloo_net",
            "std::fs",
            "std::net",
            "std::time",
            "std::thread",
            "std::env",
            "Instant",
            "SystemTime",
            "tokio",
        ],
        "invariant 1: core performs no I/O, reads no clock, spawns nothing, names neither burn nor JavaScript",
    );
}

#[test]
fn gemma_runs_natively() {
    no_file_names(
        |path| is_rust_in(path, "crate/gemma/"),
        &["wasm_bindgen", "js_sys", "web_sys", "gloo_net"],
        "invariant 2: gemma does not depend on JavaScript",
    );
}

#[test]
fn web_sys_lives_in_platform() {
    no_file_names(
        |path| is_rust_in(path, "crate/") && !path.contains("/src/platform/"),
        &["web_sys"],
        "invariant 4: web_sys is named only under */src/platform/",
    );
}

#[test]
fn each_wasm_file_has_one_importer() {
    for (wasm, door) in [
        ("wasm/page/", "crate/npm/src/border/wasm.ts"),
        ("wasm/search/", "crate/npm/src/retrieval/wasm.ts"),
        ("wasm/worker/", "crate/npm/src/gemma/worker/wasm.ts"),
        ("wasm/cpu/", "crate/npm/src/gemma/worker/wasm.ts"),
        ("wasm/threads/", "crate/npm/src/gemma/worker/threads.ts"),
    ] {
        let importers: Vec<String> = tracked()
            .into_iter()
            .filter(|file| file.path.starts_with("crate/npm/src/") && file.text.contains(wasm))
            .map(|file| file.path)
            .collect();
        assert_eq!(importers, [door], "invariant 5: {wasm} is imported by one file");
    }
}

#[test]
fn exported_methods_hold_no_borrows() {
    for file in tracked() {
        let is_boundary = is_rust_in(&file.path, "crate/page/src/")
            || file.path == "crate/search/src/boundary.rs"
            || is_rust_in(&file.path, "crate/worker/src/");
        if is_boundary && file.text.contains("#[wasm_bindgen]\nimpl") {
            for (number, line) in file.code_lines() {
                let is_exported = line.trim_start().starts_with("pub ");
                assert!(
                    !(is_exported && line.contains("&mut self")),
                    "invariant 9: {}:{number} takes &mut self",
                    file.path
                );
            }
        }
    }
}

#[test]
fn generated_files_are_not_committed() {
    for file in tracked() {
        let is_generated = file.path.ends_with(".wasm")
            || file.path.ends_with(".tgz")
            || file.path.contains("/dist/")
            || file.path.contains("node_modules/")
            || file.path.starts_with("crate/npm/wasm/");
        assert!(!is_generated, "invariant 12: {} is generated", file.path);
    }
}

#[test]
fn long_files_have_reasons() {
    for file in tracked().into_iter().filter(File::is_written_by_hand) {
        let lines = file.text.lines().count();
        let is_listed = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        assert!(
            lines <= 600 || is_listed,
            "invariant 13: {} has {lines} lines; split it, or list it here with its reason",
            file.path
        );
        assert!(lines > 600 || !is_listed, "{} is short now: take it off the list", file.path);
    }
}

#[test]
fn lines_are_not_too_long() {
    let mut offences = Vec::new();
    for file in tracked().into_iter().filter(File::is_written_by_hand) {
        let limit = match file.extension() {
            "rs" => 100,
            "ts" | "js" | "mjs" => 120,
            _ => continue,
        };
        if LONG_LINES.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            // Neither a string nor an address can be wrapped.
            let is_text = line.contains(['"', '\'', '`']) || line.contains("://");
            let is_comment = file.comment(line).is_some();
            if line.chars().count() > limit && (is_comment || !is_text) {
                offences.push(format!("{}:{}", file.path, index + 1));
            }
        }
    }
    assert!(
        offences.is_empty(),
        "invariant 13: lines end at 100 columns in Rust and 120 in TypeScript and JavaScript\n{}",
        offences.join("\n")
    );
}

#[test]
fn comments_are_plain_english() {
    // Machines return, report, send and store. Each word is split, so that this file does not
    // contain it.
    let words = [
        ["to", "ld"],
        ["tel", "ls"],
        ["le", "st"],
        ["who", "ever"],
        ["no", "body"],
        ["hea", "rs"],
        // Say what is returned: `None`, undefined, an error.
        ["nothing ", "where"],
    ];
    let words = words.map(|it| it.concat());
    let mut offences = Vec::new();
    for file in tracked().into_iter().filter(File::is_written_by_hand) {
        for (index, line) in file.text.lines().enumerate() {
            let Some(comment) = file.comment(line) else { continue };
            let comment = comment.to_lowercase();
            if words.iter().any(|word| names(&comment, word)) {
                offences.push(format!("{}:{}: {}", file.path, index + 1, comment.trim()));
            }
        }
    }
    assert!(
        offences.is_empty(),
        "say *returns, reports, sends, stores*: machines do not talk, and a result has a name\n{}",
        offences.join("\n")
    );
}

#[test]
fn the_package_uses_only_features_of_supported_browsers() {
    // Not in Safari 16.4, Firefox 115 or Chrome 113. A line that tests for a feature may name it.
    const LACKING: &[&str] = &[
        "AbortSignal.any",
        "Array.fromAsync",
        "Iterator.from",
        "Map.groupBy",
        "Object.groupBy",
        "Promise.try",
        "Promise.withResolvers",
        "Uint8Array.fromBase64",
        "URL.parse",
        "URL.canParse",
        "isWellFormed",
        "isSubsetOf",
        "requestIdleCallback",
        ".toBase64(",
        "toWellFormed",
        "transferToFixedLength",
        "waitAsync",
    ];
    let mut seen = 0;
    for file in tracked() {
        let is_shipped = file.path.starts_with("crate/npm/src/") || file.path.starts_with("www/");
        if !is_shipped || !["ts", "js"].contains(&file.extension()) {
            continue;
        }
        seen += 1;
        for (number, line) in file.code_lines() {
            for name in LACKING.iter().filter(|name| line.contains(**name)) {
                let is_asked_for = ["typeof", "?.", "?:"].iter().any(|it| line.contains(it));
                assert!(is_asked_for, "{}:{number}: {name} is missing in Safari 16.4", file.path);
            }
        }
    }
    assert!(seen > 50, "the package's sources have moved");
}

#[test]
fn dependencies_point_one_way() {
    for (manifest, allowed) in [
        ("crate/core/Cargo.toml", &[][..]),
        ("crate/gemma/Cargo.toml", &["hybridge-core"][..]),
        ("crate/page/Cargo.toml", &["hybridge-core"][..]),
        ("crate/search/Cargo.toml", &[][..]),
        ("crate/worker/Cargo.toml", &["hybridge-core", "hybridge-gemma"][..]),
    ] {
        let text = files::read(manifest);
        for name in ["hybridge-core", "hybridge-gemma", "hybridge-page", "hybridge-worker"] {
            let is_itself = text.contains(&format!("name = \"{name}\""));
            let is_named = text.lines().any(|line| line.starts_with(name));
            assert!(
                !is_named || is_itself || allowed.contains(&name),
                "{manifest} must not depend on {name}"
            );
        }
    }
    let page = files::read("crate/page/Cargo.toml");
    assert!(!page.contains("burn"), "the page's wasm contains no engine");
}

#[test]
fn versions_agree() {
    let versions = files::read("pkg-scripts/versions");
    let tool = versions
        .lines()
        .find_map(|line| line.strip_prefix("WASM_BINDGEN="))
        .and_then(|rest| rest.split_whitespace().next())
        .expect("pkg-scripts/versions names WASM_BINDGEN");
    let lock = files::read("Cargo.lock");
    assert!(
        lock.contains(&format!("name = \"wasm-bindgen\"\nversion = \"{tool}\"")),
        "the command line tool {tool} and the crate must be one version"
    );
    let manifest = files::read("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "))
        .expect("the workspace has a version");
    assert!(
        files::read("crate/npm/package.json").contains(&format!("\"version\": {version}")),
        "package.json and Cargo.toml must name one version"
    );
}

#[test]
fn no_task_marks_are_left() {
    // Split, so that this file does not contain them.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    for file in tracked().into_iter().filter(File::is_written_by_hand) {
        for mark in &marks {
            assert!(!names(&file.text, mark), "{} holds a left-over {mark}", file.path);
        }
    }
}

/// Returns the first cycle among modules, as `a → b → a`.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    fn walk<'a>(
        room: &'a str,
        arrows: &'a BTreeMap<String, BTreeSet<String>>,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<String> {
        if let Some(at) = path.iter().position(|it| *it == room) {
            path.push(room);
            return Some(path.split_off(at).join(" → "));
        }
        if done.contains(room) {
            return None;
        }
        path.push(room);
        let found =
            arrows.get(room).into_iter().flatten().find_map(|to| walk(to, arrows, path, done));
        path.pop();
        done.insert(room);
        found
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|room| walk(room, arrows, &mut Vec::new(), &mut done))
}

/// Returns the paths, from the root, that a TypeScript module imports from its own package.
fn imports(file: &File) -> Vec<PathBuf> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let targets = file.text.split("from '").skip(1).filter_map(|it| it.split('\'').next());
    let local = targets.filter(|it| it.starts_with('.'));
    local
        .map(|target| {
            let mut path = folder.to_owned();
            for step in target.split('/') {
                match step {
                    "." => {}
                    ".." => drop(path.pop()),
                    step => path.push(step),
                }
            }
            path
        })
        .collect()
}

#[test]
fn a_cycle_is_found() {
    let of = |arrows: &[(&str, &str)]| {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in arrows {
            all.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        circle(&all)
    };
    assert_eq!(of(&[("a", "b"), ("a", "c"), ("b", "c")]), None);
    assert_eq!(of(&[("a", "b"), ("b", "c"), ("c", "b")]).as_deref(), Some("b → c → b"));
}

#[test]
fn folders_of_the_package_form_no_cycle() {
    let root = Path::new("crate/npm/src");
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tracked() {
        let path = Path::new(&file.path);
        let Some(room) = path.parent().and_then(|it| it.strip_prefix(root).ok()) else { continue };
        if file.extension() != "ts" || room.as_os_str().is_empty() {
            continue;
        }
        for target in imports(&file) {
            let to = target.parent().and_then(|it| it.strip_prefix(root).ok());
            // The root folder contains the public types, which refer to everything.
            if let Some(to) = to.filter(|to| *to != room && !to.as_os_str().is_empty()) {
                let room = room.display().to_string();
                arrows.entry(room).or_default().insert(to.display().to_string());
            }
        }
    }
    assert!(arrows.len() > 15, "the package's folders have moved: {arrows:?}");
    assert_eq!(circle(&arrows), None, "folders of crate/npm/src import each other");
}

#[test]
fn modules_of_core_form_no_cycle() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tracked() {
        let Some(path) = file.path.strip_prefix("crate/core/src/") else { continue };
        let room = path.split(['/', '.']).next().unwrap_or_default().to_owned();
        if room == "lib" || path.contains("test") {
            continue;
        }
        let code: Vec<&str> = file.code_lines().map(|(_, line)| line).collect();
        for target in code.join("\n").split("crate::").skip(1) {
            let is_name = |it: char| it.is_ascii_lowercase() || it == '_';
            let end = target.find(|it| !is_name(it)).unwrap_or(target.len());
            if end > 0 && target[..end] != room {
                arrows.entry(room.clone()).or_default().insert(target[..end].to_owned());
            }
        }
    }
    assert!(arrows.len() > 8, "core's modules have moved: {arrows:?}");
    assert_eq!(circle(&arrows), None, "modules of crate/core/src use each other");
}
