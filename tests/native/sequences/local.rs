//! What happens in the clients between two fetches.

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside_server::repos::Random;

use crate::objects::{Commit, Files, Maker};
use crate::pair::{Local, State};
use crate::server::{Served, is_above};

/// A change of refs, with objects of its own; `None` if it would not be possible.
pub fn change(random: &mut Random, maker: &mut Maker, served: &Served, state: &State) -> Option<Local> {
    let present: Vec<ObjectId> = state
        .refs
        .values()
        .filter_map(|value| value.parse().ok())
        .filter(|oid| served.kind(oid) == Some(Kind::Commit))
        .collect();
    let base = (!present.is_empty()).then(|| present[random.below(present.len())])?;
    let mut local = Local::default();
    let named = |random: &mut Random, prefix: &str| {
        let names: Vec<&String> = state.refs.keys().filter(|name| name.starts_with(prefix)).collect();
        let names: Vec<&String> = names.into_iter().filter(|name| !name.ends_with("/HEAD")).collect();
        (!names.is_empty()).then(|| names[random.below(names.len())].clone())
    };
    match random.below(9) {
        0 | 1 => {
            let count = if random.once_in(3) {
                40 + random.below(60)
            } else {
                1 + random.below(3)
            };
            let oid = commits(random, maker, base, count);
            local.refs.push(("refs/heads/mine".to_owned(), Some(oid)));
        }
        2 => {
            let name = format!("refs/tags/{}", random.one_of(&["v1", "v2", "rel", "rel/1"]));
            let oid = if random.once_in(2) {
                base
            } else {
                commits(random, maker, base, 1)
            };
            local.refs.push((name, Some(oid)));
        }
        3 => {
            let name = random.one_of(&["topic", "topic/a/x", "fix", "fix/1/y", "main/z"]);
            local.refs.push((format!("refs/remotes/origin/{name}"), Some(base)));
        }
        4 => local.refs.push((named(random, "refs/remotes/")?, None)),
        5 => local.refs.push((named(random, "refs/tags/")?, None)),
        6 => {
            let oid = commits(random, maker, base, 1);
            local.refs.push((named(random, "refs/remotes/")?, Some(oid)));
        }
        7 => {
            local.head = Some(format!(
                "refs/heads/{}",
                random.one_of(&["main", "mine", "copy", "unborn"])
            ))
        }
        _ => {
            let name = random.one_of(&["refs/heads/copy", "refs/heads/main", "refs/elsewhere/main"]);
            local.refs.push((name.to_owned(), Some(base)));
        }
    }
    local.objects = maker.take();
    let clash = |name: &String| {
        let in_the_way = |other: &String| is_above(other, name) || is_above(name, other);
        state.refs.keys().any(in_the_way)
    };
    (!local.refs.iter().any(|(name, oid)| oid.is_some() && clash(name))).then_some(local)
}

/// Commits with files of their own, so that they are whole even where the parent's files are not
/// here.
fn commits(random: &mut Random, maker: &mut Maker, base: ObjectId, count: usize) -> ObjectId {
    let mut tip = Commit {
        oid: base,
        parents: Vec::new(),
        files: Files::default(),
    };
    for _ in 0..count {
        tip = maker.commit(random, &[&tip]);
    }
    tip.oid
}
