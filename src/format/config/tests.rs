use super::*;

const SAMPLE: &str = "# a comment\n[core]\n\trepositoryformatversion = 0\n\tbare\n\n[remote \"origin\"]\n\
    \turl = https://example.org/a.git ; where from\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
    \tfetch = +refs/tags/*:refs/tags/*\n[Branch.Main] remote = origin\n[x \"a \\\"b\\\\c\"]k = \"  two \" words  \\\n   more\\t\\n\\\\ # no\n";

fn sample() -> Config {
    Config::parse(SAMPLE.as_bytes()).unwrap()
}

fn text(config: &Config) -> &str {
    std::str::from_utf8(config.as_bytes()).unwrap()
}

#[track_caller]
fn check_value(line: &str, expected: Option<&[u8]>) {
    let config = Config::parse(format!("[a]\n{line}").as_bytes()).unwrap();
    assert_eq!(config.get_all(b"a.k").last().unwrap(), expected, "{line:?}");
}

#[test]
fn values_are_found_by_their_keys() {
    let config = sample();
    for (key, value) in [
        ("core.repositoryFormatVersion", Some("0")),
        ("CORE.bare", Some("")),
        ("remote.origin.url", Some("https://example.org/a.git")),
        ("remote.origin.fetch", Some("+refs/tags/*:refs/tags/*")),
        ("remote.Origin.url", None),
        ("branch.main.remote", Some("origin")),
        ("x.a \"b\\c.k", Some("  two  words     more\t\n\\")),
        ("core", None),
        ("core.", None),
        (".bare", None),
    ] {
        assert_eq!(config.get(key.as_bytes()), value.map(str::as_bytes), "{key}");
    }
    assert_eq!(config.get_all(b"remote.origin.fetch").count(), 2);
    assert_eq!(config.subsections(b"remote"), [b"origin"]);
    let keys: Vec<_> = config
        .entries()
        .map(|(key, _)| String::from_utf8(key).unwrap())
        .collect();
    assert_eq!(keys[0], "core.repositoryformatversion");
    assert_eq!(keys[2], "remote.origin.url");
    assert_eq!(keys.len(), 7);
}

#[test]
fn values_are_read_as_git_reads_them() {
    check_value("k", None);
    check_value("k =", Some(b""));
    check_value("k = a  b \t", Some(b"a  b"));
    check_value("k = a#b", Some(b"a"));
    check_value("k = \"a#b\";c", Some(b"a#b"));
    check_value("k = \"a b \" \"c\"", Some(b"a b  c"));
    check_value("k = a\\\nb", Some(b"ab"));
    check_value("k = a\r\nj = b\r\n", Some(b"a"));
    check_value("k = a\\", Some(b"a"));
    check_value("k=\\\"\\\\\\b", Some(b"\"\\\x08"));
}

#[test]
fn booleans_and_numbers_have_gits_spellings() {
    for (value, boolean, number) in [
        ("= true", Some(true), None),
        ("= YES", Some(true), None),
        ("= off", Some(false), None),
        ("=", Some(false), None),
        ("", Some(true), None),
        ("= 0", Some(false), Some(0)),
        ("= -2k", Some(true), Some(-2048)),
        ("= 3M", Some(true), Some(3 << 20)),
        ("= 1g", Some(true), Some(1 << 30)),
        ("= 9223372036854775807k", None, None),
        ("= maybe", None, None),
    ] {
        let config = Config::parse(format!("[a]k {value}").as_bytes()).unwrap();
        assert_eq!(
            (config.get_bool(b"a.k"), config.get_number(b"a.k")),
            (boolean, number),
            "{value:?}"
        );
    }
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    for (text, line) in [
        ("[a]\nk = \"open\n", 2),
        ("[a]\nk = \\x\n", 2),
        ("[a]\n\n1k = 2\n", 3),
        ("[a]\nk ? 2\n", 2),
        ("[a\n", 1),
        ("[a b]\n", 1),
        ("[a \"b\n\"]\n", 1),
        ("[a \"b\"x]\n", 1),
        ("[]\n", 1),
        ("[a_b]\n", 1),
        ("k = before any section\n", 1),
        ("\n\n=\n", 3),
    ] {
        let error = ConfigError::BadLine { line };
        assert_eq!(Config::parse(text.as_bytes()), Err(error), "{text:?}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn every_truncation_is_parsed_or_refused_without_harm() {
    for length in 0..=SAMPLE.len() {
        if let Ok(config) = Config::parse(&SAMPLE.as_bytes()[..length]) {
            assert_eq!(config.as_bytes(), &SAMPLE.as_bytes()[..length]);
        }
    }
}

#[test]
fn a_change_keeps_every_other_line() {
    let mut config = sample();
    config.set(b"remote.origin.url", b"https://example.org/b.git").unwrap();
    assert_eq!(
        text(&config),
        SAMPLE.replace("https://example.org/a.git ; where from", "https://example.org/b.git")
    );

    config = sample();
    config.set(b"remote.origin.fetch", b"x").unwrap();
    let without_first = SAMPLE.replace("\tfetch = +refs/heads/*:refs/remotes/origin/*\n", "");
    assert_eq!(text(&config), without_first.replace("+refs/tags/*:refs/tags/*", "x"));

    config = sample();
    config.add(b"core.Name", b" quoted; \"v\" ").unwrap();
    assert_eq!(
        text(&config),
        SAMPLE.replace("\tbare\n", "\tbare\n\tName = \" quoted; \\\"v\\\" \"\n")
    );
    assert_eq!(config.get(b"core.name"), Some(&b" quoted; \"v\" "[..]));

    config = sample();
    assert_eq!(config.unset(b"core.bare"), Ok(true));
    assert_eq!(text(&config), SAMPLE.replace("\tbare\n", ""));
    assert_eq!(config.unset(b"core.bare"), Ok(false));

    config = sample();
    assert_eq!(config.unset(b"branch.main.remote"), Ok(true));
    assert_eq!(text(&config), SAMPLE.replace(" remote = origin\n", " "));
    let key = b"x.a \"b\\c.k";
    assert_eq!(config.get(key), sample().get(key));
}

#[test]
fn sections_are_made_and_removed() {
    let mut config = Config::default();
    config.set(b"remote.a\"b.url", b"u").unwrap();
    config.add(b"remote.a\"b.url", b"v\nw").unwrap();
    config.set(b"core.bare", b"true").unwrap();
    assert_eq!(
        text(&config),
        "[remote \"a\\\"b\"]\n\turl = u\n\turl = v\\nw\n[core]\n\tbare = true\n"
    );
    assert_eq!(config.remove_section(b"remote", Some(b"a\"b")), Ok(true));
    assert_eq!(text(&config), "[core]\n\tbare = true\n");
    assert_eq!(config.remove_section(b"remote", None), Ok(false));

    let mut config = Config::parse(b"[a] ; comment").unwrap();
    config.add(b"a.k", b"1").unwrap();
    assert_eq!(text(&config), "[a] ; comment\n\tk = 1\n");
}

#[test]
fn a_section_is_renamed_wherever_it_occurs() {
    let before =
        "[branch \"a\"]\n\tremote = o\n[branch \"a]\\\"\"] ; x\n[BRANCH \"a\"]  k = v\n[branch.a]x\n[branch \"A\"]\n";
    let mut config = Config::parse(before.as_bytes()).unwrap();
    assert_eq!(config.rename_section(b"branch", b"a", b"b\"\\"), Ok(true));
    assert_eq!(config.rename_section(b"branch", b"a]\"", b"c"), Ok(true));
    assert_eq!(config.rename_section(b"branch", b"none", b"d"), Ok(false));
    assert_eq!(config.rename_section(b"branch", b"c", b"\n"), Err(ConfigError::BadKey));
    let new = "[branch \"b\\\"\\\\\"]\n";
    assert_eq!(
        text(&config),
        format!("{new}\tremote = o\n[branch \"c\"]\n\t; x\n{new}\tk = v\n{new}\tx\n[branch \"A\"]\n")
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut config = sample();
    for key in ["core", "core.1x", "co_re.x", "core.x y", "new.a\nb.x", "new.a\0b.x"] {
        assert_eq!(config.set(key.as_bytes(), b"v"), Err(ConfigError::BadKey), "{key:?}");
    }
    assert_eq!(config.set(b"core.x", b"a\0b"), Err(ConfigError::BadValue));
    assert_eq!(config, sample());
}

#[test]
fn a_line_of_a_megabyte_takes_linear_time() {
    let mut text = b"[a]\nk = ".to_vec();
    text.resize(1 << 20, b' ');
    text.extend_from_slice(b"x\n");
    assert_eq!(Config::parse(&text).unwrap().get(b"a.k"), Some(&b"x"[..]));
    let brackets = "[a]".repeat(1 << 18);
    assert_eq!(Config::parse(brackets.as_bytes()).unwrap().subsections(b"a").len(), 0);
    let comments = format!("[a]{}", " ".repeat(1 << 20));
    assert!(Config::parse(comments.as_bytes()).is_ok());
}

#[cfg(unix)]
#[test]
fn git_reads_the_same_entries() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let mut edited = sample();
    edited.set(b"new.sub.Section.key", b" # ; \" \\ \t\n ").unwrap();
    for config in [sample(), edited] {
        let mut git = Command::new("git")
            .args(["config", "--file", "-", "--null", "--list"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        git.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        let output = git.wait_with_output().unwrap();
        assert!(output.status.success());
        let mut ours = Vec::new();
        for (key, value) in config.entries() {
            ours.extend(key);
            if let Some(value) = value {
                ours.push(b'\n');
                ours.extend_from_slice(value);
            }
            ours.push(0);
        }
        assert_eq!(
            ours.escape_ascii().to_string(),
            output.stdout.escape_ascii().to_string()
        );
    }
}
