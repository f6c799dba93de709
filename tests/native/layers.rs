//! Holds `src/` against the layers: who may use whom, what the lower layers must not know, and how
//! long a file may be. Reads the text of the sources; nothing is compiled for it.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of `src/` (or a file at its top).
struct Layer {
    name: &'static str,
    /// The other layers it may name.
    may_use: &'static [&'static str],
    /// Words that must not occur in it, outside comments and text.
    never: &'static [&'static str],
}

const WEB: &[&str] = &["web_sys", "js_sys", "wasm_bindgen", "wasm_bindgen_futures", "JsValue"];
/// What bytes-in, values-out code has no use for: no browser, no clock, no IO, no waiting.
const PURE: &[&str] = &[
    "web_sys",
    "js_sys",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "JsValue",
    "await",
    "async",
    "Instant",
    "SystemTime",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::io",
    "std::thread",
];

const LAYERS: &[Layer] = &[
    Layer {
        name: "sorted",
        may_use: &[],
        never: PURE,
    },
    Layer {
        name: "format",
        may_use: &["sorted"],
        never: PURE,
    },
    Layer {
        name: "algo",
        may_use: &["format", "sorted"],
        never: PURE,
    },
    Layer {
        name: "protocol",
        may_use: &["format", "algo", "sorted"],
        never: PURE,
    },
    Layer {
        name: "host",
        may_use: &["sorted"],
        never: WEB,
    },
    Layer {
        name: "task",
        may_use: &["host", "sorted"],
        never: WEB,
    },
    Layer {
        name: "store",
        may_use: &["format", "algo", "host", "sorted"],
        never: WEB,
    },
    Layer {
        name: "error",
        may_use: &["format", "algo", "protocol", "host", "task", "store", "sorted"],
        never: WEB,
    },
    Layer {
        name: "ops",
        may_use: &["format", "algo", "protocol", "host", "task", "store", "error", "sorted"],
        never: WEB,
    },
    Layer {
        name: "browser",
        may_use: &["host"],
        never: &[],
    },
    Layer {
        name: "js",
        may_use: &["ops", "browser", "error", "task", "host"],
        never: &[],
    },
];

/// Files that may be longer than [`LONGEST`] lines, and why.
const LONG: &[(&str, &str)] = &[];
const LONGEST: usize = 500;

#[test]
fn every_layer_uses_only_the_layers_below_it() {
    let mut faults = Vec::new();
    let mut read = 0;
    for (file, text) in sources() {
        let Some(layer) = layer_of(&file) else { continue };
        read += 1;
        for used in layers_named(&code_only(&text), depth_of(&file)) {
            if used != layer.name && !layer.may_use.contains(&used.as_str()) {
                faults.push(format!("{}: {} may not use {used}", file.display(), layer.name));
            }
        }
    }
    assert!(read > 20, "only {read} files were read");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_lower_layers_know_no_browser_and_the_pure_ones_no_clock_no_io_and_no_waiting() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let Some(layer) = layer_of(&file) else { continue };
        if file.ends_with("tests.rs") {
            continue;
        }
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for word in words_in(&code_only(shipped), layer.never) {
            faults.push(format!("{}: {} may not know {word}", file.display(), layer.name));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_belongs_to_a_layer() {
    let strays: Vec<_> = sources()
        .into_iter()
        .map(|(file, _)| file)
        .filter(|file| layer_of(file).is_none())
        .collect();
    assert_eq!(strays, [PathBuf::from("lib.rs")]);
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let sources = sources();
    let too_long: Vec<_> = sources
        .iter()
        .map(|(file, text)| (file.display().to_string().replace('\\', "/"), text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .collect();
    let unexplained: Vec<_> = too_long
        .iter()
        .filter(|(file, _)| LONG.iter().all(|(known, _)| known != file))
        .collect();
    assert!(unexplained.is_empty(), "longer than {LONGEST} lines: {unexplained:?}");
    let stale: Vec<_> = LONG
        .iter()
        .filter(|(known, _)| too_long.iter().all(|(file, _)| file != known))
        .collect();
    assert!(stale.is_empty(), "no longer long: {stale:?}");
}

#[test]
fn every_test_file_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut forgotten = Vec::new();
    for folder in ["tests/native", "tests/browser"] {
        let names = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files: Vec<_> = names.filter(|name| name.ends_with(".rs")).collect();
        // Either a target of its own, or a module of another file by its path.
        let texts: Vec<_> = files
            .iter()
            .map(|name| fs::read_to_string(root.join(folder).join(name)).unwrap())
            .collect();
        forgotten.extend(
            files
                .iter()
                .map(|name| (format!("path = \"{folder}/{name}\""), format!("#[path = \"{name}\"]")))
                .filter(|(target, module)| {
                    !manifest.contains(target) && texts.iter().all(|text| !text.contains(module))
                }),
        );
    }
    assert!(
        forgotten.is_empty(),
        "neither in Cargo.toml nor a module: {forgotten:?}"
    );
}

/// `wasm-pack test` compiles all test targets for wasm32, with what they depend on.
#[test]
fn each_test_target_says_what_it_is_compiled_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let paths = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"tests/")?.strip_suffix(".rs\""));
    for target in paths {
        let wanted = match target.split_once('/') {
            Some(("native", _)) => "#![cfg(not(target_arch = \"wasm32\"))]",
            Some(("browser", _)) => "#![cfg(target_arch = \"wasm32\")]",
            _ => panic!("tests/{target} is in neither folder"),
        };
        let text = fs::read_to_string(root.join(format!("tests/{target}.rs"))).unwrap();
        assert!(text.contains(wanted), "tests/{target} lacks {wanted}");
    }
}

#[test]
fn uses_are_found_however_they_are_written() {
    let check = |code: &str, expected: &[&str]| {
        assert_eq!(layers_named(&code_only(code), 2), expected, "{code}");
    };
    check("use crate::format::oid::ObjectId;", &["format"]);
    check(
        "use crate::{format::oid, host, store::{self, odb}};",
        &["format", "host", "store"],
    );
    check("fn f() -> crate::error::GitError {}", &["error"]);
    check("use super::super::ops::clone;", &["ops"]);
    check("use super::sibling;", &[]);
    check("// use crate::js;\n/* crate::ops */ /// [`crate::js`]\n", &[]);
    check("let text = \"crate::js\"; let raw = r#\"crate::ops\"#;", &[]);
    check("let quote = '\"'; use crate::host;", &["host"]);
    check("fn f<'a>(x: &'a str) { crate::task::x() }", &["task"]);
}

#[test]
fn words_are_found_whole() {
    assert_eq!(
        words_in("use wasm_bindgen_test::x; web_sys::y", &["wasm_bindgen", "web_sys"]),
        ["web_sys"]
    );
    assert_eq!(
        words_in("x.await?; std::fs::read()", &["await", "std::fs", "async"]),
        ["await", "std::fs"]
    );
}

fn layer_of(file: &Path) -> Option<&'static Layer> {
    let first = file.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    LAYERS.iter().find(|layer| layer.name == name)
}

/// How many modules lie between a file's own and the crate: `format/pack/scan.rs` is at 3,
/// `format/pack/mod.rs` at 2, `host.rs` at 1.
fn depth_of(file: &Path) -> usize {
    let folders = file.components().count();
    if file.ends_with("mod.rs") { folders - 1 } else { folders }
}

/// All sources below `src/`, by their path in it, in order.
fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&src).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The names that follow `crate::`, and those that follow enough `super::` to reach the crate from
/// a module `depth` deep. An inner module (`mod tests`) is one deeper, so what it reaches with as
/// many `super::` is its own layer.
fn layers_named(code: &str, depth: usize) -> Vec<String> {
    let mut named = Vec::new();
    let mut note = |name: &str| {
        if LAYERS.iter().any(|layer| layer.name == name) && named.iter().all(|known| known != name) {
            named.push(name.to_owned());
        }
    };
    for after in starts(code, "crate::") {
        match after.trim_start().strip_prefix('{') {
            Some(group) => tops_of(group).into_iter().for_each(|name| note(&name)),
            None => note(leading_word(after.trim_start())),
        }
    }
    let out = "super::".repeat(depth);
    for after in starts(code, &out) {
        note(leading_word(after));
    }
    named
}

/// The first words of each branch of a use group, given what follows its opening brace.
fn tops_of(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut tops = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => tops.push(String::new()),
            _ if depth == 0 => tops.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    tops.iter()
        .map(|top| leading_word(top.trim_start()).to_owned())
        .collect()
}

/// What follows each place where `what` stands as a path's beginning.
fn starts<'a>(code: &'a str, what: &str) -> Vec<&'a str> {
    let begins = |at: usize| !code[..at].ends_with(|c: char| is_word(c) || c == ':');
    code.match_indices(what)
        .filter(|(at, _)| begins(*at))
        .map(|(at, _)| &code[at + what.len()..])
        .collect()
}

fn words_in<'a>(code: &str, words: &[&'a str]) -> Vec<&'a str> {
    let stands_alone = |word: &str| {
        code.match_indices(word)
            .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word))
    };
    words.iter().copied().filter(|word| stands_alone(word)).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn leading_word(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The code without comments and without what stands between quotes.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == 'r' && !code.ends_with(is_word) && raw_quoted(rest).is_some() {
            raw_quoted(rest).unwrap_or(rest.len())
        } else if first == 'b'
            && !code.ends_with(is_word)
            && rest[1..].starts_with('r')
            && raw_quoted(&rest[1..]).is_some()
        {
            1 + raw_quoted(&rest[1..]).unwrap_or(rest.len() - 1)
        } else if first == '\'' && is_char_literal(rest) {
            quoted(rest, '\'')
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skip..];
    }
    code
}

/// The length of a comment that may hold comments.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a literal that starts and ends with `quote`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#` and so on, if it is one.
fn raw_quoted(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let inner = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(2 + hashes + length)
}

/// `'x'` or `'\…'`, and not a lifetime.
fn is_char_literal(text: &str) -> bool {
    let mut inner = text[1..].chars();
    match inner.next() {
        Some('\\') => true,
        Some(_) => inner.next() == Some('\''),
        None => false,
    }
}
