use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn parse(text: &str) -> RemoteUrl {
    RemoteUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn userinfo(text: &str) -> Option<(String, Option<String>)> {
    parse(text)
        .userinfo()
        .map(|info| (info.username().to_owned(), info.password().map(str::to_owned)))
}

#[test]
fn the_path_stays_as_typed_and_slashes_at_the_end_go() {
    for (text, shown) in [
        ("https://example.org/a.git", "https://example.org/a.git"),
        ("HTTPS://Example.ORG/A.git", "https://example.org/A.git"),
        ("http://[::1]:8080/a%20b/c+d.git", "http://[::1]:8080/a%20b/c+d.git"),
        (
            "http://h/a%2Fb%C3%A9/é~!$&'()*,;=:@",
            "http://h/a%2Fb%C3%A9/é~!$&'()*,;=:@",
        ),
        ("https://h/repo.git/", "https://h/repo.git"),
        ("https://h/repo.git///", "https://h/repo.git"),
        ("https://h", "https://h"),
        ("https://h/", "https://h"),
        ("https://h:443/x", "https://h/x"),
        ("http://h:443/x", "http://h:443/x"),
        ("http://h:80/x", "http://h/x"),
        ("http://h:/x", "http://h/x"),
        ("http://h:0/x", "http://h:0/x"),
        ("http://h:00080/x", "http://h/x"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"),
        ("https://h./x", "https://h./x"),
        ("https://h?q=/r.git", "https://h/?q=/r.git"),
    ] {
        assert_eq!(parse(text).to_string(), shown, "{text}");
    }
}

#[test]
fn requests_add_one_parameter_and_no_empty_segment() {
    for (text, get, post) in [
        (
            "https://h/r.git",
            "https://h/r.git/info/refs?service=git-upload-pack",
            "https://h/r.git/git-upload-pack",
        ),
        (
            "https://h/r.git//",
            "https://h/r.git/info/refs?service=git-upload-pack",
            "https://h/r.git/git-upload-pack",
        ),
        (
            "https://h/",
            "https://h/info/refs?service=git-upload-pack",
            "https://h/git-upload-pack",
        ),
        (
            "https://h/gw?svc=git&q=/r.git",
            "https://h/gw?svc=git&q=/r.git/info/refs&service=git-upload-pack",
            "https://h/gw?svc=git&q=/r.git/git-upload-pack",
        ),
    ] {
        assert_eq!(parse(text).discovery_url(Service::UploadPack), get);
        assert_eq!(parse(text).rpc_url(Service::UploadPack), post);
    }
    assert!(
        parse("https://h/r")
            .discovery_url(Service::ReceivePack)
            .ends_with("?service=git-receive-pack")
    );
}

#[test]
fn userinfo_ends_at_the_last_at_and_is_split_at_the_first_colon() {
    let pair = |name: &str, password: Option<&str>| Some((name.to_owned(), password.map(str::to_owned)));
    for (text, expected) in [
        ("https://h/r@x", None),
        ("https://@h/r", None),
        ("https://me@h/r", pair("me", None)),
        ("https://me:@h/r", pair("me", Some(""))),
        ("https://:token@h/r", pair("", Some("token"))),
        ("https://me:pw@h/r", pair("me", Some("pw"))),
        ("https://me:p:w@h/r", pair("me", Some("p:w"))),
        (
            "https://user%40corp.com:p%40ss%3Aw%2Frd@h/r",
            pair("user@corp.com", Some("p@ss:w/rd")),
        ),
        (
            "http://user@corp.com:pw@127.0.0.1:1/r",
            pair("user@corp.com", Some("pw")),
        ),
        ("https://100%:a%zz%4@h/r", pair("100%", Some("a%zz%4"))),
        ("https://%C3%A9:%E2%82%AC@h/r", pair("é", Some("€"))),
    ] {
        assert_eq!(userinfo(text), expected, "{text}");
    }
    assert_eq!(
        parse("http://user@corp.com:pw@127.0.0.1:1/r").origin(),
        "http://127.0.0.1:1"
    );
}

#[test]
fn userinfo_is_in_no_text() {
    let url = parse("https://S3CRETname:S3CRETpass@h/r.git");
    let texts = [
        url.to_string(),
        format!("{url:?}"),
        url.origin(),
        url.discovery_url(Service::UploadPack),
        url.rpc_url(Service::UploadPack),
        url.with_git_suffix().unwrap_or_default(),
        format!("{:?}", RemoteUrl::parse("ssh://S3CRET:S3CRET@h/r")),
        format!("{:?}", RemoteUrl::parse("S3CRET@h:r")),
        format!("{:?}", RemoteUrl::parse("https://S3CRET:S3CRET@h h/r")),
        format!("{:?}", RemoteUrl::parse("https://S3CRET:%00S3CRET@h/r")),
        format!("{:?}", RemoteUrl::parse("https://S3CRET:%01S3CRET@h/r")),
        format!("{:?}", RemoteUrl::parse("https://S3CRET:S3CRET@/r")),
        format!(
            "{:?}",
            url.re_root("https://S3CRET:S3CRET@login/x", Service::UploadPack)
        ),
    ];
    for text in texts {
        assert!(!text.contains("S3CRET"), "{text}");
    }
    assert!(url.without_userinfo().userinfo().is_none());
}

#[test]
fn what_parsers_could_read_differently_is_refused() {
    use UrlError::*;
    for (text, expected) in [
        ("", NoScheme),
        ("example.org/a.git", NoScheme),
        ("https", NoScheme),
        ("://h/x", NoScheme),
        ("https:h/x", NoHost),
        ("https:/h/x", NoHost),
        ("https://", NoHost),
        ("https:///h/x", NoHost),
        ("https://user@/x", NoHost),
        ("https://:80/x", NoHost),
        ("http::/x", NoHost),
        (" https://h/x", BadCharacter { at: 0 }),
        ("https://h/x ", BadCharacter { at: 11 }),
        ("https://h/a b", BadCharacter { at: 11 }),
        ("https://h/tar\r\nget", BadCharacter { at: 13 }),
        ("https://h\t.org/x", BadCharacter { at: 9 }),
        ("https://h\\@evil/x", BadCharacter { at: 9 }),
        ("https://h/a\\b", BadCharacter { at: 11 }),
        ("https://h/\u{85}", BadCharacter { at: 10 }),
        ("https://h/\u{7f}", BadCharacter { at: 10 }),
        ("https://h/\0", BadCharacter { at: 10 }),
        ("https://h/\u{3000}", BadCharacter { at: 10 }),
        ("https://h/x%0ay", EncodedControl { at: 11 }),
        ("https://h/x%0Dy", EncodedControl { at: 11 }),
        ("https://h/x?y=%00", EncodedControl { at: 14 }),
        ("https://a%0a@h/x", EncodedControl { at: 9 }),
        ("https://a%01@h/x", BadUserinfo),
        ("https://a%ff@h/x", BadUserinfo),
        ("https://h%0a/x", EncodedControl { at: 9 }),
        ("https://h/x#y", Fragment { at: 11 }),
        ("https://h#@evil/x", Fragment { at: 9 }),
        ("https://h:99999/x", BadPort),
        ("https://h:65536/x", BadPort),
        ("https://h:8a/x", BadPort),
        ("https://h:-1/x", BadPort),
        ("https://h:080808/x", BadPort),
        ("https://bücher.example/x", BadHost),
        ("https://ｅxample.org/x", BadHost),
        ("https://h%2eorg/x", BadHost),
        ("https://a..b/x", BadHost),
        ("https://.a/x", BadHost),
        ("https://a,b/x", BadHost),
        ("https://a|b/x", BadHost),
        ("https://a^b/x", BadHost),
        ("https://1/x", BadHost),
        ("https://127.1/x", BadHost),
        ("https://0x7f.0.0.1/x", BadHost),
        ("https://127.0.0.0x1/x", BadHost),
        ("https://0X/x", BadHost),
        ("https://127.0.0.01/x", BadHost),
        ("https://127.0.0.1./x", BadHost),
        ("https://256.1.1.1/x", BadHost),
        ("https://1.2.3.4.5/x", BadHost),
        ("https://a.1/x", BadHost),
        ("https://[::1/x", BadHost),
        ("https://[::1]x/x", BadHost),
        ("https://[::1%25eth0]/x", BadHost),
        ("https://[v1.x]/x", BadHost),
        ("https://[]/x", BadHost),
        ("https://a]/x", BadHost),
    ] {
        assert_eq!(RemoteUrl::parse(text), Err(expected), "{text:?}");
    }
    assert_eq!(
        RemoteUrl::parse(&format!("https://h/{}", "x".repeat(MAX_URL))),
        Err(TooLong)
    );
}

#[test]
fn other_transports_are_named_and_the_https_form_suggested() {
    for (text, scheme, suggestion) in [
        (
            "ssh://git@example.org/a/b.git",
            "ssh",
            Some("https://example.org/a/b.git"),
        ),
        (
            "ssh://git@example.org:2222/a.git",
            "ssh",
            Some("https://example.org/a.git"),
        ),
        (
            "git+ssh://example.org/a.git",
            "git+ssh",
            Some("https://example.org/a.git"),
        ),
        ("git://example.org/a.git", "git", Some("https://example.org/a.git")),
        ("ftp://example.org/a.git", "ftp", Some("https://example.org/a.git")),
        ("git@example.org:a/b.git", "ssh", Some("https://example.org/a/b.git")),
        ("example.org:/srv/a.git", "ssh", Some("https://example.org/srv/a.git")),
        ("git@[::1]:a.git", "ssh", Some("https://[::1]/a.git")),
        ("file:///srv/a.git", "file", None),
        ("/srv/a:b.git", "file", None),
        ("./a:b.git", "file", None),
        ("C:\\git\\a", "file", None),
        ("C:/git/a", "file", None),
        ("ext::sh -c touch% /tmp/x", "ext", None),
        ("testgit::https://h/x", "testgit", None),
        ("fd::17", "fd", None),
        ("javascript://h/x", "javascript", Some("https://h/x")),
        ("ssh://-oProxyCommand=x/y", "ssh", None),
    ] {
        let expected = UrlError::Unsupported {
            scheme: scheme.to_owned(),
            suggestion: suggestion.map(str::to_owned),
        };
        assert_eq!(RemoteUrl::parse(text), Err(expected), "{text}");
    }
    for text in ["data:text/html,x", "blob:https://h/1", "javascript:alert(1)"] {
        assert!(
            matches!(
                RemoteUrl::parse(text),
                Err(UrlError::Unsupported { .. } | UrlError::NoScheme)
            ),
            "{text}"
        );
    }
}

#[test]
fn addresses_are_written_as_browsers_write_them() {
    for (text, host) in [
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[::]", "[::]"),
        ("[1:0:0:2:0:0:0:3]", "[1:0:0:2::3]"),
        ("[1:0:0:2:3:0:0:4]", "[1::2:3:0:0:4]"),
        ("[1:0:2:3:4:5:6:7]", "[1:0:2:3:4:5:6:7]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
        ("[::ffff:1.2.3.4]", "[::ffff:102:304]"),
        ("[1:2:3:4:5:6:0:0]", "[1:2:3:4:5:6::]"),
    ] {
        assert_eq!(parse(&format!("https://{text}/x")).host(), host, "{text}");
    }
}

#[test]
fn loopback_hosts_are_known() {
    for (host, expected) in [
        ("localhost", true),
        ("LOCALHOST.", true),
        ("a.localhost", true),
        ("127.8.9.1", true),
        ("[::1]", true),
        ("localhost.example.org", false),
        ("notlocalhost", false),
        ("128.0.0.1", false),
        ("[::2]", false),
    ] {
        assert_eq!(parse(&format!("http://{host}/x")).is_loopback(), expected, "{host}");
    }
}

#[test]
fn a_redirect_moves_the_root_and_keeps_a_login_only_at_home() {
    let url = parse("http://me:pw@old.example/r");
    let moved = |target: &str| url.re_root(target, Service::UploadPack);
    for (target, root, login) in [
        (
            "http://old.example/r.git/info/refs?service=git-upload-pack",
            "http://old.example/r.git",
            true,
        ),
        (
            "http://old.example:80/x/info/refs?service=git-upload-pack",
            "http://old.example/x",
            true,
        ),
        (
            "https://old.example/r/info/refs?service=git-upload-pack",
            "https://old.example/r",
            false,
        ),
        (
            "http://old.example:8080/r/info/refs?service=git-upload-pack",
            "http://old.example:8080/r",
            false,
        ),
        (
            "https://new.example/a/b.git/info/refs?service=git-upload-pack#f",
            "https://new.example/a/b.git",
            false,
        ),
        (
            "https://new.example/info/refs?service=git-upload-pack",
            "https://new.example",
            false,
        ),
    ] {
        let root_url = moved(target).unwrap();
        assert_eq!(root_url.to_string(), root);
        assert_eq!(root_url.userinfo().is_some(), login, "{target}");
    }
    let not_the_service = |target: &str| {
        Err(RedirectError::NotTheService {
            target: target.to_owned(),
        })
    };
    for (target, expected) in [
        (
            "https://login.example/sign_in?return=/r/info/refs",
            not_the_service("https://login.example/sign_in"),
        ),
        ("https://h/r/info/refs", not_the_service("https://h/r/info/refs")),
        (
            "https://h/r/info/refs?service=git-receive-pack",
            not_the_service("https://h/r/info/refs"),
        ),
        (
            "https://h/r/info/refs?service=git-upload-pack&x=1",
            not_the_service("https://h/r/info/refs"),
        ),
        (
            "https://u:p@h/r/info/refs?service=git-upload-pack",
            Err(RedirectError::Userinfo),
        ),
        (
            "ftp://h/r/info/refs?service=git-upload-pack",
            Err(RedirectError::Url(RemoteUrl::parse("ftp://h/r").unwrap_err())),
        ),
    ] {
        assert_eq!(moved(target), expected, "{target}");
    }
    let secure = parse("https://h/r");
    let down = secure.re_root("http://h/r/info/refs?service=git-upload-pack", Service::UploadPack);
    assert_eq!(down, Err(RedirectError::Downgrade));
    let query = parse("https://h/gw?q=/r");
    let moved = query
        .re_root(
            "https://h/gw2?q=/s/info/refs&service=git-upload-pack",
            Service::UploadPack,
        )
        .unwrap();
    assert_eq!(moved.to_string(), "https://h/gw2?q=/s");
}

#[test]
fn the_form_with_git_is_suggested_where_it_makes_sense() {
    for (text, expected) in [
        ("https://h/a/b", Some("https://h/a/b.git")),
        ("https://me:pw@h/a/b/", Some("https://h/a/b.git")),
        ("https://h/a/b.git", None),
        ("https://h", None),
        ("https://h/x?y=z", None),
    ] {
        assert_eq!(parse(text).with_git_suffix().as_deref(), expected, "{text}");
    }
}

#[test]
fn what_is_shown_parses_to_the_same_place() {
    for text in ["https://u:p@H:8443/a//b?c=/d/", "http://[::0:1]/x", "https://h?x"] {
        let url = parse(text).without_userinfo();
        assert_eq!(parse(&url.to_string()), url);
    }
}
