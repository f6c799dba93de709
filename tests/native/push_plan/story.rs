//! A push in a small world of lettered commits, as git and gitside plan it.

use std::collections::BTreeMap;
use std::path::Path;

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::ops::push::plan::Wish;

use crate::pool::Pool;
use crate::support::block_on;
use crate::told::{self, by_git, by_gitside};
use crate::wish::Push;
use crate::world::{Held, World};

/// A push in a world of lettered commits.
pub struct Story {
    pub tells: &'static str,
    /// Refs of the server without `refs/`: `heads/main=a`.
    pub there: &'static str,
    /// Refs here; `HEAD` is on `main` unless it is named. `heads/link>heads/main` is symbolic.
    pub here: &'static str,
    /// Lines of the configuration beside the remote's.
    pub config: &'static str,
    pub wish: Wish,
    /// The lines of `git push --porcelain` without what they say of values, names without `refs/`:
    /// `flag from:to reason`; or why there is nothing to push.
    pub expected: Result<&'static [&'static str], Code>,
}

pub fn specs(specs: &[&str]) -> Wish {
    Wish {
        refspecs: specs.iter().map(|spec| (*spec).to_owned()).collect(),
        ..Wish::default()
    }
}

pub fn world(root: &Path, pool: &Pool, letters: &BTreeMap<&str, ObjectId>, story: &Story) -> World {
    let oid = |letter: &str| letters[letter];
    let server = story.there.split_whitespace().map(|word| {
        let (name, letter) = word.split_once('=').unwrap();
        (format!("refs/{name}"), oid(letter))
    });
    let here = story.here.split_whitespace().map(|word| match word.split_once('>') {
        Some(("HEAD", to)) => ("HEAD".to_owned(), Held::Symbolic(format!("refs/{to}"))),
        Some((name, to)) => (format!("refs/{name}"), Held::Symbolic(format!("refs/{to}"))),
        None => match word.split_once('=').unwrap() {
            ("HEAD", letter) => ("HEAD".to_owned(), Held::Oid(oid(letter))),
            (name, letter) => (format!("refs/{name}"), Held::Oid(oid(letter))),
        },
    });
    let mut refs: BTreeMap<String, Held> = here.collect();
    refs.entry("HEAD".to_owned())
        .or_insert(Held::Symbolic("refs/heads/main".to_owned()));
    // Every ref here has been what it is, and nothing else.
    let logged = refs.iter().filter_map(|(name, held)| match held {
        Held::Oid(oid) if name != "HEAD" => Some((name.clone(), vec![(*oid, 1_700_000_000)])),
        _ => None,
    });
    let logs = logged.collect();
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = always\n\
         [remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n{}",
        root.join("there").display(),
        story.config
    );
    World::new(root, pool, server.collect(), refs, config, logs, Vec::new(), true)
}

pub fn check(stories: Vec<Story>) {
    let root = tempfile::tempdir().unwrap();
    let (pool, letters) = Pool::lettered(&root.path().join("pool"));
    for (number, story) in stories.into_iter().enumerate() {
        let world = world(&root.path().join(number.to_string()), &pool, &letters, &story);
        let push = Push {
            remote: Some("origin".to_owned()),
            wish: story.wish.clone(),
        };
        let (theirs, said) = by_git(&world, &push, true);
        let ours = by_gitside(&block_on(told::plan(&world, &push)));
        let expected = story.expected.map_err(Code::name);
        let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(theirs.lines(), expected, "{}, by git: {said}", story.tells);
        assert_eq!(ours.lines(), expected, "{}, by gitside", story.tells);
        assert_eq!(theirs.differences(&ours), Vec::<String>::new(), "{}", story.tells);
    }
}
