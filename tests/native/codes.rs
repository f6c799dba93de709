//! Holds the public error codes together: the enum, the types of the package, the table in its
//! README, and the tests that provoke each. Reads the text of the sources.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use gitside::error::Code;

/// Codes that are kept for what the engine does not do yet. Nothing produces them.
const KEPT: &[Code] = &[];

#[test]
fn the_types_of_the_package_name_the_same_codes_in_the_same_order() {
    let types = read("pkg/index.d.ts");
    let (_, union) = types.split_once("export type GitErrorCode =").unwrap();
    let (union, _) = union.split_once(';').unwrap();
    let named: Vec<&str> = union.split('\'').skip(1).step_by(2).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(named, codes);
}

#[test]
fn every_code_of_the_enum_is_listed() {
    let variants: Vec<String> = documented().into_iter().map(|(name, _)| name).collect();
    let codes: Vec<String> = Code::ALL.iter().map(|code| format!("{code:?}")).collect();
    assert_eq!(variants, codes);
    assert!(Code::ALL.iter().all(|code| code.name() == format!("{code:?}")));
}

#[test]
fn the_readme_says_of_every_code_what_the_enum_says() {
    let readme = read("pkg/README.md");
    let (_, rows) = readme.split_once("| Code | What happened |\n| --- | --- |\n").unwrap();
    let rows: Vec<&str> = rows.lines().take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> = documented()
        .iter()
        .filter(|(name, _)| KEPT.iter().all(|kept| kept.name() != name))
        .map(|(name, text)| format!("| `{name}` | {text} |"))
        .collect();
    assert_eq!(rows, expected, "as it should be:\n{}", expected.join("\n"));
}

#[test]
fn every_code_is_produced_and_some_test_names_it_or_it_is_kept_for_later() {
    let mut shipped = String::new();
    let mut tests = String::new();
    for (file, text) in sources("src", &["rs"]) {
        if file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests") {
            tests += &text;
        } else if !file.ends_with("src/error.rs") {
            let (code, inner) = text.split_once("#[cfg(test)]\nmod ").unwrap_or((&text, ""));
            shipped += code;
            tests += inner;
        }
    }
    for (file, text) in sources("tests", &["rs", "mjs", "js", "ts"]) {
        if !file.ends_with("codes.rs") {
            tests += &text;
        }
    }
    let is_in = |text: &str, code: &Code| {
        let path = format!("Code::{code:?}");
        let in_rust = text
            .match_indices(&path)
            .any(|(at, _)| !text[at + path.len()..].starts_with(|next: char| next.is_alphanumeric()));
        in_rust || text.contains(&format!("'{code:?}'")) || text.contains(&format!("\"{code:?}\""))
    };
    let without = |text: &str| -> Vec<Code> { Code::ALL.iter().copied().filter(|code| !is_in(text, code)).collect() };
    assert_eq!(without(&shipped), KEPT, "not produced");
    assert_eq!(without(&tests), KEPT, "in no test");
}

/// The variants of the enum and what their documentation says, in order.
fn documented() -> Vec<(String, String)> {
    let source = read("src/error.rs");
    let (_, body) = source.split_once("pub enum Code {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let mut found = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("///") {
            text.push(words.trim());
        } else if let Some(name) = line.strip_suffix(',') {
            assert!(!text.is_empty(), "{name} is not documented");
            found.push((name.to_owned(), text.join(" ")));
            text.clear();
        }
    }
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// All files below a folder whose names end so, except what is installed or built there.
fn sources(folder: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && entry.file_name() != "node_modules" && entry.file_name() != "target" {
                folders.push(path);
            } else if kind.is_file()
                && endings
                    .iter()
                    .any(|ending| path.extension().is_some_and(|is| is == *ending))
            {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
