//! Signatures: what is signed here, git verifies over the same bytes.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use gitside::error::{Code, Failure};
use gitside::ops::cat::read_signature;
use gitside::ops::commit::{self, Change, Options};
use gitside::ops::compose::{Author, Sign};
use gitside::ops::init;
use gitside::ops::tag::{self, Made};
use gitside::ops::write::NewTag;
use gitside::task::Task;
use gitside_server::repos::{git, run};

use crate::support::oracle::write_bare;
use crate::support::{block_on, host};

const PGP: &str = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n";
const SSH: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n";

/// Signs with that, and notes what it was given.
fn signer(signature: &'static str) -> (Sign, Rc<RefCell<Vec<u8>>>) {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&seen);
    let sign: Sign = Rc::new(move |payload: Vec<u8>| {
        noted.replace(payload);
        Box::pin(async move { Some(signature.as_bytes().to_vec()) })
    });
    (sign, seen)
}

fn ada() -> Author {
    Author {
        name: b"Ada".to_vec(),
        email: b"ada@example.org".to_vec(),
        when: None,
    }
}

#[test]
fn git_verifies_what_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    // In place of gpg and ssh-keygen: it keeps what it is given, and finds it good.
    let program = folder.path().join("verify");
    let script = format!(
        "#!/bin/sh\nwhile [ \"$1\" != --verify ]; do shift; done\ncp \"$2\" {0}/signature\ncat > {0}/payload\n\
         printf '\\n[GNUPG:] GOODSIG 0123456789ABCDEF Ada\\n'\n",
        folder.path().display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    block_on(async {
        let repo = init::init(&host, &task, "signed", "main").await.unwrap();
        for (number, message) in ["One\n", "Two\n\nwith a body", "gpgsig three\n"]
            .into_iter()
            .enumerate()
        {
            let (sign, signed) = signer(PGP);
            let options = Options {
                message: Some(message.as_bytes().to_vec()),
                author: Some(ada()),
                allow_empty: true,
                sign: Some(sign),
                ..Options::default()
            };
            commit::commit(&task, &repo, b"main", &options).await.unwrap();
            let (sign, signed_tag) = signer(PGP);
            let new = NewTag {
                object: b"main".to_vec(),
                name: format!("v{number}").into_bytes(),
                tagger: Some(ada()),
                message: message.as_bytes().to_vec(),
                sign: Some(sign),
                ..NewTag::default()
            };
            let name = new.name.clone();
            tag::create(&task, &repo, &name, &Made::Annotated(new), false)
                .await
                .unwrap();
            let bare = write_bare(&task, &repo, &folder.path().join(format!("{number}.git"))).await;
            for (verb, rev, payload) in [
                ("verify-commit", "main".to_owned(), signed),
                ("verify-tag", format!("v{number}"), signed_tag),
            ] {
                let mut command = git();
                command.current_dir(bare.path()).arg("-c");
                command
                    .arg(format!("gpg.program={}", program.display()))
                    .args([verb, &rev]);
                run(command, b"").unwrap();
                let read = read_signature(&task, &repo, rev.as_bytes()).await.unwrap().unwrap();
                let kept = |name: &str| fs::read(folder.path().join(name)).unwrap();
                assert_eq!(kept("payload"), *payload.borrow(), "{verb} {rev}");
                assert_eq!(read.payload, *payload.borrow(), "{verb} {rev}");
                assert_eq!(kept("signature"), PGP.as_bytes(), "{verb} {rev}");
                assert_eq!(read.signature, PGP.as_bytes(), "{verb} {rev}");
            }
            bare.git(["fsck", "--full", "--strict"]).unwrap();
        }
        assert_eq!(
            read_signature(&task, &repo, b"main^{tree}")
                .await
                .unwrap_err()
                .error()
                .unwrap()
                .code,
            Code::InvalidRef
        );
    });
}

#[test]
fn who_does_not_sign_writes_nothing() {
    let host = host();
    let task = Task::new(host.clock.clone(), |_| {});
    block_on(async {
        let repo = init::init(&host, &task, "unsigned", "main").await.unwrap();
        let with = |sign: Sign| Options {
            message: Some(b"m".to_vec()),
            author: Some(ada()),
            changes: vec![Change::Write {
                path: b"a".to_vec(),
                content: b"a".to_vec(),
                kind: None,
            }],
            sign: Some(sign),
            ..Options::default()
        };
        let gives_up: Sign = Rc::new(|_| Box::pin(async { None }));
        let given_up = commit::commit(&task, &repo, b"main", &with(gives_up)).await;
        assert_eq!(given_up, Err(Failure::Cancelled));
        for nonsense in ["", "signed\n", "-----BEGIN PGP SIGNATURE-----\n\0"] {
            let (sign, _) = signer(nonsense);
            let refused = commit::commit(&task, &repo, b"main", &with(sign)).await.unwrap_err();
            assert_eq!(refused.error().unwrap().code, Code::Unsupported, "{nonsense:?}");
        }
        assert_eq!(repo.refs.resolve(b"refs/heads/main").await.unwrap(), None);
        assert_eq!(repo.usage().await.unwrap().stats.objects, 0);
        // Line ends of Windows, and none at the end.
        let (sign, _) = signer("-----BEGIN SSH SIGNATURE-----\r\nU1NIU0lH\r\n-----END SSH SIGNATURE-----");
        commit::commit(&task, &repo, b"main", &with(sign)).await.unwrap();
        let read = read_signature(&task, &repo, b"main").await.unwrap().unwrap();
        assert_eq!(String::from_utf8(read.signature).unwrap(), SSH);
    });
}
