//! What a repository holds, read from git and from gitside in the same shape, so that the two can
//! be compared; and a gitside repository written out as a bare one, so that git can judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use gitside::format::pack::write::PackWriter;
use gitside::ops::{Repository, export, for_each_ref};
use gitside::task::Task;
use gitside_server::repos::Repo;

/// A ref's object, or the ref it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Oid(String),
    Symbolic(String),
}

/// Everything that two clones of one repository must share. Bytes that are not UTF-8 are shown
/// escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub refs: BTreeMap<String, Value>,
    /// Kind and content by object id.
    pub objects: BTreeMap<String, (String, Vec<u8>)>,
    pub shallow: Vec<String>,
}

impl Listing {
    /// Of a repository on the disk. `HEAD` is among the refs.
    pub fn of_git(repo: &Repo) -> Listing {
        let mut listing = Listing::default();
        let format = "--format=%(objectname) %(symref) %(refname)";
        for line in lines(&repo.git(["for-each-ref", format]).unwrap()) {
            let mut words = line.splitn(3, |byte| *byte == b' ').map(shown);
            let [oid, symbolic, name] = [(); 3].map(|()| words.next().unwrap());
            let value = if symbolic.is_empty() {
                Value::Oid(oid)
            } else {
                Value::Symbolic(symbolic)
            };
            listing.refs.insert(name, value);
        }
        let head = match repo.git(["symbolic-ref", "-q", "HEAD"]) {
            Ok(name) => Value::Symbolic(shown(name.trim_ascii_end())),
            Err(_) => Value::Oid(repo.git_line(["rev-parse", "HEAD"]).unwrap()),
        };
        listing.refs.insert("HEAD".into(), head);
        let all = repo.git(["cat-file", "--batch-all-objects", "--batch"]).unwrap();
        let mut rest = all.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let head = shown(&rest[..end]);
            let words: Vec<&str> = head.split(' ').collect();
            let size: usize = words[2].parse().unwrap();
            let content = rest[end + 1..][..size].to_vec();
            listing
                .objects
                .insert(words[0].to_owned(), (words[1].to_owned(), content));
            rest = &rest[end + 1 + size + 1..];
        }
        let folder = repo.git_line(["rev-parse", "--absolute-git-dir"]).unwrap();
        let shallow = fs::read(Path::new(&folder).join("shallow")).unwrap_or_default();
        listing.shallow = lines(&shallow).map(shown).collect();
        listing.shallow.sort();
        listing
    }

    /// Of a stored repository, every object read through its verified path.
    pub async fn of_gitside(task: &Task, repo: &Repository) -> Listing {
        let mut listing = Listing::default();
        for listed in for_each_ref::list(task, repo, b"").await.unwrap() {
            let value = match (listed.symbolic, listed.oid) {
                (Some(name), _) => Value::Symbolic(shown(&name)),
                (None, Some(oid)) => Value::Oid(oid.to_string()),
                (None, None) => panic!("a ref without an object"),
            };
            listing.refs.insert(shown(&listed.name), value);
        }
        let mut objects = export::objects(repo);
        loop {
            let batch = objects.next_batch(task, 1000).await.unwrap();
            if batch.is_empty() {
                break;
            }
            let oids: Vec<_> = batch.iter().map(|stored| stored.oid).collect();
            for (stored, object) in batch.iter().zip(repo.odb.read_many(&oids).await.unwrap()) {
                let object = object.expect("listed, so stored");
                assert_eq!(stored.info.kind, object.kind);
                assert_eq!(stored.info.size, object.data.len() as u64);
                let kind = object.kind.name().to_owned();
                listing
                    .objects
                    .insert(stored.oid.to_string(), (kind, object.data.to_vec()));
            }
        }
        listing.shallow = export::shallow(task, repo)
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        listing
    }

    /// The first differences in words; empty if there is none.
    pub fn differences(&self, ours: &Listing) -> Vec<String> {
        let mut found = Vec::new();
        for name in self.refs.keys().chain(ours.refs.keys()) {
            if self.refs.get(name) != ours.refs.get(name) {
                found.push(format!(
                    "{name}: git {:?}, gitside {:?}",
                    self.refs.get(name),
                    ours.refs.get(name)
                ));
            }
        }
        for oid in self.objects.keys().chain(ours.objects.keys()) {
            let (git, gitside) = (self.objects.get(oid), ours.objects.get(oid));
            if git != gitside {
                let word = |object: Option<&(String, Vec<u8>)>| match object {
                    Some((kind, content)) => format!("{kind} of {} bytes", content.len()),
                    None => "nothing".to_owned(),
                };
                found.push(format!("{oid}: git {}, gitside {}", word(git), word(gitside)));
            }
        }
        if self.shallow != ours.shallow {
            found.push(format!("shallow: git {:?}, gitside {:?}", self.shallow, ours.shallow));
        }
        found.sort();
        found.dedup();
        found.truncate(20);
        found
    }
}

/// Writes a stored repository to `path` as a bare repository, from what the public calls give.
pub async fn write_bare(task: &Task, repo: &Repository, path: &Path) -> Repo {
    let bare = Repo::init(path, "main").unwrap();
    let mut partial = false;
    for (pack, stored) in export::packs(repo).into_iter().zip(repo.odb.packs()) {
        let base = path.join("objects/pack").join(pack.name());
        let mut file = fs::File::create(base.with_extension("pack")).unwrap();
        let mut stream = pack.stream();
        while let Some(piece) = stream.next_piece(task).await.unwrap() {
            file.write_all(&piece).unwrap();
        }
        let mut file = fs::File::create(base.with_extension("idx")).unwrap();
        let mut index = pack.index(task).await.unwrap();
        while let Some(piece) = index.next_piece(task).await.unwrap() {
            file.write_all(&piece).unwrap();
        }
        if stored.promisor {
            fs::write(base.with_extension("promisor"), "").unwrap();
            partial = true;
        }
    }
    if partial {
        let text = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\
                    [extensions]\n\tpartialClone = origin\n\
                    [remote \"origin\"]\n\tpromisor = true\n";
        fs::write(path.join("config"), text).unwrap();
    }
    write_loose(task, repo, &bare).await;
    let mut packed = b"# pack-refs with: \n".to_vec();
    for listed in for_each_ref::list(task, repo, b"").await.unwrap() {
        match (listed.name.as_slice(), listed.symbolic, listed.oid) {
            (b"HEAD", Some(name), _) => fs::write(path.join("HEAD"), [b"ref: ", &name[..], b"\n"].concat()).unwrap(),
            (b"HEAD", None, Some(oid)) => fs::write(path.join("HEAD"), format!("{oid}\n")).unwrap(),
            (name, None, Some(oid)) => packed.extend([oid.to_string().as_bytes(), b" ", name, b"\n"].concat()),
            _ => {}
        }
    }
    fs::write(path.join("packed-refs"), packed).unwrap();
    let shallow: String = export::shallow(task, repo)
        .await
        .unwrap()
        .iter()
        .map(|oid| format!("{oid}\n"))
        .collect();
    if !shallow.is_empty() {
        fs::write(path.join("shallow"), shallow).unwrap();
    }
    bare
}

/// Writes the objects that are in no pack.
async fn write_loose(task: &Task, repo: &Repository, bare: &Repo) {
    let mut loose = BTreeSet::new();
    let mut objects = export::objects(repo);
    loop {
        let batch = objects.next_batch(task, 1000).await.unwrap();
        if batch.is_empty() {
            break;
        }
        loose.extend(batch.iter().map(|stored| stored.oid));
    }
    for pack in repo.odb.packs() {
        for entry in repo.odb.pack_index(&pack).await.unwrap().entries {
            loose.remove(&entry.oid);
        }
    }
    if loose.is_empty() {
        return;
    }
    let mut bytes = Vec::new();
    let mut pack = PackWriter::begin(u32::try_from(loose.len()).unwrap(), &mut bytes);
    for oid in loose {
        let object = repo.odb.read(&oid).await.unwrap();
        pack.object(object.kind, &object.data, &mut bytes);
    }
    pack.finish(&mut bytes);
    bare.git_with(["index-pack", "--stdin"], &bytes).unwrap();
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}
