//! Push certificates, signed with ssh keys and looked at by git's receive-pack.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use gitside::error::Code;
use gitside::ops::push::{self, Sign, Signing};
use gitside_server::repos::run;
use gitside_server::{Fault, When};

use crate::world::{World, are, error, kinds, one, to_up};

/// What the hook of the server found out about the certificate of a push.
const HOOK: &str = "echo \"$GIT_PUSH_CERT_STATUS $GIT_PUSH_CERT_NONCE_STATUS $GIT_PUSH_CERT_SIGNER\"; \
                    test -z \"$GIT_PUSH_CERT\" || git cat-file blob \"$GIT_PUSH_CERT\" >cert";

fn world() -> (World, PathBuf) {
    let world = World::new();
    let key = world.root.path().join("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key);
    run(keygen, &[]).unwrap();
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let allowed = world.root.path().join("allowed");
    std::fs::write(&allowed, format!("thor@example.org {public}")).unwrap();
    world.configure("gpg.ssh.allowedSignersFile", allowed.to_str().unwrap());
    world.configure("receive.certNonceSeed", "a secret of the server's");
    // The nonce tells the second in which it was given.
    world.configure("receive.certNonceSlop", "3600");
    world.configure("receive.advertisePushOptions", "true");
    world.hook("post-receive", HOOK);
    world.set("user.name", Some("A U Thor"));
    world.set("user.email", Some("thor@example.org"));
    (world, key)
}

/// A signer with that key, and the texts it is given.
fn signer(key: &Path, when: Signing) -> (Sign, Rc<RefCell<Vec<Vec<u8>>>>) {
    let (key, texts) = (key.to_owned(), Rc::new(RefCell::new(Vec::new())));
    let told = texts.clone();
    let sign = move |text: Vec<u8>| {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-Y", "sign", "-n", "git", "-f"]).arg(&key);
        let signature = run(keygen, &text).unwrap();
        told.borrow_mut().push(text);
        Box::pin(async move { Some(signature) }) as _
    };
    (
        Sign {
            sign: Rc::new(sign),
            when,
        },
        texts,
    )
}

fn options(refspecs: &[&str], sign: Sign) -> push::Options {
    push::Options {
        sign: Some(sign),
        ..to_up(refspecs)
    }
}

#[test]
fn the_server_finds_a_good_signature_over_its_own_nonce() {
    let (world, key) = world();
    let (sign, texts) = signer(&key, Signing::Always);
    let mut options = options(&["main", "v1", ":old"], sign);
    options.push_options = vec!["ci.skip".to_owned(), "title=a \"b\"".to_owned()];
    let pushed = one(world.push_with(&options).unwrap());
    let expected = are(&[
        ("refs/heads/main", "fast-forward"),
        ("refs/tags/v1", "new"),
        ("refs/heads/old", "deleted"),
    ]);
    assert_eq!(kinds(&pushed), expected);
    assert_eq!(pushed.messages, ["G OK thor@example.org"]);
    let text = String::from_utf8(texts.borrow()[0].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "certificate version 0.1");
    assert!(
        lines[1].starts_with("pusher A U Thor <thor@example.org> ") && lines[1].ends_with(" +0000"),
        "{text}"
    );
    assert_eq!(lines[2], format!("pushee {}", world.server.url("/up.git")));
    assert!(lines[3].starts_with("nonce "), "{text}");
    assert_eq!(lines[4..7], ["push-option ci.skip", "push-option title=a \"b\"", ""]);
    assert_eq!(lines[7..].len(), 3);
    let kept = std::fs::read_to_string(world.up.path().join("cert")).unwrap();
    assert!(
        kept.starts_with(&text) && kept.contains("-----BEGIN SSH SIGNATURE-----"),
        "{kept}"
    );
    world.check();
}

#[test]
fn another_text_than_the_one_signed_is_found_out() {
    let (world, key) = world();
    let (sign, _) = signer(&key, Signing::Always);
    world.server.fault(
        When::post().path_contains("git-receive-pack"),
        Fault::ReplaceInRequest {
            from: "pusher A U Thor".into(),
            to: "pusher A U Thief".replace("Thief", "Thog").into(),
        },
    );
    let pushed = one(world.push_with(&options(&["main"], sign)).unwrap());
    assert_eq!(pushed.messages, ["B OK "], "the hook may refuse it; git does not");
}

#[test]
fn a_server_that_takes_no_certificates_is_an_error_unless_they_are_optional() {
    let (world, key) = world();
    said_unset(&world);
    let (sign, texts) = signer(&key, Signing::Always);
    let failure = error(world.push_with(&options(&["main"], sign)));
    assert_eq!(failure.code, Code::CapabilityMissing);
    assert!(failure.message.contains("does not support signed pushes"), "{failure}");
    assert!(world.posts().is_empty() && texts.borrow().is_empty());
    let (sign, texts) = signer(&key, Signing::IfAsked);
    let pushed = one(world.push_with(&options(&["main"], sign)).unwrap());
    assert_eq!(pushed.messages, ["  "], "no certificate");
    assert!(texts.borrow().is_empty());
    assert!(world.warnings()[0].contains("not sending a push certificate"));
}

fn said_unset(world: &World) {
    crate::world::said(&world.up, &["config", "--unset", "receive.certNonceSeed"]);
}

#[test]
fn who_pushes_must_be_known_and_the_signer_must_sign() {
    let (world, key) = world();
    world.set("user.email", None);
    let (sign, _) = signer(&key, Signing::Always);
    let failure = error(world.push_with(&options(&["main"], sign)));
    assert_eq!(failure.code, Code::Unsupported);
    assert!(failure.hint.unwrap().contains("user.email"));
    world.set("user.email", Some("thor@example.org"));
    for (answer, code) in [
        (None, Code::PushRejectedLocal),
        (Some(b"signed".to_vec()), Code::Unsupported),
    ] {
        let sign = Sign {
            sign: Rc::new(move |_| {
                let answer = answer.clone();
                Box::pin(async move { answer })
            }),
            when: Signing::Always,
        };
        assert_eq!(error(world.push_with(&options(&["main"], sign))).code, code);
    }
    assert!(world.posts().is_empty());
}

#[test]
fn a_nonce_that_could_be_something_else_is_not_signed() {
    let (world, key) = world();
    world.server.fault(
        When::get().path_contains("info/refs"),
        Fault::rewrite(|body| {
            let at = body.windows(10).position(|bytes| bytes == b"push-cert=").unwrap() + 10;
            let mut body = body;
            body[at] = b'<';
            body
        }),
    );
    let (sign, texts) = signer(&key, Signing::Always);
    let failure = error(world.push_with(&options(&["main"], sign)));
    assert_eq!(failure.code, Code::Protocol);
    assert!(failure.message.contains("invalid nonce") && texts.borrow().is_empty());
}
