//! Takes a pack from the network into storage: bytes are stored as they arrive while objects are
//! inflated and hashed, deltas are resolved afterwards, and everything the objects name is noted
//! for the connectivity check. Nothing of it is visible until a publication says so.
//!
//! Git's index-pack(1), with the storage of a browser in place of a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::algo::connected::Links;
use crate::error::{Code, Failure, GitError, Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::pack::resolve::{DeltaResolver, PackBytes, Step};
use crate::format::pack::scan::{PackScanner, What};
use crate::format::pack::{Limits, PackIndex};
use crate::format::tag::TagRef;
use crate::ops::fault::At;
use crate::store::pack_store::{PackSink, ReadyPack, StagedPack};
use crate::store::publish::Writer;
use crate::task::{Phase, Progress, Task};

/// Bytes of a pack kept in memory between the two passes. A pack up to this size is not read back
/// from storage; more would not fit beside the rest in a tab of a phone.
const KEEP: usize = 128 << 20;

/// Objects between two reports of progress: a report is a message to another thread.
const REPORT_EVERY: u64 = 256;

/// Where pack bytes come from.
pub(crate) trait PackSource {
    /// The next bytes of the pack, or `None` at its end, as the protocol (not the connection) says.
    async fn next(&mut self) -> Outcome<Option<Vec<u8>>>;
}

/// A pack that is stored and indexed, and not visible yet.
pub(crate) struct Received {
    /// To be published.
    pub(crate) pack: ReadyPack,
    /// What it holds.
    pub(crate) index: PackIndex,
    /// What its objects point to.
    pub(crate) noted: Noted,
}

/// What was noted of the objects while they passed.
pub(crate) struct Noted {
    /// Which there are, and which they name.
    pub(crate) links: Links,
    /// What its annotated tags point to.
    pub(crate) tags: Tags,
}

impl Noted {
    fn object(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) -> Outcome<()> {
        self.tags.note(kind, oid, content);
        self.links.object(kind, oid, content).at(Stage::Unpack)
    }
}

/// Annotated tags and their targets, to peel refs without trusting the server's word for it.
#[derive(Default)]
pub(crate) struct Tags(BTreeMap<ObjectId, ObjectId>);

/// How many tags of tags are followed. Git has no limit; nobody has three.
const PEEL_LIMIT: usize = 1000;

impl Tags {
    fn note(&mut self, kind: Kind, oid: ObjectId, content: &[u8]) {
        if kind != Kind::Tag {
            return;
        }
        if let Ok(tag) = TagRef::parse(content) {
            self.0.insert(oid, tag.object);
        }
    }

    /// The object at the end of a chain of tags, or `None` for what is no tag, or for a chain
    /// without an end in sight.
    pub(crate) fn peel(&self, oid: &ObjectId) -> Option<ObjectId> {
        let mut target = self.0.get(oid)?;
        for _ in 0..PEEL_LIMIT {
            match self.0.get(target) {
                Some(next) => target = next,
                None => return Some(*target),
            }
        }
        None
    }
}

/// Receives one pack. `seed` is a random number that the server does not know.
pub(crate) async fn receive(
    task: &Task,
    writer: &Writer,
    source: &mut impl PackSource,
    seed: u64,
    limits: Limits,
) -> Outcome<Received> {
    let mut noted = Noted {
        links: Links::with_seed(seed),
        tags: Tags::default(),
    };
    let mut sink = PackSink::new(writer.backend().clone(), writer.new_pack(), KEEP);
    let mut scanner = PackScanner::new(limits);
    let mut done = 0;
    while let Some(bytes) = source.next().await? {
        // The scanner goes first: what it refuses is not worth storing.
        scanner.feed(&bytes).at(Stage::Receive)?;
        while let Some(scanned) = scanner.next().at(Stage::Receive)? {
            match scanned.what {
                What::Object { kind, oid, content } => noted.object(kind, oid, content)?,
                What::LargeBlob { oid, .. } => noted.links.blob(oid).at(Stage::Unpack)?,
                What::Delta | What::Passing { .. } => {}
            }
            if !matches!(scanned.what, What::Passing { .. }) {
                done = u64::from(scanned.row) + 1;
            }
            if done % REPORT_EVERY == 0 {
                report(
                    task,
                    Phase::Receiving,
                    done,
                    scanner.declared().map(u64::from),
                    Some(sink.bytes()),
                );
            }
            task.checkpoint().await?;
        }
        sink.write(&bytes).await.at(Stage::Receive)?;
        report(
            task,
            Phase::Receiving,
            done,
            scanner.declared().map(u64::from),
            Some(sink.bytes()),
        );
    }
    let scanned = scanner.finish().at(Stage::Receive)?;
    let total = u64::from(scanned.deltas());
    let mut staged = sink.finish().await.at(Stage::Receive)?;
    let index = resolve(
        task,
        DeltaResolver::new(scanned, limits).at(Stage::Unpack)?,
        &mut staged,
        &mut noted,
        total,
    )
    .await?;
    report(task, Phase::Writing, 0, None, None);
    let pack = staged.write_index(&index).await.at(Stage::Unpack)?;
    Ok(Received { pack, index, noted })
}

async fn resolve(
    task: &Task,
    mut resolver: DeltaResolver,
    staged: &mut StagedPack,
    noted: &mut Noted,
    total: u64,
) -> Outcome<PackIndex> {
    let mut reported = 0;
    loop {
        match resolver.step(&Staged(staged)).at(Stage::Unpack)? {
            Step::Object { kind, oid, content, .. } => noted.object(kind, oid, content)?,
            Step::Working => {}
            Step::NeedBytes(range) => {
                staged.load(range).await.at(Stage::Unpack)?;
                continue;
            }
            Step::NeedBases(bases) => return Err(thin(bases)),
            Step::Done => break,
        }
        let resolved = u64::from(resolver.resolved());
        if resolved >= reported + REPORT_EVERY {
            reported = resolved;
            report(task, Phase::Resolving, resolved, Some(total), None);
        }
        task.checkpoint().await?;
    }
    report(task, Phase::Resolving, total, Some(total), None);
    resolver.finish().at(Stage::Unpack)
}

/// A clone has nothing a thin pack could build on, so a server that sends one breaks the protocol:
/// gitprotocol-capabilities(5), "thin-pack".
fn thin(bases: &[ObjectId]) -> Failure {
    let named: Vec<String> = bases.iter().take(10).map(ObjectId::to_hex).collect();
    let message = format!(
        "the pack has {} unresolved deltas against objects that are not in it: {}",
        bases.len(),
        named.join(", ")
    );
    GitError::new(Code::PackInvalid, Stage::Unpack, message)
        .with_hint("nothing was stored; the server sent a thin pack that was not asked for")
        .into()
}

fn report(task: &Task, phase: Phase, loaded: u64, total: Option<u64>, bytes: Option<u64>) {
    task.progress(Progress {
        phase,
        loaded,
        total,
        bytes,
    });
}

/// The staged bytes, as the resolver asks for them.
struct Staged<'a>(&'a StagedPack);

impl PackBytes for Staged<'_> {
    fn get(&self, range: Range<u64>) -> Option<Cow<'_, [u8]>> {
        self.0.get(range)
    }
}
