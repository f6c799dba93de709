//! One session: a repository here, told to git as a stream.

use gitside::format::hash::hash_object;
use gitside::format::message::Cleanup;
use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::format::tree::EntryKind;
use gitside::ops::commit::{self, Change, Options};
use gitside::ops::compose::{Author, When};
use gitside::ops::rev_parse::resolve;
use gitside::ops::update_ref::{Becomes, Update, update_refs};
use gitside::ops::write::{self, NewCommit, NewTag};
use gitside::ops::{Repository, init};
use gitside::task::Task;
use gitside_server::repos::Random;

use crate::model::Model;
use crate::pushed::{Place, links};
use crate::stream::{Command, Stream, StreamedCommit};
use crate::support::host;
use crate::support::oracle::Listing;

/// A commit that was made, on both sides.
#[derive(Clone)]
struct Made {
    mark: String,
    oid: ObjectId,
    parents: Vec<(String, ObjectId)>,
    model: Model,
}

pub struct Session {
    pub seed: u64,
    /// What it is, the name of it in git's stream, and its id here.
    pub made: Vec<(&'static str, String, String)>,
    repo: Repository,
    task: Task,
}

/// A session while it runs.
struct Run<'s> {
    session: Session,
    random: Random,
    stream: &'s mut Stream,
    commits: Vec<Made>,
    /// Tips by branch.
    branches: Vec<(String, Option<Made>)>,
}

impl Session {
    pub async fn run(seed: u64, stream: &mut Stream, place: &Place) -> Session {
        let host = host();
        let task = Task::new(host.clock.clone(), |_| {});
        let repo = init::init(&host, &task, "written", "main").await.unwrap();
        let session = Session {
            seed,
            made: Vec::new(),
            repo,
            task,
        };
        let mut run = Run {
            session,
            random: Random::new(seed ^ 0x17e5),
            stream,
            commits: Vec::new(),
            branches: vec![("main".to_owned(), None), ("topic/a".to_owned(), None)],
        };
        let steps = 3 + run.random.below(6);
        for step in 0..steps {
            match run.random.below(12) {
                0 if !run.commits.is_empty() => run.tag(step).await,
                1 | 2 if !run.commits.is_empty() => run.commit_without_a_branch().await,
                _ => run.commit().await,
            }
            // Those who push twice build on what the server has.
            if step * 2 == steps && seed.is_multiple_of(4) {
                place.push(&run.session.task, &run.session.repo, seed).await;
            }
        }
        place.push(&run.session.task, &run.session.repo, seed).await;
        run.session
    }

    /// Everything that is stored can be read, and names what is stored.
    pub async fn check_store(&self) {
        let listing = Listing::of_gitside(&self.task, &self.repo).await;
        for (oid, (kind, content)) in &listing.objects {
            let named = links(kind, content);
            let missing = named
                .iter()
                .find(|named| !listing.objects.contains_key(&named.to_hex()));
            assert_eq!(missing, None, "seed {}: named by the {kind} {oid}", self.seed);
        }
        let usage = self.repo.usage().await.unwrap().stats;
        assert_eq!(usage.objects, listing.objects.len() as u64, "seed {}", self.seed);
    }
}

fn line(author: &Author) -> String {
    let when = author.when.as_ref().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!(
        "{} <{}> {} {}",
        text(&author.name),
        text(&author.email),
        when.time,
        text(&when.tz)
    )
}

impl Run<'_> {
    /// Has a ref lead to what no branch leads to.
    async fn keep(&self, name: String, oid: ObjectId) {
        let update = Update {
            name: name.into_bytes(),
            new: Becomes::Object(oid),
            expect: Some(None),
            no_deref: false,
        };
        update_refs(&self.session.task, &self.session.repo, &[update], b"")
            .await
            .unwrap();
    }

    fn author(&mut self) -> Author {
        let name = self.random.one_of(&["Ada", "A U Thor", "Zoë \u{10348}", "x"]);
        let email = self.random.one_of(&["a@example.org", "", "odd address"]);
        let tz = self.random.one_of(&["+0000", "-0130", "+1400", "-0000", "+1359"]);
        let time = match self.random.below(3) {
            0 => 0,
            1 => 1_700_000_000,
            _ => i64::try_from(self.random.below(1 << 33)).unwrap(),
        };
        Author {
            name: name.as_bytes().to_vec(),
            email: email.as_bytes().to_vec(),
            when: Some(When {
                time,
                tz: tz.as_bytes().to_vec(),
            }),
        }
    }

    fn message(&mut self) -> Vec<u8> {
        let words = [
            "Subject",
            "\n",
            "\n\n",
            "ünï",
            "# not a comment",
            " ",
            "\t",
            "gpgsig x",
            "\r\n",
        ];
        let mut message = b"m".to_vec();
        for _ in 0..self.random.below(8) {
            message.extend_from_slice(self.random.one_of(&words).as_bytes());
        }
        message
    }

    fn content(&mut self) -> Vec<u8> {
        match self.random.below(8) {
            0 => Vec::new(),
            1 => (0..self.random.below(5000))
                .map(|_| self.random.below(256) as u8)
                .collect(),
            2 => b"a line\n".repeat(self.random.below(300)),
            _ => format!("content {}\n", self.random.below(1000)).into_bytes(),
        }
    }

    fn file_kind(&mut self) -> EntryKind {
        [
            EntryKind::Blob,
            EntryKind::Blob,
            EntryKind::Executable,
            EntryKind::Symlink,
        ][self.random.below(4)]
    }

    /// A change of what the model has, for both; the model follows.
    async fn change(&mut self, model: &mut Model) -> Option<(Change, Command)> {
        let random = &mut self.random;
        Some(match random.below(11) {
            0..=2 => {
                let (path, content, kind) = (model.free_path(random), self.content(), self.file_kind());
                let given = (kind != EntryKind::Blob || self.random.once_in(2)).then_some(kind);
                self.write(model, path, content, kind, given)
            }
            3 | 4 => {
                let path = model.some_file(random)?;
                let before = model.files[&path].0;
                if before == EntryKind::Gitlink {
                    return None;
                }
                let (content, other) = (self.content(), self.file_kind());
                let given = self.random.once_in(3).then_some(other);
                self.write(model, path, content, given.unwrap_or(before), given)
            }
            5 => {
                let path = model.some_file(random)?;
                let (before, oid) = model.files[&path];
                if before == EntryKind::Gitlink {
                    return None;
                }
                let kind = self.file_kind();
                model.files.insert(path.clone(), (kind, oid));
                let command = Command::Named(kind, oid, path.clone());
                (Change::Kind { path, kind }, command)
            }
            6 => {
                let path = match random.once_in(3) {
                    true => model.some_directory(random)?,
                    false => model.some_file(random)?,
                };
                model.take(&path);
                let command = Command::Delete(path.clone());
                (Change::Delete { path }, command)
            }
            7 | 8 => {
                let path = match random.once_in(3) {
                    true => model.some_directory(random)?,
                    false => model.some_file(random)?,
                };
                let moved = model.take(&path);
                let to = model.free_path(random);
                model.put(&to, moved);
                let command = Command::Rename(path.clone(), to.clone());
                (Change::Rename { path, to }, command)
            }
            9 => {
                let path = model.free_path(random);
                let kind = EntryKind::Gitlink;
                let oid = ObjectId::new([u8::try_from(1 + random.below(255)).unwrap(); 20]);
                model.files.insert(path.clone(), (kind, oid));
                let command = Command::Named(kind, oid, path.clone());
                (Change::Place { path, oid, kind }, command)
            }
            _ => {
                // A directory of an earlier commit, in place of one or where nothing is.
                let earlier = self.commits.get(random.below(self.commits.len().max(1)))?;
                let from = earlier.model.some_directory(random)?;
                let rev = [earlier.oid.to_hex().as_bytes(), b":", &from].concat();
                let entries = earlier.model.clone().take(&from);
                let path = match random.once_in(2) {
                    true => model.some_directory(random)?,
                    false => model.free_path(random),
                };
                let oid = resolve(&self.session.task, &self.session.repo, &rev).await.unwrap();
                model.take(&path);
                model.put(&path, entries);
                let kind = EntryKind::Tree;
                let command = Command::Named(kind, oid, path.clone());
                (Change::Place { path, oid, kind }, command)
            }
        })
    }

    fn write(
        &mut self,
        model: &mut Model,
        path: Vec<u8>,
        content: Vec<u8>,
        kind: EntryKind,
        given: Option<EntryKind>,
    ) -> (Change, Command) {
        let oid = hash_object(Kind::Blob, &content).unwrap();
        model.files.insert(path.clone(), (kind, oid));
        let command = Command::Inline(kind, path.clone(), content.clone());
        let change = Change::Write {
            path,
            content,
            kind: given,
        };
        (change, command)
    }

    async fn commit(&mut self) {
        let at = self.random.below(self.branches.len());
        let (branch, tip) = self.branches[at].clone();
        let amend = tip.is_some() && self.random.once_in(5);
        let other = self.commits.get(self.random.below(self.commits.len().max(1))).cloned();
        let merge = !amend && tip.is_some() && self.random.once_in(5);
        let parents: Option<Vec<Made>> = match (&tip, other.clone()) {
            (Some(tip), Some(other)) if merge && other.oid != tip.oid => Some(vec![tip.clone(), other]),
            (_, Some(other)) if !amend && self.random.once_in(8) => Some(vec![other]),
            (Some(_), _) if !amend && self.random.once_in(12) => Some(Vec::new()),
            _ => None,
        };
        let base = other.filter(|_| self.random.once_in(8));
        let before = match (&base, &parents) {
            (Some(base), _) => Some(base),
            (None, Some(parents)) => parents.first(),
            (None, None) => tip.as_ref(),
        };
        let mut model = before.map(|made| made.model.clone()).unwrap_or_default();
        let mut count = self.random.below(6);
        if self.random.once_in(40) {
            count = 150;
        }
        let (mut changes, mut commands) = (Vec::new(), Vec::new());
        for _ in 0..count {
            if let Some((change, command)) = self.change(&mut model).await {
                changes.push(change);
                commands.push(command);
            }
        }
        let (author, committer, message) = (self.author(), self.author(), self.message());
        let encoding = self.random.once_in(6).then_some("ISO-8859-5");
        let (task, repo) = (&self.session.task, &self.session.repo);
        let tree_of = |made: &Made| format!("{}^{{tree}}", made.oid).into_bytes();
        let names = |made: &[Made]| {
            made.iter()
                .map(|made| (made.mark.clone(), made.oid))
                .collect::<Vec<_>>()
        };
        let real: Vec<(String, ObjectId)> = match (&parents, &tip) {
            (Some(parents), _) => names(parents),
            (None, Some(tip)) if amend => tip.parents.clone(),
            (None, Some(tip)) => names(std::slice::from_ref(tip)),
            (None, None) => Vec::new(),
        };
        let changed_tree = match (&base, amend) {
            (Some(made), _) => Some(resolve(task, repo, &tree_of(made)).await.unwrap().to_hex()),
            (None, true) => Some(
                resolve(task, repo, &tree_of(tip.as_ref().unwrap()))
                    .await
                    .unwrap()
                    .to_hex(),
            ),
            (None, false) => None,
        };
        let options = Options {
            message: Some(message.clone()),
            cleanup: Cleanup::Verbatim,
            encoding: encoding.map(|name| name.as_bytes().to_vec()),
            author: Some(author.clone()),
            committer: Some(committer.clone()),
            parents: parents.map(|made| made.iter().map(|made| made.oid.to_hex().into_bytes()).collect()),
            base: base.as_ref().map(tree_of),
            changes,
            amend,
            allow_empty: true,
            expect: self.random.once_in(2).then(|| tip.as_ref().map(|tip| tip.oid)),
            ..Options::default()
        };
        let oid = commit::commit(task, repo, branch.as_bytes(), &options)
            .await
            .unwrap_or_else(|failure| panic!("seed {}: {failure}", self.session.seed));
        let marks: Vec<String> = real.iter().map(|(mark, _)| mark.clone()).collect();
        let mark = self.stream.commit(&StreamedCommit {
            branch: &format!("refs/heads/s{}/{branch}", self.session.seed),
            author: &line(&author),
            committer: &line(&committer),
            encoding,
            message: &message,
            parents: &marks,
            base: changed_tree,
            commands: &commands,
        });
        let made = Made {
            mark: mark.clone(),
            oid,
            parents: real,
            model,
        };
        self.session.made.push(("commit", mark, oid.to_hex()));
        self.commits.push(made.clone());
        self.branches[at].1 = Some(made);
    }

    /// The tree of one commit again, after others.
    async fn commit_without_a_branch(&mut self) {
        let made = self.commits[self.random.below(self.commits.len())].clone();
        let parent = self.commits[self.random.below(self.commits.len())].clone();
        let (author, committer, message) = (self.author(), self.author(), self.message());
        let (task, repo) = (&self.session.task, &self.session.repo);
        let new = NewCommit {
            tree: made.oid.to_hex().into_bytes(),
            // One that is named twice counts once.
            parents: vec![parent.oid.to_hex().into_bytes(); 2],
            author: Some(author.clone()),
            committer: Some(committer.clone()),
            message: message.clone(),
            cleanup: Cleanup::Verbatim,
            ..NewCommit::default()
        };
        let oid = write::commit(task, repo, &new).await.unwrap();
        let tree = resolve(task, repo, format!("{}^{{tree}}", made.oid).as_bytes())
            .await
            .unwrap();
        let mark = self.stream.commit(&StreamedCommit {
            branch: &format!("refs/heads/s{}/none", self.session.seed),
            author: &line(&author),
            committer: &line(&committer),
            encoding: None,
            message: &message,
            parents: std::slice::from_ref(&parent.mark),
            base: Some(tree.to_hex()),
            commands: &[],
        });
        self.session.made.push(("commit", mark.clone(), oid.to_hex()));
        self.keep(format!("refs/kept/{}", self.commits.len()), oid).await;
        self.commits.push(Made {
            mark,
            oid,
            parents: vec![(parent.mark, parent.oid)],
            model: made.model,
        });
    }

    async fn tag(&mut self, step: usize) {
        let of = self.commits[self.random.below(self.commits.len())].clone();
        let (tagger, message) = (self.author(), self.message());
        let name = format!("s{}/v{step}", self.session.seed);
        let new = NewTag {
            object: of.oid.to_hex().into_bytes(),
            name: name.clone().into_bytes(),
            tagger: Some(tagger.clone()),
            message: message.clone(),
            cleanup: Cleanup::Verbatim,
            ..NewTag::default()
        };
        let oid = write::tag(&self.session.task, &self.session.repo, &new).await.unwrap();
        self.stream.tag(&name, &of.mark, &line(&tagger), &message);
        self.session
            .made
            .push(("tag", format!("refs/tags/{name}"), oid.to_hex()));
        self.keep(format!("refs/tags/{name}"), oid).await;
    }
}
