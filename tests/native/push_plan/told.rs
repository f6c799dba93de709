//! What `git push --porcelain` says, and what gitside plans, in one shape.

use std::collections::{BTreeMap, BTreeSet};

use gitside::error::Code;
use gitside::format::oid::ObjectId;
use gitside::format::remotes::default_push_remote;
use gitside::ops::push::plan::{Plan, Planned, Prepared, Server, Verdict};
use gitside::ops::remotes::remote_config;
use gitside_server::repos::git;

use crate::wish::Push;
use crate::world::{Held, World};

#[derive(Debug)]
pub enum Told {
    /// Nothing can be pushed; which code says why. Git may have several reasons.
    Failed(BTreeSet<&'static str>),
    /// By the name of the remote's ref: the flag, what is pushed, the old and the new value as far
    /// as told, and the reason.
    Planned(BTreeMap<String, Line>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    flag: char,
    from: String,
    /// Of an update.
    values: Option<(String, String)>,
    reason: String,
}

/// What git's words mean.
const WORDS: [(&str, Code); 22] = [
    ("does not match any", Code::RefNotFound),
    ("remote ref does not exist", Code::RefNotFound),
    ("matches more than one", Code::Ambiguous),
    ("receives from more than one src", Code::InvalidRef),
    ("is not a full refname", Code::InvalidRef),
    ("cannot be resolved to branch", Code::InvalidRef),
    ("invalid refspec", Code::InvalidRef),
    ("cannot be used together", Code::Unsupported),
    ("can't be combined", Code::Unsupported),
    ("doesn't make sense", Code::Unsupported),
    ("only accepts plain target", Code::Unsupported),
    ("tag shorthand without", Code::InvalidRef),
    ("has no upstream branch", Code::PushRejectedLocal),
    ("has multiple upstream", Code::PushRejectedLocal),
    ("current branch does not match", Code::PushRejectedLocal),
    ("not currently on a branch", Code::PushRejectedLocal),
    ("push.default is", Code::PushRejectedLocal),
    ("which is not the upstream", Code::PushRejectedLocal),
    ("does not support --atomic", Code::CapabilityMissing),
    ("No configured push destination", Code::NotFound),
    ("does not appear to be a git repository", Code::NotFound),
    ("bad repository", Code::NotFound),
];

/// Asks git; with its words.
pub fn by_git(world: &World, push: &Push, dry: bool) -> (Told, String) {
    let mut command = git();
    command
        .current_dir(&world.here)
        .args(["push", "--porcelain", "--verbose"]);
    if dry {
        command.arg("--dry-run");
    }
    let output = command.args(push.arguments()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut planned = BTreeMap::new();
    for line in lines.lines() {
        if let Some((name, line)) = parse(line) {
            assert!(planned.insert(name, line).is_none(), "twice in {lines}");
        }
    }
    // Git cannot say that there is nothing to say.
    let nothing = said.contains("No refs in common and none specified");
    if planned.is_empty() && !output.status.success() && !nothing {
        let codes = WORDS.iter().filter(|(words, _)| said.contains(words));
        return (Told::Failed(codes.map(|(_, code)| code.name()).collect()), said);
    }
    (Told::Planned(planned), said)
}

/// `flag TAB from:to TAB summary (reason)`: git-push(1), "OUTPUT".
fn parse(line: &str) -> Option<(String, Line)> {
    let mut parts = line.split('\t');
    let (flag, names, summary) = (parts.next()?, parts.next()?, parts.next()?);
    let (from, to) = names.rsplit_once(':')?;
    let (summary, reason) = summary.split_once(" (").unwrap_or((summary, ""));
    let values = summary.split_once("...").or(summary.split_once(".."));
    Some((
        to.to_owned(),
        Line {
            flag: flag.chars().next()?,
            // How git calls what deletes, where it is refused.
            from: if from == "(delete)" {
                String::new()
            } else {
                from.to_owned()
            },
            values: values.map(|(old, new)| (old.to_owned(), new.to_owned())),
            reason: reason.trim_end_matches(')').to_owned(),
        },
    ))
}

/// What gitside says of its plan.
pub fn by_gitside(plan: &Result<Plan, Code>) -> Told {
    match plan {
        Ok(plan) => Told::Planned(plan.refs.iter().map(line).collect()),
        Err(code) => Told::Failed([code.name()].into()),
    }
}

/// Asks gitside for its plan.
pub async fn plan(world: &World, push: &Push) -> Result<Plan, Code> {
    let server = Server {
        deletes: true,
        atomic: world.atomic,
    };
    plan_for(world, push, server).await
}

/// The same, of a server that can do this.
pub async fn plan_for(world: &World, push: &Push, server: Server) -> Result<Plan, Code> {
    let code = |failure: gitside::error::Failure| failure.error().expect("not cancelled").code;
    let config = world.gitside.config().await.map_err(code)?;
    let on = match &world.refs["HEAD"] {
        Held::Symbolic(name) => name.strip_prefix("refs/heads/"),
        Held::Oid(_) => None,
    };
    let name = match &push.remote {
        Some(name) => name.clone().into_bytes(),
        None => default_push_remote(&config, on.map(str::as_bytes)),
    };
    let remote = remote_config(&config, &name).map_err(code)?;
    let prepared = Prepared::read(&world.task, &world.gitside, &config, &remote, &push.wish).await;
    let planned = prepared
        .map_err(code)?
        .plan(&world.task, &world.gitside, &world.advertised(), server)
        .await;
    planned.map_err(code)
}

fn line(planned: &Planned) -> (String, Line) {
    let (flag, reason) = match planned.verdict {
        Verdict::UpToDate => ('=', ""),
        Verdict::Rejected(rejection) => ('!', rejection.words()),
        Verdict::Send if planned.new.is_none() => ('-', ""),
        Verdict::Send if planned.old.is_none() => ('*', ""),
        Verdict::Send if planned.forced => ('+', "forced update"),
        Verdict::Send => (' ', ""),
    };
    let hex = |oid: Option<ObjectId>| oid.map(|oid| oid.to_hex()).unwrap_or_default();
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    let line = Line {
        flag,
        from: planned.source.as_deref().map(text).unwrap_or_default(),
        values: matches!(flag, ' ' | '+').then(|| (hex(planned.old), hex(planned.new))),
        reason: reason.to_owned(),
    };
    (text(&planned.name), line)
}

impl Line {
    /// Whether gitside's line says the same as git's, whose object ids are abbreviated.
    fn agrees(&self, ours: &Line) -> bool {
        let values = match (&self.values, &ours.values) {
            (Some((old, new)), Some((our_old, our_new))) => our_old.starts_with(old) && our_new.starts_with(new),
            (theirs, ours) => theirs.is_none() && ours.is_none(),
        };
        values && (self.flag, &self.from, &self.reason) == (ours.flag, &ours.from, &ours.reason)
    }
}

impl Told {
    /// What it is about, in short: for a test of the tests.
    pub fn kinds(&self) -> BTreeSet<String> {
        match self {
            Told::Failed(codes) => codes.iter().map(|code| format!("fails: {code}")).collect(),
            Told::Planned(refs) => {
                let kind = |line: &Line| format!("{} {}", line.flag, line.reason);
                refs.values().map(kind).collect()
            }
        }
    }

    /// Line by line, without values and `refs/`; or the code.
    pub fn lines(&self) -> Result<Vec<String>, &'static str> {
        let refs = match self {
            Told::Failed(codes) => return Err(codes.first().expect("there is a reason")),
            Told::Planned(refs) => refs,
        };
        let short = |name: &str| name.strip_prefix("refs/").unwrap_or(name).to_owned();
        let line = |(name, line): (&String, &Line)| {
            let shown = format!("{} {}:{} {}", line.flag, short(&line.from), short(name), line.reason);
            shown.trim_end().to_owned()
        };
        let mut lines: Vec<String> = refs.iter().map(line).collect();
        lines.sort();
        Ok(lines)
    }

    /// What git says and gitside does not, or the other way round.
    pub fn differences(&self, ours: &Told) -> Vec<String> {
        match (self, ours) {
            (Told::Failed(theirs), Told::Failed(ours)) => match ours.is_subset(theirs) {
                true => Vec::new(),
                false => vec![format!("git fails for {theirs:?}, gitside for {ours:?}")],
            },
            (Told::Planned(theirs), Told::Planned(ours)) => {
                let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
                let differ = names
                    .into_iter()
                    .filter(|name| match (theirs.get(*name), ours.get(*name)) {
                        (Some(theirs), Some(ours)) => !theirs.agrees(ours),
                        _ => true,
                    });
                differ
                    .map(|name| format!("{name}: git {:?}, gitside {:?}", theirs.get(name), ours.get(name)))
                    .collect()
            }
            _ => vec!["one fails and the other does not".to_owned()],
        }
    }

    /// After a push in earnest, of which git says this: the server has what the plan is to send,
    /// where it took that, and is otherwise as it was.
    pub fn applied(&self, plan: &Plan, world: &World) -> Vec<String> {
        let Told::Planned(theirs) = self else {
            return vec!["the push fails in earnest".to_owned()];
        };
        let mut expected = world.server.clone();
        for planned in plan.commands() {
            let name = String::from_utf8(planned.name.clone()).unwrap();
            match (theirs.get(&name).map(|line| line.flag), planned.new) {
                (None | Some('!'), _) => {}
                (_, None) => drop(expected.remove(&name)),
                (_, Some(oid)) => drop(expected.insert(name, oid)),
            }
        }
        let now = world.server_now();
        match expected == now {
            true => Vec::new(),
            false => vec![format!("the server has {now:?}, not {expected:?}")],
        }
    }
}
