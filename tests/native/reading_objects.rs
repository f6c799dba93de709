//! Trees, commits, tags, blobs and exports, beside git-ls-tree(1) and git-cat-file(1).

use gitside::error::{Code, Datum, GitError, Outcome};
use gitside::format::commit::{Commit, CommitRef};
use gitside::format::hash::hash_object;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::pack::write::PackWriter;
use gitside::format::tag::{Tag, TagRef};
use gitside::format::tree::{EntryKind, TreeEntry, TreeIter, check, write_tree};
use gitside::ops::Repository;
use gitside::ops::cat::{blob, object, read_commit, read_tag};
use gitside::ops::export;
use gitside::ops::log::{Log, Options as LogOptions};
use gitside::ops::ls_tree::{Listed, LsTree, Options};
use gitside::ops::rev_parse::resolve;
use gitside::store::refs::Target;
use gitside::task::Task;

use crate::history::{Loaded, PATHS, generate, load, publish, ref_to, task};
use crate::pack_oracle::{How, Scratch, git, index};
use crate::support::{block_on, host};

async fn list(task: &Task, repo: &Repository, rev: &str, options: &Options, batch: usize) -> Outcome<Vec<Listed>> {
    let mut listing = LsTree::open(task, repo, rev.as_bytes(), options).await?;
    let mut all = Vec::new();
    loop {
        let listed = listing.next_batch(task, batch).await?;
        if listed.is_empty() {
            return Ok(all);
        }
        assert!(listed.len() <= batch);
        all.extend(listed);
    }
}

fn shown(listed: &[Listed]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in listed {
        let kind = match entry.kind {
            EntryKind::Tree => "tree",
            EntryKind::Gitlink => "commit",
            _ => "blob",
        };
        out.extend_from_slice(format!("{} {kind} {}\t", entry.mode, entry.oid).as_bytes());
        out.extend_from_slice(&entry.path);
        out.push(0);
    }
    out
}

fn code<T: std::fmt::Debug>(outcome: Outcome<T>) -> Code {
    outcome.unwrap_err().error().unwrap().code
}

#[test]
fn trees_are_listed_as_by_git() {
    block_on(async {
        let loaded = load(generate("trees", 81, 60, false)).await;
        for rev in ["main", "main~7", "side/17", "nested", "tree", "v1~2^{tree}"] {
            for recursive in [false, true] {
                let gits = |path: &str| {
                    let mut arguments = vec!["ls-tree", "-z", rev, path];
                    if recursive {
                        arguments.insert(1, "-r");
                    }
                    arguments.retain(|argument| !argument.is_empty());
                    git(loaded.scratch.path(), &arguments, b"").unwrap()
                };
                for (path, pathspec) in [
                    (None, ""),
                    (Some("dir"), "dir/"),
                    (Some("dir/sub/"), "dir/sub/"),
                    (Some("README"), "README"),
                ] {
                    let options = Options {
                        path: path.map(|path| path.as_bytes().to_vec()),
                        recursive,
                    };
                    match list(&loaded.task, &loaded.repo, rev, &options, 3).await {
                        Ok(listed) => {
                            let expected = match gits(pathspec) {
                                // Where the directory is a file, git's pattern with a slash finds nothing.
                                empty if empty.is_empty() && path.is_some() => gits(path.unwrap()),
                                found => found,
                            };
                            let (ours, gits) = (shown(&listed), expected);
                            assert_eq!(
                                ours.escape_ascii().to_string(),
                                gits.escape_ascii().to_string(),
                                "{rev} {path:?}"
                            );
                        }
                        Err(failure) => {
                            assert_eq!(failure.error().unwrap().code, Code::NotFound);
                            assert_eq!(gits(pathspec), b"", "{rev} {path:?}");
                        }
                    }
                }
            }
        }
        let options = Options {
            path: Some(b"nowhere".to_vec()),
            recursive: true,
        };
        assert_eq!(
            code(list(&loaded.task, &loaded.repo, "main", &options, 3).await),
            Code::NotFound
        );
        assert_eq!(
            code(list(&loaded.task, &loaded.repo, "blob", &Options::default(), 3).await),
            Code::InvalidRef
        );
    });
}

#[test]
fn every_object_is_read_as_by_git_and_written_back_byte_for_byte() {
    block_on(async {
        let loaded = load(generate("objects", 82, 60, false)).await;
        let listed = loaded.git(&["cat-file", "--batch-all-objects", "--batch-check"]);
        let mut stored = Vec::new();
        let mut objects = export::objects(&loaded.repo);
        loop {
            let some = objects.next_batch(&loaded.task, 1000).await.unwrap();
            if some.is_empty() {
                break;
            }
            stored.extend(
                some.iter()
                    .map(|s| format!("{} {} {}", s.oid, s.info.kind, s.info.size)),
            );
        }
        assert_eq!(stored, listed.lines().collect::<Vec<_>>());
        for line in &stored {
            let oid: ObjectId = line.split(' ').next().unwrap().parse().unwrap();
            let handle = object(&loaded.task, &loaded.repo, &oid).await.unwrap();
            let bytes = handle.bytes(&loaded.task).await.unwrap();
            assert_eq!(bytes.len() as u64, handle.size);
            assert_eq!(hash_object(handle.kind, &bytes).unwrap(), oid);
            let mut stream = handle.stream(&loaded.task).await.unwrap();
            let mut streamed = Vec::new();
            while let Some(piece) = stream.next_piece(&loaded.task).await.unwrap() {
                streamed.extend(piece);
            }
            assert_eq!(streamed, *bytes);
            let written = match handle.kind {
                Kind::Commit => Commit::from(CommitRef::parse(&bytes).unwrap()).write(),
                Kind::Tag => Tag::from(TagRef::parse(&bytes).unwrap()).write(),
                Kind::Blob => streamed,
                Kind::Tree => {
                    let entries: Vec<TreeEntry<'_>> = TreeIter::new(&bytes).map(Result::unwrap).collect();
                    assert_eq!(check(&bytes), Ok(vec![]));
                    let parts: Vec<_> = entries.iter().rev().map(|e| (e.mode.kind(), e.name, e.oid)).collect();
                    write_tree(&parts).unwrap()
                }
            };
            assert_eq!(written, *bytes);
        }
        let none: ObjectId = "f".repeat(40).parse().unwrap();
        assert_eq!(
            object(&loaded.task, &loaded.repo, &none)
                .await
                .err()
                .unwrap()
                .error()
                .unwrap()
                .code,
            Code::MissingObject
        );
    });
}

#[test]
fn blobs_are_found_by_revision_and_path() {
    block_on(async {
        let loaded = load(generate("blobs", 83, 60, false)).await;
        let mut found = 0;
        for rev in [
            "main", "main~1", "main~5", "main~9", "side/17", "side/34", "side/51", "v1", "v1~4",
        ] {
            for path in PATHS {
                let ours = blob(&loaded.task, &loaded.repo, rev.as_bytes(), Some(path)).await;
                let tree = git(loaded.scratch.path(), &["ls-tree", "-z", "-r", rev], b"").unwrap();
                let entry = tree
                    .split(|byte| *byte == 0)
                    .find(|entry| entry.ends_with(&[b"\t", path].concat()));
                match (ours, entry) {
                    (Ok(handle), Some(entry)) => {
                        assert!(entry.windows(40).any(|hex| hex == handle.oid.to_hex().as_bytes()));
                        assert_eq!(handle.kind, Kind::Blob);
                        found += 1;
                    }
                    (Ok(_), None) => panic!("{rev} {}", path.escape_ascii()),
                    (Err(failure), entry) => {
                        assert_eq!(failure.error().unwrap().code, Code::NotFound);
                        assert!(entry.is_none_or(|entry| entry.starts_with(b"160000")));
                    }
                }
            }
        }
        assert!(found > 12, "{found} found");
        let blob_of = async |rev: &str| blob(&loaded.task, &loaded.repo, rev.as_bytes(), None).await;
        assert_eq!(
            **blob_of("blob").await.ok().unwrap().bytes(&loaded.task).await.unwrap(),
            *b"tagged blob\n"
        );
        assert_eq!(
            blob_of("main").await.err().unwrap().error().unwrap().code,
            Code::InvalidRef
        );
    });
}

#[test]
fn commits_and_tags_are_read_into_their_parts() {
    block_on(async {
        let scratch = generate("parts", 84, 30, false);
        let odd = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor nobody\ncommitter X <x> 99999999999999 -0000\n\
            encoding latin1\ngpgsig one\n two\n\nsubject";
        let odd = git(
            scratch.path(),
            &["hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
            odd.as_bytes(),
        )
        .unwrap();
        git(scratch.path(), &["hash-object", "-t", "tree", "-w", "--stdin"], b"").unwrap();
        let loaded = load(scratch).await;
        for rev in ["main", "main~3", "nested", "side/17"] {
            let commit = read_commit(&loaded.task, &loaded.repo, rev.as_bytes()).await.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let parents: Vec<String> = commit.parents.iter().map(ObjectId::to_hex).collect();
            let ours = format!(
                "{} {} {}|{} {} {} {}|{} {} {} {}|{}",
                commit.oid,
                commit.tree,
                parents.join(" "),
                text(&commit.author.name),
                text(&commit.author.email),
                commit.author.time,
                text(&commit.author.tz),
                text(&commit.committer.name),
                text(&commit.committer.email),
                commit.committer.time,
                text(&commit.committer.tz),
                text(&commit.message).trim_end(),
            );
            let format = "--format=%H %T %P|%an %ae %ad|%cn %ce %cd|%B";
            assert_eq!(ours, loaded.git(&["log", "-1", "--date=raw", format, rev]));
        }
        let commit = read_commit(
            &loaded.task,
            &loaded.repo,
            String::from_utf8(odd).unwrap().trim().as_bytes(),
        )
        .await
        .unwrap();
        assert_eq!(
            (commit.author.name, commit.author.tz),
            (b"nobody".to_vec(), b"+0000".to_vec())
        );
        assert_eq!(
            (commit.committer.time, commit.committer.tz),
            (99_999_999_999_999, b"-0000".to_vec())
        );
        assert_eq!(
            (commit.encoding, commit.gpgsig),
            (Some(b"latin1".to_vec()), Some(b"one\ntwo".to_vec()))
        );

        let tag = read_tag(&loaded.task, &loaded.repo, b"nested").await.unwrap();
        assert_eq!(
            (tag.oid, tag.object, tag.kind),
            (loaded.oid("nested"), loaded.oid("v1"), Kind::Tag)
        );
        assert_eq!(
            (tag.name, tag.message),
            (b"nested".to_vec(), b"tag of a tag\n".to_vec())
        );
        assert_eq!(tag.tagger.unwrap().time, 1_700_000_000);
        assert_eq!(
            code(read_tag(&loaded.task, &loaded.repo, b"main").await),
            Code::InvalidRef
        );
        assert_eq!(
            code(read_commit(&loaded.task, &loaded.repo, b"tree").await),
            Code::InvalidRef
        );
    });
}

#[test]
fn packs_are_given_out_as_git_has_them() {
    block_on(async {
        let loaded = load(generate("export", 85, 60, false)).await;
        let packs = export::packs(&loaded.repo);
        assert_eq!(packs.len(), 1);
        let mut bytes = Vec::new();
        let mut stream = packs[0].stream();
        while let Some(piece) = stream.next_piece(&loaded.task).await.unwrap() {
            bytes.extend(piece);
        }
        assert!(bytes == loaded.pack);
        let mut idx = Vec::new();
        let mut stream = packs[0].index(&loaded.task).await.unwrap();
        while let Some(piece) = stream.next_piece(&loaded.task).await.unwrap() {
            idx.extend(piece);
        }
        let other = Scratch::new("export-other");
        git(other.path(), &["init", "-q", "--bare", "."], b"").unwrap();
        git(other.path(), &["index-pack", "--stdin"], &loaded.pack).unwrap();
        let file = format!("objects/pack/{}.idx", packs[0].name());
        assert!(idx == std::fs::read(other.path().join(file)).unwrap());
        assert_eq!(export::shallow(&loaded.task, &loaded.repo).await.unwrap(), []);
    });
}

/// A repository of exactly these objects; `main` is the last one.
async fn of(objects: &[(Kind, Vec<u8>)]) -> (Repository, Task) {
    let mut pack = Vec::new();
    let mut writer = PackWriter::begin(u32::try_from(objects.len()).unwrap(), &mut pack);
    for (kind, content) in objects {
        writer.object(*kind, content, &mut pack);
    }
    writer.finish(&mut pack);
    let index = index(
        &pack,
        How {
            links: false,
            ..How::default()
        },
    )
    .unwrap();
    let host = host();
    let refs = vec![ref_to(
        "refs/heads/main",
        Target::Direct(index.entries.last().unwrap().oid),
    )];
    (publish(&host, &pack, &index, refs, Vec::new()).await, task(&host))
}

/// The same repository without some objects.
pub async fn without(loaded: &Loaded, missing: &[ObjectId]) -> Loaded {
    let mut objects = Vec::new();
    let listed = loaded.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    let main = loaded.oid("main");
    let ids = listed
        .lines()
        .map(|line| line.parse().unwrap())
        .filter(|oid| *oid != main && !missing.contains(oid));
    for oid in ids.chain([main]) {
        let handle = object(&loaded.task, &loaded.repo, &oid).await.unwrap();
        objects.push((handle.kind, handle.bytes(&loaded.task).await.unwrap().to_vec()));
    }
    let (repo, task) = of(&objects).await;
    Loaded {
        scratch: Scratch::new("without"),
        repo,
        task,
        pack: Vec::new(),
    }
}

fn nested_trees(depth: usize) -> (Vec<(Kind, Vec<u8>)>, ObjectId) {
    let mut objects = vec![(Kind::Blob, b"deep".to_vec())];
    let mut entry = (EntryKind::Blob, &b"f"[..], hash_object(Kind::Blob, b"deep").unwrap());
    for _ in 0..depth {
        let tree = write_tree(&[entry]).unwrap();
        entry = (EntryKind::Tree, b"d", hash_object(Kind::Tree, &tree).unwrap());
        objects.push((Kind::Tree, tree));
    }
    (objects, entry.2)
}

#[test]
fn directories_may_be_nested_as_deep_as_git_allows() {
    block_on(async {
        let recursive = Options {
            path: None,
            recursive: true,
        };
        // The root is not counted.
        let (repo, task) = of(&nested_trees(2049).0).await;
        let listed = list(&task, &repo, "main", &recursive, 10).await.unwrap();
        assert_eq!((listed.len(), listed[0].path.len()), (1, 2 * 2048 + 1));
        let (repo, task) = of(&nested_trees(2050).0).await;
        let failure = list(&task, &repo, "main", &recursive, 10).await.unwrap_err();
        let error: &GitError = failure.error().unwrap();
        assert_eq!(error.code, Code::LimitExceeded);
        assert!(error.data.contains(&("limit", Datum::Number(2048))));
        let path = "d/".repeat(2049) + "f";
        assert!(resolve(&task, &repo, format!("main:{path}").as_bytes()).await.is_ok());
    });
}

#[test]
fn a_chain_of_tags_has_an_end() {
    block_on(async {
        let mut objects = vec![(Kind::Blob, b"end".to_vec())];
        let mut last = hash_object(Kind::Blob, b"end").unwrap();
        let mut kind = Kind::Blob;
        for _ in 0..1001 {
            let tag = format!("object {last}\ntype {kind}\ntag t\ntagger T <t> 1 +0000\n\nm\n").into_bytes();
            last = hash_object(Kind::Tag, &tag).unwrap();
            kind = Kind::Tag;
            objects.push((Kind::Tag, tag));
        }
        let (repo, task) = of(&objects).await;
        assert_eq!(code(resolve(&task, &repo, b"main^{}").await), Code::LimitExceeded);
        let first = objects.swap_remove(5).1;
        let oid = hash_object(Kind::Tag, &first).unwrap();
        let end = hash_object(Kind::Blob, b"end").unwrap();
        assert_eq!(resolve(&task, &repo, format!("{oid}^{{}}").as_bytes()).await, Ok(end));
    });
}

#[test]
fn objects_that_are_not_what_they_are_called_are_told_apart() {
    block_on(async {
        let blob_oid = hash_object(Kind::Blob, b"b").unwrap();
        let liar = write_tree(&[(EntryKind::Tree, b"dir", blob_oid)]).unwrap();
        let liar_oid = hash_object(Kind::Tree, &liar).unwrap();
        let commit = format!("tree {liar_oid}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm\n");
        let objects = vec![
            (Kind::Blob, b"b".to_vec()),
            (Kind::Tree, liar),
            (Kind::Commit, commit.into_bytes()),
        ];
        let (repo, task) = of(&objects).await;
        let recursive = Options {
            path: None,
            recursive: true,
        };
        assert_eq!(code(list(&task, &repo, "main", &recursive, 9).await), Code::Corrupt);
        assert_eq!(code(resolve(&task, &repo, b"main:dir/x").await), Code::Corrupt);

        let half = b"100644 a\0short".to_vec();
        let half_oid = hash_object(Kind::Tree, &half).unwrap();
        let commit =
            format!("tree {half_oid}\nparent {blob_oid}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nm\n");
        let objects = vec![
            (Kind::Blob, b"b".to_vec()),
            (Kind::Tree, half),
            (Kind::Commit, commit.into_bytes()),
        ];
        let (repo, task) = of(&objects).await;
        assert_eq!(code(list(&task, &repo, "main", &recursive, 9).await), Code::Corrupt);
        assert_eq!(code(resolve(&task, &repo, b"main:a").await), Code::Corrupt);
        assert_eq!(code(resolve(&task, &repo, b"main~2").await), Code::InvalidRef);
        let mut log = Log::open(&task, &repo, b"main", &LogOptions::default()).await.unwrap();
        assert_eq!(log.next_batch(&task, 1).await.unwrap().len(), 1);
        assert_eq!(code(log.next_batch(&task, 1).await), Code::Corrupt);

        let (repo, task) = of(&[(Kind::Commit, b"tree nonsense\n".to_vec())]).await;
        assert_eq!(code(read_commit(&task, &repo, b"main").await), Code::Corrupt);
    });
}
