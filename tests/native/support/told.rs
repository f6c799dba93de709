//! What a fetch did, by git's account and by gitside's.

use std::collections::BTreeSet;
use std::process::Output;

use gitside::error::Failure;
use gitside::format::oid::ObjectId;
use gitside::ops::fetch::{FetchHead, Fetched, RefChange, UpdateKind};

use crate::pair::{Pair, State, text};

/// In place of an exit code.
pub const CRASHED: i32 = -1;

/// What each says of a fetch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// 0 for all, 1 if a ref was rejected, 128 for a failure as a whole.
    pub exit: i32,
    /// As `--porcelain` has it: flag, old, new, ref.
    pub refs: Vec<String>,
    /// The lines of FETCH_HEAD.
    pub heads: Vec<String>,
}

impl Told {
    pub fn by_git(pair: &Pair, atomic: bool, output: &Output) -> Told {
        let lines = text(output.stdout.clone());
        // What is stored nowhere is told as stored in FETCH_HEAD.
        let refs = lines.lines().filter(|line| !line.ends_with(" FETCH_HEAD"));
        Told {
            // A transaction of all or nothing that finds names in each other's way aborts git: "BUG:
            // abort called on a closed reference transaction".
            exit: output.status.code().or(atomic.then_some(CRASHED)).unwrap(),
            refs: refs.map(str::to_owned).collect(),
            heads: pair.fetch_head(),
        }
    }

    pub fn by_gitside(fetched: &Result<Fetched, Failure>) -> Told {
        let Ok(fetched) = fetched else {
            return Told {
                exit: 128,
                ..Told::default()
            };
        };
        // Where new roots are refused, git warns, tells nothing of the ref, and succeeds.
        let refused = |change: &&RefChange| {
            change.kind == UpdateKind::Rejected
                && change
                    .reason
                    .as_deref()
                    .is_some_and(|why| why.contains("shallow roots"))
        };
        let changes: Vec<&RefChange> = fetched.changes.iter().filter(|change| !refused(change)).collect();
        let change = |change: &RefChange| {
            let [old, new] = [change.old, change.new].map(|oid| oid.unwrap_or(ObjectId::NULL));
            let name = String::from_utf8_lossy(&change.name);
            format!("{} {old} {new} {name}", flag(change.kind))
        };
        let head = |head: &FetchHead| {
            let mark = if head.for_merge { "" } else { "not-for-merge" };
            format!("{}\t{mark}\t{}", head.oid, head.note)
        };
        Told {
            exit: i32::from(changes.iter().any(|change| change.kind == UpdateKind::Rejected)),
            refs: changes.into_iter().map(change).collect(),
            heads: fetched.heads.iter().map(head).collect(),
        }
    }

    /// The differences in words.
    pub fn differences(&self, ours: &Told, atomic: bool) -> Vec<String> {
        let mut found = Vec::new();
        if self.exit == CRASHED {
            return found;
        }
        if self.exit != ours.exit {
            found.push(format!("exit: git {}, gitside {}", self.exit, ours.exit));
        }
        if self.exit == 128 {
            return found;
        }
        // Of a fetch of all or nothing that ends with nothing, git tells what it would have done,
        // and gitside what it did; and git writes no FETCH_HEAD.
        if atomic && self.exit != 0 {
            return found;
        }
        if self.refs != ours.refs {
            found.push(lines("refs", &self.refs, &ours.refs));
        }
        if self.heads != ours.heads {
            found.push(lines("FETCH_HEAD", &self.heads, &ours.heads));
        }
        found
    }
}

fn flag(kind: UpdateKind) -> char {
    match kind {
        UpdateKind::FastForward => ' ',
        UpdateKind::Forced => '+',
        UpdateKind::TagReplaced => 't',
        UpdateKind::New => '*',
        UpdateKind::Deleted => '-',
        UpdateKind::UpToDate => '=',
        UpdateKind::Rejected => '!',
    }
}

fn lines(what: &str, git: &[String], gitside: &[String]) -> String {
    let only = |ours: &[String], theirs: &[String]| -> Vec<String> {
        ours.iter().filter(|line| !theirs.contains(line)).cloned().collect()
    };
    let (git_only, gitside_only) = (only(git, gitside), only(gitside, git));
    match git_only.is_empty() && gitside_only.is_empty() {
        true => format!("{what} are in another order: git {git:#?}, gitside {gitside:#?}"),
        false => format!("{what}: only git {git_only:#?}, only gitside {gitside_only:#?}"),
    }
}

/// The differences of two states in words.
pub fn differences(git: &State, gitside: &State) -> Vec<String> {
    let mut found = Vec::new();
    let names: BTreeSet<&String> = git.refs.keys().chain(gitside.refs.keys()).collect();
    for name in names {
        let (theirs, ours) = (git.refs.get(name), gitside.refs.get(name));
        if theirs != ours {
            found.push(format!("{name}: git {theirs:?}, gitside {ours:?}"));
        }
    }
    let mut sets = |what: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>| {
        if theirs != ours {
            let shown = |oids: Vec<&String>| {
                let more = if oids.len() > 12 { ", and more" } else { "" };
                let first: Vec<&String> = oids.iter().take(12).copied().collect();
                format!("{} {first:?}{more}", oids.len())
            };
            let only_git = shown(theirs.difference(ours).collect());
            let only_ours = shown(ours.difference(theirs).collect());
            found.push(format!("{what}: only git {only_git}, only gitside {only_ours}"));
        }
    };
    sets("shallow", &git.shallow, &gitside.shallow);
    sets("objects", &git.objects, &gitside.objects);
    found
}
