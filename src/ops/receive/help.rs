//! What another thread does of a large pack: it resolves the portions it is sent and notes their
//! objects, and at the end it tells what it noted. Both ends of that talk are here.
//!
//! ```text
//! start    S | seed u64 | object bytes, resolved bytes, base bytes: u64 each      ─► nothing
//! portion  P | a portion                ─► N | kind u8 and id of every delta in it, or F: refused
//! links    L | from u32                 ─► L | a piece of the links, empty beyond the last
//! tags     T                            ─► T | id and target of every annotated tag
//! ```
//!
//! Why a portion was refused is not told: whoever sent it tries again and sees for itself.

use super::Noted;
use crate::algo::connected::Merging;
use crate::error::{Outcome, Stage};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::pack::Limits;
use crate::format::pack::portion::{Named, Portion};
use crate::format::pack::resolve::Step;
use crate::format::reader::Reader;
use crate::ops::fault::At;

/// Nodes in a piece of links: about 100 KiB.
const NODES: u32 = 4096;

/// The helping thread's end.
#[derive(Default)]
pub struct Help(Option<Started>);

struct Started {
    limits: Limits,
    noted: Noted,
}

impl Help {
    /// Of a thread that was told nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers a message; with nothing if it makes no sense.
    pub fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self.try_answer(message).unwrap_or_default()
    }

    fn try_answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let (verb, rest) = message.split_first()?;
        let mut reader = Reader::new(rest);
        let mut number = || reader.array().map(u64::from_be_bytes);
        match verb {
            b'S' => {
                let seed = number()?;
                let limits = Limits {
                    object_bytes: number()?,
                    resolved_bytes: number()?,
                    base_bytes: number()?,
                    ..Limits::default()
                };
                let noted = Noted::with_seed(seed);
                self.0 = Some(Started { limits, noted });
                None
            }
            b'P' => {
                let Started { limits, noted } = self.0.as_mut()?;
                let resolved = Portion::parse(rest).and_then(|portion| resolve(&portion, *limits, noted));
                Some(resolved.unwrap_or_else(|| b"F".to_vec()))
            }
            b'L' => {
                let from = u32::from_be_bytes(reader.array()?);
                let piece = self.0.as_ref()?.noted.links.piece(from, NODES);
                Some([b"L", piece.as_slice()].concat())
            }
            b'T' => {
                let mut out = b"T".to_vec();
                for (oid, target) in self.0.as_ref()?.noted.tags.all() {
                    out.extend_from_slice(oid.as_bytes());
                    out.extend_from_slice(target.as_bytes());
                }
                Some(out)
            }
            _ => None,
        }
    }
}

fn resolve(portion: &Portion, limits: Limits, noted: &mut Noted) -> Option<Vec<u8>> {
    let mut resolver = portion.resolver(limits).ok()?;
    loop {
        match resolver.step(portion).ok()? {
            Step::Object { kind, oid, content, .. } => noted.object(kind, oid, content).ok()?,
            Step::Working => {}
            Step::Done => break,
            Step::External { .. } | Step::NeedBytes(_) | Step::NeedBases(_) => return None,
        }
    }
    let mut out = b"N".to_vec();
    for entry in resolver.finish().ok()?.entries {
        if entry.base.is_some() {
            out.push(entry.kind as u8);
            out.extend_from_slice(entry.oid.as_bytes());
        }
    }
    Some(out)
}

/// The message that starts a helper.
pub(super) fn start(seed: u64, limits: &Limits) -> Vec<u8> {
    let mut out = b"S".to_vec();
    for number in [seed, limits.object_bytes, limits.resolved_bytes, limits.base_bytes] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out
}

/// The message with a portion.
pub(super) fn portion(portion: &Portion) -> Vec<u8> {
    portion.to_bytes(b"P")
}

/// The answer to a portion; `None` if it was refused.
pub(super) fn names(answer: &[u8]) -> Option<Vec<Named>> {
    let mut reader = Reader::new(answer.strip_prefix(b"N")?);
    let mut names = Vec::new();
    while !reader.is_empty() {
        let kind = Kind::from_number(reader.byte()?)?;
        names.push((kind, ObjectId::new(reader.array::<OID_LEN>()?)));
    }
    Some(names)
}

/// Asks for what a helper noted. `ask` answers `None` if it is gone, and then so does this: what
/// was taken over does no harm, but it is not all.
pub(super) async fn take_over(
    noted: &mut Noted,
    mut ask: impl AsyncFnMut(Vec<u8>) -> Outcome<Option<Vec<u8>>>,
) -> Outcome<Option<()>> {
    let mut merging = Merging::default();
    loop {
        let from = merging.nodes().to_be_bytes();
        let answer = ask([b"L", from.as_slice()].concat()).await?;
        let Some(piece) = answer.as_deref().and_then(|answer| answer.strip_prefix(b"L")) else {
            return Ok(None);
        };
        if piece.is_empty() {
            break;
        }
        match merging.take(&mut noted.links, piece) {
            Some(taken) => taken.at(Stage::Unpack)?,
            None => return Ok(None),
        }
    }
    let answer = ask(b"T".to_vec()).await?;
    let Some(tags) = answer.as_deref().and_then(|answer| answer.strip_prefix(b"T")) else {
        return Ok(None);
    };
    let mut reader = Reader::new(tags);
    while let (Some(oid), Some(target)) = (reader.array::<OID_LEN>(), reader.array::<OID_LEN>()) {
        noted.tags.insert(ObjectId::new(oid), ObjectId::new(target));
    }
    Ok(Some(()))
}
