//! Which entries of reflogs are too old: git-reflog(1), `expire`; `should_expire_reflog_ent` in
//! git's `reflog.c`.

use std::collections::HashSet;
use std::rc::Rc;

use crate::algo::rev_walk::Walk;
use crate::error::{Outcome, Stage};
use crate::format::config::Config;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::revision::Goal;
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::ops::object;
use crate::store::reflog::{Reflogs, StoredEntry};
use crate::task::Task;

const DAY: i64 = 24 * 60 * 60;

/// Entries before these times go, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cutoffs {
    /// `gc.reflogExpire`; 90 days ago if not said.
    total: i64,
    /// `gc.reflogExpireUnreachable`, of entries that the ref cannot reach any more; 30 days ago if
    /// not said.
    unreachable: i64,
}

impl Cutoffs {
    const NEVER: Cutoffs = Cutoffs {
        total: i64::MIN,
        unreachable: i64::MIN,
    };

    /// `gc.<pattern>.reflogExpire` is not read.
    fn read(config: &Config, now: i64) -> Self {
        let read = |key: &[u8], days: i64| match config.get(key) {
            Some(value) => cutoff(value, now),
            None => now.saturating_sub(days * DAY),
        };
        Cutoffs {
            total: read(b"gc.reflogexpire", 90),
            unreachable: read(b"gc.reflogexpireunreachable", 30),
        }
    }
}

/// `never`, `now`, or a count of seconds, minutes, hours, days or weeks (`90.days.ago`). What git
/// would understand and this does not (dates, months) keeps everything.
fn cutoff(value: &[u8], now: i64) -> i64 {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut words = text
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("now" | "all"), None, ..) => i64::MAX,
        (Some(count), Some(unit), None | Some("ago"), None) => {
            let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
                "second" => 1,
                "minute" => 60,
                "hour" => 60 * 60,
                "day" => DAY,
                "week" => 7 * DAY,
                _ => return i64::MIN,
            };
            let span = count.parse::<i64>().ok().and_then(|count| count.checked_mul(seconds));
            span.map_or(i64::MIN, |span| now.saturating_sub(span))
        }
        _ => i64::MIN,
    }
}

/// The entries that are too old by `now` (seconds since 1970), for
/// [`Publication::forget`](crate::store::publish::Publication::forget). The caller holds the right
/// to write.
pub async fn expired(task: &Task, repo: &Repository, config: &Config, now: i64) -> Outcome<Vec<StoredEntry>> {
    let logs = Reflogs::new(Rc::clone(&repo.backend));
    let mut old = Vec::new();
    for name in task.race(logs.names()).await?.at(Stage::Read)? {
        let cutoffs = match name.as_slice() {
            b"refs/stash" => Cutoffs::NEVER,
            _ => Cutoffs::read(config, now),
        };
        let (mut doubtful, mut asked) = (Vec::new(), HashSet::new());
        for stored in task.race(logs.entries(&name)).await?.at(Stage::Read)? {
            task.checkpoint().await?;
            if stored.entry.who.time < cutoffs.total {
                old.push(stored);
            } else if stored.entry.who.time < cutoffs.unreachable {
                asked.extend(stored.entry.old.into_iter().chain(stored.entry.new));
                doubtful.push(stored);
            }
        }
        if doubtful.is_empty() {
            continue;
        }
        let lost = unreachable(task, repo, &name, asked).await?;
        let is_lost = |oid: Option<ObjectId>| oid.is_some_and(|oid| lost.contains(&oid));
        old.extend(
            doubtful
                .into_iter()
                .filter(|stored| is_lost(stored.entry.old) || is_lost(stored.entry.new)),
        );
    }
    Ok(old)
}

/// Those of `asked` that are commits, or tags of commits, that the ref does not reach; for `HEAD`,
/// that no ref reaches. Reads history until it met all.
async fn unreachable(
    task: &Task,
    repo: &Repository,
    name: &[u8],
    asked: HashSet<ObjectId>,
) -> Outcome<HashSet<ObjectId>> {
    let mut wanted: Vec<(ObjectId, ObjectId)> = Vec::new();
    for oid in asked {
        if let Some(commit) = commit_of(task, repo, &oid).await? {
            wanted.push((oid, commit));
        }
    }
    let mut open: HashSet<ObjectId> = wanted.iter().map(|(_, commit)| *commit).collect();
    let mut tips = Vec::new();
    if name == b"HEAD" {
        let refs = task.race(repo.refs.list(b"")).await?.at(Stage::Read)?;
        tips.extend(refs.into_iter().map(|found| found.name));
    } else {
        tips.push(name.to_vec());
    }
    let mut history = History {
        walk: Walk::new(0),
        shallow: repo.meta.shallow().await.at(Stage::Read)?.into_iter().collect(),
    };
    for tip in tips {
        let found = task.race(repo.refs.resolve(&tip)).await?.at(Stage::Read)?;
        if let Some(oid) = found.and_then(|found| found.oid)
            && let Some(commit) = commit_of(task, repo, &oid).await?
        {
            history.push(task, repo, commit).await?;
        }
    }
    while !open.is_empty()
        && let Some(oid) = history.walk.pop_newest()
    {
        open.remove(&oid);
        history.expand(task, repo, oid).await?;
    }
    wanted.retain(|(_, commit)| open.contains(commit));
    Ok(wanted.into_iter().map(|(oid, _)| oid).collect())
}

/// The commit an object is or, as a tag, leads to. `None` for what is no commit or is not stored.
async fn commit_of(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<Option<ObjectId>> {
    let info = task.race(repo.odb.info(&[*oid])).await?.at(Stage::Read)?;
    if info.into_iter().next().flatten().is_none() {
        return Ok(None);
    }
    let (oid, kind) = object::peel(task, repo, oid, Goal::Kind(Kind::Commit)).await?;
    Ok(Some(oid).filter(|_| kind == Kind::Commit))
}

struct History {
    walk: Walk,
    shallow: HashSet<ObjectId>,
}

impl History {
    async fn push(&mut self, task: &Task, repo: &Repository, oid: ObjectId) -> Outcome<()> {
        if !self.walk.has_seen(&oid) {
            let content = object::read_as(task, repo, &oid, Kind::Commit).await?;
            self.walk.push(oid, object::commit(&oid, &content)?.date());
        }
        Ok(())
    }

    async fn expand(&mut self, task: &Task, repo: &Repository, oid: ObjectId) -> Outcome<()> {
        task.checkpoint().await?;
        if self.shallow.contains(&oid) {
            return Ok(());
        }
        let content = object::read_as(task, repo, &oid, Kind::Commit).await?;
        let parents: Vec<ObjectId> = object::commit(&oid, &content)?.parents().collect();
        for parent in parents {
            self.push(task, repo, parent).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn times_are_read_as_far_as_they_are_plain() {
        let now = 10_000_000;
        for (value, expected) in [
            ("never", i64::MIN),
            ("false", i64::MIN),
            ("now", i64::MAX),
            ("All", i64::MAX),
            ("90.days.ago", now - 90 * DAY),
            ("2 weeks ago", now - 14 * DAY),
            ("1.day", now - DAY),
            ("3.Hours", now - 3 * 3600),
            ("6.months.ago", i64::MIN),
            ("99999999999999999999.days", i64::MIN),
            ("9223372036854775807.weeks", i64::MIN),
            ("2020-01-01", i64::MIN),
            ("", i64::MIN),
        ] {
            assert_eq!(cutoff(value.as_bytes(), now), expected, "{value}");
        }
        let config = Config::parse(b"[gc]reflogExpire=1.day\n").unwrap();
        let expected = Cutoffs {
            total: now - DAY,
            unreachable: now - 30 * DAY,
        };
        assert_eq!(Cutoffs::read(&config, now), expected);
    }
}
