#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;

fn labels() -> Labels {
    Labels {
        ours: b"ours".to_vec(),
        base: b"base".to_vec(),
        theirs: b"theirs".to_vec(),
    }
}

fn merged(files: [&str; 3], options: &Options) -> (String, Outcome) {
    let [base, ours, theirs] = files.map(str::as_bytes);
    let merged = merge(base, ours, theirs, &labels(), options);
    (String::from_utf8(merged.content).unwrap(), merged.result)
}

fn with(style: Style, favor: Option<Favor>) -> Options {
    Options {
        style,
        favor,
        ..Options::default()
    }
}

#[test]
fn what_one_side_changed_is_taken_from_it() {
    let options = Options::default();
    for (files, expected) in [
        (["a\n", "a\n", "b\n"], "b\n"),
        (["a\n", "b\n", "a\n"], "b\n"),
        (["a\n", "b\n", "b\n"], "b\n"),
        (["1\n2\n3\n", "0\n1\n2\n3\n", "1\n2\n3\n4\n"], "0\n1\n2\n3\n4\n"),
        (["1\n2\n3\n", "2\n3\n", "1\n2\n"], "2\n"),
        (["", "", "x"], "x"),
    ] {
        assert_eq!(
            merged(files, &options),
            (expected.to_string(), Outcome::Clean),
            "{files:?}"
        );
    }
}

#[test]
fn each_style_shows_a_conflict_in_its_way() {
    let files = ["1\n2\n3\n", "1\nsame\na\n3\n", "1\nsame\nb\n3\n"];
    for (style, expected) in [
        (
            Style::Merge,
            "1\nsame\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n3\n",
        ),
        (
            Style::Diff3,
            "1\n<<<<<<< ours\nsame\na\n||||||| base\n2\n=======\nsame\nb\n>>>>>>> theirs\n3\n",
        ),
        (
            Style::Zdiff3,
            "1\nsame\n<<<<<<< ours\na\n||||||| base\n2\n=======\nb\n>>>>>>> theirs\n3\n",
        ),
    ] {
        let answer = merged(files, &with(style, None));
        assert_eq!(answer, (expected.to_string(), Outcome::Conflicts(1)));
    }
}

#[test]
fn a_favored_side_leaves_no_conflict() {
    for (favor, expected) in [(Favor::Ours, "a\n"), (Favor::Theirs, "b\n"), (Favor::Union, "a\nb\n")] {
        let answer = merged(["x\n", "a\n", "b\n"], &with(Style::Merge, Some(favor)));
        assert_eq!(answer, (expected.to_string(), Outcome::Clean));
    }
}

#[test]
fn markers_end_as_the_lines_around_them() {
    for (files, end) in [
        (["x\r\n1\r\n", "x\r\n2\r\n", "x\r\n3\r\n"], "\r\n"),
        (["x\r\n1\r\n", "x\r\n2\r\n", "x\n3\r\n"], "\n"),
        (["1\r\n", "2", "3"], "\r\n"),
    ] {
        let (text, _) = merged(files, &Options::default());
        assert!(text.contains(&format!("======={end}")), "{text:?}");
    }
}

#[test]
fn files_without_lines_are_not_mixed() {
    let options = Options::default();
    let files = ["\0", "\0a", "b"];
    assert_eq!(merged(files, &options), ("\0a".to_string(), Outcome::Binary));
    let theirs = with(Style::Merge, Some(Favor::Theirs));
    assert_eq!(merged(files, &theirs), ("b".to_string(), Outcome::Clean));
    let for_base = Options {
        for_base: true,
        ..options
    };
    assert_eq!(merged(files, &for_base), ("\0".to_string(), Outcome::Clean));
}

#[test]
fn a_file_of_many_equal_lines_is_merged_all_the_same() {
    let base = "x\n".repeat(10_000);
    let ours = format!("a\n{base}");
    let theirs = format!("{base}b\n");
    let (text, result) = merged([&base, &ours, &theirs], &Options::default());
    assert_eq!(result, Outcome::Clean);
    assert_eq!(text, format!("a\n{base}b\n"));
}
