//! What is pushed, and how.

use std::fmt;

use gitside::format::oid::ObjectId;
use gitside::ops::push::plan::{Expect, Lease, Wish};
use gitside_server::repos::Random;

use crate::pool::Pool;
use crate::world::{Held, World};

/// A push, as both are asked for it.
#[derive(Debug)]
pub struct Push {
    /// The remote; `None` leaves the choice to the configuration.
    pub remote: Option<String>,
    pub wish: Wish,
}

const SOURCES: [&str; 30] = [
    "main",
    "main",
    "next",
    "topic",
    "fix/1",
    "v1",
    "v2",
    "same",
    "rel",
    "link",
    "lost",
    "HEAD",
    "HEAD",
    "@",
    "heads/next",
    "heads/v1",
    "tags/v1",
    "refs/heads/main",
    "refs/heads/next",
    "refs/tags/v1",
    "refs/tags/link",
    "origin/main",
    "remotes/origin/next",
    "origin",
    "refs/remotes/origin/HEAD",
    "notes/commits",
    "stash",
    "refs/stash",
    "refs/odd/x",
    "nonsense",
];

const EXPRESSIONS: [&str; 6] = [
    "main~1",
    "HEAD^{tree}",
    "v1^{}",
    "next^0",
    "topic:folder",
    "no such^{thing",
];

const DESTINATIONS: [&str; 24] = [
    "main",
    "next",
    "topic",
    "v1",
    "same",
    "rel",
    "new",
    "new/one",
    "heads/next",
    "heads/new",
    "tags/v1",
    "theirs",
    "HEAD",
    "odd/x",
    "origin/main",
    "refs/heads/main",
    "refs/heads/next",
    "refs/heads/new",
    "refs/tags/v1",
    "refs/tags/new",
    "refs/odd/x",
    "refs/odd/new",
    "refs/for/main",
    "refs/stash",
];

const PATTERNS: [&str; 14] = [
    ":",
    "+:",
    "refs/heads/*",
    "+refs/heads/*:refs/heads/*",
    "refs/heads/*:refs/heads/*",
    "refs/heads/*:refs/for/*",
    "refs/heads/fix/*:refs/heads/*",
    "refs/tags/*:refs/tags/*",
    "+refs/*:refs/*",
    "refs/remotes/origin/*:refs/heads/*",
    "refs/heads/m*n:refs/heads/x*y",
    "heads/*:heads/*",
    "refs/notes/*",
    "refs/heads/no/*:refs/heads/*",
];

impl Push {
    pub fn random(random: &mut Random, pool: &Pool, world: &World) -> Push {
        let mut wish = Wish::default();
        match random.below(16) {
            0 => wish.all = true,
            1 => wish.mirror = true,
            2 => wish.tags = true,
            3 => {
                wish.delete = true;
                for _ in 0..1 + random.below(2).min(world.server.len()) {
                    wish.refspecs.push(random.one_of(&DESTINATIONS).to_owned());
                }
            }
            _ => {}
        }
        if !wish.all && !wish.mirror && !wish.delete && !random.once_in(9) {
            // With an empty server, git takes no notice of what a refspec before made, and sends two
            // commands for one ref.
            let count = [1, 1, 1, 2, 2, 3][random.below(6)];
            let count = if world.server.is_empty() { 1 } else { count };
            for _ in 0..count {
                wish.refspecs.push(refspec(random, pool, world));
            }
        }
        if random.once_in(40) {
            // Contradictions.
            wish.all |= random.once_in(2);
            wish.tags |= random.once_in(2);
            wish.delete |= random.once_in(4);
        }
        wish.force = random.once_in(6);
        wish.prune = random.once_in(6);
        wish.atomic = random.once_in(6);
        wish.follow_tags = [None, None, Some(true), Some(false)][random.below(4)];
        if random.once_in(3) {
            wish.lease_all = random.once_in(2);
            for _ in 0..random.below(3) {
                wish.leases.push(lease(random, pool, world));
            }
            wish.force_if_includes = [None, Some(true), Some(true), Some(true)][random.below(4)];
        }
        // Without a name for the remote, git takes the first refspec for one.
        let unnamed = wish.refspecs.is_empty() && random.once_in(2);
        Push {
            remote: (!unnamed).then(|| match world.config.contains("\"other\"") && random.once_in(4) {
                true => "other".to_owned(),
                false => "origin".to_owned(),
            }),
            wish,
        }
    }

    /// The same as arguments of `git push`.
    pub fn arguments(&self) -> Vec<String> {
        let wish = &self.wish;
        let mut arguments = Vec::new();
        let flags = [
            (wish.all, "--all"),
            (wish.mirror, "--mirror"),
            (wish.tags, "--tags"),
            (wish.delete, "--delete"),
            (wish.force, "--force"),
            (wish.prune, "--prune"),
            (wish.atomic, "--atomic"),
            (wish.lease_all, "--force-with-lease"),
            (wish.follow_tags == Some(true), "--follow-tags"),
            (wish.follow_tags == Some(false), "--no-follow-tags"),
            (wish.force_if_includes == Some(true), "--force-if-includes"),
            (wish.force_if_includes == Some(false), "--no-force-if-includes"),
        ];
        arguments.extend(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| (*flag).to_owned()));
        for lease in &wish.leases {
            let name = String::from_utf8(lease.name.clone()).unwrap();
            arguments.push(match lease.expect {
                Expect::Tracked => format!("--force-with-lease={name}"),
                Expect::Absent => format!("--force-with-lease={name}:"),
                Expect::Oid(oid) => format!("--force-with-lease={name}:{oid}"),
            });
        }
        if let Some(remote) = &self.remote {
            arguments.push(remote.clone());
            for refspec in &wish.refspecs {
                match refspec.strip_prefix("tag ") {
                    Some(tag) => arguments.extend(["tag".to_owned(), tag.to_owned()]),
                    None => arguments.push(refspec.clone()),
                }
            }
        }
        arguments
    }
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "push {}", self.arguments().join(" "))
    }
}

fn refspec(random: &mut Random, pool: &Pool, world: &World) -> String {
    let plus = if random.once_in(4) { "+" } else { "" };
    let refs: Vec<&String> = world.refs.keys().collect();
    let source = |random: &mut Random| match random.below(16) {
        0 => random.one_of(&EXPRESSIONS).to_owned(),
        1 => pool.commit(random).to_hex(),
        2 => pool.tag(random).to_hex()[..9].to_owned(),
        3..=9 => refs[random.below(refs.len())].clone(),
        _ => random.one_of(&SOURCES).to_owned(),
    };
    match random.below(16) {
        0..=2 => random.one_of(&PATTERNS).to_owned(),
        3 => {
            let choices = [
                "^refs/heads/main",
                "^refs/heads/*",
                "^refs/tags/v1",
                "^refs/for/*",
                "^main",
            ];
            random.one_of(&choices).to_owned()
        }
        4 => format!("tag {}", random.one_of(&["v1", "v2", "rel", "nothing"])),
        5 | 6 => format!("{plus}:{}", random.one_of(&DESTINATIONS)),
        7 => format!("{plus}{}", random.one_of(&SOURCES)),
        8 | 9 => format!("{plus}{}", random.one_of(&["main", "next", "topic"])),
        10 => format!("{plus}{}", refs[random.below(refs.len())]),
        11 => format!("{plus}{}", source(random)),
        12 => {
            let choices = [
                "a b",
                "main:",
                "main:bad..name",
                "refs/heads/*:x",
                "x:refs/*",
                "",
                "^",
                "::",
            ];
            random.one_of(&choices).to_owned()
        }
        _ => format!("{plus}{}:{}", source(random), random.one_of(&DESTINATIONS)),
    }
}

fn lease(random: &mut Random, pool: &Pool, world: &World) -> Lease {
    let name = match random.once_in(2) {
        true => random.one_of(&["main", "next", "topic"]).to_owned(),
        false => random.one_of(&DESTINATIONS).to_owned(),
    };
    let full: Vec<String> = ["", "refs/", "refs/tags/", "refs/heads/"]
        .iter()
        .map(|under| format!("{under}{name}"))
        .collect();
    let there = full.iter().find_map(|name| world.server.get(name)).copied();
    let tracked = world.refs.get(&format!("refs/remotes/origin/{name}"));
    let oid: Option<ObjectId> = match (random.below(4), there, tracked) {
        (0, _, Some(Held::Oid(oid))) => Some(*oid),
        (0, ..) => Some(pool.commit(random)),
        (_, there, _) => there,
    };
    let expect = match (random.below(5), oid) {
        (0 | 1, _) => Expect::Tracked,
        (2, _) | (_, None) => Expect::Absent,
        (_, Some(oid)) => Expect::Oid(oid),
    };
    Lease {
        name: name.into_bytes(),
        expect,
    }
}
