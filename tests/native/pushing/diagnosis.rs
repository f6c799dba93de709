//! Pushes that fail as a whole, with what the caller is told: nothing was done, and what to try.

use std::rc::Rc;

use gitside::error::{Code, Datum, GitError};
use gitside::ops::push::PushKind;
use gitside::ops::remote::Credentials;
use gitside::ops::{push, remotes};
use gitside_server::{Auth, End, Fault, Git, Reply, When};

use crate::support::block_on;
use crate::world::{World, are, error, kinds, one, said, to_up};

fn post() -> When {
    When::post().path_contains("git-receive-pack")
}

/// A push of `main` that fails, with what the server still has.
fn fails(world: &World) -> GitError {
    let before = (world.there("refs/heads/main"), world.here("refs/remotes/up/main"));
    let failure = error(world.push_with(&to_up(&["main"])));
    let after = (world.there("refs/heads/main"), world.here("refs/remotes/up/main"));
    assert_eq!(before, after);
    assert_eq!(failure.url.as_deref(), Some(world.server.url("/up.git").as_str()));
    failure
}

fn login(options: &mut push::Options, username: &'static str, password: &'static str) {
    options.transport.credentials = Some(Rc::new(move |_| {
        let login = Credentials::Basic {
            username: username.into(),
            password: password.into(),
        };
        Box::pin(async move { Some(login) })
    }));
}

#[test]
fn a_status_that_refuses_the_request_is_an_error_with_the_servers_words() {
    for (status, code) in [
        (400, Code::HttpStatus),
        (403, Code::Forbidden),
        (404, Code::RemoteNotFound),
        (405, Code::HttpStatus),
        (407, Code::ProxyAuth),
        (413, Code::TooLarge),
        (415, Code::HttpStatus),
        (429, Code::RateLimited),
    ] {
        let world = World::new();
        world
            .server
            .fault(post(), Fault::respond(Reply::text(status, "because I say so\n")));
        let failure = fails(&world);
        assert_eq!((failure.code, failure.status), (code, Some(status)));
        assert_eq!(failure.remote_text.as_deref(), Some("because I say so"), "{status}");
        assert_eq!(world.posts().len(), 1, "{status}: it is not sent again");
    }
}

#[test]
fn a_request_that_is_too_large_says_how_large_it_was_and_what_helps() {
    let world = World::new();
    world.server.fault(post(), Fault::status(413));
    let failure = fails(&world);
    let sent = world.posts()[0].body_bytes;
    assert!(
        sent == 0 || failure.data.contains(&("bytes", Datum::Number(sent))),
        "{failure:?}"
    );
    assert!(failure.data.iter().any(|(name, _)| *name == "bytes"));
    let hint = failure.hint.unwrap();
    assert!(
        hint.contains("client_max_body_size") && hint.contains("fewer commits"),
        "{hint}"
    );
}

#[test]
fn pushing_without_a_login_where_one_is_needed_says_so() {
    // git http-backend refuses to serve pushes from nobody unless it is told to.
    let world = World::with(|git| git);
    let failure = fails(&world);
    assert_eq!((failure.code, failure.status), (Code::Forbidden, Some(403)));
    assert!(failure.message.contains("git-receive-pack not permitted"), "{failure}");
    assert!(
        failure.hint.as_ref().unwrap().contains("supply credentials"),
        "{failure}"
    );
    assert!(world.posts().is_empty());
}

#[test]
fn a_login_is_asked_for_at_discovery_and_goes_with_the_push() {
    let world = World::with(|git| git.auth(Auth::basic("me", "secret").only_pushes()));
    let failure = fails(&world);
    assert_eq!(failure.code, Code::AuthRequired);
    let mut options = to_up(&["main"]);
    login(&mut options, "me", "wrong");
    assert_eq!(error(world.push_with(&options)).code, Code::AuthRejected);
    world.server.clear_log();
    login(&mut options, "me", "secret");
    let pushed = one(world.push_with(&options).unwrap());
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    let posts = world.posts();
    assert_eq!((posts.len(), posts[0].user.as_deref()), (1, Some("me")));
}

#[test]
fn a_login_that_only_the_push_itself_asks_for_is_given_and_the_body_sent_again() {
    let world = World::new();
    let unauthorized = Reply::text(401, "who?\n").header("www-authenticate", "Basic realm=\"x\"");
    world.server.fault(post().times(1), Fault::respond(unauthorized));
    let mut options = to_up(&["main"]);
    login(&mut options, "me", "secret");
    let pushed = one(world.push_with(&options).unwrap());
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    let posts = world.posts();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[1].body_bytes, pushed.bytes);
    assert!(posts[0].header("authorization").is_none() && posts[1].header("authorization").is_some());
}

/// A world whose `main` takes more than a mebibyte to push.
fn large() -> World {
    let world = World::new();
    world.grow_by_noise(1_500_000);
    world
}

#[test]
fn a_large_push_asks_first_whether_the_server_takes_any() {
    let world = large();
    let unauthorized = Reply::text(401, "who?\n").header("www-authenticate", "Basic realm=\"x\"");
    world.server.fault(post().times(1), Fault::respond(unauthorized));
    let mut options = to_up(&["main"]);
    login(&mut options, "me", "secret");
    let pushed = one(world.push_with(&options).unwrap());
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    assert!(pushed.bytes > 1_500_000);
    let sent: Vec<u64> = world.posts().iter().map(|entry| entry.body_bytes).collect();
    assert_eq!(sent, [4, 4, pushed.bytes], "the pack goes over the wire once");
    assert_eq!(world.posts()[0].body, b"0000");
    world.check();
}

#[test]
fn a_large_push_that_is_cut_off_is_probably_too_large() {
    let world = large();
    world.server.fault(post().skip(1), Fault::Refuse);
    let pushed = world.push(&["main"]);
    assert_eq!(pushed.updates[0].kind, PushKind::Unknown);
    assert_eq!(pushed.updates[0].code, Some(Code::PushOutcomeUnknown));
    let failure = pushed.error.unwrap();
    assert_eq!(failure.code, Code::TooLarge);
    assert!(
        failure.data.contains(&("bytes", Datum::Number(pushed.bytes))),
        "{failure:?}"
    );
    let hint = failure.hint.unwrap();
    assert!(
        hint.contains("100 MB") && hint.contains("mail") && hint.contains("ask it before"),
        "{hint}"
    );
    assert_eq!(world.posts().len(), 2);
}

#[test]
fn a_small_push_that_is_reset_names_what_hosts_refuse_so() {
    let world = World::new();
    world.server.fault(post(), Fault::Unanswered { end: End::Reset });
    let failure = world.push(&["main"]).error.unwrap();
    assert_eq!(failure.code, Code::NetworkOpaque);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("mail address") && hint.contains("too large"), "{hint}");
}

#[test]
fn a_redirect_of_the_push_itself_is_refused_and_the_primary_server_named_as_the_way() {
    for status in [301, 302, 303, 307, 308] {
        let world = World::new();
        let elsewhere = world.server.url("/dev.git/git-receive-pack");
        world
            .server
            .fault(post().path_contains("/up.git/"), Fault::redirect(status, &elsewhere));
        let failure = fails(&world);
        assert_eq!(failure.code, Code::RedirectBlocked);
        assert!(failure.hint.unwrap().contains("primary server"));
        assert_eq!(world.posts().len(), 1, "the target is not contacted");
    }
}

#[test]
fn a_redirect_of_discovery_moves_the_push_and_is_shown() {
    let world = World::new();
    let target = world.server.url("/up.git/info/refs?service=git-receive-pack");
    world.server.fault(
        When::get().path_contains("/old-name.git/"),
        Fault::redirect(301, &target),
    );
    let old = world.server.url("/old-name.git");
    block_on(remotes::set_url(&world.fresh_task(), &world.repo, "up", &old, true)).unwrap();
    let pushed = world.push(&["main"]);
    assert_eq!(pushed.url, world.server.url("/up.git"));
    assert_eq!(kinds(&pushed), are(&[("refs/heads/main", "fast-forward")]));
    assert!(
        world
            .posts()
            .iter()
            .all(|entry| entry.path == "/up.git/git-receive-pack")
    );
}

#[test]
fn a_repository_of_another_hash_is_refused_before_anything_is_sent() {
    let world = World::new();
    world.server.fault(
        When::get().path_contains("info/refs"),
        Fault::replace("object-format=sha1", "object-format=sha2"),
    );
    assert_eq!(fails(&world).code, Code::ObjectFormat);
    assert!(world.posts().is_empty());
}

#[test]
fn every_url_of_a_remote_is_pushed_to_and_one_that_fails_does_not_stop_the_others() {
    let world = World::new();
    let mirror = world.copy("mirror.git");
    let urls = [
        world.server.url("/up.git"),
        world.server.url("/gone.git"),
        world.server.url("/mirror.git"),
    ];
    configure(&world, &urls);
    let pushed = world.push_with(&to_up(&["main"])).unwrap();
    assert!(!pushed.is_ok());
    let told: Vec<_> = pushed.to.iter().map(|to| to.url.clone()).collect();
    assert_eq!(told, urls);
    let gone = pushed.to[1].error.as_ref().unwrap();
    assert_eq!((gone.code, pushed.to[1].updates.len()), (Code::RemoteNotFound, 0));
    for to in [&pushed.to[0], &pushed.to[2]] {
        assert_eq!(kinds(to), are(&[("refs/heads/main", "fast-forward")]));
    }
    assert_eq!(said(&mirror, &["rev-parse", "main"]), world.dev("main"));
    configure(&world, &urls[1..2]);
    assert_eq!(error(world.push_with(&to_up(&["main"]))).code, Code::RemoteNotFound);
}

/// Pushes to `up` go to these URLs.
fn configure(world: &World, urls: &[String]) {
    world.set("remote.up.pushurl", None);
    let lines: String = urls.iter().map(|url| format!("\tpushurl = {url}\n")).collect();
    world.append(&format!("[remote \"up\"]\n{lines}"));
}

#[test]
fn a_trace_has_the_commands_and_neither_the_pack_nor_a_secret() {
    use std::cell::RefCell;
    let world = World::with(|git: Git| git.auth(Auth::basic("me", "secret").only_pushes()));
    let lines = Rc::new(RefCell::new(Vec::new()));
    let told = lines.clone();
    let mut options = to_up(&["main"]);
    login(&mut options, "me", "secret");
    options.transport.trace = Some(Rc::new(move |event| told.borrow_mut().push(event.text)));
    world.push_with(&options).unwrap();
    let text = lines.borrow().join("\n");
    assert!(text.contains("refs/heads/main\\0 report-status-v2"), "{text}");
    assert!(text.contains("unpack ok"), "{text}");
    assert!(
        !text.contains("PACK") && !text.contains("secret") && !text.contains("bWU6c2VjcmV0"),
        "{text}"
    );
}
