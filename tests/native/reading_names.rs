//! Names of objects, beside git-rev-parse(1); refs, beside git-for-each-ref(1).

use std::collections::BTreeMap;

use gitside::error::{Code, Datum, GitError};
use gitside::format::oid::ObjectId;
use gitside::ops::cat::read_commit;
use gitside::ops::for_each_ref;
use gitside::ops::rev_parse::resolve;

use crate::history::{Loaded, generate, load};
use crate::pack_oracle::{Scratch, git};
use crate::support::block_on;

async fn ours(loaded: &Loaded, rev: &str) -> Result<ObjectId, GitError> {
    resolve(&loaded.task, &loaded.repo, rev.as_bytes())
        .await
        .map_err(|failure| failure.error().unwrap().clone())
}

/// Holds our answer against git's; which it was.
async fn check(loaded: &Loaded, rev: &str) -> Result<ObjectId, GitError> {
    let (ours, gits) = (
        ours(loaded, rev).await,
        loaded.try_git(&["rev-parse", "--verify", "--quiet", rev]),
    );
    let found = ours.as_ref().ok().map(ObjectId::to_hex);
    assert_eq!(found, gits, "{rev}: {ours:?}");
    ours
}

#[test]
fn revisions_lead_where_git_says() {
    block_on(async {
        let loaded = load(generate("names", 71, 90, false)).await;
        let bases = [
            "main",
            "HEAD",
            "@",
            "v1",
            "v2",
            "nested",
            "tree",
            "blob",
            "light",
            "heads/light",
            "tags/light",
            "refs/heads/light",
            "side/17",
            "origin",
            "origin/HEAD",
            "remotes/origin",
            "origin/topic",
            "topic",
            "nothing",
            "refs",
            "heads",
            "refs/heads",
            "v2-0-g0000000",
        ];
        let steps = [
            "",
            "^",
            "^0",
            "^1",
            "^2",
            "^3",
            "^5",
            "~",
            "~0",
            "~1",
            "~7",
            "~89",
            "~1000",
            "^^",
            "~3^2",
            "^{}",
            "^{commit}",
            "^{tree}",
            "^{blob}",
            "^{tag}",
            "^{object}",
            "^{}^{}",
            "^{commit}~2^{tree}",
            "^{tree}^{commit}",
            ":",
            ":README",
            ":dir",
            ":dir/",
            ":dir/sub/three",
            ":dir//one",
            ":README/",
            ":module",
            ":nowhere",
            "~2:tool",
            "^{tree}:dir",
            ":/dir",
            ":dir/.",
            ":..",
        ];
        let (mut found, mut refused) = (0, 0);
        for base in bases {
            for step in steps {
                // These search messages, which is not done here.
                match check(&loaded, &format!("{base}{step}")).await {
                    Ok(_) => found += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(found > 200 && refused > 200, "{found} found, {refused} refused");
        let hex = loaded.git(&["rev-parse", "main"]);
        for rev in [
            hex.clone(),
            hex.to_uppercase(),
            format!("{hex}~3"),
            "f".repeat(40),
            "main\0".into(),
            "ma in".into(),
        ] {
            if rev.contains('\0') {
                assert_eq!(ours(&loaded, &rev).await.unwrap_err().code, Code::InvalidRef);
            } else {
                let _ = check(&loaded, &rev).await;
            }
        }
    });
}

#[test]
fn abbreviations_are_completed_as_by_git() {
    block_on(async {
        let scratch = generate("short", 72, 260, false);
        // So many that some share their first four digits.
        let blobs: String = (0..2000).map(|number| format!("blob\ndata 4\n{number:04}\n")).collect();
        git(scratch.path(), &["fast-import", "--quiet"], blobs.as_bytes()).unwrap();
        let loaded = load(scratch).await;
        let listed = loaded.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
        let mut by_prefix: BTreeMap<&str, usize> = BTreeMap::new();
        for line in listed.lines() {
            *by_prefix.entry(&line[..4]).or_default() += 1;
        }
        let shared: Vec<&str> = by_prefix
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(prefix, _)| *prefix)
            .collect();
        let mut ambiguous = 0;
        for prefix in shared.iter().take(25) {
            for step in ["", "^{commit}", "^{tree}", "^{blob}", "~1", ":README", "^{object}"] {
                if let Err(error) = check(&loaded, &format!("{prefix}{step}")).await
                    && error.code == Code::Ambiguous
                {
                    let (_, Datum::List(candidates)) = &error.data[0] else {
                        panic!("{error:?}")
                    };
                    assert!(candidates.len() > 1 && candidates.iter().all(|oid| oid.starts_with(prefix)));
                    ambiguous += 1;
                }
            }
        }
        assert!(
            shared.len() > 3 && ambiguous > 3,
            "{} prefixes, {ambiguous} ambiguous",
            shared.len()
        );
        for line in listed.lines().step_by(29) {
            for digits in [3, 4, 7, 8, 39] {
                let _ = check(&loaded, &line[..digits]).await;
                let _ = check(&loaded, &line[..digits].to_uppercase()).await;
            }
        }
        let main = &loaded.git(&["rev-parse", "main"])[..9];
        assert_eq!(check(&loaded, &format!("v1-12-g{main}")).await, Ok(loaded.oid("main")));
        assert_eq!(
            read_commit(&loaded.task, &loaded.repo, main.as_bytes())
                .await
                .unwrap()
                .oid,
            loaded.oid("main")
        );
    });
}

#[test]
fn what_cannot_be_named_has_its_code() {
    block_on(async {
        let loaded = load(generate("codes", 73, 20, false)).await;
        for (rev, code) in [
            ("", Code::InvalidRef),
            ("a b", Code::InvalidRef),
            ("main..v1", Code::InvalidRef),
            ("^main", Code::InvalidRef),
            ("main^{nothing}", Code::InvalidRef),
            ("blob^{commit}", Code::InvalidRef),
            ("main^{tag}", Code::InvalidRef),
            (":/commit", Code::Unsupported),
            ("main^{/commit}", Code::Unsupported),
            ("main@{yesterday}", Code::Unsupported),
            ("main@{1}", Code::RefNotFound),
            (":README", Code::Unsupported),
            ("nothing", Code::RefNotFound),
            ("main~1000", Code::RefNotFound),
            ("main^9", Code::RefNotFound),
            ("main:nothing", Code::NotFound),
            (&format!("{}^{{commit}}", "f".repeat(40)), Code::MissingObject),
        ] {
            let error = ours(&loaded, rev).await.unwrap_err();
            assert_eq!(error.code, code, "{rev}: {error}");
        }
        let long = ours(&loaded, &"x".repeat(100_000)).await.unwrap_err();
        assert_eq!(long.code, Code::InvalidRef);
        assert!(long.message.len() < 1000);
    });
}

#[test]
fn names_in_an_empty_repository_are_not_found() {
    block_on(async {
        let scratch = Scratch::new("names-empty");
        git(scratch.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        let loaded = load(scratch).await;
        let error = ours(&loaded, "HEAD").await.unwrap_err();
        assert_eq!(error.code, Code::RefNotFound);
        assert_eq!(error.hint.as_deref(), Some("refs/heads/main has no commit yet"));
        let refs = for_each_ref::list(&loaded.task, &loaded.repo, b"").await.unwrap();
        assert_eq!(refs.len(), 1);
        assert_eq!(
            (refs[0].oid, refs[0].symbolic.as_deref()),
            (None, Some(&b"refs/heads/main"[..]))
        );
    });
}

#[test]
fn names_stop_at_the_shallow_boundary() {
    block_on(async {
        let full = generate("names-deep", 74, 40, false);
        let shallow = Scratch::new("names-shallow");
        let url = format!("file://{}", full.path().display());
        git(
            shallow.path(),
            &["clone", "-q", "--bare", "--depth", "3", &url, "."],
            b"",
        )
        .unwrap();
        let loaded = load(shallow).await;
        for rev in ["main", "main~1", "main~2", "main~3", "main~4", "main^2", "main~2^2"] {
            if let Err(error) = check(&loaded, rev).await {
                assert_eq!(error.code, Code::RefNotFound);
            }
        }
        assert!(
            ours(&loaded, "main~40")
                .await
                .unwrap_err()
                .hint
                .unwrap()
                .contains("shallow")
        );
    });
}

#[test]
fn refs_are_listed_as_by_git() {
    block_on(async {
        let loaded = load(generate("refs", 75, 60, false)).await;
        for prefix in [
            "refs/",
            "refs/heads/",
            "refs/tags/",
            "refs/remotes/origin/",
            "refs/nothing",
        ] {
            let listed = for_each_ref::list(&loaded.task, &loaded.repo, prefix.as_bytes())
                .await
                .unwrap();
            let ours: Vec<String> = listed
                .iter()
                .map(|listed| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let peeled = listed.peeled.map(|oid| oid.to_hex()).unwrap_or_default();
                    let symbolic = listed.symbolic.as_deref().map(text).unwrap_or_default();
                    format!("{} {} {symbolic} {peeled}", text(&listed.name), listed.oid.unwrap())
                })
                .collect();
            let pattern = prefix.trim_end_matches('/');
            let peeled = |name: &str| loaded.git(&["rev-parse", &format!("{name}^{{}}")]);
            let format = "--format=%(refname) %(objectname) %(symref) %(objecttype)";
            let gits: Vec<String> = loaded
                .git(&["for-each-ref", format, pattern])
                .lines()
                .map(|line| {
                    let (rest, kind) = line.rsplit_once(' ').unwrap();
                    let name = rest.split(' ').next().unwrap();
                    format!("{rest} {}", if kind == "tag" { peeled(name) } else { String::new() })
                })
                .collect();
            assert_eq!(ours, gits);
        }
        let head = for_each_ref::list(&loaded.task, &loaded.repo, b"")
            .await
            .unwrap()
            .remove(0);
        assert_eq!((head.name, head.oid), (b"HEAD".to_vec(), Some(loaded.oid("HEAD"))));
    });
}
