use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn config(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap()
}

fn read(text: &str, name: &str) -> Result<RemoteConfig, RemoteError> {
    remote(&config(text), name.as_bytes())
}

fn urls(text: &str, name: &str) -> (Vec<String>, Vec<String>) {
    let remote = read(text, name).unwrap();
    (remote.urls, remote.push_urls)
}

fn texts(specs: &[RefSpec]) -> Vec<String> {
    specs.iter().map(ToString::to_string).collect()
}

#[test]
fn a_remote_is_what_its_keys_say() {
    let text = "[remote \"o\"]\n url = https://a.example/x\n fetch = +refs/heads/*:refs/remotes/o/*\n \
        fetch = ^refs/heads/wip*\n push = HEAD\n tagOpt = --no-tags\n prune\n pruneTags = no\n mirror = 1\n \
        partialCloneFilter = blob:none\n serverOption = a\n serverOption =\n serverOption = b=c\n";
    let found = read(text, "o").unwrap();
    assert_eq!(found.name, b"o");
    assert_eq!(found.urls, ["https://a.example/x"]);
    assert_eq!(found.push_urls, found.urls);
    assert_eq!(
        texts(&found.fetch),
        ["+refs/heads/*:refs/remotes/o/*", "^refs/heads/wip*"]
    );
    assert_eq!(texts(&found.push), ["HEAD"]);
    assert_eq!(found.tag_opt, Some(TagMode::None));
    assert_eq!((found.prune, found.prune_tags), (Some(true), Some(false)));
    assert!(found.mirror && found.promisor && found.configured);
    assert_eq!(found.filter.as_deref(), Some("blob:none"));
    assert_eq!(found.server_options, ["b=c"]);
    assert_eq!(found.warnings, Vec::<String>::new());
}

#[test]
fn what_a_remote_does_not_say_is_said_for_all_or_not_at_all() {
    let found = read("[remote \"o\"]url=https://h/\n", "o").unwrap();
    assert_eq!((found.tag_opt, found.prune, found.prune_tags), (None, None, None));
    assert!(!found.mirror && !found.promisor);
    let found = read(
        "[fetch]prune\npruneTags=true\n[remote \"o\"]url=https://h/\nprune=off\n",
        "o",
    )
    .unwrap();
    assert_eq!((found.prune, found.prune_tags), (Some(false), Some(true)));
    let found = read("[extensions]partialClone=o\n[remote \"o\"]url=https://h/\n", "o").unwrap();
    assert!(found.promisor);
}

#[test]
fn the_longest_start_is_rewritten_and_the_base_named_first_wins_a_draw() {
    let text = "[url \"https://one/\"]insteadOf=gh:\ninsteadOf=https://old/\n\
        [url \"https://two/\"]insteadOf=gh:x/\n[url \"https://three/\"]insteadOf=gh:x/\n\
        [url \"https://push/\"]pushInsteadOf=gh:\n[remote \"a\"]url=gh:x/y\n[remote \"b\"]url=gh:z\n\
        [remote \"c\"]url=https://new/\npushurl=https://old/w\n";
    assert_eq!(
        urls(text, "a"),
        (vec!["https://two/y".to_owned()], vec!["https://push/x/y".to_owned()])
    );
    assert_eq!(urls(text, "b").0, ["https://one/z"]);
    assert_eq!(
        urls(text, "c"),
        (vec!["https://new/".to_owned()], vec!["https://one/w".to_owned()])
    );
    assert_eq!(urls(text, "gh:q").0, ["https://one/q"]);
}

#[test]
fn an_empty_url_forgets_those_before_it() {
    let text = "[remote \"o\"]url=https://a/\nurl=\nurl=https://b/\nurl=https://c/\n";
    assert_eq!(urls(text, "o").0, ["https://b/", "https://c/"]);
}

#[test]
fn a_url_is_a_remote_and_an_unknown_name_is_none() {
    let found = read("", "https://user:pass@h/x").unwrap();
    assert_eq!(found.urls, ["https://user:pass@h/x"]);
    assert!(found.fetch.is_empty() && !found.configured);
    assert!(!format!("{found:?}").contains("pass"));
    for name in ["origin", "a/b", "", "."] {
        assert_eq!(
            read("[remote \"o\"]url=https://a/\n", name),
            Err(RemoteError::NotFound),
            "{name}"
        );
    }
    let text = "[remote \"o\"]fetch=refs/heads/*:refs/x/*\n";
    assert_eq!(read(text, "o"), Err(RemoteError::NotFound));
}

#[test]
fn each_fault_of_a_remote_has_its_error() {
    let bad = |key: &str| RemoteError::BadValue {
        key: key.as_bytes().to_vec(),
    };
    for (line, error) in [
        (
            "fetch=a b",
            RemoteError::BadRefSpec {
                key: b"remote.o.fetch".to_vec(),
                value: b"a b".to_vec(),
            },
        ),
        (
            "push=:x y",
            RemoteError::BadRefSpec {
                key: b"remote.o.push".to_vec(),
                value: b":x y".to_vec(),
            },
        ),
        ("fetch", bad("remote.o.fetch")),
        ("url", bad("remote.o.url")),
        ("prune=perhaps", bad("remote.o.prune")),
        ("[fetch]prune=perhaps", bad("fetch.prune")),
        ("[url \"x\"]insteadOf", bad("url.x.insteadof")),
        ("[transfer]credentialsInUrl=no", bad("transfer.credentialsinurl")),
    ] {
        let found = read(&format!("[remote \"o\"]url=https://a/\n{line}\n"), "o");
        assert_eq!(found, Err(error.clone()), "{line}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn passwords_in_urls_are_warned_of_or_refused_when_asked_for() {
    let text = |word: &str| {
        format!("[transfer]credentialsInUrl={word}\n[remote \"o\"]url=https://me:secret@h/x\npushurl=https://a:b@h/\n")
    };
    assert_eq!(read(&text("allow"), "o").unwrap().warnings, Vec::<String>::new());
    let warned = read(&text("warn"), "o").unwrap();
    assert_eq!(
        warned.warnings,
        ["URL 'https://me:<redacted>@h/x' uses plaintext credentials"]
    );
    assert_eq!(
        read(&text("die"), "o").unwrap_err().to_string(),
        "URL 'https://me:<redacted>@h/x' uses plaintext credentials"
    );
}

#[test]
fn the_remote_of_a_branch_the_only_one_or_origin_is_meant_by_default() {
    let two = "[remote \"a\"]url=x\n[remote \"b\"]url=y\n[branch \"main\"]remote=a\nremote=b\n";
    for (text, on, expected) in [
        ("", None, "origin"),
        ("[remote \"a\"]url=x\n", None, "a"),
        ("[remote \"a\"]\n", None, "origin"),
        ("[remote \"/a\"]url=x\n", None, "origin"),
        ("[remote]pushDefault=x\n", None, "origin"),
        (two, None, "origin"),
        (two, Some("main"), "b"),
        (two, Some("other"), "origin"),
    ] {
        let found = default_remote(&config(text), on.map(str::as_bytes));
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{text} {on:?}");
    }
}

#[test]
fn a_branch_follows_what_is_configured() {
    let text = "[remote \"o\"]fetch=refs/heads/*:refs/remotes/o/*\nfetch=^refs/heads/wip\n\
        [branch \"main\"]remote=o\nmerge=refs/heads/main\nmerge=refs/heads/other\npushRemote=p\n\
        [branch \"local\"]remote=.\nmerge=refs/heads/main\n[branch \"wip\"]remote=o\nmerge=refs/heads/wip\n\
        [branch \"half\"]remote=o\n";
    let config = config(text);
    let main = branch(&config, b"main");
    assert_eq!(main.remote.as_deref(), Some(&b"o"[..]));
    assert_eq!(main.push_remote.as_deref(), Some(&b"p"[..]));
    assert_eq!(main.merge, [b"refs/heads/main".to_vec(), b"refs/heads/other".to_vec()]);
    for (name, expected) in [
        ("main", Some("refs/remotes/o/main")),
        ("local", Some("refs/heads/main")),
        ("wip", None),
        ("half", None),
        ("none", None),
    ] {
        let found = upstream(&config, name.as_bytes()).unwrap();
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{name}");
    }
}

#[test]
fn a_tracking_ref_leads_back_to_what_is_fetched_into_it() {
    let specs: Vec<RefSpec> = ["+refs/heads/*:refs/remotes/o/*", "^refs/heads/x"]
        .iter()
        .map(|text| RefSpec::parse(text.as_bytes(), Direction::Fetch).unwrap())
        .collect();
    assert_eq!(source_of(&specs, b"refs/remotes/o/a"), Some(b"refs/heads/a".to_vec()));
    assert_eq!(source_of(&specs, b"refs/remotes/o/x"), None);
    assert_eq!(source_of(&specs, b"refs/heads/a"), None);
}
